"""Giving feedback on a session, without an account.

Whoever answers holds their enrolment, then the form (shared: thousands may answer at once), so that
neither is merged or changed meanwhile. The receipt decides which of two at once has answered.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import col, select

from app.db import DbSession, insert_unless_there
from app.domain.check_in import WindowState, state
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_, Clash, NotFound, Stale
from app.domain.feedback import OF_OPTIONS, Question, check, window, wording
from app.domain.schedule import Session, SessionStatus
from app.models import (
    Enrolment,
    FeedbackAnswer,
    FeedbackForm,
    FeedbackQuestion,
    FeedbackReceipt,
)
from app.models import Session as SessionRow
from app.services.feedback_forms import form_of, question_of, questions_of
from app.services.told import Told, told_session

Chosen = Mapping[str, Sequence[str]]
"""What was chosen or typed, by the question's id."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a participant is asked after a session. `opens` and `closes` are aware UTC instants,
    half-open; `given`: they have answered."""

    opens: datetime
    closes: datetime
    anonymous: bool
    given: bool

    def is_open(self, now: datetime) -> bool:
        """Whether the form takes answers at the aware instant `now`."""
        return state(now, (self.opens, self.closes)) is WindowState.OPEN

    def to_do(self, now: datetime) -> bool:
        """Whether an answer is waited for."""
        return self.is_open(now) and not self.given

    def can_change(self, now: datetime) -> bool:
        """Whether what was answered may still be changed: whose anonymous answers are which, nobody
        knows."""
        return self.given and not self.anonymous and self.is_open(now)


@dataclass(frozen=True, slots=True)
class Paper:
    """A form as one participant has it before them: the questions that are asked, and what they
    have answered so far, which of an anonymous form nobody knows."""

    session: Told
    asked: Asked
    questions: tuple[Question, ...]
    chosen: Chosen

    @property
    def wording(self) -> str:
        """What tells this form from one that asks something else."""
        return wording(self.asked.anonymous, self.questions)


@dataclass(frozen=True, slots=True)
class Given:
    """What became of an answer. `again`: they had answered before; of an anonymous form the first
    answer counts, else this one."""

    again: bool
    anonymous: bool


def asked_of(db: DbSession, enrolment: Enrolment, sessions: Iterable[Session]) -> dict[str, Asked]:
    """What a participant is asked after these published sessions of the cycle, by the session's id.
    One query."""
    query = (
        select(
            col(FeedbackForm.session_id),
            col(FeedbackForm.days),
            col(FeedbackForm.anonymous),
            col(FeedbackReceipt.enrolment_id),
        )
        .join(SessionRow, col(SessionRow.id) == col(FeedbackForm.session_id))
        .outerjoin(
            FeedbackReceipt,
            (col(FeedbackReceipt.form_id) == col(FeedbackForm.id))
            & (col(FeedbackReceipt.enrolment_id) == enrolment.id),
        )
        .where(SessionRow.cycle_id == enrolment.cycle_id)
    )
    rows = {row[0]: row[1:] for row in db.execute(query)}
    found = {}
    for session in sessions:
        if session.id in rows and session.status is not SessionStatus.CANCELLED:
            days, anonymous, receipt = rows[session.id]
            found[session.id] = Asked(
                *window(session.ends, days), anonymous=anonymous, given=receipt is not None
            )
    return found


def paper_of(db: DbSession, enrolment: Enrolment, number: int) -> Paper:
    """The form of the session with this number, for a participant of its cycle. Six queries.

    Raises NotFound: there is no such session, it was never published, or nothing is asked.
    """
    session = _published(db, enrolment, number)
    form = form_of(db, session.row.id)
    if form is None:
        raise NotFound
    given = _receipt(db, form, enrolment) is not None
    asked = Asked(*window(session.ends, form.days), anonymous=form.anonymous, given=given)
    questions = [question_of(each) for each in questions_of(db, form.id) if not each.retired]
    values = _own_values(db, form, enrolment)
    chosen = {q.id: _chosen(q, values[q.id]) for q in questions if q.id in values}
    return Paper(session, asked, tuple(questions), chosen)


def give(
    db: DbSession,
    enrolment: Enrolment,
    number: int,
    chosen: Chosen,
    now: datetime,
    seen: str | None = None,
) -> Given:
    """A participant's feedback on a session; an answer without a name cannot be changed, another
    one can as long as the form is open. `seen`: the wording of the form that they had before them.

    Raises:
        Stale: `seen` is given, and something else is asked by now.
        NotFound: as `paper_of`.
        Clash: ``session_cancelled``; ``feedback_not_open`` and ``feedback_closed`` (parameters
            ``opens`` and ``closes``, aware UTC); ``enrolment_pending``, ``enrolment_waitlisted``,
            ``enrolment_withdrawn``.
        Invalid: as `domain.feedback.check`, at the ids of the questions.
    """
    session = _published(db, enrolment, number)
    held = select(Enrolment.status).where(Enrolment.id == enrolment.id)
    status = db.exec(held.with_for_update(read=True, key_share=True)).one()
    if status != EnrolmentStatus.CONFIRMED:
        raise Clash(
            N_("Only those who have a place can give feedback."), code=f"enrolment_{status}"
        )
    query = select(FeedbackForm).where(FeedbackForm.session_id == session.row.id)
    form = db.exec(query.with_for_update(read=True)).one_or_none()
    if form is None:
        raise NotFound
    if form.anonymous and _receipt(db, form, enrolment):
        return Given(again=True, anonymous=True)
    _refuse_outside(session, form, now)
    rows = questions_of(db, form.id)
    if seen is not None and seen != wording(
        form.anonymous, [question_of(row) for row in rows if not row.retired]
    ):
        raise Stale
    values = check([question_of(row) for row in rows], chosen)
    new = _sign(db, form, enrolment, now)
    if form.anonymous and not new:  # the other of two at once was quicker
        return Given(again=True, anonymous=True)
    asked = [row.id for row in rows if not row.retired]
    _write(db, form, enrolment, asked, values, anew=not new)
    return Given(again=not new, anonymous=form.anonymous)


def _published(db: DbSession, enrolment: Enrolment, number: int) -> Told:
    session = told_session(db, enrolment.cycle_id, number)
    if not session.released:
        raise NotFound
    return session


def _refuse_outside(session: Told, form: FeedbackForm, now: datetime) -> None:
    if session.status == SessionStatus.CANCELLED:
        raise Clash(N_("This session was cancelled."), code="session_cancelled")
    opens, closes = window(session.ends, form.days)
    match state(now, (opens, closes)):
        case WindowState.BEFORE:
            raise Clash(
                N_("You can give feedback once the session is over."),
                code="feedback_not_open",
                opens=opens,
                closes=closes,
            )
        case WindowState.CLOSED:
            raise Clash(
                N_("Feedback on this session is closed."),
                code="feedback_closed",
                opens=opens,
                closes=closes,
            )


def _receipt(db: DbSession, form: FeedbackForm, enrolment: Enrolment) -> str | None:
    query = select(FeedbackReceipt.enrolment_id).where(
        FeedbackReceipt.form_id == form.id, FeedbackReceipt.enrolment_id == enrolment.id
    )
    return db.exec(query).one_or_none()


def _sign(db: DbSession, form: FeedbackForm, enrolment: Enrolment, now: datetime) -> bool:
    """Notes that they have answered; whether it is the first time. Of two at once the second waits
    for the first here, and has then answered before. An anonymous form's has no time: with it, or
    with the order of such times, answers could be told apart by when they came."""
    at = None if form.anonymous else now
    key = {"form_id": form.id, "enrolment_id": enrolment.id}
    statement = insert_unless_there(db, FeedbackReceipt, index_elements=list(key))
    written = statement.values({**key, "at": at}).returning(col(FeedbackReceipt.form_id))
    if db.connection().scalar(written) is not None:
        return True
    mine = (
        col(FeedbackReceipt.form_id) == form.id,
        col(FeedbackReceipt.enrolment_id) == enrolment.id,
    )
    if not form.anonymous:
        # It also holds the row: of two who change at once the later one's answers stay, whole.
        db.connection().execute(update(FeedbackReceipt).where(*mine).values(at=at))
    return False


def _write(
    db: DbSession,
    form: FeedbackForm,
    enrolment: Enrolment,
    asked: list[str],
    values: Mapping[str, str],
    *,
    anew: bool,
) -> None:
    """The answers; those of an anonymous form without whose they are. `anew`: in place of what
    they answered before to what is asked."""
    if anew:
        before = (
            col(FeedbackAnswer.enrolment_id) == enrolment.id,
            col(FeedbackAnswer.question_id).in_(asked),
        )
        db.connection().execute(delete(FeedbackAnswer).where(*before))
    whose = None if form.anonymous else enrolment.id
    for question_id, value in values.items():
        db.add(FeedbackAnswer(question_id=question_id, enrolment_id=whose, value=value))
    db.flush()


def _own_values(db: DbSession, form: FeedbackForm, enrolment: Enrolment) -> dict[str, str]:
    query = (
        select(FeedbackAnswer.question_id, FeedbackAnswer.value)
        .join(FeedbackQuestion, col(FeedbackQuestion.id) == col(FeedbackAnswer.question_id))
        .where(FeedbackQuestion.form_id == form.id, FeedbackAnswer.enrolment_id == enrolment.id)
    )
    return dict(db.exec(query).all())


def _chosen(question: Question, value: str) -> list[str]:
    return value.split() if question.kind in OF_OPTIONS else [value]
