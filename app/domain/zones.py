"""Time zones: which names there are, and what a local time means in one of them.

Zone data comes from the `tzdata` package, never from the machine: the package is pinned, so every
machine gives a session the same instant, and a new release of the zone data arrives as a change
of a dependency that can be seen and tested.
"""

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from importlib import metadata, resources
from zoneinfo import ZoneInfo

_NOT_PLACES = frozenset({"Factory"})
"""In the package's list of names, but a marker for "not set", not a zone that a person is in."""


class UnknownZone(ValueError):
    """A zone's name that IANA does not know."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown time zone: {name!r}")
        self.name = name


class WallTimeOutOfRange(ValueError):
    """A local time so near to year 1 or 9999 that its instant cannot be computed."""


class WallKind(StrEnum):
    """How often a local time happens."""

    ONCE = "once"
    NEVER = "never"  # clocks jump over it
    TWICE = "twice"  # clocks are set back and show it again


@dataclass(frozen=True, slots=True)
class WallTime:
    """A local time in a zone, and the instant that it stands for.

    `instants` holds every instant at which clocks in the zone show `wall`, the earlier first: one,
    none, or two. `instant` is the one that was chosen. Instants are aware UTC.
    """

    wall: datetime
    zone: str
    kind: WallKind
    instant: datetime
    instants: tuple[datetime, ...]

    @property
    def shown(self) -> datetime:
        """What clocks in the zone show at `instant` (naive): not `wall` where that is skipped."""
        return wall_time(self.instant, self.zone)


@cache
def use_packaged_zone_data() -> None:
    """Make the `tzdata` package win over the system's zone files, in the whole process.

    Entry points call it first, so that libraries that ask zoneinfo themselves agree with us;
    `zone` calls it for whoever did not. Raises RuntimeError where the package is missing.
    """
    zoneinfo.reset_tzpath(to=[])
    ZoneInfo.clear_cache()  # what was built from the system's files before would stay
    if not zoneinfo.available_timezones():
        raise RuntimeError("The time-zone data is missing: install the Python package 'tzdata'.")


@cache
def zone_names() -> frozenset[str]:
    """Every IANA name that `zone` takes, old spellings included."""
    use_packaged_zone_data()
    return frozenset(zoneinfo.available_timezones()) - _NOT_PLACES


@cache
def zones_by_country() -> tuple[tuple[str, str], ...]:
    """(ISO 3166 code, IANA name) for each zone that a country has today: the zone data's own table
    for choosing one (``zone.tab``)."""
    table = resources.files("tzdata") / "zoneinfo" / "zone.tab"
    rows = table.read_text(encoding="utf-8").splitlines()
    found = (row.split("\t") for row in rows if row and not row.startswith("#"))
    return tuple((country, name) for country, _place, name, *_comment in found)


def zone_data_version() -> str:
    """The release of the zone data in use, for example ``2026.6``."""
    return metadata.version("tzdata")


def zone(name: str) -> ZoneInfo:
    """The zone with this IANA name, spelt exactly so. Raises UnknownZone.

    Checked against the list of names and not left to the file system, which would take
    ``europe/madrid`` on one machine and refuse it on another.
    """
    if name not in zone_names():
        raise UnknownZone(name)
    return ZoneInfo(name)


def wall_time(instant: datetime, zone_name: str) -> datetime:
    """What clocks in the zone show at an aware instant: naive, the zone goes beside it.

    Raises UnknownZone, and ValueError for a naive instant.
    """
    if instant.tzinfo is None:
        raise ValueError("the instant must be aware")
    return instant.astimezone(zone(zone_name)).replace(tzinfo=None, fold=0)


def resolve_wall(wall: datetime, zone: str, fold: int = 0) -> WallTime:
    """The instant of a naive local time in an IANA zone, as RFC 5545, section 3.3.5 has it.

    A time that happens twice is the first one; ``fold=1`` asks for the second. A time that is
    skipped is read with the offset before the gap (02:30 where 02:00 jumps to 03:00 is 03:30),
    whatever `fold` says. Look at `kind` to tell the person who wrote it.

    Raises UnknownZone, WallTimeOutOfRange, and ValueError if `wall` is aware or `fold` is not
    0 or 1.
    """
    if wall.tzinfo is not None:
        raise ValueError("the local time must be naive: its zone stands beside it")
    if fold not in (0, 1):
        raise ValueError("fold must be 0 or 1")
    wall = wall.replace(fold=0)
    info = _zone(zone)
    try:
        # PEP 495: fold=0 takes the offset before a change of offset, fold=1 the one after it.
        first = wall.replace(tzinfo=info).astimezone(UTC)
        second = wall.replace(tzinfo=info, fold=1).astimezone(UTC)
        if first == second:
            return WallTime(wall, zone, WallKind.ONCE, first, (first,))
        skipped = first.astimezone(info).replace(tzinfo=None) != wall
    except OverflowError:
        raise WallTimeOutOfRange(f"{wall.isoformat()} is out of range") from None
    if skipped:
        return WallTime(wall, zone, WallKind.NEVER, first, ())
    return WallTime(wall, zone, WallKind.TWICE, (first, second)[fold], (first, second))


_zone = zone  # `resolve_wall` names its parameter like the function
