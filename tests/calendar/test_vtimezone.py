"""Events around every change of the clocks, read back by other people's programs."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from app.calendar.render import render
from app.calendar.values import Calendar, Event
from app.calendar.zones import vtimezone
from app.domain.zones import UnknownZone, zone, zone_names
from tests.calendar import ical_oracles as oracles
from tests.calendar import ical_strict as strict

ZONES = (
    "America/Bogota",
    "America/Santiago",
    "America/Asuncion",
    "America/Sao_Paulo",
    "America/Mexico_City",
    "America/Havana",
    "America/Guayaquil",
    "Europe/Madrid",
)
YEARS = range(2024, 2030)
HOUR = timedelta(hours=1)

# How each zone is written in a calendar of one year: R yearly rules, F one fixed offset, U UTC.
# Asunción moved to -03 for good in October 2024. Havana does not turn its clocks back in 2026, by
# the zone data of 2026: a release that says otherwise changes this table, and nothing else here.
FORMS = {
    "America/Bogota": "FFFFFF",
    "America/Santiago": "RRRRRR",
    "America/Asuncion": "RFFFFF",
    "America/Sao_Paulo": "FFFFFF",
    "America/Mexico_City": "FFFFFF",
    "America/Havana": "RRUURR",
    "America/Guayaquil": "FFFFFF",
    "Europe/Madrid": "RRRRRR",
}


def form(block: bytes | None) -> str:
    if block is None:
        return "U"
    return "R" if b"RRULE" in block else "F"


def event(starts: datetime, name: str, minutes: int = 120) -> Event:
    return Event(
        uid=f"{starts:%Y%m%dT%H%M%S}-{minutes}@convoca.example",
        sequence=0,
        created=datetime(2024, 1, 1, tzinfo=UTC),
        stamp=datetime(2024, 1, 1, tzinfo=UTC),
        starts=starts,
        ends=starts + timedelta(minutes=minutes),
        zone=name,
        summary="Sesión",
        description="Texto",
        location="https://convoca.example/x",
        url="https://convoca.example/y",
    )


def offset(instant: datetime, name: str) -> timedelta:
    found = instant.astimezone(zone(name)).utcoffset()
    assert found is not None
    return found


@cache
def changes(name: str, year: int) -> tuple[datetime, ...]:
    """The instants of the local year at which the offset changes: looked for hour by hour."""
    first = datetime(year, 1, 1, tzinfo=zone(name)).astimezone(UTC)
    last = datetime(year + 1, 1, 1, tzinfo=zone(name)).astimezone(UTC)
    found, at = [], first
    while at < last:
        if offset(at, name) != offset(at - HOUR, name):
            found.append(at)
        at += HOUR
    return tuple(found)


def starts(name: str, year: int) -> Iterator[datetime]:
    """The year's edges, the middle of every month, and both sides of every change."""
    info = zone(name)
    yield datetime(year, 1, 1, tzinfo=info).astimezone(UTC)
    yield datetime(year, 12, 31, 21, 59, tzinfo=info).astimezone(UTC)
    for month in range(1, 13):
        yield datetime(year, month, 15, 10, tzinfo=info).astimezone(UTC)
    for change in changes(name, year):
        for minutes in (-1440, -180, -121, -120, -90, -60, -30, -1, 0, 1, 30, 60, 90, 120, 1440):
            yield change + timedelta(minutes=minutes)


def events(name: str, year: int) -> tuple[Event, ...]:
    return tuple(event(start, name) for start in starts(name, year))


def truth(written: tuple[Event, ...]) -> oracles.Spans:
    return {e.uid: (e.starts, e.ends) for e in written}


ORACLES: dict[str, oracles.Oracle] = {
    "icalendar": oracles.by_icalendar,
    "icalendar-pytz": oracles.by_icalendar_pytz,
    "vobject": oracles.by_vobject,
    "ics": oracles.by_ics,
    "libical": lambda data: oracles.Libical()(data),
    "strict": strict.spans,
}
if os.environ.get("CONVOCA_TEST_ICAL_JS"):  # one more, for whoever has it: see oracles.by_ical_js
    ORACLES["ical.js"] = oracles.by_ical_js


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("oracle", ORACLES)
def test_others_read_the_instants_that_were_meant(oracle: str, name: str, year: int) -> None:
    written = events(name, year)
    data = oracles.under_another_name(render(Calendar(written)))
    assert name.encode() not in data
    assert ORACLES[oracle](data) == truth(written)


@pytest.mark.parametrize("oracle", ORACLES)
def test_others_read_a_feed_of_all_zones_and_years(oracle: str) -> None:
    written = tuple(
        event(start + timedelta(seconds=i), name)
        for i, name in enumerate(ZONES)
        for year in YEARS
        for start in list(starts(name, year))[:14:3]
    )
    data = oracles.under_another_name(render(Calendar(written, name="Todo")))
    assert len(truth(written)) == len(ZONES) * len(YEARS) * 5
    assert ORACLES[oracle](data) == truth(written)


@pytest.mark.parametrize("name", ZONES)
def test_the_form_that_each_year_takes(name: str) -> None:
    assert "".join(form(vtimezone(name, year, year)) for year in YEARS) == FORMS[name]


