"""Sessions that newer zone data has moved: the same local time, another instant.

What people were told is a local time. A release holds it beside the instant that it stood for on
that day, and once the zone data has changed the two say different things: readers are shown the
local time (`by_the_clock`), and what is sent goes by the instants as they were released.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.schedule import Schedule, Session, SessionStatus
from app.domain.zones import resolve_wall


@dataclass(frozen=True, slots=True)
class Shift:
    """A session to come whose local time (naive, in `zone`) stood for the instant `was` when it was
    published, and stands for `now` today. Instants are aware UTC."""

    session_id: str
    number: int
    zone: str
    wall_start: datetime
    was: datetime
    now: datetime
    ends: datetime  # of the session, today


def shifts(released: Schedule | None, now: datetime) -> tuple[Shift, ...]:
    """What nobody has been told who reads `released`, because only the zone data has changed since;
    in the order of time. What is over by the aware instant `now`, in both, is left out. What the
    draft says by now is no matter: people's calendars say what is published.

    Raises UnknownZone.
    """
    found = []
    for before in released.sessions if released else ():
        session = at_its_hour(before)
        moved = session is not before and max(before.ends, session.ends) > now
        if moved and before.status is SessionStatus.SCHEDULED:
            found.append(
                Shift(
                    session_id=session.id,
                    number=session.number,
                    zone=session.zone,
                    wall_start=session.wall_start,
                    was=before.starts,
                    now=session.starts,
                    ends=session.ends,
                )
            )
    return tuple(sorted(found, key=lambda s: (s.now, s.number)))


def same_clock(one: Session, other: Session) -> bool:
    """Whether both begin at the same local time in the same zone; of an hour that happens twice, in
    the same of the two."""
    first, second = one.wall_start, other.wall_start
    return (one.zone, first, first.fold) == (other.zone, second, second.fold)


def by_the_clock(released: Schedule) -> Schedule:
    """A release for its readers: each session at its local time, by today's zone data.

    What that data has not moved is the same. A local time that no longer exists is read as RFC
    5545, section 3.3.5 has it. Raises UnknownZone.
    """
    return _read_anew(released, {session.id for session in released.sessions})


def at_its_hour(session: Session) -> Session:
    """A session at its local time by today's zone data, with its segments; the same object where
    that has not moved it. Raises UnknownZone."""
    wall = session.wall_start
    by = resolve_wall(wall, session.zone, wall.fold).instant - session.starts
    if by == timedelta(0):
        return session
    segments = tuple(
        replace(each, starts=each.starts + by, ends=each.ends + by) for each in session.segments
    )
    return replace(session, starts=session.starts + by, ends=session.ends + by, segments=segments)


def with_shifts(released: Schedule, found: Collection[Shift]) -> Schedule:
    """A release with these of its sessions where the clocks have them today, and nothing else new:
    as a draft, what tells those concerned. Raises UnknownZone."""
    return _read_anew(released, {shift.session_id for shift in found})


def _read_anew(schedule: Schedule, ids: Collection[str]) -> Schedule:
    sessions = tuple(at_its_hour(s) if s.id in ids else s for s in schedule.sessions)
    # Nearly always nothing has moved: the same object is the cheapest thing to compare.
    same = all(new is old for new, old in zip(sessions, schedule.sessions, strict=True))
    return schedule if same else replace(schedule, sessions=sessions)
