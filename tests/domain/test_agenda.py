"""Agendas: computed times, moving and lengthening."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.agenda import Item, lay_out, lengthen, move, span_minutes, total_minutes
from app.domain.errors import Invalid
from app.domain.zones import zone
from tests.domain.build import ZERO, at, instants

MINUTE = timedelta(minutes=1)
free_items = st.lists(st.builds(Item, minutes=st.integers(1, 120)), min_size=1, max_size=10)
items_and_pins = st.lists(
    st.builds(Item, minutes=st.integers(1, 120), offset=st.none() | st.integers(0, 300)),
    max_size=10,
)


@dataclass(frozen=True, slots=True)
class Named(Item):
    name: str = ""


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
    assert (lay_out(ZERO, []), total_minutes([]), span_minutes([])) == ([], 0, 0)


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
    assert start + span_minutes(items) * MINUTE == max([start, *(e for _, e in times)])


@given(free_items)
def test_without_pins_the_span_is_the_total(items: list[Item]) -> None:
    assert span_minutes(items) == total_minutes(items)


def test_minutes_pass_while_clocks_change() -> None:
    """In Madrid on 25 October 2026 the clocks go back at 03:00, an hour after 02:30 is 02:30."""
    start = datetime(2026, 10, 25, 2, 30, tzinfo=zone("Europe/Madrid"))
    ((starts, ends),) = lay_out(start, [Item(60)])
    assert (ends - starts, starts.utcoffset()) == (timedelta(hours=1), timedelta(0))


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        lay_out(datetime(2026, 8, 26, 9), [])


@given(free_items, st.data())
def test_moving_keeps_the_others_in_order_and_can_be_taken_back(
    items: list[Item], data: st.DataObject
) -> None:
    named = [Named(item.minutes, name=str(n)) for n, item in enumerate(items)]
    places = st.integers(0, len(named) - 1)
    i, j = data.draw(places), data.draw(places)
    moved = move(named, i, j)
    assert moved[j] == named[i]
    assert moved[:j] + moved[j + 1 :] == named[:i] + named[i + 1 :]
    assert move(moved, j, i) == named
    assert Counter(lay_out(ZERO, moved)[-1:]) == Counter(
        [(at(total_minutes(items) - moved[-1].minutes), at(total_minutes(items)))]
    )


@given(free_items, st.data(), st.integers(-119, 200))
def test_lengthening_one_shifts_exactly_those_after_it(
    items: list[Item], data: st.DataObject, by: int
) -> None:
    i = data.draw(st.integers(0, len(items) - 1))
    if items[i].minutes + by < 1:
        with pytest.raises(Invalid):
            lengthen(items, i, by)
        return
    before, after = lay_out(ZERO, items), lay_out(ZERO, lengthen(items, i, by))
    assert after[:i] == before[:i]
    assert after[i] == (before[i][0], before[i][1] + by * MINUTE)
    assert after[i + 1 :] == [(a + by * MINUTE, b + by * MINUTE) for a, b in before[i + 1 :]]


def test_lengthening_keeps_what_an_item_carries() -> None:
    assert lengthen([Named(10, None, "a")], 0, 5) == [Named(15, None, "a")]


def test_one_minute_is_the_least() -> None:
    assert lengthen([Item(10)], 0, -9) == [Item(1)]
    with pytest.raises(Invalid) as caught:
        lengthen([Item(10)], 0, -10)
    assert [f.field for f in caught.value.fields] == ["segments.0.minutes"]


@pytest.mark.parametrize(("i", "j"), [(-1, 0), (0, -1), (2, 0), (0, 2)])
def test_places_that_there_are_not(i: int, j: int) -> None:
    with pytest.raises(IndexError):
        move([1, 2], i, j)


@pytest.mark.parametrize("i", [-1, 1])
def test_lengthening_what_is_not_there(i: int) -> None:
    with pytest.raises(IndexError):
        lengthen([Item(5)], i, 1)
