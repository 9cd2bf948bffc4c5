"""The date in a file's name."""

import re
from datetime import date, time

_ISO = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?(\d\d)[-_.]?(\d\d)(?:[ T_-]{1,3}(\d\d)[:_.h꞉-]?(\d\d)(?!\d))?(?!\d)"
)
_FIGURES = re.compile(r"(?<!\d)(\d{1,2})([-_.])(\d{1,2})\2(20\d\d|\d\d)(?!\d)")


def date_in(name: str) -> tuple[date, time | None] | None:
    """The date in a file's name, with a time where one follows it; None where there is none, or it
    has two readings."""
    for found in _ISO.finditer(name):
        year, month, day = (int(found[part]) for part in (1, 2, 3))
        if (on := _date(year, month, day)) is not None:
            return on, _time(found[4], found[5])
    for found in _FIGURES.finditer(name):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        readings = {
            on
            for day, month in ((first, second), (second, first))
            if (on := _date(year if year > 99 else 2000 + year, month, day)) is not None
        }
        if len(readings) == 1:
            return readings.pop(), None
    return None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _time(hour: str | None, minute: str | None) -> time | None:
    if hour is None or minute is None or int(hour) > 23 or int(minute) > 59:
        return None
    return time(int(hour), int(minute))
