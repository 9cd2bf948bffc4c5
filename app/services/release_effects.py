"""What a release does to attendance that is known and to what the rule for completion asks for, as
its preview says it. What becomes of closed sessions is in `reopening`."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import col, select

from app.db import DbSession
from app.domain.attendance import ATTENDED
from app.domain.schedule import Schedule, SessionStatus
from app.models import Cycle, Session
from app.services import evidence as stored
from app.services.measures import measured, measures, rule_of


@dataclass(frozen=True, slots=True)
class Moves:
    """A session that a release would move away from attendance that is known: so many have
    `attended` who would not any more."""

    session_id: str
    number: int
    attended: int


def moves(
    db: DbSession, before: Schedule | None, released: Schedule, but: Collection[str] = ()
) -> list[Moves]:
    """The sessions of whose attendance something would count no more once this release follows the
    one `before`, since they take place at another time; by number, `but` those with these ids. No
    query where none is moved, else four."""
    told = {each.id: each for each in before.sessions} if before else {}
    moved = {
        each.id: each
        for each in released.sessions
        if each.id not in but
        and each.status is SessionStatus.SCHEDULED
        and (was := told.get(each.id)) is not None
        and (was.starts, was.ends) != (each.starts, each.ends)
    }
    if not moved:
        return []
    rows = db.exec(select(Session).where(col(Session.id).in_(moved))).all()
    now = measures(db, released.id, rows)
    rule = rule_of(db.get_one(Cycle, released.id).completion_rule)
    then = {row.id: measured(row, moved[row.id], rule) for row in rows}
    evidence = stored.of_sessions(db, list(moved))
    found = [
        Moves(
            each.id,
            each.number,
            sum(
                now[each.id].record(pieces).status in ATTENDED
                and then[each.id].record(pieces).status not in ATTENDED
                for pieces in evidence.get(each.id, {}).values()
            ),
        )
        for each in moved.values()
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
