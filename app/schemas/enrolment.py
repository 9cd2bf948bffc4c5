"""Enrolments, check-ins and attendance, in and out."""

from typing import Annotated

from pydantic import Field

from app.domain.attendance import Status as AttendanceStatus
from app.domain.enrolment import EnrolmentStatus
from app.schemas.types import (
    NO_LINKS,
    Change,
    Country,
    Email,
    Filled200,
    Filled500,
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
    language: str
    zone: str
    consent_at: Instant | None
    consent_version: int
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


class MarkIn(Strict):
    """An organizer's word on somebody's attendance, with the reason."""

    model_config = example(
        enrolment_id="06cq3x1m8r7k2d5t9w4v0b6n1h", status="present", reason="Seen on camera."
    )

    enrolment_id: Id
    status: AttendanceStatus
    reason: Filled500


class RetractIn(Strict):
    """Takes an organizer's mark back."""

    model_config = example(
        enrolment_id="06cq3x1m8r7k2d5t9w4v0b6n1h", reason="It was somebody else."
    )

    enrolment_id: Id
    reason: Filled500


class AttendanceOut(Out):
    """What the evidence about one enrolment in one session amounts to."""

    enrolment_id: str
    name: str
    email: str
    country: str
    institution: str
    initiative: str
    status: AttendanceStatus
    minutes: int | None = Field(description="Verified minutes; null where nobody measured them.")
    checked_in_at: Instant | None
    reason: str
