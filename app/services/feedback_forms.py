"""What organizers ask after a session: looking at the form of a session, changing it.

Of what is answered nothing changes silently: see `domain.feedback.refused_changes`. A question that
is left out and has answers is not asked any more, and stays with them.

While answers are withheld (`domain.feedback.withheld`), nothing here depends on them: every
question counts as answered once anybody has answered the form.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import case, literal_column
from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.errors import N_, Clash, FieldError, Invalid, NotFound, Stale
from app.domain.feedback import (
    FEWEST_OPTIONS,
    OF_OPTIONS,
    USUAL,
    Option,
    Question,
    QuestionKind,
    refused_changes,
    same_words,
    withheld,
)
from app.domain.ids import new_code
from app.models import (
    FeedbackAnswer,
    FeedbackForm,
    FeedbackQuestion,
    FeedbackReceipt,
    Session,
)
from app.schemas.feedback import FeedbackFormIn, QuestionIn
from app.services.actor import Actor
from app.services.rows import find, hold

Values = Mapping[str, Mapping[str, int]]
"""How often each value was given, by the question's id. Of answers in words only how many there
are, under an empty text."""


@dataclass(frozen=True, slots=True)
class Form:
    """A session's form with its questions in order, the retired ones last, and what was answered:
    of that nothing while it is withheld. `answered`: how many people have."""

    row: FeedbackForm
    questions: tuple[Question, ...]
    values: Values
    answered: int

    @property
    def asked(self) -> tuple[Question, ...]:
        """The questions that are asked."""
        return tuple(question for question in self.questions if not question.retired)

    @property
    def withheld(self) -> bool:
        """Whether there are answers and nobody is told what they are."""
        return self.answered > 0 and withheld(self.row.anonymous, self.answered)

    def answers_to(self, question_id: str) -> int:
        """How many answers a question has; none while they are withheld."""
        return sum(self.values.get(question_id, {}).values())

    def keeps(self, question_id: str) -> bool:
        """Whether a question stays when it is taken out: it has answers, or may have some."""
        return self.withheld or self.answers_to(question_id) > 0


@dataclass(frozen=True, slots=True)
class Saved:
    """What saving a form did to what was answered: how many questions are not asked any more, and
    of how many the words have changed. `withheld`: whether they have answers is not told."""

    form: FeedbackForm
    retired: int = 0
    reworded: int = 0
    withheld: bool = False


def form_of(db: DbSession, session_id: str) -> FeedbackForm | None:
    """The form of a session, None where nothing is asked after it. One query."""
    query = select(FeedbackForm).where(FeedbackForm.session_id == session_id)
    return db.exec(query).one_or_none()


def questions_of(db: DbSession, form_id: str) -> list[FeedbackQuestion]:
    """The questions of a form in order, the retired ones last. One query."""
    query = select(FeedbackQuestion).where(FeedbackQuestion.form_id == form_id)
    order = (FeedbackQuestion.retired, FeedbackQuestion.position, FeedbackQuestion.id)
    return list(db.exec(query.order_by(*(col(each) for each in order))))


def question_of(row: FeedbackQuestion) -> Question:
    """A question as the rules know it."""
    options = cast(list[dict[str, Any]], row.options)
    return Question(
        id=row.id,
        kind=QuestionKind(row.kind),
        text=dict(row.text),
        required=row.required,
        options=tuple(Option(each["id"], dict(each["text"])) for each in options),
        low=dict(row.low),
        high=dict(row.high),
        retired=row.retired,
    )


def values_of(db: DbSession, form_id: str) -> Values:
    """What was answered to the questions of a form. One query."""
    value = case(
        (col(FeedbackQuestion.kind) == literal_column("'text'"), literal_column("''")),
        else_=col(FeedbackAnswer.value),
    )
    query = (
        select(col(FeedbackAnswer.question_id), value, func.count())
        .join(FeedbackQuestion, col(FeedbackQuestion.id) == col(FeedbackAnswer.question_id))
        .where(FeedbackQuestion.form_id == form_id)
        .group_by(col(FeedbackAnswer.question_id), value)
    )
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for question_id, given, times in db.execute(query):
        found[question_id][given] = times
    return found


def receipts_of(db: DbSession, form_id: str) -> int:
    """How many have answered a form. One query."""
    query = select(func.count()).where(FeedbackReceipt.form_id == form_id)
    return db.exec(query).one()


def get_form(db: DbSession, actor: Actor, session_id: str) -> Form | None:
    """The form of a session with what was answered, None where nothing is asked. Four queries at
    the most."""
    row = form_of(db, session_id)
    if row is None:
        return None
    questions = tuple(question_of(each) for each in questions_of(db, row.id))
    answered = receipts_of(db, row.id)
    values = {} if withheld(row.anonymous, answered) else values_of(db, row.id)
    return Form(row, questions, values, answered)


def usual_questions() -> tuple[Question, ...]:
    """What is proposed where nothing is asked yet; without ids."""
    return tuple(
        Question("", kind, text, required, low=low, high=high)
        for kind, required, text, low, high in USUAL
    )


def sources(db: DbSession, actor: Actor, session: Session) -> list[Session]:
    """The other sessions of the cycle that have a form, by number. One query."""
    query = (
        select(Session)
        .join(FeedbackForm, col(FeedbackForm.session_id) == col(Session.id))
        .where(Session.cycle_id == session.cycle_id, Session.id != session.id)
    )
    return list(db.exec(query.order_by(col(Session.number))))


def copy_of(db: DbSession, actor: Actor, session_id: str) -> tuple[Question, ...]:
    """The questions that another session asks, to be asked anew: without ids. Two queries.
    Raises NotFound where it asks nothing."""
    row = form_of(db, session_id)
    if row is None:
        raise NotFound
    asked = (question_of(each) for each in questions_of(db, row.id) if not each.retired)
    return tuple(replace(question, id="") for question in asked)


def save_form(
    db: DbSession,
    actor: Actor,
    session_id: str,
    new: FeedbackFormIn,
    revision: int | None = None,
) -> Saved:
    """Makes the form of a session, or changes it; `revision` is 0 for one that is to be made.

    Raises:
        NotFound: there is no such session.
        Stale: `revision` is given and is another one by now.
        Invalid: at ``questions`` and its parts what the rules say, code ``answered`` where it is
            for the answers that are there; at ``anonymous``, code ``answered``.
    """
    hold(db, Session, session_id)  # else two at once would both find that there is no form
    row = form_of(db, session_id)
    if row is None:
        if revision:
            raise Stale
        _check(new, (), {})
        row = FeedbackForm(session_id=session_id, anonymous=new.anonymous, days=new.days)
        db.add(row)
        db.flush()
        _put(db, row, new.questions, [], {}, 0)
        return Saved(row)
    # Whoever answers holds the form too: nobody answers a question while it becomes another.
    row = hold(db, FeedbackForm, row.id, revision=revision)
    rows, answered = questions_of(db, row.id), receipts_of(db, row.id)
    untold = answered > 0 and withheld(row.anonymous, answered)
    values = None if untold else values_of(db, row.id)
    errors = []
    if new.anonymous != row.anonymous and answered:
        errors.append(FieldError("anonymous", _SETTLED[row.anonymous], code="answered"))
    _check(new, [question_of(each) for each in rows], values, errors)
    row.anonymous, row.days = new.anonymous, new.days
    counts = {
        each.id: answered if values is None else sum(values.get(each.id, {}).values())
        for each in rows
    }
    retired, reworded = _put(db, row, new.questions, rows, counts, answered)
    return Saved(row, retired, reworded, untold)


_SETTLED = {
    True: N_(
        "Somebody has answered already, and was told that no name is kept. "
        "So this form stays anonymous."
    ),
    False: N_(
        "Somebody has answered already with their name beside it. So this form stays as it is."
    ),
}


def _check(
    new: FeedbackFormIn,
    before: Iterable[Question],
    values: Values | None,
    errors: Iterable[FieldError] = (),
) -> None:
    wrong = list(errors)
    if not new.questions:
        wrong.append(FieldError("questions", N_("Ask at least one question."), code="missing"))
    for place, question in enumerate(new.questions):
        enough = len(question.options) >= FEWEST_OPTIONS
        if question.kind in OF_OPTIONS and not enough:
            sentence = N_("Offer at least two answers.")
            wrong.append(FieldError(f"questions.{place}.options", sentence, code="missing"))
    after = [_as_asked(question) for question in new.questions]
    wrong += refused_changes(before, after, values)
    if wrong:
        raise Invalid(*wrong)


def _as_asked(new: QuestionIn) -> Question:
    options = new.options if new.kind in OF_OPTIONS else []
    rating = new.kind is QuestionKind.RATING
    return Question(
        id=new.id or "",
        kind=new.kind,
        text=dict(new.text),
        required=new.required,
        options=tuple(Option(each.id or "", dict(each.text)) for each in options),
        low=dict(new.low or {}) if rating else {},
        high=dict(new.high or {}) if rating else {},
    )


def _put(
    db: DbSession,
    form: FeedbackForm,
    new: list[QuestionIn],
    rows: list[FeedbackQuestion],
    counts: Mapping[str, int],
    answered: int,
) -> tuple[int, int]:
    """Makes the questions what they are to be: how many with answers were retired, reworded.
    `counts`: of each how many answers it has, or may have; `answered`: how many people have
    answered the form, which is kept with changed words whether or not answers are withheld."""
    there = {row.id: row for row in rows}
    retired = reworded = 0
    for position, given in enumerate(new):
        question = _as_asked(given)
        row = there.pop(question.id, None)
        if row is None:
            row = FeedbackQuestion(form_id=form.id, position=position, kind=question.kind)
            db.add(row)
        elif counts[row.id] and not same_words(question_of(row), question):
            reworded += 1
            row.reworded_after = answered
        row.position, row.kind, row.required = position, str(question.kind), question.required
        row.text, row.low, row.high = dict(question.text), dict(question.low), dict(question.high)
        row.options = _options(question, {each["id"] for each in row.options})
        row.retired = False
    for row in there.values():
        if not counts[row.id]:
            db.delete(row)
        elif not row.retired:
            row.retired = True
            retired += 1
    db.flush()
    return retired, reworded


def _options(question: Question, known: set[object]) -> list[dict[str, object]]:
    """Each with an id of its own; one that is not there is a new one."""
    ids: set[str] = set()
    found: list[dict[str, object]] = []
    for option in question.options:
        fresh = option.id not in known or option.id in ids
        ids.add(option_id := new_code() if fresh else option.id)
        found.append({"id": option_id, "text": dict(option.text)})
    return found


def remove_form(db: DbSession, actor: Actor, session_id: str, revision: int | None = None) -> None:
    """Nothing is asked after a session any more. Twice is once.

    Raises:
        NotFound: there is no such session. Stale.
        Clash: code ``answered``: somebody has answered, which is kept.
    """
    hold(db, Session, session_id)
    row = form_of(db, session_id)
    if row is None:
        return
    row = hold(db, FeedbackForm, row.id, revision=revision)
    if receipts_of(db, row.id):
        sentence = N_("Somebody has answered, so the form stays. You can take questions out of it.")
        raise Clash(sentence, code="answered")
    db.delete(row)
    db.flush()


def without_form(db: DbSession, actor: Actor, cycle_id: str) -> list[Session]:
    """The sessions of a cycle after which nothing is asked, by number. One query."""
    query = (
        select(Session)
        .outerjoin(FeedbackForm, col(FeedbackForm.session_id) == col(Session.id))
        .where(Session.cycle_id == cycle_id, col(FeedbackForm.id).is_(None))
    )
    return list(db.exec(query.order_by(col(Session.number))))


def spread(db: DbSession, actor: Actor, session_id: str) -> list[Session]:
    """Gives the sessions of the cycle that have no form one like this session's; which they are.

    Raises NotFound: there is no such session, or it asks nothing.
    """
    session = find(db, Session, session_id)
    held = select(Session.id).where(Session.cycle_id == session.cycle_id)
    db.exec(held.order_by(col(Session.id)).with_for_update(key_share=True)).all()
    form = form_of(db, session_id)
    if form is None:
        raise NotFound
    rows = [each for each in questions_of(db, form.id) if not each.retired]
    found = without_form(db, actor, session.cycle_id)
    for other in found:
        copy_form(db, form, rows, other)
    db.flush()
    return found


def copy_form(
    db: DbSession, form: FeedbackForm, questions: Iterable[FeedbackQuestion], session: Session
) -> None:
    """The same questions for a session that asks nothing; of answers nothing comes along."""
    copied = FeedbackForm(session_id=session.id, anonymous=form.anonymous, days=form.days)
    db.add(copied)
    db.flush()
    names = {"position", "kind", "text", "required", "options", "low", "high"}
    for row in questions:
        if not row.retired:
            db.add(FeedbackQuestion(form_id=copied.id, **row.model_dump(include=names)))
