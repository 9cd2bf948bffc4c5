"""What becomes of a mail that came in, and why one waits for a person."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col, select

from app.db import DbSession
from app.models import Guest
from app.services.guests import with_person

# Why a mail waits (or was ignored); the first that holds is said.
STRANGER = "stranger"  # sent to the guest's own address, but not from one of theirs
UNTAGGED = "untagged"  # not sent to the guest's own address: anybody can write a sender
AMBIGUOUS = "ambiguous"  # it may be one's or another's
UNKNOWN_GUEST = "unknown-guest"
UNKNOWN_SESSION = "unknown-session"
DELEGATED = "delegated"
PROPOSES = "proposes"  # another time
NO_ANSWER = "no-answer"  # a REPLY that does not say yes, perhaps or no
UNKNOWN_BOUNCE = "unknown-bounce"  # of a mail that is not known to be ours
LETTER = "letter"
TOO_LARGE = "too-large"
UNREADABLE = "unreadable"
UNFETCHED = "unfetched"  # the mail server does not hand it over
TEMPORARY = "temporary"
AUTOMATIC = "automatic"
IN_ORDER = (
    STRANGER,
    UNTAGGED,
    AMBIGUOUS,
    UNKNOWN_GUEST,
    UNKNOWN_SESSION,
    DELEGATED,
    PROPOSES,
    NO_ANSWER,
)


@dataclass(slots=True)
class Outcome:
    """What became of a mail."""

    status: str  # placed, ignored, open
    reason: str = ""
    guest: Guest | None = None
    cycle_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


def tagged(db: DbSession, tags: Collection[str]) -> list[Guest]:
    """The guests whose own addresses have these plus-tags, with their persons."""
    if not tags:
        return []
    query = select(Guest).where(col(Guest.reply_code).in_(tags)).options(*with_person())
    return list(db.exec(query))
