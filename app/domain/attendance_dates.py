"""To which date of a session evidence belongs: a session may be moved after people came to it."""

from collections.abc import Iterable
from datetime import datetime

from app.domain.attendance import Evidence, Kind, Status

_SAYS_THERE = frozenset({Kind.CHECK_IN, Kind.TOTAL, Kind.MARK})


def of_another_date(each: Evidence, opens: datetime) -> bool:
    """Whether a piece of evidence was observed before check-in opened (an aware instant) and yet
    says who was there or not: then it is about a date that the session was moved from.

    An excuse is given beforehand, and stays. Intervals say themselves when they were, a join click
    decides nothing, and a retraction stays with what it takes back.
    """
    return each.at < opens and each.kind in _SAYS_THERE and each.status is not Status.EXCUSED


def of_this_date(evidence: Iterable[Evidence], opens: datetime) -> list[Evidence]:
    """What is not of another date."""
    return [each for each in evidence if not of_another_date(each, opens)]
