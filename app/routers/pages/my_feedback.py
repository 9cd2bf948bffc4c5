"""A participant's feedback on a session: one form. A GET changes nothing."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, Clash, DomainError, Stale
from app.domain.feedback import MOST_QUESTIONS, Question, QuestionKind
from app.domain.permissions import Permission
from app.domain.schedule import SessionStatus
from app.domain.text import localized
from app.models import Enrolment, now
from app.services import enrolments, feedback
from app.services.feedback import Chosen, Given, Paper
from app.services.public import published_with
from app.services.reach import heard_from
from app.web import convertors as convertors  # makes {number:number} known
from app.web import public_view as view
from app.web.access.gate import declares
from app.web.dependencies import Db, LinksDep
from app.web.forms import Form, FormData, errors_of
from app.web.personal import personal_headers
from app.web.problems import status_of
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(
    prefix="/my/{token}/sessions/{number:number}/feedback", dependencies=[declares(Permission.LINK)]
)

_CHANGED = N_("Thank you. What you say now stands in place of what you said before.")
_FIRST_COUNTS = N_("Thank you. You had answered already: what you said first counts.")
_THANKS = N_("Thank you for your feedback.")


@router.get("")
def feedback_page(request: Request, db: Db, links: LinksDep, token: str, number: int) -> Response:
    """The form, or why there is nothing to fill in."""
    enrolment = _whose(request, db, enrolments.enrolment_of_link(db, links, token))
    return _page(request, db, enrolment, token, number)


@router.post("")
def give_feedback(
    request: Request, db: Db, links: LinksDep, token: str, number: int, form: FormData
) -> Response:
    """Keeps what was answered; a second click changes nothing."""
    enrolment = _whose(request, db, enrolments.enrolment_of_link(db, links, token))
    heard_from(db, enrolment.person_id, now())
    paper = feedback.paper_of(db, enrolment, number)
    try:
        seen = form.text("wording")
        given = feedback.give(db, enrolment, number, _typed(form, paper), now(), seen)
    except DomainError as error:
        db.rollback()
        return _page(request, db, enrolment, token, number, form, error)
    return see_other(request, f"/my/{token}", gettext_for(request)(_said(given)))


def _whose(request: Request, db: DbSession, enrolment: Enrolment) -> Enrolment:
    request.state.person_language = enrolment.language
    return enrolment


def _said(given: Given) -> str:
    if not given.again:
        return _THANKS
    return _FIRST_COUNTS if given.anonymous else _CHANGED


def _typed(form: Form, paper: Paper) -> Chosen:
    """What a form says of the questions: of several options each is a field of its own."""
    found = {}
    for question in paper.questions:
        name = f"q-{question.id}"
        if question.kind is QuestionKind.SEVERAL:
            found[question.id] = [o.id for o in question.options if form.checked(f"{name}-{o.id}")]
        else:
            found[question.id] = [form.text(name)]
    return found


def _in_words(questions: Iterable[Question]) -> list[str]:
    return [question.id for question in questions if question.kind is QuestionKind.TEXT]


def _homeless(form: Form, paper: Paper, *, refused: bool) -> list[str]:
    """What was typed to questions that are not asked any more, or not in words; all that was, where
    nothing is taken any more."""
    asked = [] if refused else _in_words(paper.questions)
    gone = [each for each in form.text("in-words").split() if each not in asked]
    return [text for each in gone[:MOST_QUESTIONS] if (text := form.text(f"q-{each}"))]


def _page(
    request: Request,
    db: DbSession,
    enrolment: Enrolment,
    token: str,
    number: int,
    form: Form | None = None,
    error: DomainError | None = None,
) -> Response:
    paper = feedback.paper_of(db, enrolment, number)
    reader = current_reader(request)
    context = view.cycle_context(
        published_with(db, enrolment.cycle_id), reader.language, reader.zone
    )
    main, moment = context["schedule"].language, now()
    chosen = _typed(form, paper) if form else paper.chosen
    wrong = None if isinstance(error, Stale) else error
    errors = errors_of(wrong, gettext_for(request), lambda name: name and f"q-{name}")
    context |= {
        "zone": reader.zone or enrolment.zone,
        "my_path": f"/my/{token}",
        "enrolment": enrolment,
        "s": paper.session,
        "title": localized(paper.session.title, reader.language, main),
        "asked": paper.asked,
        "questions": [
            _shown(q, chosen.get(q.id, ()), reader.language, main) for q in paper.questions
        ],
        "cancelled": paper.session.status == SessionStatus.CANCELLED,
        "open": paper.asked.is_open(moment),
        "now": moment,
        "errors": errors,
        "focus": next(iter(errors), ""),
        "error": error if isinstance(error, Clash) else None,
        "stale": isinstance(error, Stale),
        "homeless": _homeless(form, paper, refused=isinstance(error, Clash)) if form else [],
        "wording": paper.wording,
        "in_words": _in_words(paper.questions),
    }
    status = status_of(error) if error else 200
    return page(request, "my/feedback.html", context, status=status, headers=personal_headers())


def _shown(question: Question, chosen: Any, language: str, main: str) -> dict[str, Any]:
    """A question for the template, in the reader's language where it has that."""
    return {
        "name": f"q-{question.id}",
        "kind": question.kind.value,
        "text": localized(question.text, language, main),
        "required": question.required,
        "low": localized(question.low, language, main),
        "high": localized(question.high, language, main),
        "options": [(o.id, localized(o.text, language, main)) for o in question.options],
        "chosen": list(chosen),
    }
