"""The ledger and where parts stand, in and out."""

from pydantic import Field

from app.domain.answers import Answer, AnswerSource
from app.domain.invitations import Method
from app.domain.parts import Standing
from app.domain.schedule import PartRole
from app.schemas.types import Instant, Out, Strict, example


class AnswerIn(Strict):
    """What somebody told an organizer."""

    model_config = example(answer="accepted")

    answer: Answer


class MailsOut(Out):
    """How many mails were queued."""

    mails: int


class InvitationOut(Out):
    """What one person's calendar was told of one session, and what they answered."""

    id: str
    person_id: str
    name: str
    session_id: str
    session_number: int
    method: Method | None = Field(
        description="What was last issued: REQUEST puts it into the calendar, CANCEL takes it out. "
        "Null: nothing was."
    )
    sequence: int
    delivery: str | None = Field(
        description="Of the mail that carries it: queued, sent, failed, expired, superseded or "
        "bounced. Null: there is none."
    )
    answer: Answer | None
    answer_source: AnswerSource | None
    answered_at: Instant | None
    again: bool = Field(description="Whether they answered another time, and should once more.")
    stale: str | None = Field(
        description="Why the calendar does not say what is published: new, changed, back, address, "
        "cancelled, left, left-out, no-address, waiting, failed, bounced or expired. Null: it does."
    )


class PartStandingOut(Out):
    """Where one part stands between the organizers and the person."""

    part_id: str
    session_id: str
    session_number: int
    segment_title: str
    person_id: str
    name: str
    role: PartRole
    status: Standing
    answered_at: Instant | None
    comment: str
