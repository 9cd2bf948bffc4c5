"""Attendance: the minutes that providers' reports amount to."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.attendance import (
    Basis,
    Evidence,
    Kind,
    Record,
    SessionTime,
    Status,
    StatusRule,
    pieces,
    record,
    seconds_untold,
)
from tests.domain.build import ZERO, at

SESSION = SessionTime(at(0), at(120), breaks=((at(60), at(75)),))
ALWAYS = StatusRule(late_after=None, partial_below=0)


def interval(id: str, joined: float, left: float) -> Evidence:
    return Evidence(
        id, Kind.INTERVAL, at(500), "teams", "ana", joined=at(joined), left=at(left), report="r"
    )


def total(id: str, minutes: int, shown_as: str = "Ana", source: str = "zoom") -> Evidence:
    return Evidence(id, Kind.TOTAL, at(500), source, seconds=minutes * 60, shown_as=shown_as)


def minutes(*evidence: Evidence, session: SessionTime = SESSION) -> int | None:
    return record(evidence, session).minutes


minute = st.integers(-60, 200)
pairs = st.lists(st.tuples(minute, minute).map(sorted), max_size=6)


def as_evidence(times: Iterable[list[int]]) -> list[Evidence]:
    return [interval(f"i{n}", *pair) for n, pair in enumerate(times)]


def test_the_time_in_the_session_counts_less_the_break() -> None:
    assert record([interval("a", 10, 90)], SESSION) == Record(
        Status.PRESENT, Basis.INTERVALS, 65 * 60, at(10), "ana", "", "a"
    )


def test_two_devices_do_not_count_twice() -> None:
    assert minutes(interval("a", 0, 40), interval("b", 20, 50), interval("c", 20, 50)) == 50


def test_what_lies_outside_the_session_does_not_count() -> None:
    assert minutes(interval("a", -30, 10), interval("b", 110, 300)) == 20


def test_who_was_there_in_the_break_only_was_not_there() -> None:
    there = [interval("a", 61, 74)]
    assert record(there, SESSION).status is Status.UNKNOWN
    assert record(there, replace(SESSION, closed=True)).status is Status.ABSENT
    assert minutes(*there) == 0


def test_seconds_are_not_rounded_up() -> None:
    assert minutes(Evidence("a", Kind.INTERVAL, at(0), joined=at(0), left=at(59.99))) == 59


def test_a_break_that_reaches_out_of_the_session_takes_only_what_is_in_it() -> None:
    session = SessionTime(at(0), at(60), breaks=((at(-30), at(10)), (at(5), at(20))))
    assert session.seconds == 40 * 60
    assert minutes(interval("a", -90, 90), session=session) == 40


def test_a_session_that_is_all_break_has_a_length_all_the_same() -> None:
    assert SessionTime(at(0), at(60), breaks=((at(0), at(60)),)).seconds == 1


def test_intervals_count_before_totals_and_these_before_a_check_in() -> None:
    here = Evidence("c", Kind.CHECK_IN, at(1), "room")
    assert record([here, total("t", 30)], SESSION).basis is Basis.TOTALS
    assert record([here, total("t", 30), interval("i", 0, 10)], SESSION).seconds == 600


def test_a_mark_decides_and_the_minutes_stay_in_view() -> None:
    said = Evidence("m", Kind.MARK, at(600), "organizer", "ana", Status.PRESENT, "Heard her.")
    assert record([said, interval("i", 0, 10)], SESSION) == Record(
        Status.PRESENT, Basis.MARK, 600, at(600), "ana", "Heard her.", "m"
    )


def test_totals_are_added_up_to_the_length_of_the_session() -> None:
    assert minutes(total("a", 20), total("b", 25)) == 45
    assert minutes(total("a", 100), total("b", 25)) == 105


def test_a_total_that_was_read_twice_counts_once() -> None:
    assert minutes(total("a", 20), total("b", 20)) == 20
    assert minutes(total("a", 20), total("b", 20, "Ana (2)"), total("c", 20, "Ana", "meet")) == 60


def test_rows_of_one_file_are_added_also_equal_ones_and_those_of_another_file() -> None:
    def of(report: str, row: int, minutes: int, file: str = "") -> Evidence:
        values = {"report": report, "row": row, "file": file or report}
        return replace(total(f"{report}{row}", minutes), **values)  # type: ignore[arg-type]

    assert minutes(of("a", 2, 20), of("a", 3, 20)) == 40
    assert minutes(of("a", 2, 20), of("a", 3, 21)) == 41
    assert minutes(of("a", 2, 20), of("a", 2, 20)) == 20  # one piece, seen twice
    assert minutes(of("a", 2, 20), of("b", 2, 20)) == 40
    twice = [of(report, row, 20, "same") for report in "ab" for row in (2, 3)]
    assert minutes(*twice) == 40
    # Of the second reading one row was taken back, or is somebody else's.
    assert minutes(*twice[:3]) == 40


def test_late_and_partial_as_the_rule_says() -> None:
    rule = StatusRule(late_after=10, partial_below=50)
    for there, status in [
        ((10, 120), Status.PRESENT),
        ((10.1, 120), Status.LATE),
        ((0, 52), Status.PARTIAL),
        ((0, 52.5), Status.PRESENT),
        ((80, 120), Status.PARTIAL),
    ]:
        assert record([interval("a", *there)], SESSION, rule).status is status
    assert record([interval("a", 80, 120)], SESSION, ALWAYS).status is Status.PRESENT


def test_a_retracted_interval_does_not_count() -> None:
    gone = Evidence("r", Kind.RETRACTION, at(501), "organizer", "ana", retracts="a")
    assert minutes(interval("a", 0, 60), interval("b", 0, 10), gone) == 10
    assert minutes(interval("a", 0, 60), gone) is None


@given(pairs, st.data())
def test_order_and_repetition_make_no_difference(
    times: list[list[int]], data: st.DataObject
) -> None:
    body = as_evidence(times)
    again = [replace(each, id=f"x{each.id}") for each in body]  # a second import of the same file
    shuffled = data.draw(st.permutations([*body, *again, *body]))
    assert record(shuffled, SESSION).seconds == record(body, SESSION).seconds


@given(pairs)
def test_as_counted_minute_by_minute(times: list[list[int]]) -> None:
    there = [m for m in range(120) if any(a <= m < b for a, b in times) and not 60 <= m < 75]
    assert record(as_evidence(times), SESSION).seconds == (60 * len(there) if times else None)


@given(pairs, st.lists(st.tuples(minute, minute).map(sorted), max_size=3))
def test_the_pieces_that_are_shown_are_what_is_counted(
    times: list[list[int]], breaks: list[list[int]]
) -> None:
    session = SessionTime(at(0), at(120), tuple((at(a), at(b)) for a, b in breaks))
    body = as_evidence(times)
    found = pieces(body, session)
    assert sum((b - a).total_seconds() for a, b in found) == (record(body, session).seconds or 0)
    assert found == sorted(found)
    assert all(a < b for a, b in found)
    assert all(b <= c for (_, b), (c, _) in pairwise(found))


@given(pairs, minute, minute)
def test_another_interval_takes_nothing_away(times: list[list[int]], a: int, b: int) -> None:
    body = as_evidence(times)
    more = record([*body, interval("z", min(a, b), max(a, b))], SESSION).seconds
    assert more is not None
    assert (record(body, SESSION).seconds or 0) <= more <= SESSION.seconds


@given(pairs, st.integers(-60, 200))
def test_cutting_an_interval_in_two_changes_nothing(times: list[list[int]], cut: int) -> None:
    halves = [
        half for a, b in times for half in ([[a, cut], [cut, b]] if a < cut < b else [[a, b]])
    ]
    whole, cut_up = (record(as_evidence(each), SESSION).seconds for each in (times, halves))
    assert whole == cut_up


@given(
    st.sampled_from(["America/Santiago", "Europe/Madrid", "America/New_York", "America/Bogota"]),
    st.sampled_from([(2026, 3, 29), (2026, 4, 4), (2026, 9, 5), (2026, 10, 25), (2026, 11, 1)]),
    st.integers(0, 24 * 60),
    pairs,
)
def test_when_the_clocks_change_an_hour_is_an_hour(
    zone: str, day: tuple[int, int, int], minute: int, times: list[list[int]]
) -> None:
    begin = datetime(*day, tzinfo=UTC) + timedelta(minutes=minute)

    def local(m: int) -> datetime:
        return (begin + timedelta(minutes=m)).astimezone(ZoneInfo(zone))

    session = SessionTime(local(0), local(120), breaks=((local(60), local(75)),))
    body = [
        Evidence(f"i{n}", Kind.INTERVAL, begin, joined=local(a), left=local(b))
        for n, (a, b) in enumerate(times)
    ]
    assert session.seconds == SESSION.seconds
    assert record(body, session).seconds == record(as_evidence(times), SESSION).seconds


def test_totals_that_tell_of_more_than_the_intervals_show() -> None:
    stay, told = interval("a", 0, 0.1), total("t", 100)
    assert seconds_untold([stay, told], SESSION) == 100 * 60 - 6
    assert seconds_untold([stay], SESSION) == seconds_untold([told], SESSION) == 0
    # Time around the session and in its break is time that the intervals show.
    assert seconds_untold([interval("a", -30, 60), interval("b", 50, 80), told], SESSION) == 0
    assert seconds_untold([interval("a", -30, 0), interval("b", 10, 20), told], SESSION) == 3600
    # No more than the session has.
    assert seconds_untold([stay, total("t", 500)], SESSION) == 105 * 60 - 6
    back = Evidence("x", Kind.RETRACTION, at(501), retracts="a")
    assert seconds_untold([stay, told, back], SESSION) == 0


@given(pairs, st.lists(st.integers(0, 200), max_size=3), st.data())
def test_what_totals_tell_besides_is_never_what_was_counted(
    times: list[list[int]], told: list[int], data: st.DataObject
) -> None:
    body = as_evidence(times) + [total(f"t{n}", each) for n, each in enumerate(told)]
    found = seconds_untold(body, SESSION)
    assert found == seconds_untold(data.draw(st.permutations(body + body)), SESSION)
    totals = [each for each in body if each.kind is Kind.TOTAL]
    if not times or not told:
        assert found == 0
    elif found:
        by_totals, by_times = record(totals, SESSION).seconds, record(body, SESSION).seconds
        assert (by_totals or 0) - found >= (by_times or 0)


def test_what_is_no_evidence() -> None:
    for wrong, values in [
        ("a beginning and an end", {"kind": Kind.INTERVAL, "joined": ZERO}),
        ("does not end before", {"kind": Kind.INTERVAL, "joined": at(1), "left": ZERO}),
        ("aware", {"kind": Kind.INTERVAL, "joined": ZERO, "left": ZERO.replace(tzinfo=None)}),
        ("an interval has times", {"kind": Kind.CHECK_IN, "joined": ZERO}),
        ("a total has seconds", {"kind": Kind.TOTAL}),
        (
            "a total has seconds",
            {"kind": Kind.INTERVAL, "joined": ZERO, "left": at(1), "seconds": 1},
        ),
        ("less than no time", {"kind": Kind.TOTAL, "seconds": -1}),
    ]:
        with pytest.raises(ValueError, match=wrong):
            Evidence("a", at=ZERO, **values)  # type: ignore[arg-type]
