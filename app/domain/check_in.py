"""When a session can be checked in to."""

from datetime import datetime, timedelta
from enum import StrEnum

MINUTES_BEFORE = 15
MINUTES_AFTER = 30


class WindowState(StrEnum):
    """Where an instant stands to a check-in window."""

    BEFORE = "before"
    OPEN = "open"
    CLOSED = "closed"


def window(
    starts: datetime,
    ends: datetime,
    minutes_before: int = MINUTES_BEFORE,
    minutes_after: int = MINUTES_AFTER,
) -> tuple[datetime, datetime]:
    """When check-in opens and closes: a half-open interval around an aware session time.

    `minutes_after` counts from the session's end. Negative minutes move the window's edge into
    the session. Raises ValueError for naive times.
    """
    if starts.tzinfo is None or ends.tzinfo is None:
        raise ValueError("a session's times must be aware")
    return starts - timedelta(minutes=minutes_before), ends + timedelta(minutes=minutes_after)


def state(now: datetime, window: tuple[datetime, datetime]) -> WindowState:
    """Whether the window is still to open, open, or over at the aware instant `now`."""
    opens, closes = window
    if now >= closes:
        return WindowState.CLOSED
    return WindowState.OPEN if now >= opens else WindowState.BEFORE
