"""Series of sessions."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Invalid
from app.domain.series import LONGEST_SERIES, series, shift_wall
from app.domain.zones import UnknownZone, resolve_wall
from tests.domain.build import ZONES

walls = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1))
NINE = datetime(2026, 3, 23, 9)


def test_four_mondays_at_nine() -> None:
    assert series(NINE, "Europe/Madrid", 7, 4) == [
        datetime(2026, 3, 23, 9),
        datetime(2026, 3, 30, 9),
        datetime(2026, 4, 6, 9),
        datetime(2026, 4, 13, 9),
    ]


def test_the_hour_on_the_wall_stays_when_clocks_change() -> None:
    first, second = series(NINE, "Europe/Madrid", 7, 2)
    instants = [resolve_wall(wall, "Europe/Madrid").instant for wall in (first, second)]
    assert instants == [
        datetime(2026, 3, 23, 8, tzinfo=UTC),
        datetime(2026, 3, 30, 7, tzinfo=UTC),
    ]


def test_a_holiday_is_passed_over_and_the_series_runs_on() -> None:
    skip = {date(2026, 3, 30)}
    assert [w.date().isoformat() for w in series(NINE, "America/Bogota", 7, 3, skip)] == [
        "2026-03-23",
        "2026-04-06",
        "2026-04-13",
    ]


@given(
    walls,
    st.sampled_from(ZONES),
    st.integers(1, 30),
    st.integers(1, 20),
    st.sets(st.integers(0, 200), max_size=30),
)
def test_a_series(first: datetime, zone: str, step: int, count: int, skipped: set[int]) -> None:
    skip = {first.date() + timedelta(days=n) for n in skipped}
    starts = series(first, zone, step, count, skip)
    days = [(wall - first).days for wall in starts]
    assert len(starts) == count
    assert {wall.time() for wall in starts} == {first.time()}
    # Exactly the multiples of the step that are not skipped, from the first on, with none left out.
    assert days == [n for n in range(0, days[-1] + 1, step) if n not in skipped]


@pytest.mark.parametrize(
    ("step", "count", "field"),
    [
        (0, 1, "every_days"),
        (367, 1, "every_days"),
        (7, 0, "count"),
        (7, LONGEST_SERIES + 1, "count"),
    ],
)
def test_what_is_no_series(step: int, count: int, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        series(NINE, "America/Bogota", step, count)
    assert [f.field for f in caught.value.fields] == [field]


def test_the_ends_of_what_is_allowed() -> None:
    early = datetime(2000, 1, 3, 9)
    assert len(series(early, "America/Bogota", 366, LONGEST_SERIES)) == LONGEST_SERIES


def test_no_such_zone() -> None:
    with pytest.raises(UnknownZone):
        series(NINE, "America/Macondo", 7, 2)


@pytest.mark.parametrize("first", [datetime(2100, 12, 30), datetime(9999, 12, 30)])
def test_beyond_the_calendar(first: datetime) -> None:
    with pytest.raises(Invalid) as caught:
        series(first, "America/Bogota", 7, 2)
    assert [f.field for f in caught.value.fields] == ["first_wall"]


@given(walls, st.integers(-400, 400))
def test_shifting_keeps_the_hour_and_can_be_taken_back(wall: datetime, days: int) -> None:
    shifted = shift_wall(wall, days)
    assert (shifted.time(), (shifted.date() - wall.date()).days) == (wall.time(), days)
    assert shift_wall(shifted, -days) == wall


def test_a_shifted_time_is_no_second_one() -> None:
    assert shift_wall(NINE.replace(fold=1), 0).fold == 0


def test_aware_times_are_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        shift_wall(NINE.replace(tzinfo=UTC), 1)
    with pytest.raises(ValueError, match="naive"):
        series(NINE.replace(tzinfo=UTC), "America/Bogota", 7, 1)
