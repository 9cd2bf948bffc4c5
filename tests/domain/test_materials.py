"""When a material may be seen."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.materials import NEVER, Audience, is_visible, next_opening, opens_at

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


def test_after_the_session_is_its_end() -> None:
    assert opens_at(None, True, NOON) == NOON
    assert opens_at(None, False, NOON) is None
    assert opens_at(NOON, False, NOON + SECOND) == NOON


def test_what_waits_for_a_cancelled_session_never_opens() -> None:
    assert opens_at(None, True, NOON, cancelled=True) == NEVER
    assert opens_at(NOON, False, NOON + SECOND, cancelled=True) == NOON
    assert opens_at(None, False, NOON, cancelled=True) is None
    assert next_opening([NEVER, None], NOON) is None


@pytest.mark.parametrize(
    ("now", "seen"),
    [(NOON - SECOND, False), (NOON - timedelta(microseconds=1), False), (NOON, True)],
)
def test_it_opens_at_the_very_instant(now: datetime, seen: bool) -> None:
    assert is_visible(Audience.PUBLIC, NOON, Audience.PUBLIC, now) is seen
    assert is_visible(Audience.PARTICIPANTS, NOON, Audience.PARTICIPANTS, now) is seen
    assert is_visible(Audience.PUBLIC, NOON, Audience.PARTICIPANTS, now) is seen


def test_the_public_never_sees_what_is_for_participants() -> None:
    assert not is_visible(Audience.PARTICIPANTS, None, Audience.PUBLIC, NOON)


@given(st.lists(st.none() | instants), instants)
def test_nothing_becomes_visible_before_the_next_opening(
    openings: list[datetime | None], now: datetime
) -> None:
    then = next_opening(openings, now)

    def seen(at: datetime) -> list[bool]:
        return [is_visible(Audience.PUBLIC, o, Audience.PUBLIC, at) for o in openings]

    if then is None:
        assert all(seen(now))
    else:
        assert seen(then - timedelta(microseconds=1)) == seen(now)
        assert seen(then) != seen(now)
