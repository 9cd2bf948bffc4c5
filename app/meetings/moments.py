"""Dates and times as reports write them.

A date in figures may have two readings; which of them is meant is settled for the whole file
(`app.meetings.orders`), so here it is only taken apart.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.meetings.keys import plain
from app.meetings.stated_zones import StatedZone, stated_zone
from app.meetings.values import DateOrder

_YEARS = range(2000, 2100)
_ISO = re.compile(r"\d{4}-\d\d-\d\d[t ]\d\d:\d\d")
_ISO_T = re.compile(r"(?<=\d)\s?t\Z")
# What nearly all of them look like, for the sake of files with tens of thousands of rows.
_USUAL = re.compile(
    r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d\d),? (\d{1,2}):(\d\d)(?::(\d\d))?(?: ([ap])m)?"
)
_TIME = re.compile(
    r"(?<![\d:])(?P<hour>\d{1,2})(?::|\s?h\s?)(?P<minute>\d{2})"
    r"(?:(?::|\s?m(?:in)?\s?)(?P<second>\d{2})(?:[.,]\d{1,9})?\s?s?)?"
    r"(?![\d:])\s?(?P<half>(?:[ap]\s?\.?\s?m\b\.?|(?:vor|nach)m(?:ittags\b|\.|\b)"
    r"|(?:da|de la) (?:manha|manana|tarde|noite|noche)\b|du (?:matin|soir)\b"
    r"|de l['\u2019]apres-midi\b))?"
)
_AFTER_NOON = re.compile(r"p|nach|.*(?:tarde|noite|noche|soir|apres)")
_FIGURES = re.compile(r"(\d{1,4})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{1,4})\.?")
_PARTS = re.compile(r"[\s,./-]+")
_MONTHS = {
    word: number
    for number, words in enumerate(
        (
            "jan january ene enero janeiro janv janvier januar janner",
            "feb february febrero fev fevereiro fevr fevrier februar",
            "mar march marzo marco mars marz mrz maerz",
            "apr april abr abril avr avril",
            "may mayo mai maio",
            "jun june junio junho juin juni",
            "jul july julio julho juil juillet juli",
            "aug august ago agosto aout",
            "sep sept september septiembre setiembre set setembro septembre",
            "oct october octubre out outubro octobre okt oktober",
            "nov november noviembre novembro novembre",
            "dec december dic diciembre dez dezembro decembre dezember",
        ),
        1,
    )
    for word in words.split()
}
_ORDINAL = re.compile(r"(\d{1,2})(?:st|nd|rd|th|er|o|a)?\Z")


@dataclass(frozen=True, slots=True)
class Written:
    """A time as a file writes it. Either `day` is known, or `figures` are the two of which one is
    the day and one the month, in their order, with `year`; or the cell has no date. `zone` is what
    the cell itself states; `unclear` what stands behind the time and does not say enough."""

    clock: time | None
    day: date | None = None
    figures: tuple[int, int] | None = None
    year: int = 0
    zone: StatedZone | None = None
    unclear: str = ""

    @property
    def has_date(self) -> bool:
        """Whether the cell says on which day."""
        return self.day is not None or self.figures is not None

    def on(self, order: DateOrder | None) -> date | None:
        """The day in this order; None where there is no such day."""
        if self.day is not None or self.figures is None:
            return self.day
        first, second = self.figures
        day, month = (first, second) if order is DateOrder.DAY_FIRST else (second, first)
        try:
            return date(self.year, month, day)
        except ValueError:
            return None

    def local(self, order: DateOrder | None) -> datetime | None:
        """The naive local time in this order."""
        day = self.on(order)
        return None if day is None or self.clock is None else datetime.combine(day, self.clock)


def written(cell: str) -> Written | None:
    """What a cell says; None where it is neither a date nor a time."""
    text = plain(cell)
    if usual := _USUAL.fullmatch(text):
        at = _in_half(int(usual[5]), int(usual[6]), int(usual[7] or 0), usual[8])
        return None if at is None else _figures(int(usual[1]), int(usual[3]), usual[4], at)
    if _ISO.match(text) and (found := _iso(text)):
        return found
    clock = _TIME.search(text)
    if clock is None:
        return _dated(text, None)
    at = _clock(clock)
    before, after = text[: clock.start()].strip(" ,"), text[clock.end() :].strip(" ,")
    before = _ISO_T.sub("", before)
    if at is None:
        return None
    if before:
        return _dated(before, at, after)
    if not after:
        return Written(at)
    # The time first, or a zone behind a time without a date.
    return _dated(after, at) or _zoned(Written(at), after)


def _iso(text: str) -> Written | None:
    try:
        found = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    offset = found.utcoffset()
    zone = None if offset is None else stated_zone(_sign(offset))
    if found.year not in _YEARS or (offset is not None and zone is None):
        return None
    return Written(found.time().replace(microsecond=0), found.date(), zone=zone)


def _sign(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _clock(found: re.Match[str]) -> time | None:
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    return _in_half(hour, minute, second, found["half"])


def _in_half(hour: int, minute: int, second: int, half: str | None) -> time | None:
    if half:
        late = _AFTER_NOON.match(half) is not None
        if hour > 12 and not late:
            return None
        hour = hour % 12 + 12 * late if hour <= 12 else hour
    try:
        return time(hour, minute, second)
    except ValueError:
        return None


def _dated(text: str, clock: time | None, after: str = "") -> Written | None:
    figures = _FIGURES.fullmatch(text)
    found = _in_figures(figures, clock) if figures else _in_words(text, clock)
    return _zoned(found, after) if found and after else found


def _zoned(found: Written, after: str) -> Written | None:
    zone = stated_zone(after)
    if zone is None and len(after) > 60:
        return None
    return Written(
        found.clock,
        found.day,
        found.figures,
        found.year,
        zone,
        "" if zone else after.strip("()").upper(),
    )


def _in_figures(found: re.Match[str], clock: time | None) -> Written | None:
    first, second, third = int(found[1]), int(found[3]), int(found[4])
    if len(found[1]) == 4:
        return _on_day(first, second, third, clock)
    if len(found[1]) > 2 or len(found[4]) not in (2, 4):
        return None
    return _figures(first, second, found[4], clock)


def _figures(first: int, second: int, last: str, clock: time | None) -> Written | None:
    year = int(last) if len(last) == 4 else 2000 + int(last)
    if year not in _YEARS or not (0 < first < 32 and 0 < second < 32) or min(first, second) > 12:
        return None
    return Written(clock, figures=(first, second), year=year)


def _in_words(text: str, clock: time | None) -> Written | None:
    month, numbers = 0, []
    for part in filter(None, _PARTS.split(text)):
        if part in _MONTHS:
            month = _MONTHS[part]  # the last one: "mar. 17 mars" begins with a Tuesday
        elif part.isdecimal():
            numbers.append(int(part))
        elif day := _ORDINAL.match(part):
            numbers.append(int(day[1]))
    if not month or len(numbers) != 2:
        return None
    day_, year = sorted(numbers) if max(numbers) > 31 else numbers
    return _on_day(year if year > 99 else 2000 + year, month, day_, clock)


def _on_day(year: int, month: int, day: int, clock: time | None) -> Written | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return Written(clock, found) if year in _YEARS else None
