"""What does not count any more, by what was retracted."""

from collections.abc import Iterable
from datetime import datetime


def retracted(retractions: Iterable[tuple[datetime, str, str]]) -> set[str]:
    """The ids of what does not count any more, by all retractions of it and of one another: when
    each was (aware), its own id, and the id of what it retracts."""
    gone: set[str] = set()
    for _, own, target in sorted(retractions, reverse=True):
        if own not in gone:
            gone.add(target)
    return gone
