"""Sessions in a row: the same hour on the wall, every so many days."""

from collections.abc import Set
from datetime import date, datetime, timedelta

from app.domain.errors import N_, Invalid
from app.domain.zones import zone as zone_info

LONGEST_SERIES = 100
LARGEST_STEP = 366
FIRST_YEAR, LAST_YEAR = 2000, 2100


def series(
    first_wall: datetime,
    zone: str,
    every_days: int,
    count: int,
    skip: Set[date] = frozenset(),
) -> list[datetime]:
    """The naive local starts of `count` sessions in `zone`, the first at `first_wall`.

    The hour on the wall stays, so the instants are not evenly spaced where clocks change. A date
    in `skip` is passed over and the series runs on for it, so there are always `count`. Some
    local times may not exist or exist twice: `zones.resolve_wall` says which.

    Raises:
        Invalid: at ``count``, ``every_days`` or ``first_wall`` (it would run beyond the year 2100).
        UnknownZone: `zone` is no IANA name.
        ValueError: `first_wall` is aware.
    """
    _must_be_naive(first_wall)
    zone_info(zone)
    if not 1 <= count <= LONGEST_SERIES:
        raise Invalid.one(
            "count",
            N_("A series has between 1 and %(most)s sessions."),
            code="out_of_range",
            most=LONGEST_SERIES,
        )
    if not 1 <= every_days <= LARGEST_STEP:
        raise Invalid.one(
            "every_days",
            N_("Between two sessions of a series there are 1 to %(most)s days."),
            code="out_of_range",
            most=LARGEST_STEP,
        )
    walls: list[datetime] = []
    wall = first_wall
    while True:
        if wall.date() not in skip:
            walls.append(wall)
        if len(walls) == count:
            return walls
        wall = shift_wall(wall, every_days, field="first_wall")


def shift_wall(wall: datetime, days: int, *, field: str = "shift_days") -> datetime:
    """The same hour on the wall, so many days later (earlier if negative); naive, `fold` 0.

    Raises Invalid at `field` outside the years 2000 to 2100, and ValueError if `wall` is aware.
    """
    _must_be_naive(wall)
    try:
        shifted = wall.replace(fold=0) + timedelta(days=days)
    except OverflowError:
        shifted = None
    if shifted is None or not FIRST_YEAR <= shifted.year <= LAST_YEAR:
        raise Invalid.one(
            field,
            N_("Choose a date between 2000 and 2100, for every session."),
            code="year",
        )
    return shifted


def _must_be_naive(wall: datetime) -> None:
    if wall.tzinfo is not None:
        raise ValueError("a local time is naive: its zone stands beside it")
