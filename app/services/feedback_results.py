"""What was answered after a session, for organizers: counted, and word by word.

Whoever has answered an anonymous form is named nowhere, and its answers are withheld while fewer
than `domain.feedback.LEAST` have answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import or_
from sqlalchemy.orm import selectinload
from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.check_in import WindowState, state
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import NotFound
from app.domain.feedback import Question, QuestionKind, Summary, summarise, window, withheld
from app.models import (
    Enrolment,
    FeedbackAnswer,
    FeedbackForm,
    FeedbackQuestion,
    FeedbackReceipt,
    Session,
)
from app.services.actor import Actor
from app.services.feedback_forms import (
    form_of,
    question_of,
    questions_of,
    receipts_of,
    values_of,
)
from app.services.rows import find
from app.services.told import Told, told_of


@dataclass(frozen=True, slots=True)
class Words:
    """An answer in words; of whom, where the form is not anonymous."""

    text: str
    name: str | None = None
    enrolment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered to a question. `texts`: by name, or in an order that tells nothing."""

    question: Question
    reworded_after: int
    summary: Summary
    texts: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """What was answered after a session. `opens` and `closes` are aware UTC instants; `could`: how
    many may answer, or have; `withheld`: the questions say nothing yet, see the module."""

    session: Told
    form: FeedbackForm
    opens: datetime
    closes: datetime
    could: int
    answered: int
    withheld: bool
    questions: tuple[Answered, ...]

    def state(self, now: datetime) -> WindowState:
        """Whether the form is still to open, open, or closed at the aware instant `now`."""
        return state(now, (self.opens, self.closes))


@dataclass(frozen=True, slots=True)
class Sheet:
    """One person's answers, by the question's id. `at`: when they were last changed."""

    enrolment: Enrolment  # with its person and initiative
    at: datetime | None
    values: Mapping[str, str]


def results(db: DbSession, actor: Actor, session_id: str) -> Results:
    """What was answered after a session so far. Eight queries.

    Raises NotFound: there is no such session, or nothing is asked after it.
    """
    session = told_of(db, find(db, Session, session_id))
    form = form_of(db, session_id)
    if form is None:
        raise NotFound
    answered = receipts_of(db, form.id)
    untold = withheld(form.anonymous, answered)
    values = {} if untold else values_of(db, form.id)
    texts = {} if untold else _texts(db, form)
    opens, closes = window(session.ends, form.days)
    return Results(
        session=session,
        form=form,
        opens=opens,
        closes=closes,
        could=_could(db, form, session.row.cycle_id),
        answered=answered,
        withheld=untold,
        questions=tuple(
            Answered(
                question := question_of(row),
                row.reworded_after,
                summarise(question, values.get(row.id, {})),
                tuple(texts.get(row.id, ())),
            )
            for row in questions_of(db, form.id)
        ),
    )


def sheets(db: DbSession, actor: Actor, found: Results) -> list[Sheet]:
    """Everybody's answers by name, for a file; of an anonymous form none, since nobody knows which
    answers belong together. Four queries."""
    if found.form.anonymous:
        return []
    person, initiative = cast(Any, Enrolment.person), cast(Any, Enrolment.initiative)
    query = (
        select(Enrolment, FeedbackReceipt.at)
        .join(FeedbackReceipt, col(FeedbackReceipt.enrolment_id) == col(Enrolment.id))
        .where(FeedbackReceipt.form_id == found.form.id)
        .options(selectinload(person), selectinload(initiative))
        .order_by(col(Enrolment.search_key), col(Enrolment.id))
    )
    rows = db.exec(query).all()
    given: dict[str, dict[str, str]] = {}
    for question_id, enrolment_id, value in db.exec(
        select(FeedbackAnswer.question_id, FeedbackAnswer.enrolment_id, FeedbackAnswer.value).where(
            col(FeedbackAnswer.question_id).in_([a.question.id for a in found.questions])
        )
    ):
        given.setdefault(enrolment_id or "", {})[question_id] = value
    return [Sheet(enrolment, at, given.get(enrolment.id, {})) for enrolment, at in rows]


def _could(db: DbSession, form: FeedbackForm, cycle_id: str) -> int:
    answered = select(FeedbackReceipt.enrolment_id).where(FeedbackReceipt.form_id == form.id)
    query = select(func.count()).where(
        Enrolment.cycle_id == cycle_id,
        or_(col(Enrolment.status) == EnrolmentStatus.CONFIRMED, col(Enrolment.id).in_(answered)),
    )
    return db.exec(query).one()


def _texts(db: DbSession, form: FeedbackForm) -> dict[str, list[Words]]:
    query = (
        select(
            col(FeedbackAnswer.question_id),
            col(FeedbackAnswer.value),
            col(Enrolment.name),
            col(FeedbackAnswer.enrolment_id),
        )
        .join(FeedbackQuestion, col(FeedbackQuestion.id) == col(FeedbackAnswer.question_id))
        .outerjoin(Enrolment, col(Enrolment.id) == col(FeedbackAnswer.enrolment_id))
        .where(FeedbackQuestion.form_id == form.id, FeedbackQuestion.kind == QuestionKind.TEXT)
        # By names where there are any; else by ids, which are random.
        .order_by(col(Enrolment.search_key), col(FeedbackAnswer.id))
    )
    found: dict[str, list[Words]] = {}
    for question_id, value, name, enrolment_id in db.execute(query):
        found.setdefault(question_id, []).append(Words(value, name, enrolment_id))
    return found
