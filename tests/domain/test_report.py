"""The tally of a cycle: sums that add up, whatever the order, and groups too small to be named."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import reduce
from operator import add
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.domain.attendance import ATTENDED, Basis, Record, Status
from app.domain.completion import Held, Outcome, Rule, completed
from app.domain.report import (
    Dimension,
    Group,
    Row,
    Tally,
    by_dimension,
    by_session,
    folded,
    tally,
)

SESSIONS = ("a", "b", "c")
HELD = [Held(each, n, 3600, over=True) for n, each in enumerate(SESSIONS, 1)]
RULE = Rule(2, 3, 50)
AT = datetime(2026, 12, 1, tzinfo=UTC)


def seen(status: Status, seconds: int | None = None, basis: Basis = Basis.MARK) -> Record:
    return Record(status, basis, seconds, AT)


records = st.builds(
    seen,
    st.sampled_from(Status),
    st.none() | st.integers(0, 3600),
    st.sampled_from([Basis.MARK, Basis.INTERVALS, Basis.CHECK_IN]),
)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    enrolled = draw(st.booleans())
    found = {s: draw(records) for s in SESSIONS if enrolled or draw(st.booleans())}
    outcome: Outcome | None = completed(RULE, HELD, found) if enrolled else None
    return Row(
        draw(st.sampled_from(["", "CO", "BR", "CL"])),
        draw(st.sampled_from(["", "Cámara", "camara ", "Sebrae", "CAF"])),
        draw(st.sampled_from(["", "Café", "Vino"])),
        draw(st.sampled_from(["", "female", "male"])),
        enrolled,
        found,
        draw(st.dictionaries(st.sampled_from(SESSIONS), st.sampled_from(["accepted", "declined"]))),
        outcome,
    )


many = st.lists(rows(), max_size=12)


def together(tallies: Iterable[Tally]) -> Tally:
    return reduce(add, tallies, Tally())


@given(many, st.sampled_from(Dimension))
def test_groups_add_up_to_the_whole(people: list[Row], dimension: Dimension) -> None:
    groups = by_dimension(people, SESSIONS, dimension)
    assert together(g.tally for g in groups) == tally(people, SESSIONS)
    assert len({g.key for g in groups}) == len(groups)


@given(many, st.randoms())
def test_the_order_makes_no_difference(people: list[Row], chance: Random) -> None:
    other = list(people)
    chance.shuffle(other)
    assert tally(other, SESSIONS) == tally(people, SESSIONS)
    for dimension in Dimension:
        assert by_dimension(other, SESSIONS, dimension) == by_dimension(people, SESSIONS, dimension)


@given(many)
def test_sessions_add_up_in_what_is_counted_by_session(people: list[Row]) -> None:
    whole, each = tally(people, SESSIONS), by_session(people, SESSIONS)
    added = together(each.values())
    assert list(each) == list(SESSIONS)
    assert (added.statuses, added.bases, added.answers, added.counted) == (
        whole.statuses,
        whole.bases,
        whole.answers,
        whole.counted,
    )
    assert (added.minutes, added.measured, added.unverified) == (
        whole.minutes,
        whole.measured,
        whole.unverified,
    )
    assert all(one.enrolled == whole.enrolled for one in each.values())


@given(many)
def test_every_attendance_is_measured_or_not_verified(people: list[Row]) -> None:
    found = tally(people, SESSIONS)
    assert found.measured + found.unverified == found.attended == sum(found.bases.values())
    assert found.attended_once <= found.attended <= len(SESSIONS) * found.people
    assert found.completed <= found.enrolled


@given(many, st.integers(1, 5))
def test_no_group_too_small_is_named_or_can_be_worked_out(people: list[Row], least: int) -> None:
    groups = by_dimension(people, SESSIONS, Dimension.COUNTRY)

    def size(one: Tally) -> int:
        return one.attended_once

    shown, others, count = folded(groups, size, least)
    assert all(size(g.tally) >= least and g.key for g in shown)
    assert sum(size(g.tally) for g in shown) + size(others) == sum(size(g.tally) for g in groups)
    assert size(others) == 0 or size(others) >= least or not shown
    assert len(shown) + count == sum(size(g.tally) > 0 for g in groups)


def test_minutes_that_nobody_measured_are_not_zero() -> None:
    people = [
        Row(records={"a": seen(Status.PRESENT, 3599), "b": seen(Status.PRESENT)}),
        Row(records={"a": seen(Status.PARTIAL, 90), "b": seen(Status.ABSENT, 1200)}),
    ]
    found = tally(people, SESSIONS)
    assert (found.minutes, found.measured, found.unverified, found.mean) == (60, 2, 1, 30.0)
    assert (found.attended, found.attended_once) == (3, 2)
    assert tally(people[:0], SESSIONS).mean is None
    assert {s for s in Status if found.statuses.get(s)} - ATTENDED == {Status.ABSENT}


def test_who_left_counts_where_there_is_evidence() -> None:
    left = Row(enrolled=False, records={"b": seen(Status.PRESENT)}, answers={"a": "accepted"})
    each = by_session([left], SESSIONS)
    assert [(t.gone, t.attended) for t in each.values()] == [(0, 0), (1, 1), (0, 0)]
    assert (each["a"].answers, tally([left], SESSIONS).gone) == ({}, 1)


def test_spellings_of_one_institution_are_one_group() -> None:
    people = [Row(institution=each) for each in ("CÁMARA", "Cámara", "camara", "Cámara", "", "CAF")]
    groups = by_dimension(people, SESSIONS, Dimension.INSTITUTION)
    assert [(g.name, g.tally.enrolled) for g in groups] == [("Cámara", 4), ("CAF", 1), ("", 1)]


def test_a_small_rest_takes_the_smallest_group_along() -> None:
    sizes = {"CO": 9, "BR": 4, "CL": 2}
    groups = [Group(key, key, Tally(enrolled=n)) for key, n in sizes.items()]
    shown, others, count = folded(groups, lambda t: t.enrolled)
    assert ([g.key for g in shown], others.enrolled, count) == (["CO"], 6, 2)
