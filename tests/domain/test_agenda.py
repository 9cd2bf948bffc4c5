"""Agendas: computed times."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.agenda import Item, lay_out
from app.domain.zones import zone
from tests.domain.build import ZERO, at, instants

MINUTE = timedelta(minutes=1)
items_and_pins = st.lists(
    st.builds(Item, minutes=st.integers(1, 120), offset=st.none() | st.integers(0, 300)),
    max_size=10,
)


def test_the_third_session_of_the_demonstration() -> None:
    times = lay_out(ZERO, [Item(m) for m in (10, 25, 15, 50, 20)])
    assert times == [
        (at(0), at(10)),
        (at(10), at(35)),
        (at(35), at(50)),
        (at(50), at(100)),
        (at(100), at(120)),
    ]


def test_a_pinned_item_stands_and_others_follow_it() -> None:
    times = lay_out(ZERO, [Item(10), Item(20, offset=30), Item(5)])
    assert times == [(at(0), at(10)), (at(30), at(50)), (at(50), at(55))]


def test_nothing_is_no_time() -> None:
    assert lay_out(ZERO, []) == []


@given(instants, items_and_pins)
def test_each_begins_at_its_pin_or_when_the_one_before_ends(
    start: datetime, items: list[Item]
) -> None:
    times = lay_out(start, items)
    assert [ends - starts for starts, ends in times] == [item.minutes * MINUTE for item in items]
    before = [start, *(ends for _, ends in times)]
    expected = [
        before[i] if item.offset is None else start + item.offset * MINUTE
        for i, item in enumerate(items)
    ]
    assert [starts for starts, _ in times] == expected


def test_minutes_pass_while_clocks_change() -> None:
    """In Madrid on 25 October 2026 the clocks go back at 03:00, an hour after 02:30 is 02:30."""
    start = datetime(2026, 10, 25, 2, 30, tzinfo=zone("Europe/Madrid"))
    ((starts, ends),) = lay_out(start, [Item(60)])
    assert (ends - starts, starts.utcoffset()) == (timedelta(hours=1), timedelta(0))


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        lay_out(datetime(2026, 8, 26, 9), [])
