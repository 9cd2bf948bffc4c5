"""Cycles, in and out."""

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from app.domain.schedule import CycleStatus, InstitutionRole
from app.schemas.types import (
    Accent,
    Email,
    Instant,
    Language,
    Out,
    Prose,
    Slug,
    Strict,
    Title,
    Zone,
)

Id = Annotated[str, StringConstraints(min_length=1, max_length=26)]
Capacity = Annotated[int, Field(ge=1, le=1_000_000)]


class CompletionRule(Strict):
    """At least so many of so many sessions, at least so much of each."""

    min_sessions: int = Field(ge=1, le=500)
    of: int = Field(ge=1, le=500)
    min_percent_of_each: int = Field(ge=0, le=100)


class CycleIn(Strict):
    """A new cycle, as a draft."""

    slug: Slug
    title: Title
    language: Language
    zone: Zone
    description: Prose = Field(default_factory=dict)
    accent: Accent = ""
    contact_email: Email | None = None
    capacity: Capacity | None = None
    enrolment_open: bool = True
    approval: bool = False
    privacy_notice: Prose = Field(default_factory=dict)
    completion_rule: CompletionRule | None = None


class CycleChange(Strict):
    """What is left out stays as it is. The slug is fixed once a release has been made."""

    slug: Slug = ""
    title: Title = Field(default_factory=dict)
    language: Language = ""
    zone: Zone = ""
    description: Prose = Field(default_factory=dict)
    accent: Accent = ""
    contact_email: Email | None = None
    capacity: Capacity | None = None
    enrolment_open: bool = True
    approval: bool = False
    privacy_notice: Prose = Field(default_factory=dict)
    completion_rule: CompletionRule | None = None


class CycleInstitutionIn(Strict):
    """An institution in a role."""

    institution_id: Id
    role: InstitutionRole


class CycleInstitutionsIn(Strict):
    """All the institutions of a cycle, in the order in which they are shown."""

    institutions: list[CycleInstitutionIn] = Field(max_length=100)


class CloneIn(Strict):
    """A copy of a cycle as a draft: which parts, and where its first session goes."""

    slug: Slug
    title: Title
    first_date: date | None = None  # of the earliest session; the others keep their distance
    institutions: bool = True
    sessions: bool = True
    agenda: bool = True
    people: bool = True  # the parts in the agenda
    texts: bool = True  # description and privacy notice


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
    privacy_notice: dict[str, str]
    privacy_version: int
    completion_rule: dict[str, int] | None
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

    accept_warnings: bool = False


class ReleaseOut(Out):
    """A published state of the schedule."""

    number: int
    published_at: Instant
    published_by: str
    changes: list[str]


class ReleasePreviewOut(Out):
    """What publishing now would do."""

    changes: list[str]
    errors: int
    warnings: int
    conflicts: list[ConflictOut]
