"""An agenda's times follow from its order and its minutes; only a pinned item stands by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from app.domain.errors import N_, Invalid


@dataclass(frozen=True, slots=True)
class Item:
    """What takes time in an agenda. Subclass it to carry more along."""

    minutes: int
    offset: int | None = None  # minutes after the session's start; None: when the one before ends


AnItem = TypeVar("AnItem", bound=Item)
T = TypeVar("T")


def lay_out(session_start: datetime, items: Sequence[Item]) -> list[tuple[datetime, datetime]]:
    """Start and end of each item, in the agenda's order, in UTC.

    An item that is not pinned begins when the one before it ends, the first one with the session.
    Minutes are minutes that pass, also where clocks change in between.

    Raises ValueError if `session_start` is naive.
    """
    if session_start.tzinfo is None:
        raise ValueError("the session's start must be aware")
    zero = session_start.astimezone(UTC)
    minute = timedelta(minutes=1)
    return [(zero + a * minute, zero + b * minute) for a, b in _offsets(items)]


def _offsets(items: Sequence[Item]) -> list[tuple[int, int]]:
    reached = 0
    offsets = []
    for item in items:
        starts = reached if item.offset is None else item.offset
        reached = starts + item.minutes
        offsets.append((starts, reached))
    return offsets


def total_minutes(items: Sequence[Item]) -> int:
    """The minutes of all items together; ones that run side by side count each."""
    return sum(item.minutes for item in items)


def span_minutes(items: Sequence[Item]) -> int:
    """Minutes from the session's start to the end of what ends last; 0 for no items."""
    return max((end for _, end in _offsets(items)), default=0)


def move(items: Sequence[T], i: int, j: int) -> list[T]:
    """The items with the one at `i` taken out and put in so that it stands at `j`.

    A pinned item keeps its pin. Raises IndexError if there is no place `i` or `j`.
    """
    if not (0 <= i < len(items) and 0 <= j < len(items)):
        raise IndexError(f"an agenda of {len(items)} has no places {i} and {j}")
    moved = list(items)
    moved.insert(j, moved.pop(i))
    return moved


def lengthen(items: Sequence[AnItem], i: int, minutes: int) -> list[AnItem]:
    """The items with the one at `i` longer by `minutes` (shorter if they are negative).

    Raises:
        IndexError: there is no place `i`.
        Invalid: less than one minute would be left of it; at ``segments.<i>.minutes``.
    """
    if not 0 <= i < len(items):
        raise IndexError(f"an agenda of {len(items)} has no place {i}")
    length = items[i].minutes + minutes
    if length < 1:
        raise Invalid.one(
            f"segments.{i}.minutes", N_("A segment takes at least one minute."), code="too_short"
        )
    return [*items[:i], replace(items[i], minutes=length), *items[i + 1 :]]
