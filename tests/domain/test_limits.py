"""When it is too often: the rules without a database."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain import limits
from app.domain.limits import (
    ALARM,
    TOGETHER,
    WRONG,
    WRONG_AT_ALARM,
    Tries,
    is_live,
    refused_tries,
    seconds_left,
    too_often,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_window_counts_until_its_end_and_not_where_a_clock_was_wrong() -> None:
    assert [is_live(NOW + timedelta(seconds=n), NOW, MINUTE) for n in (-1, 0, 1, 60, 61)] == [
        False,
        False,
        True,
        True,
        False,
    ]


@given(st.floats(0.001, 100_000))
def test_whoever_waits_as_long_as_told_may_go_on(seconds: float) -> None:
    ends = NOW + timedelta(seconds=seconds)
    left = seconds_left(ends, NOW)
    assert ends <= NOW + timedelta(seconds=left)
    assert left <= seconds + 1
    said = too_often("Wait %(minutes)s min, %(seconds)s s.", left)
    assert said.params == {"seconds": left, "minutes": -(-left // 60)}
    assert said.code == "too_many"


def test_every_limit_has_a_name_of_its_own_and_says_how_long() -> None:
    every = [each for each in vars(limits).values() if isinstance(each, limits.Limit)]
    every.append(limits.for_token(3_000))
    assert len({each.name for each in every}) == len(every) == 14
    for each in every:
        assert each.most > 0
        said = each.sentence % {"minutes": 7, "seconds": 7}
        assert said.count("7") == 1


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_a_word_is_refused_by_the_numbers_that_are_promised(
    own: int, here: int, right: int
) -> None:
    tries = (Tries(own), Tries(here, right), Tries(here, right))
    together = here >= max(TOGETHER, WRONG + right)
    alone = right == 0 and own >= WRONG
    refused = refused_tries(*tries)
    assert (refused is not None) == (together or alone)
    if refused is not None:
        assert refused is (tries[1] if together else tries[0])


@given(st.integers(0, 300), st.integers(0, 20), st.integers(0, 30))
def test_where_hundreds_are_wrong_newcomers_have_two(wrong: int, right: int, here: int) -> None:
    refused = refused_tries(Tries(), Tries(here, right), Tries(wrong, right))
    most = WRONG_AT_ALARM + right if wrong >= ALARM + right else max(TOGETHER, WRONG + right)
    assert (refused is not None) == (here >= most)
