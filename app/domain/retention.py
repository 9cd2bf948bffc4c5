"""How long details of people are kept after a cycle, and what of them may stay as a number."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from app.domain.zones import wall_time
from app.domain.zones import zone as zone_of

CHOICES = (3, 6, 12, 24)
"""Months after the end of a cycle, as organizers may choose."""

POSTPONED = 3
"""Months by which the day is put off at a time."""

SEEN_BEFORE = timedelta(days=14)
"""So long before, organizers see it coming."""

LEAST_ALIKE = 5
"""So many people of a cycle have to have something in common for it to stay with the number that
one of them has become: among fewer, whoever knows the others would know them."""


def months_after(instant: datetime, months: int, zone: str) -> datetime:
    """The same time of day so many months later in a zone; on the last day of the month where
    there is no such day. Aware in, aware UTC out."""
    local = wall_time(instant, zone)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    later = local.replace(year=year, month=month + 1, day=day, tzinfo=zone_of(zone))
    return later.astimezone(instant.tzinfo)


def due_at(
    end: datetime | None, months: int | None, until: datetime | None, zone: str
) -> datetime | None:
    """When details are erased: so many `months` after the cycle's `end`, not before `until`. None:
    not until somebody says so. Instants are aware UTC."""
    if end is None or months is None:
        return None
    due = months_after(end, months, zone)
    return max(due, until) if until is not None else due


def that_stays(
    given: Mapping[str, str],
    everybody: Iterable[tuple[Mapping[str, str], int]],
    least: int = LEAST_ALIKE,
) -> dict[str, str]:
    """What of somebody's answers may stay: taken in their order, each only if as many as `least` of
    `everybody` in the cycle, they among them, gave it together with those that stay already. The
    others are empty. `everybody`: what was given, and by how many."""
    alike, kept = list(everybody), dict.fromkeys(given, "")
    for name, value in given.items():
        same = [(each, count) for each, count in alike if each.get(name, "") == value]
        if value and sum(count for _, count in same) >= least:
            kept[name], alike = value, same
    return kept
