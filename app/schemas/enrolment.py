"""Enrolments, check-ins and attendance, in and out."""

from typing import Annotated

from pydantic import Field

from app.domain.attendance import Basis, Kind
from app.domain.attendance import Status as AttendanceStatus
from app.domain.enrolment import EnrolmentStatus
from app.schemas.types import (
    NO_LINKS,
    Change,
    Country,
    Email,
    Filled200,
    Filled500,
    GenderGiven,
    Id,
    Instant,
    Language,
    Line200,
    Out,
    Strict,
    YesNo,
    Zone,
    example,
)


class EnrolmentIn(Strict):
    """What somebody gives on enrolling."""

    model_config = example(
        name="Luisa Gómez",
        email="luisa@example.org",
        country="CO",
        institution="Cámara de Comercio",
        initiative="Clúster del Café",
        consent=True,
    )

    name: Filled200
    email: Email
    country: Country = ""
    institution: Line200 = ""
    initiative: Line200 = ""
    gender: GenderGiven = Field(default="", description="Where the cycle asks for it.")
    language: Language | None = None  # the cycle's
    zone: Zone | None = None  # the cycle's
    consent: YesNo = False


class OwnEnrolmentIn(EnrolmentIn):
    """The same, typed by themselves on the public page."""

    name: Annotated[Filled200, NO_LINKS]
    institution: Annotated[Line200, NO_LINKS] = ""
    initiative: Annotated[Line200, NO_LINKS] = ""


class EnrolmentChange(Change):
    """What is left out stays as it is."""

    name: Filled200 = ""
    country: Country = ""
    institution: Line200 = ""
    initiative: Line200 = ""
    gender: GenderGiven = ""
    language: Language = ""
    zone: Zone = ""
    status: EnrolmentStatus = EnrolmentStatus.CONFIRMED


class EnrolmentOut(Out):
    """An enrolment, for organizers."""

    id: str
    revision: int
    cycle_id: str
    person_id: str
    status: EnrolmentStatus
    name: str
    email: str
    country: str
    institution: str
    initiative: str
    gender: str
    language: str
    zone: str
    consent_at: Instant | None
    consent_version: int
    consent_language: str = Field(description="In which the notice was read; empty: not known.")
    created_at: Instant


class CheckInIn(Strict):
    """A check-in that another program saw."""

    model_config = example(enrolment_id="06cq3x1m8r7k2d5t9w4v0b6n1h")

    enrolment_id: Id


class CheckInOut(Out):
    """A check-in."""

    enrolment_id: str
    session_id: str
    name: str
    checked_in_at: Instant
    source: str = Field(description="Where it was done: personal-page, room or api.")
    retracted: bool = Field(description="It was taken back, and does not count any more.")
    of_another_date: bool = Field(
        description="It was for a date that the session was moved from, and does not count for "
        "the one that it has now."
    )


class MarkIn(Strict):
    """An organizer's word on somebody's attendance, with the reason."""

    model_config = example(
        enrolment_id="06cq3x1m8r7k2d5t9w4v0b6n1h", status="present", reason="Seen on camera."
    )

    enrolment_id: Id
    status: AttendanceStatus
    reason: Filled500


class RetractIn(Strict):
    """Takes a piece of evidence back; without its id, the organizer's mark that counts."""

    model_config = example(
        enrolment_id="06cq3x1m8r7k2d5t9w4v0b6n1h", reason="It was somebody else."
    )

    enrolment_id: Id
    evidence_id: Id | None = None
    reason: Filled500


class AttendanceOut(Out):
    """What the evidence about one enrolment in one session amounts to."""

    enrolment_id: str
    name: str
    email: str = Field(description="Empty without the permission `people.read`.")
    country: str
    institution: str
    initiative: str
    status: AttendanceStatus
    basis: Basis = Field(description="What decided.")
    minutes: int | None = Field(description="Verified minutes; null where nobody measured them.")
    checked_in_at: Instant | None
    reason: str


class EvidenceOut(Out):
    """One observed fact about somebody's attendance at a session. Nothing of it ever changes."""

    id: str
    enrolment_id: str
    kind: Kind
    at: Instant = Field(description="When it was observed; of a report, when it was applied.")
    source: str = Field(description="Where it comes from: room, api, zoom, …")
    recorded_by: str
    status: AttendanceStatus | None = Field(description="What a mark says.")
    reason: str
    retracts: str | None = Field(description="The id of the evidence that a retraction takes back.")
    joined_at: Instant | None = Field(description="When an interval of a report begins.")
    left_at: Instant | None
    seconds: int | None = Field(description="How long a report says, where it has no times.")
    report_id: str | None = Field(description="The import that it comes from.")
    row: int | None = Field(description="The number of the row in that file.")
    shown_as: str = Field(description="The name in that row.")
    matched_by: str = Field(description="How the row was matched: email, alias, name or hand.")
