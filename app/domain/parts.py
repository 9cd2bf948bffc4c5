"""Where a part stands between the organizers and the person, and when to ask again. Pure rules."""

from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.schedule import PartStatus

REMIND_BEFORE = (timedelta(days=7), timedelta(days=2))
"""How long before a session whoever has not answered is reminded by itself."""

ASK_EVERY = timedelta(days=1)
"""How often at most somebody is asked or reminded."""


class Standing(StrEnum):
    """Where a part stands. `AGAIN`: it was answered for another time."""

    PLANNED = "planned"
    INVITED = "invited"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    AGAIN = "again"


UNANSWERED = frozenset({Standing.PLANNED, Standing.INVITED, Standing.AGAIN})
TO_BE_ASKED = frozenset({Standing.PLANNED, Standing.AGAIN})


def standing(status: str, answered_start: datetime | None, starts: datetime) -> Standing:
    """Where a part stands whose segment begins at `starts`, if the answer was given when it was to
    begin at `answered_start` (None: the answer holds for any time). Aware instants."""
    answered = status in (PartStatus.CONFIRMED, PartStatus.DECLINED)
    if answered and answered_start is not None and answered_start != starts:
        return Standing.AGAIN
    return Standing(status)


def reminder_due(starts: datetime, asked_at: datetime | None, now: datetime) -> int | None:
    """Whether somebody who has been asked and has not answered is to be reminded now of a session
    that begins at `starts`: how many days before it this reminder was meant for, else None.

    Not within a day of being asked, nor once the session has begun. Aware instants.
    """
    if asked_at is None or now >= starts or now - asked_at < ASK_EVERY:
        return None
    for before in sorted(REMIND_BEFORE):
        due = starts - before
        if due <= now:
            return before.days if asked_at < due else None
    return None
