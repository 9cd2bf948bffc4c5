"""Attendance: what evidence amounts to."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import attendance
from app.domain.attendance import Basis, Evidence, Kind, Record, SessionTime, Status
from tests.domain.build import ZERO, at

SESSION = SessionTime(at(0), at(120))
MARKS = [s for s in Status if s is not Status.UNKNOWN]


def click(id: str, minutes: float) -> Evidence:
    return Evidence(id, Kind.JOIN_CLICK, at(minutes), source="personal-page")


def check_in(id: str, minutes: float) -> Evidence:
    return Evidence(id, Kind.CHECK_IN, at(minutes), source="room")


def mark(id: str, minutes: float, status: Status) -> Evidence:
    return Evidence(
        id, Kind.MARK, at(minutes), "organizer", "ana", status, reason=f"{status} says Ana"
    )


def retract(id: str, minutes: float, target: str) -> Evidence:
    return Evidence(id, Kind.RETRACTION, at(minutes), "organizer", "ana", retracts=target)


def record(evidence: Iterable[Evidence], session: SessionTime, closed: bool) -> Record:
    return attendance.record(evidence, replace(session, closed=closed))


def status(*evidence: Evidence, closed: bool = False) -> Status:
    return record(evidence, SESSION, closed).status


ids = st.sampled_from("abcdefgh")
evidence = st.one_of(
    st.builds(click, ids, st.integers(0, 9)),
    st.builds(check_in, ids, st.integers(0, 9)),
    st.builds(mark, ids, st.integers(0, 9), st.sampled_from(MARKS)),
    st.builds(retract, ids, st.integers(0, 9), ids),
)
bodies = st.lists(evidence, max_size=8, unique_by=lambda e: e.id)


def test_nothing_is_unknown_until_the_session_is_closed() -> None:
    assert record([], SESSION, False) == Record(Status.UNKNOWN, Basis.NOTHING)
    assert record([], SESSION, True) == Record(Status.ABSENT, Basis.CLOSING)


def test_a_check_in_is_present_with_minutes_unverified() -> None:
    for closed in (False, True):
        assert record([check_in("a", 100)], SESSION, closed) == Record(
            Status.PRESENT, Basis.CHECK_IN, None, at(100), evidence_id="a", checked_in=at(100)
        )


def test_a_click_alone_says_nothing_but_is_shown() -> None:
    assert record([click("a", 5)], SESSION, False) == Record(
        Status.UNKNOWN, Basis.NOTHING, clicked=at(5)
    )
    assert record([click("a", 5)], SESSION, True) == Record(
        Status.ABSENT, Basis.CLOSING, clicked=at(5)
    )


def test_the_last_mark_wins_with_its_reason() -> None:
    said = [mark("a", 1, Status.EXCUSED), check_in("c", 9), mark("b", 2, Status.PARTIAL)]
    assert record(said, SESSION, False) == Record(
        Status.PARTIAL, Basis.MARK, None, at(2), "ana", "partial says Ana", "b", checked_in=at(9)
    )


def test_without_the_last_mark_the_one_before_it_counts() -> None:
    said = [mark("a", 1, Status.EXCUSED), mark("b", 2, Status.LATE), retract("r", 3, "b")]
    assert status(*said) is Status.EXCUSED


def test_without_any_mark_the_check_in_counts_again() -> None:
    assert status(check_in("c", 0), mark("a", 1, Status.LATE), retract("r", 2, "a")) is (
        Status.PRESENT
    )


def test_a_retracted_check_in_does_not_count() -> None:
    said = [check_in("c", 0), retract("r", 2, "c")]
    assert record(said, SESSION, False) == Record(Status.UNKNOWN, Basis.NOTHING)


def test_a_retraction_can_be_retracted() -> None:
    said = [check_in("c", 0), retract("r", 2, "c"), retract("q", 3, "r")]
    assert status(*said) is Status.PRESENT
    assert status(*said, retract("p", 4, "q")) is Status.UNKNOWN


def test_two_retractions_of_each_other_are_settled_by_time() -> None:
    said = [check_in("c", 0), retract("r", 2, "c"), retract("q", 3, "r")]
    assert status(*said[:2], replace(said[1], id="x", retracts="r")) is Status.PRESENT


def test_a_mark_of_absence_waits_for_the_closing() -> None:
    said = [check_in("c", 0), mark("a", 1, Status.ABSENT)]
    assert (status(*said), status(*said, closed=True)) == (Status.UNKNOWN, Status.ABSENT)


@given(bodies, st.data(), st.booleans())
def test_order_and_repetition_make_no_difference(
    body: list[Evidence], data: st.DataObject, closed: bool
) -> None:
    repeated = body + (data.draw(st.lists(st.sampled_from(body))) if body else [])
    shuffled = data.draw(st.permutations(repeated))
    assert record(shuffled, SESSION, closed) == record(body, SESSION, closed)


@given(st.lists(evidence, max_size=8), st.data())
def test_not_even_when_one_id_stands_for_unlike_things(
    body: list[Evidence], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(body))
    assert record(shuffled, SESSION, True) == record(body, SESSION, True)


@given(bodies)
def test_nobody_is_absent_before_the_closing(body: list[Evidence]) -> None:
    assert status(*body) is not Status.ABSENT


@given(bodies, st.booleans(), st.integers(-9, 20))
def test_a_click_never_changes_the_status(body: list[Evidence], closed: bool, minutes: int) -> None:
    assert status(*body, click("z", minutes), closed=closed) is status(*body, closed=closed)


@given(bodies, st.sampled_from(MARKS))
def test_a_later_mark_has_the_last_word(body: list[Evidence], word: Status) -> None:
    assert status(*body, mark("z", 10, word), closed=True) is word


@given(bodies, st.sampled_from(MARKS), st.booleans())
def test_marking_and_unmarking_leaves_what_was(
    body: list[Evidence], word: Status, closed: bool
) -> None:
    after = [*body, mark("y", 10, word), retract("z", 11, "y")]
    assert record(after, SESSION, closed) == record(body, SESSION, closed)


@given(bodies, st.booleans())
def test_minutes_are_unverified_without_a_report(body: list[Evidence], closed: bool) -> None:
    assert record(body, SESSION, closed).minutes is None


def test_what_is_no_evidence() -> None:
    with pytest.raises(ValueError, match="a mark has a status"):
        Evidence("a", Kind.MARK, ZERO)
    with pytest.raises(ValueError, match="a mark has a status"):
        Evidence("a", Kind.MARK, ZERO, status=Status.UNKNOWN)
    with pytest.raises(ValueError, match="a mark has a status"):
        Evidence("a", Kind.CHECK_IN, ZERO, status=Status.LATE)
    with pytest.raises(ValueError, match="a retraction says"):
        Evidence("a", Kind.RETRACTION, ZERO)
    with pytest.raises(ValueError, match="a retraction says"):
        Evidence("a", Kind.CHECK_IN, ZERO, retracts="b")
    with pytest.raises(ValueError, match="aware"):
        Evidence("a", Kind.CHECK_IN, ZERO.replace(tzinfo=None))


def test_a_session_takes_time() -> None:
    with pytest.raises(ValueError, match="ends after"):
        SessionTime(ZERO, ZERO)
