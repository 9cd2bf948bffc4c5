"""Joinings and leavings of one person, put together to stays."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.meetings.words import Action


@dataclass(frozen=True, slots=True)
class Event:
    """One joining or leaving. `number` is its row's; `at` is naive or aware, as all of a file."""

    at: datetime
    action: Action
    number: int


@dataclass(frozen=True, slots=True)
class Stay:
    """From a joining to the next leaving; `left` None: none came. `before`: it began before the
    list did. `numbers` are the rows that it was made of."""

    joined: datetime
    left: datetime | None
    numbers: tuple[int, ...]
    before: bool = False


def pair(events: Iterable[Event]) -> tuple[list[Stay], list[Event]]:
    """The stays of one person, and leavings with no joining before them.

    Events are taken in order of time, those of one moment in the order of the file. Whoever joins
    again without having left was in all the time.
    """
    stays: list[Stay] = []
    stray: list[Event] = []
    current: list[Event] = []
    for event in sorted(events, key=lambda each: (each.at, each.number)):
        if event.action is not Action.LEFT:
            current.append(event)
        elif current:
            stays.append(_stay(current, event))
            current = []
        else:
            stray.append(event)
    if current:
        stays.append(_stay(current, None))
    return stays, stray


def _stay(joined: list[Event], left: Event | None) -> Stay:
    numbers = [each.number for each in joined] + ([left.number] if left else [])
    return Stay(
        joined=joined[0].at,
        left=left.at if left else None,
        numbers=tuple(sorted(numbers)),
        before=joined[0].action is Action.BEFORE,
    )
