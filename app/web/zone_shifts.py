"""What newer zone data has moved, for people."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.zone_shifts import Shift
from app.languages import date_long, date_short, time_of_day, zone_label
from app.web.sentences import Presenter


@dataclass(frozen=True, slots=True)
class ShiftLine:
    """One session that was moved, in a sentence."""

    number: int
    sentence: str


def shift_lines(shifts: Iterable[Shift], presenter: Presenter) -> list[ShiftLine]:
    """A line for each: "Tuesday 1 December 2026, 10:00, Santiago time, was 13:00 UTC and is now
    14:00 UTC"."""
    return [ShiftLine(shift.number, _sentence(shift, presenter)) for shift in shifts]


def _sentence(shift: Shift, presenter: Presenter) -> str:
    same_day = shift.was.astimezone(UTC).date() == shift.now.astimezone(UTC).date()

    def utc(instant: datetime) -> str:
        hours = f"{time_of_day(instant, 'UTC')} UTC"
        day = date_short(instant, presenter.language, "UTC")
        return hours if same_day else f"{day}, {hours}"

    return presenter.gettext("%(date)s, %(time)s, %(zone)s, was %(was)s and is now %(now)s.") % {
        "date": date_long(shift.now, presenter.language, shift.zone),
        "time": time_of_day(shift.now, shift.zone),
        "zone": zone_label(shift.zone, presenter.language),
        "was": utc(shift.was),
        "now": utc(shift.now),
    }
