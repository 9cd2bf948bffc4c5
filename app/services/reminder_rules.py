"""Which reminders a cycle has: looking at them, adding, changing, switching off, removing.

A reminder that was removed keeps its row, for what it has sent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from app.db import DbSession
from app.domain import reminders as rules
from app.domain.errors import N_, Clash, Invalid, NotFound
from app.domain.reminders import Anchor, Audience, Rule, Verdict
from app.domain.schedule import Session, SessionStatus
from app.models import Cycle, Message, Reminder, ReminderRun
from app.schemas.reminder import ReminderIn
from app.services.actor import Actor
from app.services.reminder_audience import Circle, circle
from app.services.reminders import (
    KINDS,
    NEVER_WENT,
    OPEN,
    ensure_defaults,
    intent_of,
    meeting_of,
    rule_of,
    still_holds,
)
from app.services.rows import find, hold
from app.services.schedules import released_schedule

MOST = 20
"""Of one cycle."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A reminder of a session that has not gone out, or not to everybody before the session got
    another time. `reach`: how many it would go to if it went out now; `late`: it should have gone
    more than an hour ago and waits for the worker."""

    reminder: Reminder
    session: Session
    due_at: datetime
    reach: int
    late: bool


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a reminder of a session."""

    run: ReminderRun
    reminder: Reminder
    session: Session


@dataclass(frozen=True, slots=True)
class Overview:
    """The reminders of a cycle. `usual`: these are the usual ones, which hold although nobody has
    chosen them (their ids are nobody's yet); `planned` is in the order of time, `ran` the newest
    first."""

    reminders: tuple[Reminder, ...]
    usual: bool
    planned: tuple[Planned, ...]
    ran: tuple[Ran, ...]
    published: bool

    def next_of(self, reminder: Reminder) -> Planned | None:
        """When it goes out next."""
        return next((p for p in self.planned if p.reminder.id == reminder.id), None)


def overview(db: DbSession, actor: Actor, cycle: Cycle, now: datetime) -> Overview:
    """How the reminders of a cycle stand at the aware instant `now`. At most eight queries,
    nine where something has gone out for another time."""
    query = select(Reminder).where(Reminder.cycle_id == cycle.id)
    rows = list(db.exec(query.order_by(col(Reminder.id))))
    usual = not rows and cycle.invites
    if usual:
        rows = _usual(cycle, now)
    rows.sort(key=lambda r: (r.anchor != Anchor.START, -r.minutes, r.audience, r.id))
    present = tuple(row for row in rows if not row.removed)
    schedule = released_schedule(db, cycle.id)
    if schedule is None:
        return Overview(present, usual, (), (), False)
    runs = db.exec(
        select(ReminderRun)
        .where(col(ReminderRun.reminder_id).in_([row.id for row in rows]))
        .order_by(col(ReminderRun.ran_at).desc(), col(ReminderRun.id))
    ).all()
    by_id = {row.id: row for row in rows}
    sessions = {s.id: s for s in schedule.sessions}
    ran = tuple(
        Ran(run, by_id[run.reminder_id], sessions[run.session_id])
        for run in runs
        if run.session_id in sessions and (run.outcome != OPEN or run.count)
    )
    known = {(run.reminder_id, run.session_id): run for run in runs}
    waiting = []
    for row, session, due_at in _waiting(present, schedule.sessions, now):
        run = known.get((row.id, session.id))
        if run is None or not still_holds(run, due_at):
            waiting.append((row, session, due_at))
    planned: list[Planned] = []
    if waiting:
        people = circle(db, cycle.id, {s.id: s for _, s, _ in waiting}.values())
        had = _had(db, {s.id for row, s, _ in waiting if (row.id, s.id) in known})
        for row, session, due_at in waiting:
            reach = _reach(people, row, session, had)
            if reach or (row.id, session.id) not in known:
                meant = rules.meant_for(due_at, meeting_of(session).moved)
                late = rules.is_late(meant, now)
                planned.append(Planned(row, session, meant, reach, late))
    planned.sort(key=lambda p: (p.due_at, p.session.number, p.reminder.id))
    return Overview(present, usual, tuple(planned), ran, True)


def _had(db: DbSession, session_ids: set[str]) -> set[str]:
    """For what mails about these sessions have gone, or are about to."""
    if not session_ids:
        return set()
    query = select(Message.intent).where(
        col(Message.session_id).in_(session_ids),
        col(Message.kind).in_(KINDS),
        col(Message.status).not_in(NEVER_WENT),
    )
    return set(db.exec(query))


def _reach(people: Circle, row: Reminder, session: Session, had: set[str]) -> int:
    readers = people.reached(session, Audience(row.audience))
    return sum(intent_of(row.id, session.id, reader) not in had for reader in readers)


