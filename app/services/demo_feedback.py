"""What the demonstration's participants thought of its first sessions."""

import random
from collections.abc import Iterable
from datetime import timedelta

from app.db import DbSession
from app.domain.feedback import DAYS, QuestionKind
from app.models import Enrolment, FeedbackAnswer, FeedbackReceipt, Session
from app.schemas.feedback import FeedbackFormIn, QuestionIn
from app.services.actor import SYSTEM
from app.services.feedback_forms import questions_of, save_form, usual_questions

_USEFUL = (
    "Los ejemplos de otras iniciativas.",
    "La comparación entre territorios.",
    "O espaço para perguntas.",
    "Que se compartieran los indicadores que usan.",
)
_TO_CHANGE = ("Más tiempo para preguntas.", "Grupos menores para conversar.")
_SHARE = 0.45


def give_opinions(
    db: DbSession, session: Session, enrolments: Iterable[Enrolment], *, anonymous: bool
) -> None:
    """The usual questions, and the answers of about half of the people."""
    asked = [
        QuestionIn(
            kind=each.kind,
            text=dict(each.text),
            required=each.required,
            low=dict(each.low) or None,
            high=dict(each.high) or None,
        )
        for each in usual_questions()
    ]
    form = save_form(
        db, SYSTEM, session.id, FeedbackFormIn(anonymous=anonymous, days=DAYS, questions=asked)
    )
    rating, useful, to_change = questions_of(db, form.form.id)
    assert rating.kind == QuestionKind.RATING
    dice = random.Random(session.number + 40)  # noqa: S311 (a demonstration, not a secret)
    for enrolment in enrolments:
        if dice.random() >= _SHARE:
            continue
        given = {rating.id: str(dice.choice((3, 4, 4, 5, 5, 5)))}
        if dice.random() < 0.4:
            given[useful.id] = dice.choice(_USEFUL)
        if dice.random() < 0.25:
            given[to_change.id] = dice.choice(_TO_CHANGE)
        at = session.ends_at + timedelta(minutes=dice.randint(5, 2000))
        db.add(
            FeedbackReceipt(
                form_id=form.form.id,
                enrolment_id=enrolment.id,
                at=None if anonymous else at,
            )
        )
        whose = None if anonymous else enrolment.id
        for question_id, value in given.items():
            db.add(FeedbackAnswer(question_id=question_id, enrolment_id=whose, value=value))
    db.flush()
