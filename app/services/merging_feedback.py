"""The feedback of an enrolment that is found to be another one's: it goes along."""

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession
from app.models import Enrolment, FeedbackAnswer, FeedbackQuestion, FeedbackReceipt


def move_feedback(db: DbSession, stays: Enrolment, goes: Enrolment) -> None:
    """Gives one enrolment the feedback of another, which is about to be deleted. Where both have
    answered a form, what `stays` said with its name counts; two answers without a name both stay,
    since nobody knows which they are. Both are held: whoever was answering has done so, and what
    they said is here to be moved, or they find the enrolment gone."""
    both = set(
        db.exec(select(FeedbackReceipt.form_id).where(FeedbackReceipt.enrolment_id == stays.id))
    )
    questions = select(FeedbackQuestion.id).where(col(FeedbackQuestion.form_id).in_(both))
    for statement in (
        update(FeedbackReceipt).where(
            col(FeedbackReceipt.enrolment_id) == goes.id,
            col(FeedbackReceipt.form_id).not_in(both),
        ),
        update(FeedbackAnswer).where(
            col(FeedbackAnswer.enrolment_id) == goes.id,
            col(FeedbackAnswer.question_id).not_in(questions),
        ),
    ):
        db.connection().execute(statement.values(enrolment_id=stays.id))
