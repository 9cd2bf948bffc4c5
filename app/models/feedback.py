"""What is asked after a session, and what was answered.

Anonymous answers must not lead to who gave them. So whose an answer is stands in no column, and
that somebody has answered is another row, which shares no key with it. Neither has a time, their
ids are random, and SQLite keeps both tables in the order of their keys rather than of their coming
(``WITHOUT ROWID``); for PostgreSQL see `services.feedback_mixing`. Answers to different questions
of one form share nothing either.
"""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from app.domain.feedback import DAYS
from app.domain.ids import new_code
from app.models.base import Editable, Row, json_field, json_list_field


class FeedbackForm(Editable, table=True):
    """The form of a session, and its revision: changing a question raises it too."""

    __tablename__ = "feedback_form"

    session_id: str = Field(foreign_key="session.id", unique=True, ondelete="CASCADE")
    anonymous: bool = Field(default=False)
    days: int = Field(default=DAYS)  # open for so many days after the session's end


class FeedbackQuestion(Row, table=True):
    """A question of a form; fields as in `domain.feedback.Question`."""

    __tablename__ = "feedback_question"

    form_id: str = Field(foreign_key="feedback_form.id", index=True, ondelete="CASCADE")
    position: int
    kind: str = Field(max_length=8)
    text: dict[str, str] = json_field()
    required: bool = Field(default=False)
    options: list[dict[str, object]] = json_list_field()  # {"id": …, "text": {"en": …}}
    low: dict[str, str] = json_field()
    high: dict[str, str] = json_field()
    retired: bool = Field(default=False)
    reworded_after: int = Field(default=0)  # so many had answered the form when its words changed


def random_id() -> str:
    """26 characters that tell nothing, not even when they were made."""
    return new_code(26)


class FeedbackAnswer(SQLModel, table=True):
    """One answer to one question; of whom, only where the form is not anonymous."""

    __tablename__ = "feedback_answer"
    __table_args__ = (
        UniqueConstraint("question_id", "enrolment_id"),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(default_factory=random_id, primary_key=True, max_length=26)
    question_id: str = Field(foreign_key="feedback_question.id", ondelete="CASCADE")
    enrolment_id: str | None = Field(
        default=None, foreign_key="enrolment.id", index=True, ondelete="CASCADE"
    )
    value: str = Field(max_length=4000)


class FeedbackReceipt(SQLModel, table=True):
    """That somebody has answered a form, so that nobody does twice."""

    __tablename__ = "feedback_receipt"
    __table_args__ = ({"sqlite_with_rowid": False},)

    form_id: str = Field(foreign_key="feedback_form.id", primary_key=True, ondelete="CASCADE")
    enrolment_id: str = Field(
        foreign_key="enrolment.id", primary_key=True, index=True, ondelete="CASCADE"
    )
    at: datetime | None = Field(default=None)  # the last time; not kept of anonymous forms
