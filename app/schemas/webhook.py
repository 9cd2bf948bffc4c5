"""Webhooks: what an organizer says of one, and what is sent.

What is sent names nobody: ids, and what a word can say. Whoever needs more asks the API for it,
with a token that may be revoked; so an event that went to the wrong place says next to nothing, and
none has to be looked for when somebody's data is erased.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.domain.answers import Answer, AnswerSource
from app.domain.enrolment import EnrolmentStatus
from app.domain.webhooks import TEST, EventType
from app.schemas.types import Id, Line200, Strict


class WebhookIn(Strict):
    """What is told, and what for. The address is read by `outgoing.targets`."""

    description: Line200 = ""
    events: Annotated[list[EventType], Field(min_length=1)]


class Sent(BaseModel):
    """What an event says of what happened."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EnrolmentData(Sent):
    """Of an enrolment."""

    cycle_id: Id
    enrolment_id: Id
    status: EnrolmentStatus


class AnswerData(Sent):
    """Of an answer to an invitation. The comment that came with it is not sent."""

    cycle_id: Id
    session_id: Id
    person_id: Id
    answer: Answer
    source: AnswerSource


class CheckInData(Sent):
    """Of a check-in."""

    cycle_id: Id
    session_id: Id
    enrolment_id: Id
    source: str


class ReleaseData(Sent):
    """Of a release."""

    cycle_id: Id
    release_id: Id
    number: int


class CertificateData(Sent):
    """Of a certificate. Its code, which opens a page with the holder's name, is not sent."""

    cycle_id: Id
    certificate_id: Id
    enrolment_id: Id


class SupersededData(CertificateData):
    """Of one that was replaced. `superseded_by_id`: the one in its place; null, where an enrolment
    became another's."""

    superseded_by_id: Id | None


class TestData(Sent):
    """Of a test."""

    cycle_id: Id
    webhook_id: Id


DATA: Mapping[str, type[Sent]] = {
    EventType.ENROLMENT_CREATED: EnrolmentData,
    EventType.ENROLMENT_CONFIRMED: EnrolmentData,
    EventType.ENROLMENT_WAITLISTED: EnrolmentData,
    EventType.ENROLMENT_WITHDRAWN: EnrolmentData,
    EventType.ANSWER_GIVEN: AnswerData,
    EventType.CHECKED_IN: CheckInData,
    EventType.RELEASE_PUBLISHED: ReleaseData,
    EventType.CERTIFICATE_ISSUED: CertificateData,
    EventType.CERTIFICATE_REVOKED: CertificateData,
    EventType.CERTIFICATE_SUPERSEDED: SupersededData,
    TEST: TestData,
}
