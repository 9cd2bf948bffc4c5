"""Which sessions newer zone data has moved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.schedule import Schedule, Session, SessionStatus
from app.domain.zone_shifts import Shift, shifts

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
