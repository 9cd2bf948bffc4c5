"""Half-open intervals on the time line: which of them overlap, and what they leave free."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol, TypeVar


class Timed(Protocol):
    """Anything with a start and an end (aware instants)."""

    @property
    def starts(self) -> datetime:
        """The first instant that belongs to it."""

    @property
    def ends(self) -> datetime:
        """The first instant after it."""


T = TypeVar("T", bound=Timed)


def overlapping_pairs(own: Iterable[T], foreign: Iterable[T] = ()) -> Iterator[tuple[T, T]]:
    """Every pair that overlaps and has one or both of its members in `own`.

    Pairs of own ones come with the earlier first, mixed pairs with the own one first. Takes
    n log n plus the number of pairs: each sweep step either drops an interval for good or
    yields a pair, and foreign ones are never held against each other.
    """
    line = [(each.starts, each.ends, False, each) for each in own]
    line += [(each.starts, each.ends, True, each) for each in foreign]
    # By end where the start is the same: an empty interval overlaps nothing that begins with it.
    line.sort(key=lambda entry: entry[:2])
    open_own: list[T] = []
    open_foreign: list[T] = []
    for starts, _, is_foreign, current in line:
        open_own = [each for each in open_own if each.ends > starts]
        for each in open_own:
            yield each, current
        if is_foreign:
            open_foreign.append(current)
            continue
        open_foreign = [each for each in open_foreign if each.ends > starts]
        for each in open_foreign:
            yield current, each
        open_own.append(current)


def uncovered(
    starts: datetime, ends: datetime, parts: Iterable[Timed]
) -> list[tuple[datetime, datetime]]:
    """What of [starts, ends) belongs to none of the parts: as few intervals as possible."""
    free: list[tuple[datetime, datetime]] = []
    reached = starts
    for part in sorted((p for p in parts if p.starts < p.ends), key=lambda p: p.starts):
        if part.starts >= ends:
            break
        if part.starts > reached:
            free.append((reached, part.starts))
        reached = max(reached, part.ends)
    if reached < ends:
        free.append((reached, ends))
    return free


def inside(
    starts: datetime, ends: datetime, intervals: Iterable[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    """What of [starts, ends) belongs to at least one of the intervals (aware instants of one zone):
    as few intervals as possible, in order."""
    found: list[tuple[datetime, datetime]] = []
    for begin, end in sorted(intervals):
        begin, end = max(begin, starts), min(end, ends)
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found
