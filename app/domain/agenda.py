"""An agenda's times follow from its order and its minutes; only a pinned item stands by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Item:
    """What takes time in an agenda."""

    minutes: int
    offset: int | None = None  # minutes after the session's start; None: when the one before ends


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
