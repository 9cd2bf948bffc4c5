"""When a mail that did not go out is tried again."""

from datetime import timedelta

_FIRST = timedelta(minutes=1)
_LONGEST = timedelta(hours=4)
GIVE_UP_AFTER = timedelta(hours=72)


def delay(failures: int) -> timedelta | None:
    """How long to wait after so many failed attempts (1 or more): a minute, doubled each time, four
    hours at most. None when the next attempt would come later than 72 hours after the first."""
    waited = timedelta()
    step = _FIRST
    for _ in range(failures - 1):
        waited += step
        step = min(step * 2, _LONGEST)
    return step if waited + step <= GIVE_UP_AFTER else None
