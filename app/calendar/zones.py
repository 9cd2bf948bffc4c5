"""VTIMEZONE (RFC 5545, 3.6.5) in the one form that every client reads right.

Outlook takes one yearly rule for each of STANDARD and DAYLIGHT, with one weekday counted from the
start or the end of one month, and nothing else ([MS-OXCICAL] 2.1.3.1.1.19: BYDAY with BYMONTHDAY
is refused, of RDATE and further observances nothing is used). So that is all that is written, and
only where it holds; elsewhere the caller writes UTC, which nobody can get wrong.

**The years.** The rules hold from the first to the last local year that the calendar's events in
the zone touch: a client that looks at the whole year of an event finds every month right. They are
not asked to hold elsewhere, so that a zone whose law changed nearby (Asunción in 2024), or whose
Sunday wanders (Santiago: the first on or after the 2nd), keeps its rules for the years that they
fit. The offset with which the first year begins needs an onset before it: that one is set in the
year before, where its rule puts it, were the real change a week off.
"""

import calendar as months
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.calendar.lines import escape, local_stamp, serialize
from app.domain.zones import zone

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_LAST = -1
_EARLIEST, _LATEST, _MOST_YEARS = 1900, 9000, 50


@dataclass(frozen=True, slots=True)
class _Change:
    """Clocks change at `onset`, a reading of the clock before the change."""

    onset: datetime
    before: timedelta
    after: timedelta
    name: str

    @property
    def forward(self) -> bool:
        return self.after > self.before


@lru_cache(maxsize=2048)
def vtimezone(name: str, first_year: int, last_year: int) -> bytes | None:
    """The VTIMEZONE of an IANA zone for these local years, as folded lines; None: write UTC.

    Raises UnknownZone.
    """
    info = zone(name)
    if first_year < _EARLIEST or last_year > _LATEST or last_year - first_year >= _MOST_YEARS:
        return None
    changes = list(_changes(info, first_year, last_year))
    if not changes:
        start = datetime(first_year, 1, 1, tzinfo=info)
        return _write(name, _fixed(start))
    # The greater offset is DAYLIGHT, also where the law calls summer the standard (Dublin):
    # Outlook's model has no other way.
    standard = _rule("STANDARD", [c for c in changes if not c.forward], first_year, last_year)
    daylight = _rule("DAYLIGHT", [c for c in changes if c.forward], first_year, last_year)
    if standard is None or daylight is None:
        return None
    opening = standard if changes[0].forward else daylight
    rules = [replace(r, from_year=first_year - (r is opening)) for r in (standard, daylight)]
    return _write(name, [line for rule in rules for line in rule.lines()])


def _changes(info: ZoneInfo, first_year: int, last_year: int) -> Iterator[_Change]:
    """Every change of the offset in these local years. No zone changes twice in a day."""
    step = timedelta(days=1)
    at = datetime(first_year, 1, 1, tzinfo=info).astimezone(UTC)
    end = datetime(last_year + 1, 1, 1, tzinfo=info).astimezone(UTC)
    before = _offset(info, at)
    while at < end:
        after = _offset(info, at + step)
        if after != before:
            instant = _first_with(info, after, at, at + step)
            onset = (instant + before).replace(tzinfo=None)
            name = instant.astimezone(info).tzname() or ""
            yield _Change(onset, before, after, name)
        at, before = at + step, after


def _first_with(info: ZoneInfo, offset: timedelta, low: datetime, high: datetime) -> datetime:
    """The first second of the interval (low, high] with this offset, by bisection."""
    seconds = int((high - low).total_seconds())
    known_before, known_after = 0, seconds
    while known_after - known_before > 1:
        middle = (known_before + known_after) // 2
        if _offset(info, low + timedelta(seconds=middle)) == offset:
            known_after = middle
        else:
            known_before = middle
    return low + timedelta(seconds=known_after)


def _offset(info: ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(info).utcoffset()
    assert offset is not None  # a ZoneInfo always has one for a datetime
    return offset


def _fixed(start: datetime) -> list[str]:
    """One STANDARD from the start of the first year on."""
    offset = start.utcoffset() or timedelta()
    return _observance(
        "STANDARD", start.replace(tzinfo=None), offset, offset, start.tzname() or "", ""
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """One yearly change: which weekday of which month, at what reading of the clock before it."""

    kind: str
    month: int
    ordinal: int  # 1 to 4 from the month's start, or the last
    weekday: int
    at: time
    before: timedelta
    after: timedelta
    name: str
    from_year: int

    def lines(self) -> list[str]:
        weeks = months.Calendar().itermonthdates(self.from_year, self.month)
        days = [d for d in weeks if d.month == self.month and d.weekday() == self.weekday]
        day = days[self.ordinal if self.ordinal == _LAST else self.ordinal - 1]
        return _observance(
            self.kind,
            datetime.combine(day, self.at),
            self.before,
            self.after,
            self.name,
            f"RRULE:FREQ=YEARLY;BYMONTH={self.month};BYDAY={self.ordinal}{_WEEKDAYS[self.weekday]}",
        )


def _rule(kind: str, changes: list[_Change], first_year: int, last_year: int) -> _Rule | None:
    """The rule that gives exactly these changes in these years; None if there is none."""
    if [c.onset.year for c in changes] != list(range(first_year, last_year + 1)):
        return None
    alike = {
        (c.onset.month, c.onset.weekday(), c.onset.time(), c.before, c.after, c.name)
        for c in changes
    }
    ordinals = set.intersection(*(_ordinals(c.onset) for c in changes))
    if len(alike) != 1 or not ordinals:
        return None
    ((month, weekday, at, before, after, name),) = alike
    # Both may fit a few years: laws say "the last Sunday" far more often than "the fourth".
    return _Rule(kind, month, min(ordinals), weekday, at, before, after, name, from_year=first_year)


def _ordinals(day: datetime) -> set[int]:
    """Which one of its weekday a day is in its month: 1 to 4, or the last; never the fifth."""
    found = {(day.day - 1) // 7 + 1} - {5}
    if (day + timedelta(days=7)).month != day.month:
        found.add(_LAST)
    return found


def _observance(
    kind: str, onset: datetime, before: timedelta, after: timedelta, name: str, rule: str
) -> list[str]:
    lines = [f"BEGIN:{kind}", f"DTSTART:{local_stamp(onset)}"]
    if rule:
        lines.append(rule)
    lines += [f"TZOFFSETFROM:{_utc_offset(before)}", f"TZOFFSETTO:{_utc_offset(after)}"]
    if name:
        lines.append(f"TZNAME:{escape(name)}")
    return [*lines, f"END:{kind}"]


def _utc_offset(offset: timedelta) -> str:
    """RFC 5545, 3.3.14. Seconds only where there are any: no zone has had them since 1972."""
    total = int(offset.total_seconds())
    minutes, seconds = divmod(abs(total), 60)
    tail = f"{seconds:02}" if seconds else ""
    return f"{'-' if total < 0 else '+'}{minutes // 60:02}{minutes % 60:02}{tail}"


def _write(name: str, observances: list[str]) -> bytes:
    return serialize(["BEGIN:VTIMEZONE", f"TZID:{name}", *observances, "END:VTIMEZONE"])
