"""Reminders: which of them are due, and queueing what they send.

They are asked for again and again, so asking is cheap while nothing is due. What counts is the
newest release, not the draft; nothing is planned ahead, so a reminder moves with its session.

What has been done is written down for a time of the session: at another time the same reminder is
due again, for whoever has got nothing yet. Each mail has an intent of its reminder, session and
reader, so nobody gets two; that of a mail which never went is given free (`_let_go`).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, or_, update
from sqlmodel import col, func, select

from app.db import DbSession, insert_unless_there, write_anew
from app.domain import reminders as rules
from app.domain.documents import from_document
from app.domain.reminders import Anchor, Audience, Meeting, Rule, Verdict
from app.domain.schedule import CycleStatus, Session
from app.domain.zone_shifts import by_the_clock
from app.models import Cycle, Message, Release, Reminder, ReminderRun
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
COVERED = "covered"  # another one to the same people was due as well, and went in its place
OPEN = "open"  # the session was moved or called off while mails waited: it may be due again
KINDS = ("reminder", "follow-up")
NEVER_WENT = ("failed", "expired", "superseded")


class Meetings:
    """What reminders need of releases, remembered from one look to the next by one who looks: what
    was released never changes."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Meeting]] = {}

    def of(self, db: DbSession, release_ids: Iterable[str]) -> dict[str, dict[str, Meeting]]:
        """The sessions of these releases by id; all others are forgotten. A query only where there
        is one that was not read yet."""
        wanted = set(release_ids)
        found = {key: known for key, known in self._of.items() if key in wanted}
        new = wanted - set(found)
        if new:
            rows = db.exec(select(Release.id, Release.document).where(col(Release.id).in_(new)))
            for release_id, document in rows:
                sessions = by_the_clock(from_document(document)).sessions
                found[release_id] = {s.id: meeting_of(s) for s in sessions}
        self._of = found
        return found


@dataclass(frozen=True, slots=True)
class Due:
    """A reminder of a session that is due, and what to do about it. `meant`: when it should have
    gone out; `outcome`: what will be written down."""

    cycle_id: str
    reminder_id: str
    session_id: str
    rule: Rule
    due_at: datetime
    meant: datetime
    outcome: str


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
    moved = session.time_since if session.time_since != session.created else None
    return Meeting(session.starts, session.ends, session.status, session.created, moved)


def intent_of(reminder_id: str, session_id: str, reader: Reader) -> str:
    """What a mail of a reminder to one reader is for: there is never a second one."""
    return f"reminder:{reminder_id}:{session_id}:{reader.guest_id or reader.enrolment_id}"


def still_holds(run: ReminderRun, due_at: datetime) -> bool:
    """Whether what was written down is about the session as it is, for which it is due then."""
    return run.outcome != OPEN and run.due_at == due_at


def anything_due(db: DbSession, now: datetime, meetings: Meetings | None = None) -> bool:
    """Whether `run_due` would do something at the aware instant `now`. Reads only, three queries
    while nothing is due and `meetings` knows the releases."""
    standing = _standing(db)
    return bool(standing.without or _due(db, standing, now, meetings or Meetings()))


def run_due(db: DbSession, now: datetime, meetings: Meetings | None = None) -> int:
    """Queues the mails of every reminder that is due at the aware instant `now`, and writes down
    that it did; how many mails. What is of no use any more is written down as missed; of several
    that say the same to the same people the last one goes.

    Of two workers at once the second finds what the first has written down. Cycles that keep
    calendars by mail and have no reminders yet get the usual ones.
    """
    meetings = meetings or Meetings()
    standing = _standing(db)
    if standing.without:
        for cycle_id in sorted(standing.without):
            ensure_defaults(db, cycle_id, now)
        standing = _standing(db)
    return sum(_run(db, each, now) for each in _due(db, standing, now, meetings))


def reopen(db: DbSession, message: Message) -> None:
    """To be called before a mail is put aside because its session is not at the time that it was
    queued for: whoever has got nothing is reminded when the session's time has come, if it has one.

    Takes the reminder's row before the mail's, as whoever queues does.
    """
    db.connection().execute(
        update(ReminderRun)
        .where(
            col(ReminderRun.reminder_id) == str(message.context.get("reminder_id")),
            col(ReminderRun.session_id) == message.session_id,
        )
        .values(outcome=OPEN)
    )


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


def _due(db: DbSession, standing: _Standing, now: datetime, meetings: Meetings) -> list[Due]:
    """What is due, in an order that is the same for everybody, so that two workers cannot wait for
    each other. One query where something was due in the last month."""
    wanted = {cycle_id: standing.releases[cycle_id] for cycle_id in standing.rules}
    known = meetings.of(db, wanted.values())
    found = [
        Due(cycle_id, reminder_id, session_id, rule, due_at, meant, OUTCOMES[verdict])
        for cycle_id, release_id in wanted.items()
        for reminder_id, rule in standing.rules[cycle_id]
        for session_id, meeting in known.get(release_id, {}).items()
        if (due_at := rules.due(rule.anchor, rule.minutes, meeting.starts, meeting.ends)) <= now
        and due_at > now - LOOK_BACK
        and (meant := rules.meant_for(due_at, meeting.moved))
        and (verdict := rules.decide(rule, meeting, now, already=False)) in OUTCOMES
    ]
    if not found:
        return []
    runs = db.exec(
        select(ReminderRun).where(
            col(ReminderRun.reminder_id).in_({d.reminder_id for d in found}),
            col(ReminderRun.session_id).in_({d.session_id for d in found}),
        )
    )
    ran = {(run.reminder_id, run.session_id): run for run in runs}
    left = []
    for due in found:
        run = ran.get((due.reminder_id, due.session_id))
        if run is None or not still_holds(run, due.due_at):
            left.append(due)
    return sorted(_last_ones(left), key=lambda d: (d.reminder_id, d.session_id))


