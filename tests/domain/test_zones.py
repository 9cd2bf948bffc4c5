"""Local times and instants, with the packaged zone data."""

# ruff: noqa: DTZ901 (naive local times are the subject)

import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import zones
from app.domain.zones import (
    UnknownZone,
    WallKind,
    WallTimeOutOfRange,
    resolve_wall,
    wall_time,
    zone,
    zone_names,
)

NAMES = sorted(zone_names())
any_zone = st.sampled_from(NAMES)
any_wall = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2099, 12, 31))
any_instant = any_wall.map(lambda d: d.replace(tzinfo=UTC))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_a_time_that_happens_once() -> None:
    found = resolve_wall(datetime(2026, 11, 26, 10), "America/Bogota")
    assert (found.kind, found.instant) == (WallKind.ONCE, utc(2026, 11, 26, 15))
    assert found.instants == (utc(2026, 11, 26, 15),)
    assert found.shown == datetime(2026, 11, 26, 10)


@pytest.mark.parametrize("fold", [0, 1])
def test_a_skipped_time_is_read_with_the_offset_before_the_gap(fold: int) -> None:
    # The example of RFC 5545, 3.3.5: 02:30 on 11 March 2007 in New York is 03:30 EDT.
    found = resolve_wall(datetime(2007, 3, 11, 2, 30), "America/New_York", fold)
    assert (found.kind, found.instant) == (WallKind.NEVER, utc(2007, 3, 11, 7, 30))
    assert found.instants == ()
    assert found.shown == datetime(2007, 3, 11, 3, 30)


def test_a_time_that_happens_twice_is_the_first_unless_asked() -> None:
    # The other example there: 01:30 on 4 November 2007 in New York is 01:30 EDT.
    wall = datetime(2007, 11, 4, 1, 30)
    both = (utc(2007, 11, 4, 5, 30), utc(2007, 11, 4, 6, 30))
    first = resolve_wall(wall, "America/New_York")
    second = resolve_wall(wall, "America/New_York", fold=1)
    assert (first.kind, first.instant, first.instants) == (WallKind.TWICE, both[0], both)
    assert (second.kind, second.instant, second.instants) == (WallKind.TWICE, both[1], both)
    assert first.shown == second.shown == wall


@pytest.mark.parametrize(
    ("wall", "name", "kind"),
    [
        (datetime(2025, 9, 7, 0, 0), "America/Santiago", WallKind.NEVER),  # midnight is skipped
        (datetime(2025, 9, 7, 1, 0), "America/Santiago", WallKind.ONCE),  # half-open
        (datetime(2025, 4, 5, 23, 0), "America/Santiago", WallKind.TWICE),
        (datetime(2025, 4, 6, 0, 0), "America/Santiago", WallKind.ONCE),
        (datetime(2024, 10, 6, 0, 30), "America/Asuncion", WallKind.NEVER),
        (datetime(2025, 10, 5, 0, 30), "America/Asuncion", WallKind.ONCE),  # stays on -03 for good
        (datetime(2025, 3, 30, 2, 30), "Europe/Madrid", WallKind.NEVER),
        (datetime(2025, 10, 26, 2, 30), "Europe/Madrid", WallKind.TWICE),
        (datetime(2011, 12, 30, 12, 0), "Pacific/Apia", WallKind.NEVER),  # a whole day
        (datetime(2025, 4, 6, 1, 45), "Australia/Lord_Howe", WallKind.TWICE),  # half an hour
        (datetime(2025, 4, 6, 1, 15), "Australia/Lord_Howe", WallKind.ONCE),
    ],
)
def test_places_with_their_own_habits(wall: datetime, name: str, kind: WallKind) -> None:
    assert resolve_wall(wall, name).kind == kind


@given(any_wall, any_zone, st.integers(0, 1))
def test_instants_are_exactly_those_that_show_the_wall_time(
    wall: datetime, name: str, fold: int
) -> None:
    found = resolve_wall(wall, name, fold)
    # Every offset that the zone has within two days is tried, knowing nothing of PEP 495.
    near = [wall.replace(tzinfo=UTC) + timedelta(minutes=m) for m in range(-2880, 2881, 15)]
    tried = {wall.replace(tzinfo=UTC) - offset_at(n, name) for n in near}
    assert found.instants == tuple(sorted(t for t in tried if wall_time(t, name) == wall))
    assert len(found.instants) == {"never": 0, "once": 1, "twice": 2}[found.kind]
    if found.instants:
        assert found.instant == found.instants[fold if found.kind == WallKind.TWICE else 0]
        assert found.shown == wall
    else:
        # Before the gap's offset is smaller, so the clock shows a later time than was written.
        assert found.shown > wall


def offset_at(instant: datetime, name: str) -> timedelta:
    offset = instant.astimezone(zone(name)).utcoffset()
    assert offset is not None
    return offset


@given(any_instant, any_zone)
def test_every_instant_can_be_written_as_a_wall_time_and_found_again(
    instant: datetime, name: str
) -> None:
    found = resolve_wall(wall_time(instant, name), name)
    assert instant in found.instants


@given(st.text())
def test_a_name_is_known_exactly_or_refused(name: str) -> None:
    if name in NAMES:
        assert zone(name).key == name
    else:
        with pytest.raises(UnknownZone):
            zone(name)


@pytest.mark.parametrize(
    "name",
    ["", "UTC+3", "america/bogota", "../etc/passwd", "/usr/share/zoneinfo/UTC", "Factory",
     "SA Pacific Standard Time", "America", "localtime", "posix/Europe/Madrid", "Europe/Madrid\0"],
)  # fmt: skip
def test_what_is_no_iana_name(name: str) -> None:
    with pytest.raises(UnknownZone, match="unknown time zone") as caught:
        zone(name)
    assert caught.value.name == name


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="naive"):
        resolve_wall(utc(2026, 1, 1), "Europe/Madrid")
    with pytest.raises(ValueError, match="fold"):
        resolve_wall(datetime(2026, 1, 1), "Europe/Madrid", 2)
    with pytest.raises(ValueError, match="aware"):
        wall_time(datetime(2026, 1, 1), "Europe/Madrid")
    with pytest.raises(UnknownZone):
        resolve_wall(datetime(2026, 1, 1), "Europe/Narnia")


@pytest.mark.parametrize(
    ("wall", "name"), [(datetime.min, "Asia/Tokyo"), (datetime.max, "America/Bogota")]
)
def test_the_ends_of_time(wall: datetime, name: str) -> None:
    with pytest.raises(WallTimeOutOfRange):
        resolve_wall(wall, name)


def test_the_package_wins_over_the_system() -> None:
    zone("Europe/Madrid")
    assert zoneinfo.TZPATH == ()
    assert zones.zone_data_version().startswith("20")


def test_a_zone_built_from_the_systems_files_before_is_forgotten() -> None:
    # In a process of its own: what is asked is the very first use.
    script = (
        "from zoneinfo import ZoneInfo\n"
        "before = ZoneInfo('Europe/Madrid')\n"
        "from app.domain.zones import zone\n"
        "assert zone('Europe/Madrid') is not before\n"
        "assert ZoneInfo('Europe/Madrid') is zone('Europe/Madrid')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_zones_are_tzinfo() -> None:
    assert isinstance(zone("America/Sao_Paulo"), tzinfo)
