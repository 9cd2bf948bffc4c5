"""To which date of a session evidence belongs: a session may be moved after people came to it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from app.domain.attendance import Evidence, Kind, Status

_SAYS_THERE = frozenset({Kind.CHECK_IN, Kind.TOTAL, Kind.MARK})


_EARLY = timedelta(hours=12)


def this_date_since(starts: datetime, opens: datetime) -> datetime:
    """Since when what is observed is of the session's date (aware instants): half a day before it
    starts, and in any case since check-in opens. A start that is put right by an hour, or another
    opening of check-in, takes nothing from those who were there."""
    return min(opens, starts - _EARLY)


def of_another_date(each: Evidence, since: datetime) -> bool:
    """Whether a piece of evidence was observed before (`this_date_since`) and yet says who was
    there or not: then it is about a date that the session was moved from.

    An excuse is given beforehand, and stays. Intervals say themselves when they were, a join click
    decides nothing, and a retraction stays with what it takes back.
    """
    return each.at < since and each.kind in _SAYS_THERE and each.status is not Status.EXCUSED


def of_this_date(evidence: Iterable[Evidence], since: datetime) -> list[Evidence]:
    """What is not of another date."""
    return [each for each in evidence if not of_another_date(each, since)]
