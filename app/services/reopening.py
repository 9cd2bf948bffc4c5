"""What publishing does to sessions that were closed: one whose end is moved beyond its closing is
open again, since who was not seen at a time that did not hold is not absent from another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from app.db import DbSession
from app.domain import schedule
from app.domain.attendance import ATTENDED
from app.domain.errors import N_
from app.domain.schedule import Schedule, SessionStatus
from app.languages import date_long, time_of_day, translations, zone_label
from app.models import Session
from app.services import evidence as stored
from app.services.actor import Actor
from app.services.closing import keep
from app.services.measures import measures
from app.services.rows import may_be_id

REASON = N_("By a release it ends only after it was closed: %(day)s, %(time)s (%(zone)s).")


@dataclass(frozen=True, slots=True)
class Reopens:
    """A closed session that a release would open again: so many have `attended`, by what is known
    of them now. `ends`: when it would end, an aware UTC instant."""

    session_id: str
    number: int
    ends: datetime
    zone: str
    attended: int


def reopens(db: DbSession, before: Schedule | None, released: Schedule) -> list[Reopens]:
    """The closed sessions that this release after the one `before` would open again, by number,
    whatever that one said of them. No query for a first release, since only what was published is
    closed; else one, and more where there are any."""
    if before is None:
        return []
    cycle_id = released.id
    moved = _moved(_closed(db, cycle_id), released)
    if not moved:
        return []
    rows = [row for row, _ in moved]
    evidence = stored.of_sessions(db, [row.id for row in rows])
    known = measures(db, cycle_id, rows)
    return [
        Reopens(
            row.id,
            session.number,
            session.ends,
            session.zone,
            sum(
                known[row.id].record(each).status in ATTENDED
                for each in evidence.get(row.id, {}).values()
            ),
        )
        for row, session in moved
    ]


def hold_closed(db: DbSession, cycle_id: str) -> None:
    """Holds the closed sessions of a cycle, which comes after them in the order of holding. One
    query."""
    if may_be_id(cycle_id):
        closed = col(Session.cycle_id) == cycle_id, col(Session.closed_at).is_not(None)
        query = select(Session.id).where(*closed).order_by(col(Session.id))
        db.exec(query.with_for_update(key_share=True)).all()


def reopen_moved(
    db: DbSession, actor: Actor, cycle_id: str, released: Schedule, now: datetime
) -> None:
    """Opens what the release that was just made has moved beyond its closing, and keeps that with
    the reason. The sessions are held, but for one that was closed by somebody quicker."""
    language = actor.language or "en"
    speak = translations(language).gettext
    for row, session in _moved(_closed(db, cycle_id), released):
        row.closed_at = None
        reason = speak(REASON) % {
            "day": date_long(session.ends, language, session.zone),
            "time": time_of_day(session.ends, session.zone),
            "zone": zone_label(session.zone, language),
        }
        keep(db, actor, row, closed=False, reason=reason, now=now)


def _closed(db: DbSession, cycle_id: str) -> Mapping[str, Session]:
    query = select(Session).where(
        col(Session.cycle_id) == cycle_id, col(Session.closed_at).is_not(None)
    )
    return {row.id: row for row in db.exec(query)}


def _moved(
    closed: Mapping[str, Session], released: Schedule
) -> Iterable[tuple[Session, schedule.Session]]:
    return [
        (row, session)
        for session in released.sessions
        if session.status is SessionStatus.SCHEDULED
        and (row := closed.get(session.id)) is not None
        and row.closed_at is not None
        and row.closed_at < session.ends
    ]
