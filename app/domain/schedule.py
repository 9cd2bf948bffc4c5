"""A cycle's schedule as plain values: what conflicts, releases, changes and calendars look at.

The same shape serves the draft (built from the tables) and a release (frozen, kept as JSON).
All instants are aware and in UTC; wall times are naive and belong to the zone beside them.
Intervals are half-open.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.text import Localized


class SegmentKind(StrEnum):
    """What happens in a segment."""

    OPENING = "opening"
    PRESENTATION = "presentation"
    PANEL = "panel"
    DISCUSSION = "discussion"
    BREAK = "break"
    CLOSING = "closing"


class PartRole(StrEnum):
    """What a person does in a segment."""

    HOST = "host"
    SPEAKER = "speaker"
    MODERATOR = "moderator"
    PANELIST = "panelist"
    INTERPRETER = "interpreter"


class PartStatus(StrEnum):
    """Where a part stands between the organizers and the person."""

    PLANNED = "planned"  # nobody has asked yet
    INVITED = "invited"
    CONFIRMED = "confirmed"
    DECLINED = "declined"


class InstitutionRole(StrEnum):
    """What an institution is to a cycle."""

    ORGANIZER = "organizer"
    HOST = "host"
    PARTNER = "partner"
    SUPPORTER = "supporter"


class CycleStatus(StrEnum):
    """Where a cycle stands."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class SessionStatus(StrEnum):
    """Where a session stands. Drafts are in no release."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


def state_at(now: datetime, status: str, starts: datetime, ends: datetime) -> str:
    """Where a session of this status is at an instant: draft, cancelled, scheduled (it is to come),
    live or over."""
    if status != SessionStatus.SCHEDULED:
        return str(status)
    if now >= ends:
        return "over"
    return "live" if now >= starts else "scheduled"


def overlaps(a_start: datetime, a_end: datetime, b_start: datetime, b_end: datetime) -> bool:
    """Whether two half-open intervals share an instant."""
    return a_start < b_end and b_start < a_end


@dataclass(frozen=True, slots=True)
class Part:
    """One person's part in one segment; position and institution as of that day."""

    id: str
    person_id: str
    name: str
    role: PartRole
    position: str = ""
    institution: str = ""
    country: str = ""  # ISO 3166-1 alpha-2, of the person
    zone: str = ""  # IANA, of the person; empty: not known
    # In drafts only, and no part of what is published: see `domain.parts`.
    status: str = field(default="", compare=False)
    answered_start: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Segment:
    """One item of an agenda, with its computed start and end."""

    id: str
    kind: SegmentKind
    title: str
    starts: datetime
    ends: datetime
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """One online meeting."""

    id: str
    uid: str
    number: int
    title: Localized
    zone: str
    wall_start: datetime  # naive, in `zone`
    starts: datetime
    ends: datetime
    description: Localized = field(default_factory=dict)
    status: SessionStatus = SessionStatus.SCHEDULED
    meeting_url: str = ""  # in drafts only: a release never holds it
    segments: tuple[Segment, ...] = ()
    sequence: int = 0  # iCalendar SEQUENCE, set at release
    stamp: datetime | None = None  # DTSTAMP and LAST-MODIFIED, set at release
    created: datetime | None = None
    time_since: datetime | None = None  # since which release it is at this time, or off

    def state(self, now: datetime) -> str:
        """Where it is at an instant, as `state_at` says."""
        return state_at(now, self.status, self.starts, self.ends)

    def veiled(self) -> "Session":
        """Without what it is about; when it is, who is in it and its link stay, to be compared."""
        hidden = {"en": "another team's session", "es": "una sesión ajena", "pt": "outra sessão"}
        segments = tuple(
            replace(
                segment,
                title="",
                parts=tuple(replace(part, position="", institution="") for part in segment.parts),
            )
            for segment in self.segments
        )
        return replace(self, title=hidden, description={}, segments=segments)

    @property
    def minutes(self) -> int:
        """Length in minutes."""
        return int((self.ends - self.starts) / timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class CycleInstitution:
    """An institution in its role in the cycle."""

    id: str
    name: str
    role: InstitutionRole
    acronym: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cycle with its sessions in the order of their numbers."""

    id: str
    slug: str
    title: Localized
    language: str
    zone: str
    description: Localized = field(default_factory=dict)
    accent: str = ""
    institutions: tuple[CycleInstitution, ...] = ()
    sessions: tuple[Session, ...] = ()

    def session(self, number: int) -> Session | None:
        """The session with this number."""
        return next((s for s in self.sessions if s.number == number), None)

    def veiled(self) -> "Schedule":
        """As somebody may know of it who is not in its team: when its people are busy, but not
        with what."""
        hidden = {"en": "another team", "es": "otro equipo", "pt": "outra equipe"}
        return replace(
            self,
            id="",
            slug="",
            title=hidden,
            description={},
            institutions=(),
            sessions=tuple(each.veiled() for each in self.sessions),
        )

    def without_meeting_links(self) -> "Schedule":
        """What may be kept in a release: everything but the meeting links."""
        return replace(self, sessions=tuple(replace(s, meeting_url="") for s in self.sessions))
