"""Answers to invitations, whichever way they come: one door, one rule."""

from dataclasses import replace

from sqlmodel import col, select

from app.db import DbSession
from app.domain.answers import Answer, AnswerSource, Given, newer
from app.models import Cycle, Guest, Invitation
from app.services.reach import heard_from_guest
from app.services.webhook_events import tell_answer

MOST_COMMENT = 1000


def give(db: DbSession, invitation_id: str, given: Given) -> Invitation | None:
    """Takes an answer if it counts for more than the one that is held (`domain.answers.newer`);
    the invitation, or None where the one that is held stays, or there is no such invitation.

    The row is held meanwhile, so of two answers that come at once the one that counts wins,
    whichever comes first. A SEQUENCE beyond what was issued is taken for the one that was.

    Somebody who answers can be reached: their address is no longer marked as one that fails.
    """
    if given.source is not AnswerSource.ORGANIZER:
        heard_from_guest(db, invitation_id, given.at)
    found = db.exec(
        select(Invitation, Guest.cycle_id, Guest.person_id, Cycle.has_webhooks)
        .join(Guest, col(Guest.id) == col(Invitation.guest_id))
        .join(Cycle, col(Cycle.id) == col(Guest.cycle_id))
        .where(col(Invitation.id) == invitation_id)
        .with_for_update(of=Invitation)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        return None
    invitation, cycle_id, person_id, has_webhooks = found
    sequence = max(0, min(given.sequence, invitation.sequence))
    capped = replace(given, sequence=sequence, comment=_comment(given.comment))
    if not newer(capped, held(invitation), invitation.time_sequence):
        return None
    invitation.answer = given.answer.value
    invitation.answer_source = given.source.value
    invitation.answered_at = given.at
    invitation.answer_sequence = sequence
    invitation.answer_sent_at = given.sent
    invitation.comment = capped.comment
    db.add(invitation)
    db.flush()
    if has_webhooks:
        tell_answer(db, cycle_id, person_id, invitation)
    return invitation


def held(invitation: Invitation) -> Given | None:
    """The answer that an invitation has."""
    if not invitation.answer or invitation.answered_at is None:
        return None
    return Given(
        Answer(invitation.answer),
        invitation.answered_at,
        invitation.answer_sequence,
        AnswerSource(invitation.answer_source),
        invitation.comment,
        invitation.answer_sent_at,
    )


def _comment(text: str) -> str:
    """Printable text and line breaks: it comes from anywhere."""
    plain = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return plain.strip()[:MOST_COMMENT]
