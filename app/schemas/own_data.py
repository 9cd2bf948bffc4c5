"""What somebody downloads of what is held about them. docs/privacy.md says what each part is."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.types import Instant


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OwnPerson(_Part):
    """The entry in the directory."""

    name: str
    email: str | None
    country: str
    zone: str
    language: str
    position: str
    institution: str
    mail_came_back_at: Instant | None = Field(description="When a mail to the address came back.")
    mail_came_back: str = Field(description="What the other side said then.")
    created_at: Instant


class OwnEnrolment(_Part):
    """What was given on enrolling, and where it stands."""

    status: str
    status_at: Instant
    name: str
    country: str
    institution: str
    initiative: str
    gender: str
    language: str
    zone: str
    created_at: Instant


class OwnConsent(_Part):
    """A version of the privacy notice that was agreed to."""

    version: int
    language: str
    at: Instant
    text: str = Field(description="As it was read; empty where it was not kept.")


class OwnEvidence(_Part):
    """One observation of attendance, and where it comes from."""

    session: int
    kind: str
    at: Instant
    source: str
    status: str
    reason: str
    joined_at: Instant | None
    left_at: Instant | None
    seconds: int | None
    shown_as: str = Field(description="The name in the report of the meeting.")
    matched_by: str


class OwnCertificate(_Part):
    """A certificate."""

    code: str
    holder: str
    status: str
    issued_at: Instant
    ended_at: Instant | None
    reason: str
    says: dict[str, Any]


class OwnAnswer(_Part):
    """An answer to a question after a session, where the form has names."""

    session: int
    question: str
    answer: str


class OwnFeedback(_Part):
    """That a form was answered; of one without names, when is not kept."""

    session: int
    at: Instant | None


class OwnInvited(_Part):
    """What is kept to keep the calendar right, and what was told about oneself."""

    biography: str
    photo: bool
    other_addresses: list[str] = Field(description="From which answers were taken as theirs.")
    unavailable: list[list[str]] = Field(description="Hours at which they cannot: RFC 3339, UTC.")
    since: Instant


class OwnArrival(_Part):
    """When somebody with a part first went to a session."""

    session: int
    at: Instant


class OwnInvitation(_Part):
    """What the calendar was told of a session, and what was answered."""

    session: int
    address: str
    told: str
    sequence: int
    answer: str
    answered_by: str
    answered_at: Instant | None
    comment: str


class OwnPart(_Part):
    """A part in a session."""

    session: int
    segment: str
    role: str
    position: str
    institution: str
    status: str
    asked_at: Instant | None
    answered_at: Instant | None
    comment: str


class OwnSlides(_Part):
    """A file that was given."""

    session: int
    title: str
    file_name: str
    size: int
    at: Instant


class OwnMail(_Part):
    """A mail to them. Its text is not kept."""

    kind: str
    to: str
    session: int | None
    status: str
    queued_at: Instant
    sent_at: Instant | None


class OwnMailReceived(_Part):
    """A mail from them."""

    sender: str
    subject: str
    received_at: Instant
    text: str


class OwnReportRow(_Part):
    """A row of a meeting's report that was said to be theirs."""

    session: int
    report: str
    row: int
    name: str
    email: str
    joined_at: Instant | None
    left_at: Instant | None
    seconds: int | None
    matched_by: str


class OwnCycle(_Part):
    """What one cycle holds."""

    cycle: str
    slug: str
    enrolments: list[OwnEnrolment]
    consents: list[OwnConsent]
    attendance: list[OwnEvidence]
    certificates: list[OwnCertificate]
    feedback: list[OwnAnswer]
    feedback_given: list[OwnFeedback]
    invited: list[OwnInvited]
    invitations: list[OwnInvitation]
    arrivals: list[OwnArrival]
    parts: list[OwnPart]
    slides: list[OwnSlides]
    mails: list[OwnMail]
    mails_received: list[OwnMailReceived]
    reports: list[OwnReportRow]


class OwnData(_Part):
    """All of it. `everywhere`: of every cycle, else of one."""

    version: int = 1
    made_at: Instant
    everywhere: bool
    person: OwnPerson
    known_as: list[str] = Field(description="Names and addresses confirmed as theirs in reports.")
    cycles: list[OwnCycle]
