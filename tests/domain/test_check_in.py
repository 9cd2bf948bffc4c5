"""The check-in window: half-open, around the session."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.check_in import WindowState, state, window
from tests.domain.build import ZERO, at, instants

TICK = timedelta.resolution


def test_from_a_quarter_of_an_hour_before_to_half_an_hour_after_the_end() -> None:
    assert window(at(0), at(120)) == (at(-15), at(150))


def test_an_organizer_may_choose() -> None:
    assert window(at(0), at(120), 5, 0) == (at(-5), at(120))


@given(instants, st.integers(1, 600), st.integers(0, 120), st.integers(0, 120))
def test_it_opens_and_closes_to_the_tick(
    starts: datetime, minutes: int, before: int, after: int
) -> None:
    opens, closes = window(starts, starts + timedelta(minutes=minutes), before, after)
    assert [state(t, (opens, closes)) for t in (opens - TICK, opens, closes - TICK, closes)] == [
        WindowState.BEFORE,
        WindowState.OPEN,
        WindowState.OPEN,
        WindowState.CLOSED,
    ]


def test_a_window_of_no_length_is_never_open() -> None:
    states = {state(at(n), (ZERO, ZERO)) for n in (-1, 0, 1)}
    assert states == {WindowState.BEFORE, WindowState.CLOSED}


def test_naive_times_are_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        window(ZERO.replace(tzinfo=None), ZERO)
