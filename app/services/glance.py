"""A cycle at a glance: how it stands, and what needs doing next."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import func
from sqlmodel import col, select

from app.db import DbSession
from app.domain.attendance import Status
from app.domain.conflicts import Severity
from app.domain.enrolment import EnrolmentStatus
from app.domain.permissions import Permission
from app.domain.schedule import Schedule, SessionStatus
from app.domain.schedule import Session as PlannedSession
from app.domain.text import Localized
from app.domain.zones import zone
from app.mail.failures import Reason
from app.models import Cycle, Enrolment, Guest, InboundMail, Material, Message, Person, Session
from app.services.actor import Actor
from app.services.attendance import ATTENDED
from app.services.attendance_counts import counts_with
from app.services.closing import reports_to_settle
from app.services.completion import dry_run
from app.services.publishing import Preview, preview_of
from app.services.retention import due_of
from app.services.rows import find
from app.services.schedules import schedule_of, sessions_of, with_institutions
from app.services.todos import NEW, Standing, Todo, Urgency, Where, todos
from app.services.webhooks import disabled_by_themselves

__all__ = ["Glance", "SessionState", "StripSession", "Todo", "Urgency", "Where", "glance"]

SessionState = Literal["draft", "cancelled", "over", "live", "next", "scheduled"]


@dataclass(frozen=True, slots=True)
class StripSession:
    """A session in the strip. `state` is "next" for the first one to come; `attended` counts who
    was there, in whole or in part."""

    id: str
    number: int
    title: Localized
    zone: str
    starts: datetime
    ends: datetime
    state: SessionState
    released: bool
    errors: int
    warnings: int
    attendance: Mapping[Status, int]
    attended: int


@dataclass(frozen=True, slots=True)
class Glance:
    """A cycle at a glance. `enrolments_per_day` has the days (in the cycle's zone) on which
    somebody enrolled who has not withdrawn since, in order; `attendance` is by session id, without
    those of whom nothing is known."""

    cycle: Cycle
    draft: Schedule
    preview: Preview
    sessions: list[StripSession]
    enrolments: Mapping[EnrolmentStatus, int]
    enrolments_per_day: list[tuple[date, int]]
    attendance: Mapping[str, Mapping[Status, int]]
    failed_mails: int
    returned_mails: int
    todos: list[Todo]


def glance(db: DbSession, actor: Actor, cycle_id: str, now: datetime) -> Glance:
    """All of it, with a fixed number of queries: at most twenty-seven, however long the lists.

    Raises NotFound.
    """
    cycle = find(db, Cycle, cycle_id, *with_institutions())
    rows = sessions_of(db, cycle_id)
    draft = schedule_of(cycle, rows)
    preview = preview_of(db, actor, draft, now)
    run = dry_run(db, actor, cycle_id, now)
    enrolments, per_day = _enrolments(db, cycle)
    counts = counts_with(db, rows, run, enrolments[EnrolmentStatus.CONFIRMED])
    attendance = {key: {s: n for s, n in each.items() if n} for key, each in counts.items()}
    unknown = {key: each.pop(Status.UNKNOWN, 0) for key, each in attendance.items()}
    failed, returned, replies = _mails(db, cycle_id)
    standing = Standing(
        cycle,
        draft,
        preview,
        enrolments,
        attendance,
        failed,
        now,
        replies,
        returned,
        _new_slides(db, cycle_id, now),
        closed={key for key, each in run.against.measures.items() if each.told.closed},
        unknown=unknown,
        reports=reports_to_settle(db, *(row.id for row in rows)),
        at_risk=run.counts()["at_risk"],
        webhooks_ended=_webhooks(db, actor, cycle),
        details_go=due_of(cycle, preview.before),
    )
    return Glance(
        cycle=cycle,
        draft=draft,
        preview=preview,
        sessions=_strip(standing),
        enrolments=enrolments,
        enrolments_per_day=per_day,
        attendance=attendance,
        failed_mails=failed,
        returned_mails=returned,
        todos=todos(standing),
    )


def _enrolments(
    db: DbSession, cycle: Cycle
) -> tuple[dict[EnrolmentStatus, int], list[tuple[date, int]]]:
    """Counts by status, and by day. One query: the database does not know the cycle's zone, so the
    days are told apart here."""
    counts = dict.fromkeys(EnrolmentStatus, 0)
    days: Counter[date] = Counter()
    home = zone(cycle.zone)
    statement = select(Enrolment.status, Enrolment.created_at).where(Enrolment.cycle_id == cycle.id)
    for status, created_at in db.exec(statement):
        counts[EnrolmentStatus(status)] += 1
        if status != EnrolmentStatus.WITHDRAWN:
            days[created_at.astimezone(home).date()] += 1
    return counts, sorted(days.items())


def _mails(db: DbSession, cycle_id: str) -> tuple[int, int, int]:
    """How many could not be delivered (a person leaving one out is another matter), how many came
    back from an address that somebody still has, and how many came in that wait for a person."""
    failed = select(func.count()).where(
        col(Message.cycle_id) == cycle_id,
        col(Message.status) == "failed",
        ~col(Message.last_error).startswith(f"{Reason.LEFT_OUT}:"),
    )
    returned = select(func.count()).where(
        col(Message.cycle_id) == cycle_id,
        col(Message.status) == "bounced",
        col(Message.to_address).in_(select(Person.email).where(col(Person.email).is_not(None))),
    )
    waiting = select(func.count()).where(
        col(InboundMail.cycle_id) == cycle_id, col(InboundMail.status) == "open"
    )
    counts: Any = [query.scalar_subquery() for query in (failed, returned, waiting)]
    row = db.exec(select(*counts)).one()
    return row[0], row[1], row[2]


def _webhooks(db: DbSession, actor: Actor, cycle: Cycle) -> Mapping[str, int]:
    """How many ended by themselves, by the reason, for whoever may mend that. One query, where
    there are webhooks."""
    if not (cycle.has_webhooks and actor.may(Permission.WEBHOOKS, cycle.id)):
        return {}
    return Counter(row.disabled_why for row in disabled_by_themselves(db, cycle.id))


def _new_slides(db: DbSession, cycle_id: str, now: datetime) -> dict[str, tuple[str, ...]]:
    """Who has given slides of late, by the session's id. One query."""
    statement = (
        select(Material.session_id, Person.name)
        .join(Session, col(Session.id) == col(Material.session_id))
        .join(Guest, col(Guest.id) == col(Material.given_by))
        .join(Person, col(Person.id) == col(Guest.person_id))
        .where(Session.cycle_id == cycle_id, Material.created_at > now - NEW)
        .distinct()
        .order_by(col(Person.name))
    )
    found: dict[str, tuple[str, ...]] = {}
    for session_id, name in db.exec(statement):
        found[session_id] = (*found.get(session_id, ()), name)
    return found


def _strip(standing: Standing) -> list[StripSession]:
    before = standing.preview.before
    released = {s.id for s in before.sessions} if before else set()
    found = Counter((c.session_number, c.severity) for c in standing.preview.conflicts)
    to_come = [
        s
        for s in standing.draft.sessions
        if s.status is SessionStatus.SCHEDULED and s.starts > standing.now
    ]
    following = min(to_come, key=lambda s: (s.starts, s.number), default=None)
    return [
        StripSession(
            id=s.id,
            number=s.number,
            title=s.title,
            zone=s.zone,
            starts=s.starts,
            ends=s.ends,
            state=_state(s, following, standing.now),
            released=s.id in released,
            errors=found[s.number, Severity.ERROR],
            warnings=found[s.number, Severity.WARNING],
            attendance=standing.attendance.get(s.id, {}),
            attended=sum(standing.attendance.get(s.id, {}).get(each, 0) for each in ATTENDED),
        )
        for s in standing.draft.sessions
    ]


def _state(
    session: PlannedSession, following: PlannedSession | None, now: datetime
) -> SessionState:
    if session.status is SessionStatus.DRAFT:
        return "draft"
    if session.status is SessionStatus.CANCELLED:
        return "cancelled"
    if session.ends <= now:
        return "over"
    if session.starts <= now:
        return "live"
    return "next" if session is following else "scheduled"
