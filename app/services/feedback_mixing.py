"""On PostgreSQL: anonymous answers are written anew from time to time, in an order by chance.

There a row remembers which transaction wrote it (``xmin``), and lies where there was room when it
came: whoever reads the tables themselves, or a dump of them, could find the receipt that came with
an answer. Written anew together, all answers to a question come from one transaction, and lie in an
order that tells nothing. SQLite keeps neither; see `models.feedback`.
"""

from sqlalchemy import String, delete, func, insert, literal, literal_column
from sqlmodel import cast, col, select

from app.db import DbSession
from app.models import FeedbackAnswer, FeedbackForm, FeedbackQuestion, FeedbackReceipt


def mix(db: DbSession) -> int:
    """Mixes the answers to each question of an anonymous form to which one has come since they were
    mixed last. How many questions. Does nothing on SQLite."""
    if db.get_bind().dialect.name != "postgresql":
        return 0
    came_with = cast(literal_column("feedback_answer.xmin"), String)
    with_a_receipt = (
        select(literal(1))
        .where(
            col(FeedbackReceipt.form_id) == col(FeedbackQuestion.form_id),
            literal_column("feedback_receipt.xmin") == literal_column("feedback_answer.xmin"),
        )
        .correlate(FeedbackQuestion, FeedbackAnswer)
        .exists()
    )
    query = (
        select(col(FeedbackAnswer.question_id))
        .join(FeedbackQuestion, col(FeedbackQuestion.id) == col(FeedbackAnswer.question_id))
        .join(FeedbackForm, col(FeedbackForm.id) == col(FeedbackQuestion.form_id))
        .where(col(FeedbackForm.anonymous), col(FeedbackAnswer.enrolment_id).is_(None))
        .group_by(col(FeedbackAnswer.question_id))
        # A single answer has no other to be told from; its receipt tells whose it is.
        .having((func.min(came_with) != func.max(came_with)) | func.bool_or(with_a_receipt))
        .order_by(col(FeedbackAnswer.question_id))
    )
    questions = db.exec(query).all()
    for question_id in questions:
        _mix_question(db, question_id)
    return len(questions)


def _mix_question(db: DbSession, question_id: str) -> None:
    nobodys = (
        col(FeedbackAnswer.question_id) == question_id,
        col(FeedbackAnswer.enrolment_id).is_(None),
    )
    taken = db.connection().execute(
        delete(FeedbackAnswer).where(*nobodys).returning(col(FeedbackAnswer.value))
    )
    # Their new ids are random, so going by them is an order by chance.
    rows = [FeedbackAnswer(question_id=question_id, value=value) for value in taken.scalars()]
    rows.sort(key=lambda row: row.id)
    if rows:  # none where another worker was quicker
        db.connection().execute(insert(FeedbackAnswer), [row.model_dump() for row in rows])
