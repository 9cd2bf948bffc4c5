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


MOVED = replace(SESSION, starts=START + HOUR, ends=START + 2 * HOUR)


def test_the_same_clock_at_another_instant() -> None:
    other = replace(SESSION, id="s4", number=4)
    assert shifts(schedule(SESSION, other), schedule(MOVED, other), NOW) == (
        Shift(
            "s3",
            3,
            "America/Santiago",
            datetime(2026, 12, 1, 10),
            START,
            START + HOUR,
            START + 2 * HOUR,
        ),
    )


@pytest.mark.parametrize(
    "draft",
    [
        SESSION,
        replace(MOVED, wall_start=datetime(2026, 12, 1, 11)),
        replace(MOVED, wall_start=datetime(2026, 12, 1, 10, fold=1)),
        replace(MOVED, zone="America/Lima"),
        replace(MOVED, status=SessionStatus.CANCELLED),
        replace(MOVED, id="new"),
    ],
)
def test_anything_else_is_a_change_like_any_other(draft: Session) -> None:
    assert shifts(schedule(SESSION), schedule(draft), NOW) == ()


def test_before_the_first_release_nobody_knows_better() -> None:
    assert shifts(None, schedule(MOVED), NOW) == ()


def test_what_is_over_is_left_alone() -> None:
    released, draft = schedule(SESSION), schedule(MOVED)
    assert len(shifts(released, draft, MOVED.ends - timedelta(seconds=1))) == 1
    assert shifts(released, draft, MOVED.ends) == ()


def test_by_time() -> None:
    later = replace(SESSION, id="s1", number=1, starts=START + 9 * HOUR, ends=START + 10 * HOUR)
    moved = replace(later, starts=START + 8 * HOUR, ends=START + 9 * HOUR)
    found = shifts(schedule(later, SESSION), schedule(moved, MOVED), NOW)
    assert [s.number for s in found] == [3, 1]


AGENDA = (Segment("g", SegmentKind.PANEL, "Panel", START, START + HOUR),)
AN_HOUR_LATE = replace(
    SESSION,
    starts=START + HOUR,
    ends=START + 2 * HOUR,
    segments=(replace(AGENDA[0], starts=START + HOUR, ends=START + 2 * HOUR),),
)
"""As a release has it that was made while Santiago was four hours behind; now it is three."""


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
    other = replace(AN_HOUR_LATE, id="s4", number=4)
    released = schedule(AN_HOUR_LATE, other)
    draft = schedule(SESSION, replace(other, wall_start=datetime(2026, 12, 1, 11)))
    found = shifts(released, draft, NOW)
    assert with_shifts(released, found) == schedule(replace(SESSION, segments=AGENDA), other)
