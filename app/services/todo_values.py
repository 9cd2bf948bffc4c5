"""What needs doing in a cycle, as a value, and what that is found from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from app.domain.attendance import Status
from app.domain.enrolment import EnrolmentStatus
from app.domain.schedule import Schedule
from app.domain.sentences import Params
from app.models import Cycle
from app.services.publishing import Preview

Urgency = Literal["now", "soon", "later"]
Where = Literal[
    "session",
    "publish",
    "participants",
    "settings",
    "privacy",
    "attendance",
    "closing",
    "reports",
    "completion",
    "mail",
    "returned",
    "replies",
    "parts",
    "materials",
    "webhooks",
]

SOON = timedelta(hours=48)
"""A session that begins within this needs everything now."""
NEAR = timedelta(days=7)
FRESH = timedelta(days=14)
"""For so long after a session its attendance is something to look at."""

NEW = timedelta(days=7)
"""For so long slides that speakers have given are something to look at."""

ASK_BEFORE = timedelta(days=14)
"""So long before a session those on its programme should have been asked."""

URGENCIES: tuple[Urgency, ...] = ("now", "soon", "later")


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to do. `sentence` is English and not filled in: translate it, then present the
    `params` (see `domain.sentences`). `where` and `session_number` say which page mends it."""

    code: str
    severity: Urgency
    sentence: str
    params: Params = field(default_factory=dict)
    session_number: int | None = None
    where: Where = "session"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a cycle stands: what `todos` looks at."""

    cycle: Cycle
    draft: Schedule
    preview: Preview
    enrolments: Mapping[EnrolmentStatus, int]
    attendance: Mapping[str, Mapping[Status, int]]  # by the session's id
    failed_mails: int
    now: datetime
    open_replies: int = 0  # mails that came in and wait for a person
    returned_mails: int = 0
    new_slides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the session's id: who has given slides of late, by name."""
    closed: Collection[str] = ()  # ids of sessions
    reports: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By the session's id: reports that wait, and rows of applied ones that are nobody's."""
    at_risk: int = 0  # participants
    details_go: datetime | None = None  # when details of participants are erased
    unknown: Mapping[str, int] = field(default_factory=dict)
    """By the session's id: participants of whom nothing is known there."""
    webhooks_ended: Mapping[str, int] = field(default_factory=dict)
    """Webhooks that were disabled by no organizer, by the reason (`services.webhooks`)."""
