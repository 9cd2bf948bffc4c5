"""When a material of a session may be seen, and by whom. Pure rules."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum


class MaterialKind(StrEnum):
    """What it is. A link to slides is slides; `LINK` is whatever else has an address."""

    SLIDES = "slides"
    DOCUMENT = "document"
    RECORDING = "recording"
    LINK = "link"


class Audience(StrEnum):
    """Who sees it. Participants see what is public as well."""

    PUBLIC = "public"
    PARTICIPANTS = "participants"


NEVER = datetime.max.replace(tzinfo=UTC)
"""When something opens that waits for a session which does not take place."""


def opens_at(
    visible_from: datetime | None,
    after_session: bool,
    session_ends: datetime,
    cancelled: bool = False,
) -> datetime | None:
    """The instant from which it may be seen; None: at once. With `after_session` it is the
    session's end, wherever that moves, and `NEVER` as long as the session is cancelled. Aware in,
    aware out."""
    if not after_session:
        return visible_from
    return NEVER if cancelled else session_ends


def is_visible(audience: Audience, opens: datetime | None, reader: Audience, now: datetime) -> bool:
    """Whether `reader` may see it at `now`: from the very instant at which it opens."""
    if audience is Audience.PARTICIPANTS and reader is Audience.PUBLIC:
        return False
    return opens is None or opens <= now


def next_opening(openings: Iterable[datetime | None], now: datetime) -> datetime | None:
    """When the next one opens after `now`, if one does."""
    ahead = (opens for opens in openings if opens is not None and now < opens < NEVER)
    return min(ahead, default=None)
