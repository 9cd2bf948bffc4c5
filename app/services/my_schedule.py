"""A participant's own page: their sessions, where each stands, and what to do at this moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import col, select

from app.db import DbSession
from app.domain.attendance import Evidence, Kind, Record, Status
from app.domain.check_in import WindowState, state, taken_back
from app.domain.completion import Held, Outcome, Rule, completed, needed
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import Clash
from app.domain.schedule import Session, SessionStatus
from app.models import Enrolment
from app.models import Session as SessionRow
from app.services import evidence
from app.services.check_in import join_window_of, window_of
from app.services.feedback import Asked, asked_of
from app.services.measures import held_of, is_off, is_planned, measured, rule_of
from app.services.public import PublishedCycle, published_with

_NOT_SEEN = frozenset({Status.UNKNOWN, Status.ABSENT})


class Step(StrEnum):
    """The one thing to do about a session now."""

    CALENDAR = "calendar"  # nothing yet but to note it
    JOIN = "join"
    CHECK_IN = "check-in"
    REJOIN = "rejoin"  # checked in, and the meeting is still on
    FEEDBACK = "feedback"  # it is over, and they have not said yet what it was like
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class MySession:
    """A published session as it concerns one participant. The windows are aware UTC, half-open;
    `opens` and `closes` are check-in's. `meeting_url` is empty until it may be joined; `feedback`
    is None where nothing is asked after it. `taken_back`: what to say instead of the button, where
    an organizer retracted their check-in and nothing else says that they were there. `pressed`:
    whether they have checked in, be it retracted or not: nobody can twice."""

    session: Session
    step: Step
    record: Record
    opens: datetime
    closes: datetime
    can_join: bool
    can_check_in: bool
    meeting_url: str
    held: Held  # as the completion rule looks at it
    feedback: Asked | None = None
    taken_back: Clash | None = None
    pressed: bool = False


@dataclass(frozen=True, slots=True)
class MyCycle:
    """A participant's cycle. `next` is the session to show first; None when all are over, and
    nothing is left to say about them. `rule` is what it takes to complete it, and `outcome` how far
    the participant is; None where the cycle asks for nothing, or the participant has no place."""

    cycle: PublishedCycle
    sessions: tuple[MySession, ...]
    next: MySession | None
    rule: Rule | None = None
    outcome: Outcome | None = None

    @property
    def needed(self) -> list[int]:
        """The numbers of the sessions to come that the participant, who is to be warned, must not
        miss."""
        if self.rule is None or self.outcome is None or not self.rule.warn:
            return []
        held = [s.held for s in _asked(self.sessions)]
        ids = needed(self.rule, held, self.outcome)
        return [each.number for each in held if each.id in ids]

    def session(self, number: int) -> MySession | None:
        """The session with this number."""
        return next((s for s in self.sessions if s.session.number == number), None)


def my_cycle(db: DbSession, enrolment: Enrolment, now: datetime) -> MyCycle:
    """What the page shows at `now` (aware). Four queries, whatever the number of sessions.

    Raises NotFound while the cycle is not published.
    """
    cycle = published_with(db, enrolment.cycle_id)
    rows = {
        row.id: row
        for row in db.exec(select(SessionRow).where(col(SessionRow.cycle_id) == cycle.schedule.id))
    }
    seen = evidence.of_sessions(db, rows, [enrolment.id])
    takes_part = enrolment.status == EnrolmentStatus.CONFIRMED
    rule = rule_of(cycle.cycle.completion_rule)
    asked = asked_of(db, enrolment, cycle.schedule.sessions)
    sessions = tuple(
        _mine(
            session,
            row,
            list(seen[row.id][enrolment.id]),
            rule,
            takes_part,
            now,
            asked.get(row.id),
            cycle.cycle.contact_email,
        )
        for session in cycle.schedule.sessions
        if (row := rows.get(session.id)) is not None
    )
    waiting = [
        s
        for s in sorted(sessions, key=lambda s: s.session.starts)
        if s.session.status is not SessionStatus.CANCELLED and s.step is not Step.NOTHING
    ]
    outcome = _outcome(rule, sessions, rows, now) if rule and takes_part else None
    first = min(waiting, key=lambda s: _distance(s, now), default=None)
    return MyCycle(cycle, sessions, first, rule, outcome)


def _distance(mine: MySession, now: datetime) -> timedelta:
    """How far from now it is what somebody can do: nothing comes before what can be done in the
    meeting, and what was is asked about until the session to come is nearer."""
    match mine.step:
        case Step.CALENDAR:
            return max(mine.session.starts - now, timedelta())
        case Step.FEEDBACK:
            return now - mine.session.ends
    return timedelta(-1)


def _outcome(
    rule: Rule, sessions: tuple[MySession, ...], rows: Mapping[str, SessionRow], now: datetime
) -> Outcome:
    asked = _asked(sessions)
    records = {s.session.id: s.record for s in asked}
    released = {s.session.id: s.session for s in sessions}
    found = [measured(row, released.get(row.id), rule) for row in rows.values()]
    return completed(
        rule,
        [s.held for s in asked],
        records,
        sum(is_off(each.told) for each in found),
        [held_of(each, now) for each in found if is_planned(each.told, rule.mandatory)],
    )


def _asked(sessions: tuple[MySession, ...]) -> list[MySession]:
    return [s for s in sessions if s.session.status is SessionStatus.SCHEDULED]


def _mine(
    session: Session,
    row: SessionRow,
    facts: list[Evidence],
    rule: Rule | None,
    ok: bool,
    now: datetime,
    asked: Asked | None,
    contact: str,
) -> MySession:
    measure = measured(row, session, rule)
    here = measure.told
    opens, closes = window_of(here)
    on = ok and session.status is not SessionStatus.CANCELLED
    found = measure.record(facts)
    can_join = on and state(now, join_window_of(here)) is WindowState.OPEN
    pressed = any(each.kind is Kind.CHECK_IN and each.at >= opens for each in facts)
    in_vain = pressed and found.checked_in is None and found.status in _NOT_SEEN
    can_check_in = on and not pressed and state(now, (opens, closes)) is WindowState.OPEN
    return MySession(
        session=session,
        step=_step(
            now,
            session,
            found,
            can_join=can_join,
            can_check_in=can_check_in,
            feedback=on and asked is not None and asked.to_do(now),
        ),
        record=found,
        opens=opens,
        closes=closes,
        can_join=can_join,
        can_check_in=can_check_in,
        meeting_url=row.meeting_url if can_join else "",
        held=held_of(measure, now),
        feedback=asked,
        taken_back=taken_back(contact) if on and in_vain else None,
        pressed=pressed,
    )


def _step(
    now: datetime,
    session: Session,
    found: Record,
    *,
    can_join: bool,
    can_check_in: bool,
    feedback: bool,
) -> Step:
    """Joining comes first, checking in once one has gone there or the meeting is over, then what it
    was like."""
    if can_check_in and (found.clicked is not None or not can_join):
        return Step.CHECK_IN
    if can_join:
        return Step.JOIN if found.checked_in is None else Step.REJOIN
    if feedback:
        return Step.FEEDBACK
    return Step.CALENDAR if now < session.ends else Step.NOTHING
