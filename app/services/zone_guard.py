"""When newer zone data moves sessions: the draft follows it, and one act tells those concerned."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.db import DbSession
from app.domain.changes import release
from app.domain.errors import N_, Clash
from app.domain.schedule import Schedule, SessionStatus
from app.domain.zone_shifts import shifts, with_shifts
from app.domain.zones import resolve_wall
from app.models import Cycle, Release, Session
from app.services.actor import Actor
from app.services.publishing import Preview, hold_as_shown, make_release, preview

RowT = TypeVar("RowT", Cycle, Session)


def read_zones_again(db: DbSession, now: datetime) -> dict[str, list[Session]]:
    """Moves the instants of sessions to come to where today's zone data has their local times, and
    marks the published cycles that hold them (`Cycle.zones_moved`).

    For after an update of the `tzdata` package. Gives back those that moved, by the short name
    of their cycle. A local time that no longer exists is read as RFC 5545, section 3.3.5 has it.
    Nothing is held where nothing moves.
    """
    to_come = (col(Session.starts_at) > now, Session.status != SessionStatus.CANCELLED)
    columns: tuple[Any, ...] = (
        Session.cycle_id,
        Session.wall_start,
        Session.zone,
        Session.fold,
        Session.starts_at,
    )
    cycle_ids = {
        cycle_id
        for cycle_id, wall, zone, fold, starts in db.exec(select(*columns).where(*to_come))
        if resolve_wall(wall, zone, fold).instant != starts
    }
    if not cycle_ids:
        return {}
    theirs = select(Session).where(col(Session.cycle_id).in_(cycle_ids), *to_come)
    rows = _held(db, theirs.order_by(col(Session.id)))
    held = select(Cycle).where(col(Cycle.id).in_(cycle_ids)).order_by(col(Cycle.id))
    cycles = {cycle.id: cycle for cycle in _held(db, held)}
    moved: dict[str, list[Session]] = {}
    for row in rows:
        instant = resolve_wall(row.wall_start, row.zone, row.fold).instant
        if instant != row.starts_at:
            row.starts_at = instant
            row.ends_at = instant + timedelta(minutes=row.minutes)
            cycle = cycles[row.cycle_id]
            cycle.zones_moved = cycle.release_number > 0
            moved.setdefault(cycle.slug, []).append(row)
    db.flush()
    return moved


def _held(db: DbSession, query: SelectOfScalar[RowT]) -> Sequence[RowT]:
    """Sessions first, then cycles, each by id: see `services.schedules`."""
    held = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return db.exec(held).all()


def shifted(found: Preview, now: datetime) -> Schedule | None:
    """What is published, with nothing new but the sessions that newer zone data has moved; None
    where it has moved none."""
    moved = shifts(found.before, found.next_schedule, now)
    if found.before is None or not moved:
        return None
    return release(found.before, with_shifts(found.before, moved), now)


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
    schedule = shifted(preview(db, actor, cycle_id, now), now)
    if schedule is None:
        raise Clash(
            N_("The time zones have moved no session that is still to come."),
            code="nothing_shifted",
        )
    return make_release(db, actor, cycle, schedule, now)
