"""Where a part stands, and when somebody is reminded of it."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.parts import Standing, reminder_due, standing

START = datetime(2026, 12, 1, 14, tzinfo=UTC)
LATER = START + timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("status", "answered_start", "starts", "wanted"),
    [
        ("planned", None, START, Standing.PLANNED),
        ("invited", None, START, Standing.INVITED),
        ("invited", LATER, START, Standing.INVITED),
        ("confirmed", START, START, Standing.CONFIRMED),
        ("declined", START, START, Standing.DECLINED),
        ("confirmed", START, LATER, Standing.AGAIN),
        ("declined", START, LATER, Standing.AGAIN),
        ("confirmed", None, LATER, Standing.CONFIRMED),
    ],
)
def test_an_answer_is_one_to_a_time(
    status: str, answered_start: datetime | None, starts: datetime, wanted: Standing
) -> None:
    assert standing(status, answered_start, starts) is wanted


@pytest.mark.parametrize(
    ("asked", "before", "wanted"),
    [
        (None, timedelta(days=7), None),
        (30, timedelta(days=7, seconds=1), None),
        (30, timedelta(days=7), 7),
        (30, timedelta(days=3), 7),
        (30, timedelta(days=2), 2),
        (30, timedelta(hours=1), 2),
        (30, timedelta(0), None),
        (30, -DAY, None),
        (5, timedelta(days=3), None),
        (5, timedelta(days=2), 2),
        (2.5, timedelta(days=2), None),
        (2.5, timedelta(days=1.5), 2),
        (1.9, timedelta(days=0.5), None),
    ],
)
def test_a_reminder_seven_and_two_days_before(
    asked: float | None, before: timedelta, wanted: int | None
) -> None:
    """`asked`: so many days before the session."""
    asked_at = None if asked is None else START - asked * DAY
    assert reminder_due(START, asked_at, START - before) == wanted
