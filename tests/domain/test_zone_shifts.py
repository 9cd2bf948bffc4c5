"""Which sessions newer zone data has moved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.schedule import Schedule, Segment, SegmentKind, Session, SessionStatus
from app.domain.zone_shifts import Shift, by_the_clock, same_clock, shifts, with_shifts

HOUR = timedelta(hours=1)
START = datetime(2026, 12, 1, 13, tzinfo=UTC)
SESSION = Session(
    id="s3",
    uid="u3",
    number=3,
    title={"en": "Three"},
    zone="America/Santiago",
    wall_start=datetime(2026, 12, 1, 10),
    starts=START,
    ends=START + HOUR,
)
NOW = START - timedelta(days=9)


def schedule(*sessions: Session) -> Schedule:
    return Schedule(
        id="c", slug="c", title={}, language="en", zone="America/Santiago", sessions=sessions
    )


AGENDA = (Segment("g", SegmentKind.PANEL, "Panel", START, START + HOUR),)
AN_HOUR_LATE = replace(
    SESSION,
    starts=START + HOUR,
    ends=START + 2 * HOUR,
    segments=(replace(AGENDA[0], starts=START + HOUR, ends=START + 2 * HOUR),),
)
"""As a release has it that was made while Santiago was four hours behind; now it is three."""


def test_the_same_clock_at_another_instant() -> None:
    other = replace(SESSION, id="s4", number=4)
    assert shifts(schedule(AN_HOUR_LATE, other), NOW) == (
        Shift(
            "s3",
            3,
            "America/Santiago",
            datetime(2026, 12, 1, 10),
            START + HOUR,
            START,
            START + HOUR,
        ),
    )


def test_what_is_cancelled_is_left_alone() -> None:
    assert shifts(schedule(replace(AN_HOUR_LATE, status=SessionStatus.CANCELLED)), NOW) == ()


def test_before_the_first_release_there_is_nothing_to_tell() -> None:
    assert shifts(None, NOW) == ()


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_what_is_over_both_ways_is_left_alone(by: timedelta) -> None:
    released = schedule(replace(SESSION, starts=START + by, ends=START + by + HOUR))
    end = START + HOUR + max(by, timedelta(0))
    assert len(shifts(released, end - timedelta(seconds=1))) == 1
    assert shifts(released, end) == ()


def test_by_time() -> None:
    later = replace(
        AN_HOUR_LATE,
        id="s1",
        number=1,
        wall_start=datetime(2026, 12, 1, 19),
        starts=START + 10 * HOUR,
        ends=START + 11 * HOUR,
    )
    assert [s.number for s in shifts(schedule(later, AN_HOUR_LATE), NOW)] == [3, 1]


def test_readers_are_shown_the_local_time() -> None:
    other = replace(SESSION, id="s4", number=4)
    shown = by_the_clock(schedule(AN_HOUR_LATE, other))
    assert shown == schedule(replace(SESSION, segments=AGENDA), other)


def test_what_has_not_moved_is_the_same() -> None:
    same = schedule(SESSION)
    assert by_the_clock(same) is same


def test_of_two_equal_hours_it_stays_the_second() -> None:
    # Santiago's clocks go back from 24:00 to 23:00 on 3 April 2027.
    second = datetime(2027, 4, 4, 3, 30, tzinfo=UTC)
    twice = replace(
        SESSION,
        wall_start=datetime(2027, 4, 3, 23, 30, fold=1),
        starts=second,
        ends=second + HOUR,
    )
    same = schedule(twice)
    assert by_the_clock(same) is same
    assert not same_clock(twice, replace(twice, wall_start=datetime(2027, 4, 3, 23, 30)))


def test_a_release_of_what_has_moved_has_nothing_else_new() -> None:
    off = replace(AN_HOUR_LATE, id="s4", number=4, status=SessionStatus.CANCELLED)
    released = schedule(AN_HOUR_LATE, off)
    found = shifts(released, NOW)
    assert with_shifts(released, found) == schedule(replace(SESSION, segments=AGENDA), off)
