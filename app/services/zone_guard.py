"""When newer zone data moves sessions: the draft follows it, and one act tells those concerned."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import and_
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.db import DbSession
from app.domain.changes import release
from app.domain.documents import from_document
from app.domain.errors import N_, Clash
from app.domain.schedule import CycleStatus, Schedule, SessionStatus
from app.domain.zone_shifts import shifts, with_shifts
from app.domain.zones import resolve_wall
from app.models import Cycle, Release, Session
from app.services.actor import Actor
from app.services.publishing import hold_as_shown, make_release
from app.services.schedules import stored_schedule

_FURTHEST = timedelta(days=2)  # no clocks are as far apart

RowT = TypeVar("RowT", Cycle, Session)


def read_zones_again(db: DbSession, now: datetime) -> dict[str, list[Session]]:
    """Moves the instants of sessions that are not over to where today's zone data has their local
    times, and marks the published cycles that hold them (`Cycle.zones_moved`): in these `untold`
    looks.

    For after an update of the `tzdata` package. Gives back those that moved, by the short name
    of their cycle. A local time that no longer exists is read as RFC 5545, section 3.3.5 has it.
    One query, and no row is held, where nothing moves.
    """
    # What is over may not be so by the newer data.
    to_come = (col(Session.ends_at) > now - _FURTHEST, Session.status != SessionStatus.CANCELLED)
    columns: tuple[Any, ...] = (
        Session.cycle_id,
        Session.wall_start,
        Session.zone,
        Session.fold,
        Session.minutes,
        Session.starts_at,
    )
    cycle_ids = {
        cycle_id
        for cycle_id, *times in db.exec(select(*columns).where(*to_come))
        if _moved_to(_Times(*times), now)
    }
    if not cycle_ids:
        return {}
    theirs = select(Session).where(col(Session.cycle_id).in_(cycle_ids), *to_come)
    rows = _held(db, theirs.order_by(col(Session.id)))
    held = select(Cycle).where(col(Cycle.id).in_(cycle_ids)).order_by(col(Cycle.id))
    cycles = {cycle.id: cycle for cycle in _held(db, held)}
    moved: dict[str, list[Session]] = {}
    for row in rows:
        times = _Times(row.wall_start, row.zone, row.fold, row.minutes, row.starts_at)
        if instant := _moved_to(times, now):
            row.starts_at = instant
            row.ends_at = instant + timedelta(minutes=row.minutes)
            cycle = cycles[row.cycle_id]
            cycle.zones_moved = cycle.release_number > 0 and cycle.status != CycleStatus.ARCHIVED
            moved.setdefault(cycle.slug, []).append(row)
    db.flush()
    return moved


def _held(db: DbSession, query: SelectOfScalar[RowT]) -> Sequence[RowT]:
    """Sessions first, then cycles, each by id: see `services.schedules`."""
    held = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return db.exec(held).all()


class _Times(NamedTuple):
    """When a session is, as its row has it."""

    wall_start: datetime
    zone: str
    fold: int
    minutes: int
    starts: datetime


def _moved_to(times: _Times, now: datetime) -> datetime | None:
    """The other instant at which a session begins, unless it is over both ways."""
    instant = resolve_wall(times.wall_start, times.zone, times.fold).instant
    ends = max(instant, times.starts) + timedelta(minutes=times.minutes)
    return instant if instant != times.starts and ends > now else None


def shifted(released: Schedule | None, now: datetime) -> Schedule | None:
    """What is published, with nothing new but the sessions that newer zone data has moved; None
    where it has moved none. `released`: as it is stored."""
    moved = shifts(released, now)
    return release(released, with_shifts(released, moved), now) if released and moved else None


def untold(db: DbSession, now: datetime) -> list[str]:
    """The short names, in their order, of the cycles whose readers have not been told yet of
    sessions that newer zone data has moved. One query."""
    newest = and_(
        col(Release.cycle_id) == col(Cycle.id), col(Release.number) == col(Cycle.release_number)
    )
    marked = (col(Cycle.zones_moved), Cycle.status != CycleStatus.ARCHIVED)
    query = select(Cycle.slug, Release.document).join(Release, newest).where(*marked)
    rows = db.exec(query.order_by(Cycle.slug))
    return [slug for slug, document in rows if shifts(from_document(document), now)]


def publish_shifts(
    db: DbSession, actor: Actor, cycle_id: str, *, now: datetime, revision: int | None = None
) -> Release:
    """Publishes nothing but what newer zone data has moved, and tells those concerned if the cycle
    invites. What else is new in the draft stays there, and what clashes in it keeps nothing back:
    the sessions are at that hour already, whether anybody says so or not.

    Raises:
        NotFound: there is no such cycle.
        Stale: `revision` is given and is not the cycle's.
        Clash: code ``cycle_archived``; ``nothing_shifted``.
    """
    cycle = hold_as_shown(db, cycle_id, revision)
    schedule = shifted(stored_schedule(db, cycle_id), now)
    if schedule is None:
        raise Clash(
            N_("The time zones have moved no session that is still to come."),
            code="nothing_shifted",
        )
    return make_release(db, actor, cycle, schedule, now)
