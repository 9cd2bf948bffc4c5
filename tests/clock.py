"""The tests' clock. Most of their sessions are in December 2026, and stay to come for ever: for
code that runs in this process the present begins a week before them and goes on at its own pace.

Programs that a test starts have the machine's clock; what they and a test both look at is made from
the moment, not from a date.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

from app.models import base

BEGUN = datetime.now(UTC)
TODAY = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Clock(datetime):
    """What `app.models.now` asks for the time."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """`TODAY`, and as long after it as the tests have run, and as it is ahead."""
        at = (TODAY + (datetime.now(UTC) - BEGUN) + cls.ahead).astimezone(tz)
        return cls(
            at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, at.tzinfo
        )


def set_clock() -> None:
    """From now on all code of the program in this process goes by it."""
    setattr(base, "datetime", Clock)  # noqa: B010 - the module does not export the name
