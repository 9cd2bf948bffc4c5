"""Intervals: the sweep against the definition, held pair by pair."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.domain.intervals import overlapping_pairs, uncovered
from app.domain.schedule import overlaps
from tests.domain.build import at


@dataclass(frozen=True)
class Span:
    id: int
    starts: datetime
    ends: datetime


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    # Few starts and short lengths, so that many touch, many are equal and some are empty.
    pairs = draw(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 4)), max_size=12))
    return [Span(i, at(a), at(a + length)) for i, (a, length) in enumerate(pairs)]


def brute(own: list[Span], foreign: list[Span]) -> Counter[frozenset[tuple[str, int]]]:
    tagged = [("own", s) for s in own] + [("foreign", s) for s in foreign]
    return Counter(
        frozenset({(ta, a.id), (tb, b.id)})
        for i, (ta, a) in enumerate(tagged)
        for tb, b in tagged[i + 1 :]
        if overlaps(a.starts, a.ends, b.starts, b.ends) and "own" in (ta, tb)
    )


@given(spans(), spans())
def test_the_sweep_finds_each_overlapping_pair_once(own: list[Span], foreign: list[Span]) -> None:
    tag = {id(s): ("own", s.id) for s in own} | {id(s): ("foreign", s.id) for s in foreign}
    found = list(overlapping_pairs(own, foreign))
    assert Counter(frozenset({tag[id(a)], tag[id(b)]}) for a, b in found) == brute(own, foreign)
    assert [tag[id(a)][0] for a, _ in found] == ["own"] * len(found)


@given(spans())
def test_the_earlier_comes_first(own: list[Span]) -> None:
    assert all(a.starts <= b.starts for a, b in overlapping_pairs(own))


def test_touching_is_not_overlapping() -> None:
    assert list(overlapping_pairs([Span(1, at(0), at(10)), Span(2, at(10), at(20))])) == []


def test_foreign_intervals_are_not_held_against_each_other() -> None:
    """Two thousand at the same time would be two million pairs."""
    foreign = [Span(i, at(0), at(10)) for i in range(2000)]
    assert len(list(overlapping_pairs([Span(-1, at(5), at(6))], foreign))) == 2000


@given(spans(), st.integers(0, 6), st.integers(1, 6))
def test_uncovered_is_what_no_part_covers(parts: list[Span], start: int, length: int) -> None:
    starts, ends = at(start), at(start + length)
    free = uncovered(starts, ends, parts)
    for minute in range(start, start + length):  # every instant of a whole minute fares alike
        instant = at(minute) + timedelta(seconds=30)
        covered = any(p.starts <= instant < p.ends for p in parts)
        assert any(a <= instant < b for a, b in free) == (not covered)
    assert all(starts <= a < b <= ends for a, b in free)
    assert all(first[1] < second[0] for first, second in pairwise(free))
