"""Making, changing and taking away the sessions of a cycle.

The wall-clock start, its zone and `fold` are what was asked for; the instants follow from them and
are written by nobody else.
"""

from datetime import timedelta
from typing import Any

from sqlmodel import select

from app.db import DbSession
from app.domain.errors import N_, Clash, Invalid, NotFound
from app.domain.schedule import SessionStatus
from app.domain.zones import resolve_wall
from app.models import Cycle, Evidence, Session
from app.schemas.session import SessionChange, SessionIn
from app.services.actor import Actor
from app.services.completion_rules import named_by_rule
from app.services.meeting_links import check_meeting
from app.services.rows import find
from app.services.schedules import (
    held_cycle,
    held_session,
    released_schedule,
    session_rows,
    sessions_of,
    with_agenda,
)
from app.services.series import HIGHEST_NUMBER, create_series, free_numbers
from app.services.wall_times import Settled, settle

__all__ = [
    "change_session",
    "create_series",
    "create_session",
    "delete_session",
    "get_session",
    "list_sessions",
    "session_by_number",
]

_PLAIN = (
    "meeting_url",
    "meeting_passcode",
    "backstage_url",
    "check_in_before",
    "check_in_after",
    "check_in_word",
    "check_in_word_rotates",
)


_LINKS = ("meeting_url", "backstage_url")


def create_session(db: DbSession, actor: Actor, cycle_id: str, new: SessionIn) -> Session:
    """A new session, with an empty agenda. Without a number it gets the one after the highest.

    Raises:
        NotFound: there is no such cycle.
        Invalid: at ``number`` if it is taken; at ``wall_start`` if that local time does not exist
            (code ``skipped_time``) or exists twice and `fold` does not choose
            (``ambiguous_time``); at ``meeting_url`` and ``backstage_url`` as
            `meeting_links.check_meeting` says.
    """
    cycle = held_cycle(db, cycle_id)
    number = free_numbers(db, cycle_id, 1)[0] if new.number is None else new.number
    if new.number is not None:
        _check_number(db, cycle_id, number)
    check_meeting(db, cycle_id, {name: getattr(new, name) for name in _LINKS})
    zone = new.zone or cycle.zone
    row = Session(
        cycle_id=cycle_id,
        number=number,
        title=dict(new.title),
        description=dict(new.description),
        zone=zone,
        minutes=new.minutes,
        status=str(new.status),
        **{name: getattr(new, name) for name in _PLAIN},
        **_times(settle(new.wall_start, zone, new.fold), new.minutes),
        segments=[],
    )
    db.add(row)
    db.flush()
    return row


def change_session(
    db: DbSession,
    actor: Actor,
    session_id: str,
    change: SessionChange,
    revision: int | None = None,
) -> Session:
    """Changes what `change` names. A new local time, zone or fold is read anew, and that of a
    session which takes place after all; what is not named keeps its instant, even if zone data
    would read it differently today (`services.zone_guard`).

    Raises:
        NotFound, Stale.
        Invalid: as for `create_session`, and at ``status`` for the way back to a draft of a
            session that has been published.
        Clash: ``session_mandatory``, where nobody has heard of a session that the cycle's rule says
            must not be missed, and it is to be cancelled.
    """
    row = held_session(db, session_id, revision)
    named = change.model_fields_set
    if "number" in named and change.number != row.number:
        held_cycle(db, row.cycle_id)
        _check_number(db, row.cycle_id, change.number)
        row.number = change.number
    if "status" in named:
        _check_status(db, row, change.status)
        _check_mandatory(db, row, change.status)
        if row.status == SessionStatus.CANCELLED != change.status:
            # While it was off, newer zone data was not looked at for it.
            row.starts_at = resolve_wall(row.wall_start, row.zone, row.fold).instant
        row.status = str(change.status)
    links = {name: getattr(change, name) for name in _LINKS if name in named}
    check_meeting(db, row.cycle_id, {k: v for k, v in links.items() if v != getattr(row, k)})
    for name in _PLAIN:
        if name in named:
            setattr(row, name, getattr(change, name))
    if "title" in named:
        row.title = dict(change.title)
    if "description" in named:
        row.description = dict(change.description)
    _change_times(row, change)
    db.flush()
    return row


