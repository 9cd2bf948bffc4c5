"""Answering an invitation without an account: from the mail's links and from one's own page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession, insert_unless_there
from app.domain.answers import Answer, AnswerSource, Given, holds
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_, Clash, NotFound
from app.domain.faces import own_segments
from app.domain.schedule import PartStatus, Schedule, Session, SessionStatus
from app.models import Enrolment, Guest, Invitation, Part
from app.services import answers
from app.services.guests import guest_of
from app.services.issuing import blank_row
from app.services.schedules import released_schedule


@dataclass(frozen=True, slots=True)
class MyAnswer:
    """What somebody answered to a session. `again`: that was to another time, and is to be
    confirmed again."""

    answer: Answer
    again: bool
    at: datetime | None
    comment: str = ""


def answers_of(db: DbSession, cycle_id: str, person_id: str) -> Mapping[str, MyAnswer]:
    """Somebody's answers in a cycle, by the session's id. One query."""
    query = (
        select(Invitation)
        .join(Guest, col(Guest.id) == col(Invitation.guest_id))
        .where(Guest.cycle_id == cycle_id, Guest.person_id == person_id, Invitation.answer != "")
    )
    return {
        row.session_id: MyAnswer(
            Answer(row.answer),
            not holds(row.answer_sequence, row.time_sequence),
            row.answered_at,
            row.comment,
        )
        for row in db.exec(query)
    }


def session_to_answer(
    db: DbSession, cycle_id: str, person_id: str, number: int
) -> tuple[Schedule, Session]:
    """The published session of this number, and the schedule that it is in, for somebody whom it
    concerns: who takes part in the cycle, or has a part in it. Three queries.

    Raises NotFound.
    """
    schedule = released_schedule(db, cycle_id)
    session = schedule.session(number) if schedule else None
    if schedule is None or session is None:
        raise NotFound
    if not _participates(db, cycle_id, person_id):
        declined = db.exec(
            select(Part.id).where(
                Part.session_id == session.id,
                Part.person_id == person_id,
                Part.status == PartStatus.DECLINED,
            )
        )
        if not own_segments(session, person_id, frozenset(declined)):
            raise NotFound
    return schedule, session


def open_to_answer(session: Session, now: datetime) -> bool:
    """Whether an answer is of use: it takes place and is not over."""
    return session.status is SessionStatus.SCHEDULED and now < session.ends


def answer(
    db: DbSession,
    cycle_id: str,
    person_id: str,
    number: int,
    what: Answer,
    comment: str,
    source: AnswerSource,
    now: datetime,
) -> Invitation:
    """Takes somebody's answer to a session; the newest counts. It answers what was sent last, so
    it counts for more than a REPLY to anything before.

    Raises NotFound; Clash: ``session_cancelled``, ``session_over``.
    """
    _, session = session_to_answer(db, cycle_id, person_id, number)
    if session.status is not SessionStatus.SCHEDULED:
        raise Clash(N_("This session will not take place."), code="session_cancelled")
    if not open_to_answer(session, now):
        raise Clash(N_("This session is over."), code="session_over")
    row = _row(db, cycle_id, person_id, session)
    given = Given(what, now, row.sequence, source, comment)
    return answers.give(db, row.id, given) or row


def _participates(db: DbSession, cycle_id: str, person_id: str) -> bool:
    query = select(Enrolment.id).where(
        Enrolment.cycle_id == cycle_id,
        Enrolment.person_id == person_id,
        Enrolment.status == EnrolmentStatus.CONFIRMED,
    )
    return db.exec(query).first() is not None


def _row(db: DbSession, cycle_id: str, person_id: str, session: Session) -> Invitation:
    """Their row of the ledger; one that says that nothing was issued, where nothing was."""
    guest = guest_of(db, cycle_id, person_id)
    query = select(Invitation).where(
        Invitation.guest_id == guest.id, Invitation.session_id == session.id
    )
    found = db.exec(query).one_or_none()
    if found is None:
        blank = blank_row(guest.id, session)
        statement = insert_unless_there(db, Invitation, index_elements=["guest_id", "session_id"])
        db.connection().execute(statement.values(blank.model_dump()))
        found = db.exec(query).one()
    if not found.method and found.sequence < session.sequence:
        # Nothing was issued: what they answer is what is published now, not what was then.
        now_published = {
            "sequence": session.sequence,
            "time_sequence": session.sequence,
            "starts_at": session.starts,
            "ends_at": session.ends,
        }
        still_blank = (col(Invitation.id) == found.id, col(Invitation.method) == "")
        db.connection().execute(update(Invitation).where(*still_blank).values(now_published))
        db.refresh(found)
    return found