def _usual(cycle: Cycle, now: datetime) -> list[Reminder]:
    return [
        Reminder(cycle_id=cycle.id, anchor=anchor, minutes=minutes, audience=audience, since=now)
        for anchor, minutes, audience in rules.DEFAULTS
    ]


def _waiting(
    present: tuple[Reminder, ...], sessions: tuple[Session, ...], now: datetime
) -> Iterator[tuple[Reminder, Session, datetime]]:
    for row in present:
        rule: Rule = rule_of(row)
        for session in sessions:
            verdict = rules.decide(rule, meeting_of(session), now, already=False)
            scheduled = session.status is SessionStatus.SCHEDULED
            waits = verdict in (Verdict.WAIT, Verdict.SEND, Verdict.SEND_LATE)
            if row.on and scheduled and waits:
                due_at = rules.due(rule.anchor, rule.minutes, session.starts, session.ends)
                yield row, session, due_at


def get_reminder(db: DbSession, actor: Actor, cycle_id: str, reminder_id: str) -> Reminder:
    """A reminder of this cycle. Raises NotFound, also for one that was removed."""
    row = find(db, Reminder, reminder_id)
    if row.cycle_id != cycle_id or row.removed:
        raise NotFound
    return row


def use_defaults(db: DbSession, actor: Actor, cycle_id: str, now: datetime) -> None:
    """Gives a cycle without reminders the usual ones, from now on. Raises NotFound."""
    hold(db, Cycle, cycle_id)
    ensure_defaults(db, cycle_id, now)
    present = select(Reminder.id).where(
        Reminder.cycle_id == cycle_id, col(Reminder.removed).is_(False)
    )
    if db.exec(present.limit(1)).first() is None:  # it had some, and all were removed
        for anchor, minutes, audience in rules.DEFAULTS:
            row = ReminderIn(anchor=anchor, minutes=minutes, audience=audience)
            add_reminder(db, actor, cycle_id, row, now)


def add_reminder(
    db: DbSession, actor: Actor, cycle_id: str, new: ReminderIn, now: datetime
) -> Reminder:
    """A new reminder, from now on: what it would have been due for before is left alone.

    The first one of a cycle that lives by the usual ones is in addition to those.

    Raises:
        NotFound: there is no such cycle.
        Invalid: at ``minutes``, code ``twice``: there is such a reminder.
        Clash: code ``full``: there are too many.
    """
    cycle = hold(db, Cycle, cycle_id)  # else two at once would both find that there is none
    if cycle.invites:
        ensure_defaults(db, cycle_id, now)
    row = Reminder(
        cycle_id=cycle_id,
        anchor=str(new.anchor),
        minutes=new.minutes,
        audience=str(new.audience),
        since=now,
    )
    _check(db, row)
    db.add(row)
    db.flush()
    return row


def change_reminder(
    db: DbSession, actor: Actor, cycle_id: str, reminder_id: str, new: ReminderIn, now: datetime
) -> Reminder:
    """Another time, another audience. With another time it is a new reminder, which goes out also
    for a session that the old one has gone out for. Raises as `get_reminder` and `add_reminder`.
    """
    hold(db, Cycle, cycle_id)
    row = get_reminder(db, actor, cycle_id, reminder_id)
    if (row.anchor, row.minutes) == (new.anchor, new.minutes):
        row.audience = str(new.audience)
        _check(db, row)
    else:
        row.removed = True
        on = row.on
        db.flush()
        row = add_reminder(db, actor, cycle_id, new, now)
        row.on = on
    db.flush()
    return row


def switch_reminder(
    db: DbSession, actor: Actor, cycle_id: str, reminder_id: str, now: datetime, *, on: bool
) -> Reminder:
    """Switches a reminder off, or on from now. Twice is once. Raises NotFound."""
    row = get_reminder(db, actor, cycle_id, reminder_id)
    if on and not row.on:
        row.since = now
    row.on = on
    db.flush()
    return row


def remove_reminder(db: DbSession, actor: Actor, cycle_id: str, reminder_id: str) -> None:
    """Takes a reminder away; mails that are in the outbox still go out. Raises NotFound."""
    get_reminder(db, actor, cycle_id, reminder_id).removed = True
    db.flush()


def _check(db: DbSession, row: Reminder) -> None:
    with db.no_autoflush:
        others = db.exec(
            select(Reminder).where(
                Reminder.cycle_id == row.cycle_id,
                col(Reminder.removed).is_(False),
                Reminder.id != row.id,
            )
        ).all()
    same = (row.anchor, row.minutes, row.audience)
    if any((other.anchor, other.minutes, other.audience) == same for other in others):
        raise Invalid.one(
            "minutes", N_("There is such a reminder already. Choose another time."), code="twice"
        )
    if len(others) >= MOST:
        raise Clash(
            N_("A cycle has at most %(most)s reminders. Remove one first."), code="full", most=MOST
        )