def delete_session(
    db: DbSession, actor: Actor, session_id: str, revision: int | None = None
) -> None:
    """Takes a session away that nobody has heard of.

    Raises:
        NotFound, Stale.
        Clash: code ``session_released`` if it has been in a release: it is in people's calendars,
            so it is cancelled instead; ``session_has_evidence`` if attendance was recorded;
            ``session_mandatory`` if the cycle's rule says that it must not be missed.
    """
    row = held_session(db, session_id, revision)
    # Or it might be published, or asked for, between the look and the deletion.
    cycle = held_cycle(db, row.cycle_id)
    if _was_released(db, row):
        raise Clash(
            N_(
                "Session %(number)s has been published and stands in people's calendars. "
                "Cancel it instead, and publish that."
            ),
            code="session_released",
            number=row.number,
        )
    if db.exec(select(Evidence.id).where(Evidence.session_id == row.id).limit(1)).first():
        raise Clash(
            N_(
                "Attendance was recorded for session %(number)s, and that is never deleted. "
                "Cancel the session instead."
            ),
            code="session_has_evidence",
            number=row.number,
        )
    if named_by_rule(cycle, row.id):
        raise Clash(
            N_(
                "By the rule for completion session %(number)s must not be missed. "
                "Change the rule first, then delete the session."
            ),
            code="session_mandatory",
            number=row.number,
        )
    db.delete(row)
    db.flush()


def get_session(db: DbSession, actor: Actor, session_id: str) -> Session:
    """A session with its agenda, people and where they work. Three queries. Raises NotFound."""
    return find(db, Session, session_id, *with_agenda())


def session_by_number(db: DbSession, actor: Actor, cycle_id: str, number: int) -> Session:
    """The session of a cycle with this number, loaded like `get_session`. Raises NotFound."""
    if not 1 <= number <= HIGHEST_NUMBER:  # PostgreSQL would refuse to compare a larger one
        raise NotFound
    rows = session_rows(db, Session.cycle_id == cycle_id, Session.number == number)
    if not rows:
        raise NotFound
    return rows[0]


def list_sessions(db: DbSession, actor: Actor, cycle_id: str) -> list[Session]:
    """The sessions of a cycle by number, each loaded like `get_session`. Four queries.

    Raises NotFound where there is no such cycle.
    """
    find(db, Cycle, cycle_id)
    return list(sessions_of(db, cycle_id))


def _times(settled: Settled, minutes: int) -> dict[str, Any]:
    return {
        "wall_start": settled.wall,
        "fold": settled.fold,
        "starts_at": settled.instant,
        "ends_at": settled.instant + timedelta(minutes=minutes),
    }


def _change_times(row: Session, change: SessionChange) -> None:
    named = change.model_fields_set
    wall = change.wall_start if "wall_start" in named else row.wall_start
    zone = change.zone if "zone" in named else row.zone
    minutes = change.minutes if "minutes" in named else row.minutes
    fold = change.fold if "fold" in named else None
    same = wall == row.wall_start and zone == row.zone
    if not same or fold not in (None, row.fold):
        for name, value in _times(settle(wall, zone, fold), minutes).items():
            setattr(row, name, value)
        row.zone = zone
    row.minutes = minutes
    row.ends_at = row.starts_at + timedelta(minutes=minutes)


def _check_number(db: DbSession, cycle_id: str, number: int) -> None:
    taken = select(Session.id).where(Session.cycle_id == cycle_id, Session.number == number)
    if db.exec(taken).first() is not None:
        raise Invalid.one(
            "number",
            N_("There is a session %(number)s already. Choose another number."),
            code="number_taken",
            number=number,
        )


def _check_status(db: DbSession, row: Session, status: SessionStatus) -> None:
    if (
        status is SessionStatus.DRAFT
        and row.status != SessionStatus.DRAFT
        and _was_released(db, row)
    ):
        raise Invalid.one(
            "status",
            N_("This session has been published, so it cannot be a draft again. Cancel it."),
            code="session_released",
        )


def _check_mandatory(db: DbSession, row: Session, status: SessionStatus) -> None:
    """Whoever is told of a cancellation knows that it is not asked for any more. Of one that was
    never published nobody would be."""
    if status is not SessionStatus.CANCELLED or row.status == SessionStatus.CANCELLED:
        return
    if named_by_rule(held_cycle(db, row.cycle_id), row.id) and not _was_released(db, row):
        raise Clash(
            N_(
                "By the rule for completion session %(number)s must not be missed. "
                "Change the rule first, then cancel the session."
            ),
            code="session_mandatory",
            number=row.number,
        )


def _was_released(db: DbSession, row: Session) -> bool:
    released = released_schedule(db, row.cycle_id)
    return released is not None and any(s.id == row.id for s in released.sessions)
