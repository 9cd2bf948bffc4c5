"""When reminders are due, and what becomes of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.reminders import (
    FOLLOW_UP_WITHIN,
    LATE,
    Anchor,
    Audience,
    Meeting,
    Rule,
    Verdict,
    decide,
    due,
    is_late,
    last_use,
    reaches,
)
from app.domain.schedule import SessionStatus
from app.domain.zones import resolve_wall, wall_time

START = datetime(2026, 12, 1, 14, tzinfo=UTC)
END = START + timedelta(minutes=90)
LONG_AGO = START - timedelta(days=100)
MEETING = Meeting(START, END, known_since=LONG_AGO)
DAY_BEFORE = Rule(Anchor.START, 24 * 60, Audience.ALL, LONG_AGO)
AFTER = Rule(Anchor.END, 30, Audience.ALL, LONG_AGO)

minutes = st.integers(0, 60 * 24 * 30)
anchors = st.sampled_from(Anchor)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
lengths = st.integers(1, 24 * 60).map(lambda m: timedelta(minutes=m))


def decided(rule: Rule, now: datetime, **values: bool) -> Verdict:
    return decide(rule, MEETING, now, already=values.get("already", False))


def test_a_day_before_is_24_hours_before_also_when_clocks_change() -> None:
    # Santiago: clocks go forward on Sunday 6 September 2026.
    starts = resolve_wall(datetime(2026, 9, 6, 10), "America/Santiago").instant
    at = due(Anchor.START, 24 * 60, starts, starts + timedelta(hours=1))
    assert starts - at == timedelta(hours=24)
    assert wall_time(at, "America/Santiago") == datetime(2026, 9, 5, 9)


@pytest.mark.parametrize(
    ("rule", "at", "verdict"),
    [
        (DAY_BEFORE, START - timedelta(days=1, seconds=1), Verdict.WAIT),
        (DAY_BEFORE, START - timedelta(days=1), Verdict.SEND),
        (DAY_BEFORE, START - timedelta(hours=23), Verdict.SEND),
        (DAY_BEFORE, START - timedelta(hours=23) + timedelta(seconds=1), Verdict.SEND_LATE),
        (DAY_BEFORE, END - timedelta(seconds=1), Verdict.SEND_LATE),
        (DAY_BEFORE, END, Verdict.MISSED),
        (AFTER, END, Verdict.WAIT),
        (AFTER, END + timedelta(minutes=30), Verdict.SEND),
        (AFTER, END + timedelta(days=7), Verdict.SEND_LATE),
        (AFTER, END + timedelta(days=7, minutes=30), Verdict.MISSED),
    ],
)
def test_by_the_clock(rule: Rule, at: datetime, verdict: Verdict) -> None:
    assert decided(rule, at) is verdict


def test_once_is_enough() -> None:
    assert decided(DAY_BEFORE, START - timedelta(hours=3), already=True) is Verdict.NONE


@pytest.mark.parametrize("status", [SessionStatus.CANCELLED, SessionStatus.DRAFT])
def test_a_session_that_is_off_waits(status: SessionStatus) -> None:
    meeting = replace(MEETING, status=status)
    assert decide(DAY_BEFORE, meeting, START, already=False) is Verdict.WAIT


def test_what_was_due_before_there_was_such_a_reminder_is_not_made_up_for() -> None:
    rule = replace(DAY_BEFORE, since=START - timedelta(hours=3))
    assert decided(rule, START - timedelta(hours=2)) is Verdict.NONE


def test_nor_what_was_due_before_the_session_was_published() -> None:
    meeting = replace(MEETING, known_since=START - timedelta(hours=3))
    assert decide(DAY_BEFORE, meeting, START, already=False) is Verdict.NONE


@pytest.mark.parametrize(
    ("hours", "verdict"),
    [(0, Verdict.SEND), (1, Verdict.SEND), (1.01, Verdict.SEND_LATE), (5.5, Verdict.MISSED)],
)
def test_of_a_session_that_was_moved_nearer_it_is_late_from_then_on(
    hours: float, verdict: Verdict
) -> None:
    moved = START - timedelta(hours=4)
    meeting = replace(MEETING, moved=moved)
    now = moved + timedelta(hours=hours)
    assert decide(DAY_BEFORE, meeting, now, already=False) is verdict
    rule = replace(DAY_BEFORE, since=moved - timedelta(hours=1))  # after it was due
    assert decide(rule, meeting, now, already=False) is verdict


def test_what_was_moved_long_before_is_late_as_ever() -> None:
    meeting = replace(MEETING, moved=START - timedelta(days=2))
    assert decide(DAY_BEFORE, meeting, START, already=False) is Verdict.SEND_LATE


@given(anchors, minutes, instants, lengths, instants)
def test_every_verdict_keeps_its_promise(
    anchor: Anchor, distance: int, starts: datetime, length: timedelta, now: datetime
) -> None:
    ends = starts + length
    rule = Rule(anchor, distance, Audience.ALL, LONG_AGO - timedelta(days=1000))
    verdict = decide(rule, Meeting(starts, ends), now, already=False)
    at = due(anchor, distance, starts, ends)
    assert (verdict is Verdict.WAIT) == (now < at)
    assert (verdict is Verdict.SEND_LATE) <= (now - at > LATE)
    assert (verdict is Verdict.SEND) <= (timedelta() <= now - at <= LATE)
    if verdict in (Verdict.SEND, Verdict.SEND_LATE):
        assert now < (ends if anchor is Anchor.START else at + FOLLOW_UP_WITHIN)
        assert is_late(at, now) == (verdict is Verdict.SEND_LATE)
        assert now < last_use(anchor, at, ends)


@given(anchors, minutes, instants, lengths, st.integers(-10_000, 10_000), instants)
def test_it_moves_with_the_session(
    anchor: Anchor, distance: int, starts: datetime, length: timedelta, by: int, now: datetime
) -> None:
    step = timedelta(minutes=by)
    rule = Rule(anchor, distance, Audience.ALL, LONG_AGO - timedelta(days=1000))
    here = decide(rule, Meeting(starts, starts + length), now, already=False)
    moved = Meeting(starts + step, starts + step + length)
    assert decide(rule, moved, now + step, already=False) is here


@pytest.mark.parametrize(
    ("answer", "speaks", "audiences"),
    [
        ("", False, {Audience.ALL, Audience.UNANSWERED}),
        ("", True, {Audience.ALL, Audience.UNANSWERED, Audience.SPEAKERS}),
        ("accepted", False, {Audience.ALL, Audience.ACCEPTED}),
        ("accepted", True, {Audience.ALL, Audience.ACCEPTED, Audience.SPEAKERS}),
        ("tentative", False, {Audience.ALL}),
        ("declined", True, set()),
    ],
)
def test_audiences(answer: str, speaks: bool, audiences: set[Audience]) -> None:
    assert {a for a in Audience if reaches(a, answer=answer, speaks=speaks)} == audiences
