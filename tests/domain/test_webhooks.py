"""When what could not be delivered is tried again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.webhooks import (
    EVENT_WORDS,
    GIVE_UP_AFTER,
    JITTER,
    LONGEST_REST,
    STEPS,
    EventType,
    has_failed_for_good,
    next_attempt,
    rest_after,
    rest_asked_for,
)

START = datetime(2026, 11, 23, 15, tzinfo=UTC)
CHANCE = st.floats(0, 1, exclude_max=True)
ASKED = st.one_of(st.none(), st.timedeltas(timedelta(), LONGEST_REST))


def attempts(chances: list[float], asked: list[timedelta | None]) -> list[datetime]:
    """All attempts of a delivery that always fails, each made when it is due."""
    found = [START]
    while True:
        n = len(found)
        chance, rest = chances[n % len(chances)], asked[n % len(asked)]
        following = next_attempt(START, found[-1], n, chance, rest)
        if following is None:
            return found
        found.append(following)


@given(st.lists(CHANCE, min_size=1), st.lists(ASKED, min_size=1))
def test_it_is_tried_for_three_days_to_the_minute(
    chances: list[float], asked: list[timedelta | None]
) -> None:
    found = attempts(chances, asked)
    assert found[-1] - found[0] == GIVE_UP_AFTER
    waits = [later - earlier for earlier, later in pairwise(found)]
    assert all(wait > timedelta() for wait in waits)
    longest = max(STEPS[-1] * (1 + JITTER), LONGEST_REST)
    assert all(wait <= longest for wait in waits)
    for place, wait in enumerate(waits[:-1]):
        assert wait >= STEPS[min(place, len(STEPS) - 1)]
    assert len(found) <= len(STEPS) + 1 + GIVE_UP_AFTER // STEPS[-1]


def test_without_chance_the_steps_are_these() -> None:
    found = attempts([0.0], [None])
    assert len(found) == 14
    assert found[1:4] == [
        START + timedelta(seconds=10),
        START + timedelta(seconds=70),
        START + timedelta(seconds=370),
    ]


@given(CHANCE, CHANCE, st.integers(1, 30))
def test_chance_moves_it_by_a_fifth_at_most(one: float, other: float, failures: int) -> None:
    first, second = (next_attempt(START, START, failures, each) for each in (one, other))
    assert first is not None
    assert second is not None
    step = STEPS[min(failures, len(STEPS)) - 1]
    assert abs(first - second) <= step * JITTER
    assert (first <= second) == (one <= other) or first == second


@given(st.integers(1, 100), CHANCE, ASKED, st.timedeltas(GIVE_UP_AFTER, timedelta(days=999)))
def test_who_comes_late_tries_once_and_no_more(
    failures: int, chance: float, asked: timedelta | None, late: timedelta
) -> None:
    assert next_attempt(START, START + late, failures, chance, asked) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("999999999999999999", 21_600),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        ("١٢", None),
        (format_datetime(START + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(START - timedelta(days=1), usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 21_600),
        ("Mon, 23 Nov 2026 15:01:00", 60),
    ],
)
def test_retry_after_is_read_and_bounded(text: str, seconds: int | None) -> None:
    asked = rest_asked_for(text, START)
    assert asked == (None if seconds is None else timedelta(seconds=seconds))


@given(st.text())
def test_whatever_retry_after_says_it_is_within_bounds(text: str) -> None:
    asked = rest_asked_for(text, START)
    assert asked is None or timedelta() <= asked <= LONGEST_REST


@given(st.integers(0, 10_000))
def test_who_fails_again_and_again_is_left_alone_for_longer_but_never_for_long(n: int) -> None:
    assert rest_after(n) <= rest_after(n + 1) <= timedelta(hours=1)


@given(st.integers(1, len(STEPS)))
def test_a_delivery_of_its_own_waits_longer_than_its_receiver_rests(failures: int) -> None:
    assert rest_after(failures) <= STEPS[failures - 1]


def test_three_days_of_nothing_but_failures() -> None:
    assert not has_failed_for_good(None, START)
    assert not has_failed_for_good(START, START + GIVE_UP_AFTER - timedelta(seconds=1))
    assert has_failed_for_good(START, START + GIVE_UP_AFTER)


def test_each_event_has_its_word() -> None:
    assert list(EVENT_WORDS) == list(EventType)
