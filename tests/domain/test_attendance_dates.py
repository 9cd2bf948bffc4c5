"""What was observed for a date that the session was moved from does not count."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.attendance import Evidence, Kind, Status
from app.domain.attendance_dates import of_another_date, of_this_date, this_date_since

OPENS = datetime(2026, 12, 1, 13, 45, tzinfo=UTC)
BEFORE = OPENS - timedelta(microseconds=1)


def piece(kind: Kind, at: datetime, status: Status | None = None) -> Evidence:
    return Evidence(
        "e",
        kind,
        at,
        status=status,
        retracts="c" if kind is Kind.RETRACTION else "",
        joined=at if kind is Kind.INTERVAL else None,
        left=at if kind is Kind.INTERVAL else None,
        seconds=60 if kind is Kind.TOTAL else None,
    )


def test_since_when() -> None:
    starts = OPENS + timedelta(minutes=15)
    assert this_date_since(starts, OPENS) == starts - timedelta(hours=12)
    assert this_date_since(starts, starts + timedelta(minutes=5)) == starts - timedelta(hours=12)
    assert this_date_since(starts, starts - timedelta(hours=24)) == starts - timedelta(hours=24)


@pytest.mark.parametrize(
    ("kind", "status", "another"),
    [
        (Kind.CHECK_IN, None, True),
        (Kind.TOTAL, None, True),
        (Kind.MARK, Status.PRESENT, True),
        (Kind.MARK, Status.LATE, True),
        (Kind.MARK, Status.PARTIAL, True),
        (Kind.MARK, Status.ABSENT, True),
        (Kind.MARK, Status.EXCUSED, False),
        (Kind.INTERVAL, None, False),
        (Kind.JOIN_CLICK, None, False),
        (Kind.RETRACTION, None, False),
    ],
)
def test_before_it_was_of_this_date(kind: Kind, status: Status | None, another: bool) -> None:
    early, since = piece(kind, BEFORE, status), piece(kind, OPENS, status)
    assert of_another_date(early, OPENS) is another
    assert not of_another_date(since, OPENS)
    assert of_this_date([early, since], OPENS) == ([since] if another else [early, since])
