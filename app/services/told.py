"""What people were told of a session: what the newest release says of it.

Editing tells nobody anything, so who comes at the published hour is let in. Where it takes place
(links, the word, how long check-in is open) is in no release: that is read from the session's row.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from app.db import DbSession
from app.domain import schedule
from app.domain.check_in import refuse_cancelled
from app.domain.errors import N_, Clash, NotFound
from app.domain.schedule import Schedule, SessionStatus
from app.domain.text import Localized
from app.models import Session
from app.services.schedules import released_schedule

_LARGEST_NUMBER = 9999


@dataclass(frozen=True, slots=True)
class Told:
    """A session's row, and what was told of it; of one that was never released, what is planned.
    `starts` and `ends` are aware UTC instants, half-open."""

    row: Session
    number: int
    title: Localized
    zone: str
    starts: datetime
    ends: datetime
    status: str
    released: bool

    @property
    def closed(self) -> bool:
        """Whether an organizer has said, once it was over, that nothing more is to come. One that
        was moved beyond that is not closed."""
        return self.row.closed_at is not None and self.row.closed_at >= self.ends


def told(row: Session, released: schedule.Session | None) -> Told:
    """A row with what the newest release has of it, if that has anything."""
    if released is None:
        return Told(
            row,
            row.number,
            row.title,
            row.zone,
            row.starts_at,
            row.ends_at,
            row.status,
            released=False,
        )
    return Told(
        row,
        released.number,
        released.title,
        released.zone,
        released.starts,
        released.ends,
        released.status,
        released=True,
    )


def told_of(db: DbSession, row: Session) -> Told:
    """What was told of the session of this row. One query."""
    return told(row, in_release(released_schedule(db, row.cycle_id), row.id))


def told_session(db: DbSession, cycle_id: str, number: int) -> Told:
    """The session that people know by this number; a planned one where none was released with it.
    Two queries, three at most.

    Raises NotFound where there is none, or it is a draft that was never released.
    """
    if not 0 < number <= _LARGEST_NUMBER:
        raise NotFound
    release = released_schedule(db, cycle_id)
    ids = [s.id for s in release.sessions if s.number == number] if release else []
    known = select(Session).where(Session.cycle_id == cycle_id, col(Session.id).in_(ids))
    row = db.exec(known).first() if ids else None
    if row is None:
        planned = select(Session).where(Session.cycle_id == cycle_id, Session.number == number)
        row = db.exec(planned).one_or_none()
    if row is None:
        raise NotFound
    found = told(row, in_release(release, row.id))
    if found.status == SessionStatus.DRAFT:
        raise NotFound
    return found


def in_release(released: Schedule | None, session_id: str) -> schedule.Session | None:
    """What a release says of a session, if it says anything."""
    sessions = released.sessions if released else ()
    return next((session for session in sessions if session.id == session_id), None)


def refuse_what_takes_no_place(found: Told) -> None:
    """Whether attendance is kept of a session at all, by what was published of it.

    Raises Clash: ``session_not_published``; ``session_cancelled``.
    """
    if not found.released:
        raise Clash(
            N_("Publish this session first. Until then no attendance is kept of it."),
            code="session_not_published",
        )
    refuse_cancelled(found.status)