@pytest.mark.parametrize(
    ("name", "first", "last", "expected"),
    [
        ("America/Santiago", 2025, 2027, "R"),  # the first Sunday throughout
        ("America/Santiago", 2024, 2025, "U"),  # 8 September, then 7 September
        ("America/Santiago", 2028, 2029, "U"),  # 2 April, then 8 April: no single ordinal
        ("America/Asuncion", 2024, 2025, "U"),
        ("America/Asuncion", 2025, 2029, "F"),
        ("America/Mexico_City", 2022, 2022, "R"),
        ("America/Mexico_City", 2022, 2023, "U"),
        ("America/Mexico_City", 2023, 2029, "F"),
        ("America/Havana", 2024, 2025, "R"),
        ("America/Havana", 2025, 2026, "U"),
        ("America/Havana", 2028, 2029, "R"),
        ("America/Sao_Paulo", 2018, 2018, "R"),
        ("America/Sao_Paulo", 2017, 2018, "U"),  # from October, then from November
        ("America/Sao_Paulo", 2020, 2029, "F"),
        ("Europe/Madrid", 2024, 2073, "R"),
        ("Europe/Madrid", 2024, 2074, "U"),  # more years than any calendar of ours holds
        ("Europe/Dublin", 2024, 2029, "R"),
        ("Africa/Casablanca", 2024, 2025, "U"),
    ],
)
def test_the_form_that_several_years_take(name: str, first: int, last: int, expected: str) -> None:
    assert form(vtimezone(name, first, last)) == expected


def test_rules_are_the_ones_that_the_laws_have() -> None:
    assert (vtimezone("Europe/Madrid", 2025, 2025) or b"").decode().splitlines() == [
        "BEGIN:VTIMEZONE",
        "TZID:Europe/Madrid",
        "BEGIN:STANDARD",
        "DTSTART:20241027T030000",
        "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
        "TZOFFSETFROM:+0200",
        "TZOFFSETTO:+0100",
        "TZNAME:CET",
        "END:STANDARD",
        "BEGIN:DAYLIGHT",
        "DTSTART:20250330T020000",
        "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0200",
        "TZNAME:CEST",
        "END:DAYLIGHT",
        "END:VTIMEZONE",
    ]


def test_summer_is_daylight_in_dublin_too() -> None:
    block = vtimezone("Europe/Dublin", 2025, 2025) or b""
    assert block.count(b"TZNAME:IST\r\nEND:DAYLIGHT") == 1
    assert block.count(b"TZNAME:GMT\r\nEND:STANDARD") == 1


@pytest.mark.parametrize("year", YEARS)
def test_every_zone_there_is_tells_the_truth_for_the_whole_year(year: int) -> None:
    for name in sorted(zone_names()):
        block = vtimezone(name, year, year)
        if block is None:
            continue
        info = zone(name)
        at = datetime(year, 1, 1, tzinfo=info).astimezone(UTC)
        end = datetime(year + 1, 1, 1, tzinfo=info).astimezone(UTC)
        wrapped = strict.parse(b"BEGIN:VCALENDAR\r\n" + block + b"END:VCALENDAR\r\n")
        read = strict.zones(wrapped)[name].changes(year + 1)
        for instant in (at + timedelta(days=d) for d in range(0, 366, 2)):
            told = [c for c in read if c[0] <= instant][-1][2]
            assert instant >= end or told == offset(instant, name), (name, instant)
        for onset, before, after in (c for c in read if at < c[0] < end):
            assert offset(onset - timedelta(seconds=1), name) == before, name
            assert offset(onset, name) == after, name


@pytest.mark.parametrize("year", YEARS)
def test_few_zones_need_utc(year: int) -> None:
    # Places whose law changes in the year, and Morocco's Ramadan. Of some 600.
    assert len({n for n in zone_names() if vtimezone(n, year, year) is None}) < 20


def test_hours_that_happen_twice_are_written_in_utc() -> None:
    # 23:30 on 5 April 2025 comes twice in Santiago, at 02:30 and 03:30 UTC.
    at = (datetime(2025, 4, 6, hour, 30, tzinfo=UTC) for hour in (1, 2, 3, 4))
    written = [event(start, "America/Santiago", minutes=15) for start in at]
    read = strict.parse(render(Calendar(tuple(written)))).all("VEVENT")
    assert [e["DTSTART"] for e in read] == [
        "20250405T223000",
        "20250406T023000Z",
        "20250406T033000Z",
        "20250406T003000",
    ]
    assert b"VTIMEZONE" not in render(Calendar(tuple(written[1:3])))


def test_start_and_end_are_written_alike() -> None:
    # It ends at the first 23:30: then the start is in UTC too (RFC 5545, 3.8.2.2).
    spanning = event(datetime(2025, 4, 6, 0, 30, tzinfo=UTC), "America/Santiago")
    (read,) = strict.parse(render(Calendar((spanning,)))).all("VEVENT")
    assert (read["DTSTART"], read["DTEND"]) == ("20250406T003000Z", "20250406T023000Z")


@pytest.mark.parametrize("name", ["UTC", "Etc/UTC"])
def test_utc_needs_no_vtimezone(name: str) -> None:
    data = render(Calendar((event(datetime(2025, 1, 1, tzinfo=UTC), name),)))
    assert b"TZID" not in data


@pytest.mark.parametrize("at", [datetime(1850, 1, 1), datetime(1, 1, 1), datetime(9999, 12, 31)])
def test_far_away_years_are_written_in_utc(at: datetime) -> None:
    data = render(Calendar((event(at.replace(tzinfo=UTC), "America/Bogota"),)))
    assert b"TZID" not in data


def test_only_iana_names() -> None:
    written = event(datetime(2025, 1, 1, tzinfo=UTC), "SA Pacific Standard Time")
    with pytest.raises(UnknownZone):
        render(Calendar((written,)))


def test_it_is_computed_once() -> None:
    vtimezone.cache_clear()
    render(Calendar(events("America/Santiago", 2025)))
    render(Calendar(events("America/Santiago", 2025)))
    assert (vtimezone.cache_info().misses, vtimezone.cache_info().hits) == (1, 1)
