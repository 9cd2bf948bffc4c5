"""Several sessions in one step."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.db import DbSession
from app.domain.errors import Invalid, NotFound
from app.schemas.session import SeriesIn, SessionChange
from app.services import series, sessions
from app.services.actor import SYSTEM
from tests.factories import Make


def new(**values: Any) -> SeriesIn:
    values.setdefault("title", {"en": "Session", "es": "Sesión"})
    values.setdefault("first_wall_start", "2026-10-20T09:00")
    values.setdefault("every_days", 7)
    values.setdefault("count", 3)
    values.setdefault("minutes", 60)
    return SeriesIn(**values)


def test_the_local_hour_stays_where_clocks_change(db: DbSession, make: Make) -> None:
    cycle = make.cycle(zone="Europe/Madrid")  # clocks go back on 25 October
    rows = series.create_series(
        db, SYSTEM, cycle.id, new(count=2, meeting_url="https://meet.example.org/a")
    )
    assert [(r.number, r.title, r.wall_start, r.starts_at, r.ends_at) for r in rows] == [
        (
            1,
            {"en": "Session 1", "es": "Sesión 1"},
            datetime(2026, 10, 20, 9),
            datetime(2026, 10, 20, 7, tzinfo=UTC),
            datetime(2026, 10, 20, 8, tzinfo=UTC),
        ),
        (
            2,
            {"en": "Session 2", "es": "Sesión 2"},
            datetime(2026, 10, 27, 9),
            datetime(2026, 10, 27, 8, tzinfo=UTC),
            datetime(2026, 10, 27, 9, tzinfo=UTC),
        ),
    ]
    assert {r.meeting_url for r in rows} == {"https://meet.example.org/a"}
    assert len({r.uid for r in rows}) == 2


def test_numbers_go_on_and_skipped_dates_do_not_count(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.session(cycle, number=4)
    rows = series.create_series(db, SYSTEM, cycle.id, new(skip=["2026-10-27"], zone="Asia/Tokyo"))
    assert [(r.number, r.wall_start.date().isoformat(), r.zone) for r in rows] == [
        (5, "2026-10-20", "Asia/Tokyo"),
        (6, "2026-11-03", "Asia/Tokyo"),
        (7, "2026-11-10", "Asia/Tokyo"),
    ]


def test_each_is_on_its_own_afterwards(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    rows = sessions.create_series(db, SYSTEM, cycle.id, new())
    sessions.change_session(db, SYSTEM, rows[1].id, SessionChange(minutes=30))
    assert [r.minutes for r in sessions.list_sessions(db, SYSTEM, cycle.id)] == [60, 30, 60]


@pytest.mark.parametrize(
    ("zone", "first", "code", "date"),
    [
        ("Europe/Madrid", "2026-03-22T02:30", "skipped_time", "2026-03-29 02:30"),
        ("Europe/Madrid", "2026-10-18T02:30", "ambiguous_time", "2026-10-25 02:30"),
    ],
)
def test_an_hour_that_one_of_the_dates_does_not_have_makes_nothing(
    db: DbSession, make: Make, zone: str, first: str, code: str, date: str
) -> None:
    cycle = make.cycle(zone=zone)
    with pytest.raises(Invalid) as raised:
        series.create_series(db, SYSTEM, cycle.id, new(first_wall_start=first))
    (error,) = raised.value.fields
    assert (error.field, error.code, error.params["time"]) == ("first_wall_start", code, date)
    assert sessions.list_sessions(db, SYSTEM, cycle.id) == []


def test_a_title_with_no_room_for_a_number(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    with pytest.raises(Invalid) as raised:
        series.create_series(db, SYSTEM, cycle.id, new(title={"pt": "x" * 199}))
    (error,) = raised.value.fields
    assert (error.field, error.sentence % error.params) == (
        "title.pt",
        "This is too long to have a number after it: at most 198 characters.",
    )
    rows = series.create_series(db, SYSTEM, cycle.id, new(title={"pt": "x" * 198}))
    assert {len(r.title["pt"]) for r in rows} == {200}


def test_numbers_end(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.session(cycle, number=9997)
    with pytest.raises(Invalid) as raised:
        series.create_series(db, SYSTEM, cycle.id, new(count=3))
    assert [e.field for e in raised.value.fields] == ["count"]
    rows = series.create_series(db, SYSTEM, cycle.id, new(count=2))
    assert [r.number for r in rows] == [9998, 9999]


def test_no_such_cycle(db: DbSession) -> None:
    with pytest.raises(NotFound):
        series.create_series(db, SYSTEM, "nothing", new())
