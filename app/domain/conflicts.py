"""Conflicts across a cycle's schedule and the other cycles of the people in it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from app.domain.conflict_parts import Unavailable, part_conflicts
from app.domain.conflict_people import people_conflicts
from app.domain.conflict_sessions import session_conflicts
from app.domain.conflict_values import (
    ERRORS,
    HINTS,
    SENTENCES,
    Code,
    Conflict,
    Ref,
    RefKind,
    Severity,
)
from app.domain.schedule import Schedule

__all__ = [
    "ERRORS",
    "HINTS",
    "SENTENCES",
    "Code",
    "Conflict",
    "Ref",
    "RefKind",
    "Severity",
    "conflicts",
]


def conflicts(
    schedule: Schedule,
    others: Sequence[Schedule] = (),
    *,
    holidays: Mapping[str, Mapping[date, str]],
    now: datetime,
    unavailable: Unavailable | None = None,
) -> tuple[Conflict, ...]:
    """Everything in the schedule that clashes or is missing, by time, errors first.

    Cancelled sessions are left out, draft ones are looked at. Of `others`, only what clashes with
    this schedule counts, and their draft sessions do not; the cycle itself among them is passed
    over. What is over by `now` is left out: nobody can mend it any more. The order of sessions,
    segments and others makes no difference.

    Args:
        schedule: the draft (a release holds no meeting links, they would all be missing).
        others: the other cycles of the people in it.
        holidays: for each country (ISO 3166-1 alpha-2, upper case) public holidays by local date.
        now: aware; a missing link matters from 48 hours before the start until the end, an answer
            that is missing from 7 days before.
        unavailable: when people cannot.

    Raises ValueError if `now` is naive, UnknownZone for a session's or person's zone that is none.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    elsewhere = [each for each in others if each.id != schedule.id]
    found = [
        *people_conflicts(schedule, elsewhere, holidays),
        *session_conflicts(schedule, elsewhere, now),
        *part_conflicts(schedule, unavailable or {}, now),
    ]
    ahead = (conflict for conflict in found if conflict.ends > now)
    return tuple(sorted(ahead, key=lambda conflict: conflict.order))
