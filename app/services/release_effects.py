"""What a release does to attendance that is known and to what the rule for completion asks for, as
its preview says it. What becomes of closed sessions is in `reopening`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlmodel import col, select

from app.db import DbSession
from app.domain import schedule
from app.domain.attendance import ATTENDED
from app.domain.schedule import Schedule, SessionStatus
from app.domain.zones import wall_time
from app.models import Cycle, Session
from app.services import evidence as stored
from app.services.measures import measures, rule_of


@dataclass(frozen=True, slots=True)
class Moves:
    """A session that a release would move to another `day`, as the calendar of its zone has it: so
    many have `attended`, by what is known of them now."""

    session_id: str
    number: int
    day: date
    attended: int


def moves(
    db: DbSession, before: Schedule | None, released: Schedule, but: Collection[str] = ()
) -> list[Moves]:
    """The sessions that this release after the one `before` would move to another day though people
    have attendance there, by number, `but` those with these ids. No query where none is moved, else
    three."""
    told = {each.id: each for each in before.sessions} if before else {}
    moved = [
        each
        for each in released.sessions
        if each.id not in but
        and each.status is SessionStatus.SCHEDULED
        and (was := told.get(each.id)) is not None
        and _day(was) != _day(each)
    ]
    if not moved:
        return []
    ids = [each.id for each in moved]
    rows = db.exec(select(Session).where(col(Session.id).in_(ids))).all()
    known = measures(db, released.id, rows)
    evidence = stored.of_sessions(db, ids)
    found = [
        Moves(
            each.id,
            each.number,
            _day(each),
            sum(
                known[each.id].record(pieces).status in ATTENDED
                for pieces in evidence.get(each.id, {}).values()
            ),
        )
        for each in moved
    ]
    return [each for each in found if each.attended]


def asked_for_no_more(cycle: Cycle, before: Schedule | None, released: Schedule) -> list[int]:
    """The numbers of the sessions that the cycle's rule says must not be missed and this release
    would tell people are off: from then on they are not asked for."""
    rule = rule_of(cycle.completion_rule)
    on = {s.id for s in before.sessions if s.status is SessionStatus.SCHEDULED} if before else set()
    return [
        each.number
        for each in released.sessions
        if rule is not None
        and each.id in rule.mandatory
        and each.id in on
        and each.status is SessionStatus.CANCELLED
    ]


def _day(session: schedule.Session) -> date:
    return wall_time(session.starts, session.zone).date()
