"""Enrolments, check-ins and attendance, in and out."""

from pydantic import Field

from app.domain.attendance import Status as AttendanceStatus
from app.domain.enrolment import EnrolmentStatus
from app.schemas.cycle import Id
from app.schemas.types import (
    Country,
    Email,
    Filled200,
    Filled500,
    Instant,
    Language,
    Line200,
    Out,
    Strict,
    Zone,
)


class EnrolmentIn(Strict):
    """What somebody gives on enrolling."""

    name: Filled200
    email: Email
    country: Country = ""
    institution: Line200 = ""
    initiative: Line200 = ""
    language: Language | None = None  # the cycle's
    zone: Zone | None = None  # the cycle's
    consent: bool = False


class EnrolmentChange(Strict):
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

    enrolment_id: Id


class MarkIn(Strict):
    """An organizer's word on somebody's attendance, with the reason."""

    enrolment_id: Id
    status: AttendanceStatus
    reason: Filled500


class RetractIn(Strict):
    """Takes an organizer's mark back."""

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
