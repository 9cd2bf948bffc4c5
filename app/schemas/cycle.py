"""Cycles, in and out."""

from typing import Annotated

from pydantic import Field

from app.domain.schedule import CycleStatus, InstitutionRole
from app.schemas.completion import CompletionRule
from app.schemas.types import (
    EXACT,
    Accent,
    Change,
    ContactEmail,
    Day,
    Id,
    Instant,
    Language,
    Lines,
    Out,
    Prose,
    Slug,
    Strict,
    Title,
    YesNo,
    Zone,
    example,
)

Note = Annotated[Lines, Field(max_length=2000)]
Capacity = Annotated[int, Field(strict=True, ge=1, le=1_000_000), EXACT]


class CycleIn(Strict):
    """A new cycle, as a draft."""

    model_config = example(
        slug="cluster-leaders-2026",
        title={"es": "Líderes de clústeres", "en": "Cluster leaders"},
        language="es",
        zone="America/Bogota",
        contact_email="training@example.org",
        capacity=300,
    )

    slug: Slug
    title: Title
    language: Language
    zone: Zone
    description: Prose = Field(default_factory=dict)
    accent: Accent = ""
    contact_email: ContactEmail | None = None
    capacity: Capacity | None = None
    enrolment_open: YesNo = True
    approval: YesNo = False
    asks_gender: YesNo = Field(default=False, description="On enrolling; nobody has to answer.")
    privacy_notice: Prose = Field(default_factory=dict)
    completion_rule: CompletionRule | None = None


class CycleChange(Change):
    """What is left out stays as it is. The slug is fixed once a release has been made."""

    slug: Slug = ""
    title: Title = Field(default_factory=dict)
    language: Language = ""
    zone: Zone = ""
    description: Prose = Field(default_factory=dict)
    accent: Accent = ""
    contact_email: ContactEmail | None = None
    capacity: Capacity | None = None
    enrolment_open: YesNo = True
    approval: YesNo = False
    asks_gender: YesNo = False
    privacy_notice: Prose = Field(default_factory=dict)
    completion_rule: CompletionRule | None = None


class CycleInstitutionIn(Strict):
    """An institution in a role."""

    institution_id: Id
    role: InstitutionRole


class CycleInstitutionsIn(Strict):
    """All the institutions of a cycle, in the order in which they are shown."""

    model_config = example(
        institutions=[{"institution_id": "06cq3x1m8r7k2d5t9w4v0b6n1h", "role": "organizer"}]
    )

    institutions: list[CycleInstitutionIn] = Field(max_length=100)


class CloneIn(Strict):
    """A copy of a cycle as a draft: which parts, and where its first session goes."""

    model_config = example(
        slug="cluster-leaders-2027", title={"es": "Líderes 2027"}, first_date="2027-03-02"
    )

    slug: Slug
    title: Title
    first_date: Day | None = None  # of the earliest session; the others keep their distance
    institutions: YesNo = True
    sessions: YesNo = True
    agenda: YesNo = True
    people: YesNo = True  # the parts in the agenda
    texts: YesNo = True  # description, privacy notice and own words for mails


class CycleOut(Out):
    """A cycle."""

    id: str
    revision: int
    slug: str
    title: dict[str, str]
    description: dict[str, str]
    language: str
    zone: str
    status: CycleStatus
    accent: str
    contact_email: str
    capacity: int | None
    enrolment_open: bool
    approval: bool
    asks_gender: bool
    privacy_notice: dict[str, str]
    privacy_version: int
    completion_rule: CompletionRule | None
    release_number: int
    created_at: Instant


class CycleInstitutionOut(Out):
    """An institution in its role."""

    institution_id: str
    name: str
    acronym: str
    country: str
    role: InstitutionRole


class ConflictOut(Out):
    """Something that clashes, or that a person should look at."""

    code: str
    severity: str
    message: str
    hint: str
    session_number: int
    session_id: str | None
    segment_id: str | None
    subject: dict[str, str]
    other: dict[str, str] | None


class PublishIn(Strict):
    """Publishing: `accept_warnings` says that the warnings have been read."""

    model_config = example(accept_warnings=True, invite=True, note="The panel begins later.")

    accept_warnings: YesNo = False
    invite: YesNo = Field(
        default=False,
        description="From now on the cycle keeps calendars right by mail. One that does goes on.",
    )
    leave_out: list[Id] = Field(
        default_factory=list,
        max_length=500,
        description="Ids of people who are not told this time.",
    )
    note: Note = Field(
        default="", description="In the mails and with the changes that everybody can read."
    )


class NoteIn(Strict):
    """An organizer's own words in mails, and with a release where all can read them."""

    model_config = example(note="The panel begins later.")

    note: Note = ""


class ReleaseOut(Out):
    """A published state of the schedule."""

    number: int
    published_at: Instant
    published_by: str
    note: str
    changes: list[str]
    mails: int = Field(description="How many mails were queued to tell calendars of it.")


class MessageCountOut(Out):
    """So many mails of a kind in a language."""

    kind: str = Field(
        description="invitation (somebody's first, or again), invitation-update, or "
        "invitation-cancel."
    )
    language: str
    count: int


class ReopensOut(Out):
    """A closed session that a release would open again."""

    session_id: str
    number: int
    ends: Instant
    attended: int = Field(description="How many attended it, by what is known now.")


class MovesOut(Out):
    """A session that a release would move away from attendance that is known."""

    session_id: str
    number: int
    attended: int = Field(
        description="How many attended it, by what is known now, who would not at the new time."
    )


class ReleasePreviewOut(Out):
    """What publishing now would do."""

    revision: int = Field(
        description="The cycle's. Give the ETag as If-Match when you publish, and nothing is "
        "published that is not in this preview."
    )
    changes: list[str]
    errors: int
    warnings: int
    conflicts: list[ConflictOut]
    nothing_new: bool = Field(
        description="Whether readers of the schedule would not see a difference."
    )
    reopens: list[ReopensOut] = Field(
        description="Closed sessions whose end is moved beyond their closing: publishing opens "
        "them again."
    )
    moves: list[MovesOut] = Field(
        description="Other sessions that are moved so far that attendance which is known does not "
        "count any more."
    )
    asked_for_no_more: list[int] = Field(
        description="The numbers of mandatory sessions that are told to be cancelled: the "
        "completion rule asks for them no more."
    )
    invites: bool = Field(
        description="Whether the cycle keeps calendars right by mail; if not, nothing is sent "
        "unless publishing says `invite`."
    )
    messages: list[MessageCountOut] = Field(
        description="The mails that would make everybody's calendar say the same."
    )
    people: int = Field(description="How many people they would go to.")
    concerned: list[str] = Field(
        description="The ids of these people, for `leave_out`. First those whose calendar would be "
        "wrong without a mail."
    )
    wrong: int = Field(description="How many of them that are.")
    without_address: list[str] = Field(
        description="The ids of people whom sessions to come concern and who cannot be told."
    )
