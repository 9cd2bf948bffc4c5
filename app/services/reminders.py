"""Reminders: which of them are due, and queueing what they send.

They are asked for again and again, so asking is cheap while nothing is due. What counts is the
newest release, not the draft; nothing is planned ahead, so a reminder moves with its session.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession, insert_unless_there
from app.domain import reminders as rules
from app.domain.documents import from_document
from app.domain.reminders import Anchor, Audience, Meeting, Rule, Verdict
from app.domain.schedule import CycleStatus, Session
from app.models import Cycle, Release, Reminder, ReminderRun
from app.services import outbox
from app.services.guests import ensure_guests
from app.services.reminder_audience import Reader, circle
from app.services.schedules import released_schedule

LOOK_BACK = timedelta(days=30)
"""What was due longer ago than this is not even written down as missed."""
OUTCOMES: Mapping[Verdict, str] = {
    Verdict.SEND: "sent",
    Verdict.SEND_LATE: "late",
    Verdict.MISSED: "missed",
}

# What was released never changes, so what reminders need of it is read once in a process.
_released: dict[str, dict[str, Meeting]] = {}


@dataclass(frozen=True, slots=True)
class Due:
    """A reminder of a session that is due, and what to do about it."""

    cycle_id: str
    reminder_id: str
    session_id: str
    rule: Rule
    due_at: datetime
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Standing:
    """The published cycles with their newest releases, and the reminders of each."""

    releases: Mapping[str, str]  # the release's id by the cycle's
    rules: Mapping[str, list[tuple[str, Rule]]]
    without: tuple[str, ...]  # cycles that keep calendars by mail and have no reminders yet


def rule_of(row: Reminder) -> Rule:
    """A row as a plain value."""
    return Rule(Anchor(row.anchor), row.minutes, Audience(row.audience), row.since)


def meeting_of(session: Session) -> Meeting:
    """What reminders need of a released session."""
    return Meeting(session.starts, session.ends, session.status, session.created)


def anything_due(db: DbSession, now: datetime) -> bool:
    """Whether `run_due` would do something at the aware instant `now`. Reads only, three queries
    while nothing is due."""
    standing = _standing(db)
    return bool(standing.without or _due(db, standing, now))


def run_due(db: DbSession, now: datetime) -> int:
    """Queues the mails of every reminder that is due at the aware instant `now`, and writes down
    that it did; how many mails. What is of no use any more is written down as missed.

    Of two workers at once the second finds what the first has written down. Cycles that keep
    calendars by mail and have no reminders yet get the usual ones.
    """
    standing = _standing(db)
    if standing.without:
        for cycle_id in sorted(standing.without):
            ensure_defaults(db, cycle_id, now)
        standing = _standing(db)
    return sum(_run(db, each, now) for each in _due(db, standing, now))


def ensure_defaults(db: DbSession, cycle_id: str, now: datetime) -> None:
    """Gives a cycle that never had reminders the usual ones, as of now; otherwise does nothing.
    To be called when a cycle begins to keep calendars by mail. Safe for two at once."""
    db.flush()
    if db.exec(select(Reminder.id).where(Reminder.cycle_id == cycle_id).limit(1)).first():
        return
    rows = [
        Reminder(
            # The same for whoever does it at the same time, so that nothing is there twice.
            id=hashlib.sha256(f"{cycle_id}:{anchor}:{minutes}".encode()).hexdigest()[:26],
            cycle_id=cycle_id,
            anchor=anchor,
            minutes=minutes,
            audience=audience,
            since=now,
            created_at=now,
        ).model_dump()
        for anchor, minutes, audience in rules.DEFAULTS
    ]
    db.connection().execute(insert_unless_there(db, Reminder, index_elements=["id"]), rows)


def _standing(db: DbSession) -> _Standing:
    """Two queries."""
    published = db.exec(
        select(Cycle.id, Cycle.invites, Release.id)
        .join(Release, col(Release.cycle_id) == col(Cycle.id))
        .where(Cycle.status == CycleStatus.PUBLISHED, Release.number == Cycle.release_number)
    ).all()
    releases = {cycle_id: release_id for cycle_id, _, release_id in published}
    found: dict[str, list[tuple[str, Rule]]] = {}
    known = set()
    for row in db.exec(select(Reminder).join(Cycle).where(Cycle.status == CycleStatus.PUBLISHED)):
        known.add(row.cycle_id)
        if row.on and not row.removed and row.cycle_id in releases:
            found.setdefault(row.cycle_id, []).append((row.id, rule_of(row)))
    without = tuple(c for c, invites, _ in published if invites and c not in known)
    return _Standing(releases, found, without)


def _meetings(db: DbSession, standing: _Standing) -> Iterator[tuple[str, dict[str, Meeting]]]:
    """The cycles that have reminders, each with its released sessions by id. A query only where
    there is a release that was not read yet."""
    wanted = {cycle_id: standing.releases[cycle_id] for cycle_id in standing.rules}
    read = {key: _released[key] for key in wanted.values() if key in _released}
    new = set(wanted.values()) - set(read)
    if new:
        rows = db.exec(select(Release.id, Release.document).where(col(Release.id).in_(new)))
        for release_id, document in rows:
            read[release_id] = {s.id: meeting_of(s) for s in from_document(document).sessions}
        _released.clear()  # releases of before are of no use
        _released.update(read)
    for cycle_id, release_id in wanted.items():
        yield cycle_id, read[release_id]


def _due(db: DbSession, standing: _Standing, now: datetime) -> list[Due]:
    """What is due, in an order that is the same for everybody, so that two workers cannot wait for
    each other. One query where something was due in the last month."""
    found = [
        Due(cycle_id, reminder_id, session_id, rule, due_at, verdict)
        for cycle_id, meetings in _meetings(db, standing)
        for reminder_id, rule in standing.rules[cycle_id]
        for session_id, meeting in meetings.items()
        if (due_at := rules.due(rule.anchor, rule.minutes, meeting.starts, meeting.ends)) <= now
        and due_at > now - LOOK_BACK
        and (verdict := rules.decide(rule, meeting, now, already=False)) in OUTCOMES
    ]
    if not found:
        return []
    dealt_with = set(
        db.exec(
            select(ReminderRun.reminder_id, ReminderRun.session_id).where(
                col(ReminderRun.reminder_id).in_({d.reminder_id for d in found}),
                col(ReminderRun.session_id).in_({d.session_id for d in found}),
            )
        ).all()
    )
    left = [d for d in found if (d.reminder_id, d.session_id) not in dealt_with]
    return sorted(left, key=lambda d: (d.reminder_id, d.session_id))


def _run(db: DbSession, due: Due, now: datetime) -> int:
    run = ReminderRun(
        reminder_id=due.reminder_id,
        session_id=due.session_id,
        due_at=due.due_at,
        ran_at=now,
        outcome=OUTCOMES[due.verdict],
    )
    # Whoever writes this row sends; another worker waits here, and then has nothing to do.
    statement = insert_unless_there(db, ReminderRun, index_elements=["reminder_id", "session_id"])
    statement = statement.values(run.model_dump())
    if db.connection().execute(statement.returning(col(ReminderRun.id))).first() is None:
        return 0
    schedule = released_schedule(db, due.cycle_id)
    if due.verdict is Verdict.MISSED or schedule is None:
        return 0
    ensure_guests(db, due.cycle_id)
    session = next(s for s in schedule.sessions if s.id == due.session_id)
    readers = circle(db, due.cycle_id, [session]).reached(session, due.rule.audience)
    outbox.enqueue_many(db, _mails(due, session, readers, now))
    db.connection().execute(
        update(ReminderRun).where(col(ReminderRun.id) == run.id).values(count=len(readers))
    )
    return len(readers)


def _mails(
    due: Due, session: Session, readers: Iterable[Reader], now: datetime
) -> Iterator[dict[str, Any]]:
    ends = rules.last_use(due.rule.anchor, due.due_at, session.ends)
    for reader in readers:
        who = reader.guest_id or reader.enrolment_id
        yield outbox.prepare(
            kind="reminder" if due.rule.anchor is Anchor.START else "follow-up",
            intent=f"reminder:{due.reminder_id}:{due.session_id}:{who}",
            to_name=reader.name,
            to_address=reader.address,
            language=reader.language,
            context={
                "reminder_id": due.reminder_id,
                "person_id": reader.person_id,
                "starts": session.starts.isoformat(),
                "ends": session.ends.isoformat(),
                "due": due.due_at.isoformat(),
            },
            cycle_id=due.cycle_id,
            guest_id=reader.guest_id or None,
            session_id=session.id,
            expires_at=ends,
            now=now,
        )