def _last_ones(found: Iterable[Due]) -> Iterator[Due]:
    """Of those that would say the same to the same people now, all but the last are covered."""
    alike: dict[tuple[str, Anchor, Audience], list[Due]] = {}
    for due in found:
        if due.outcome == OUTCOMES[Verdict.MISSED]:
            yield due
        else:
            key = (due.session_id, due.rule.anchor, due.rule.audience)
            alike.setdefault(key, []).append(due)
    for same in alike.values():
        *others, last = sorted(same, key=lambda d: (d.due_at, d.reminder_id))
        yield last
        for due in others:
            yield replace(due, outcome=COVERED)


def _run(db: DbSession, due: Due, now: datetime) -> int:
    schedule = released_schedule(db, due.cycle_id)
    sessions = schedule.sessions if schedule else ()
    session = next((s for s in sessions if s.id == due.session_id), None)
    if schedule is None or session is None or not _write_down(db, due, session, now):
        return 0
    if due.outcome not in (OUTCOMES[Verdict.SEND], OUTCOMES[Verdict.SEND_LATE]):
        return 0
    _let_go(db, due, session, now)
    ensure_guests(db, due.cycle_id, schedule)
    readers = circle(db, due.cycle_id, [session]).reached(session, due.rule.audience)
    added = outbox.enqueue_many(db, _mails(due, session, readers, now))
    all_mails = select(func.count()).select_from(Message).where(*_mails_of(due)).scalar_subquery()
    db.connection().execute(
        update(ReminderRun)
        .where(
            col(ReminderRun.reminder_id) == due.reminder_id,
            col(ReminderRun.session_id) == due.session_id,
        )
        .values(count=all_mails)
    )
    return added


def _write_down(db: DbSession, due: Due, session: Session, now: datetime) -> bool:
    """Whoever writes this row sends; another worker waits here, and then has nothing to do. False
    also where the session has been moved since somebody looked."""
    rule = due.rule
    if rules.due(rule.anchor, rule.minutes, session.starts, session.ends) != due.due_at:
        return False
    run = ReminderRun(
        reminder_id=due.reminder_id,
        session_id=due.session_id,
        due_at=due.due_at,
        ran_at=now,
        outcome=due.outcome,
    )
    statement = write_anew(
        db,
        ReminderRun,
        ["reminder_id", "session_id"],
        ["due_at", "ran_at", "outcome"],
        or_(col(ReminderRun.due_at) != due.due_at, col(ReminderRun.outcome) == OPEN),
    ).values(run.model_dump())
    written = db.connection().execute(statement.returning(col(ReminderRun.id))).first()
    return written is not None


def _mails_of(due: Due) -> tuple[Any, ...]:
    return (
        col(Message.session_id) == due.session_id,
        col(Message.intent).startswith(f"reminder:{due.reminder_id}:{due.session_id}:"),
    )


def _let_go(db: DbSession, due: Due, session: Session, now: datetime) -> None:
    """Gives free for what the mails are there that never went: those that were given up, and those
    of another time that wait. One that a worker has in hand at this moment is left: it will find
    that it is of another time, and `reopen`."""
    context: Any = col(Message.context)
    other_time = or_(
        context["starts"].as_string() != session.starts.isoformat(),
        context["ends"].as_string() != session.ends.isoformat(),
    )
    nobody_has_it = or_(col(Message.leased_until).is_(None), col(Message.leased_until) <= now)
    waits = col(Message.status) == "queued"
    never_went = select(Message.id).where(
        *_mails_of(due),
        or_(col(Message.status).in_(NEVER_WENT), waits & nobody_has_it & other_time),
    )
    db.connection().execute(
        update(Message)
        .where(col(Message.id).in_(never_went.with_for_update(skip_locked=True)))
        .values(
            intent="past:" + col(Message.id),
            status=case((waits, "superseded"), else_=col(Message.status)),
        )
    )


def _mails(
    due: Due, session: Session, readers: Iterable[Reader], now: datetime
) -> Iterator[dict[str, Any]]:
    ends = rules.last_use(due.rule.anchor, due.due_at, session.ends)
    audience = due.rule.audience
    for reader in readers:
        who = reader.guest_id or reader.enrolment_id
        yield outbox.prepare(
            kind="reminder" if due.rule.anchor is Anchor.START else "follow-up",
            intent=intent_of(due.reminder_id, due.session_id, reader),
            to_name=reader.name,
            to_address=reader.address,
            language=reader.language,
            context={
                "reminder_id": due.reminder_id,
                "person_id": reader.person_id,
                "starts": session.starts.isoformat(),
                "ends": session.ends.isoformat(),
                "due": due.meant.isoformat(),
                "audience": audience,
            },
            cycle_id=due.cycle_id,
            guest_id=reader.guest_id or None,
            session_id=session.id,
            # What waits while the next of its like comes need not go as well.
            lane=f"remind:{session.id}:{who}:{audience}:{due.rule.anchor}",
            expires_at=ends,
            now=now,
        )
