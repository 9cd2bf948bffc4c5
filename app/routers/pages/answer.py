"""Answering an invitation: the page that the mail's links open, and the answer by POST."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.answers import Answer, AnswerSource
from app.domain.errors import N_, Clash
from app.domain.permissions import Permission
from app.domain.text import localized
from app.models import Cycle, now
from app.services import enrolments, my_answers
from app.services.calendars import organizer_name
from app.services.guests import guest_of_link
from app.services.links import Links
from app.services.rows import find
from app.web import convertors as convertors  # makes {number:number} known
from app.web.access.gate import declares
from app.web.dependencies import Db, LinksDep
from app.web.forms import Form, FormData
from app.web.personal import personal_headers
from app.web.problems import status_of
from app.web.public_view import accent_href
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(dependencies=[declares(Permission.LINK)])

SAID = {
    Answer.ACCEPTED: N_("Thank you. We expect you."),
    Answer.TENTATIVE: N_("Thank you. We have noted that you may come."),
    Answer.DECLINED: N_("Thank you for saying so. You can change your mind until it is over."),
}
_MOST_COMMENT = 1_000


@dataclass(frozen=True, slots=True)
class _Who:
    """Who answers, and where their page is."""

    cycle_id: str
    person_id: str
    path: str
    language: str
    zone: str


def _participant(db: DbSession, links: Links, token: str) -> _Who:
    enrolment = enrolments.enrolment_of_link(db, links, token)
    return _Who(
        enrolment.cycle_id,
        enrolment.person_id,
        f"/my/{token}",
        enrolment.language,
        enrolment.zone,
    )


def _with_parts(db: DbSession, links: Links, token: str) -> _Who:
    guest = guest_of_link(db, links, token)
    person = guest.person
    return _Who(guest.cycle_id, guest.person_id, f"/part/{token}", person.language, person.zone)


def _page(
    request: Request, db: DbSession, who: _Who, number: int, error: Clash | None = None
) -> Response:
    schedule, session = my_answers.session_to_answer(db, who.cycle_id, who.person_id, number)
    cycle = find(db, Cycle, who.cycle_id)
    request.state.person_language = who.language or cycle.language
    reader = current_reader(request)
    moment = now()
    asked = request.query_params.get("answer", "")
    context: dict[str, Any] = {
        "cycle": cycle,
        "cycle_title": localized(schedule.title, reader.language, schedule.language),
        "zone": reader.zone or who.zone or schedule.zone,
        "organizer_name": organizer_name(schedule),
        "home_name": organizer_name(schedule),
        "home_href": f"/c/{schedule.slug}",
        "accent_href": accent_href(schedule.slug, schedule.accent),
        "privacy_href": f"/c/{schedule.slug}/privacy",
        "my_path": who.path,
        "schedule": schedule,
        "s": session,
        "state": session.state(moment),
        "open": my_answers.open_to_answer(session, moment),
        "mine": my_answers.answers_of(db, who.cycle_id, who.person_id).get(session.id),
        "asked": asked if asked in set(Answer) else "",
        "error": error,
        "now": moment,
    }
    status = status_of(error) if error else 200
    return page(request, "my/answer.html", context, status=status, headers=personal_headers())


def _take(request: Request, db: DbSession, who: _Who, number: int, form: Form) -> Response:
    typed = form.text("answer")
    if typed not in set(Answer):
        return _page(request, db, who, number)
    source = AnswerSource.LINK if form.text("from") == "mail" else AnswerSource.PAGE
    comment = form.text("comment")[:_MOST_COMMENT]
    answer = Answer(typed)
    try:
        my_answers.answer(db, who.cycle_id, who.person_id, number, answer, comment, source, now())
    except Clash as error:
        db.rollback()
        return _page(request, db, who, number, error)
    request.state.person_language = who.language
    return see_other(request, who.path, gettext_for(request)(SAID[answer]))


@router.get("/my/{token}/sessions/{number:number}/answer")
def answer_page(request: Request, db: Db, links: LinksDep, token: str, number: int) -> Response:
    """Whether a participant comes: three buttons. It changes nothing: mail programs open links."""
    return _page(request, db, _participant(db, links, token), number)


@router.post("/my/{token}/sessions/{number:number}/answer")
def answer(
    request: Request, db: Db, links: LinksDep, token: str, number: int, form: FormData
) -> Response:
    """Takes a participant's answer; the newest counts."""
    return _take(request, db, _participant(db, links, token), number, form)


@router.get("/part/{token}/sessions/{number:number}/answer")
def answer_page_with_parts(
    request: Request, db: Db, links: LinksDep, token: str, number: int
) -> Response:
    """The same for somebody with a part."""
    return _page(request, db, _with_parts(db, links, token), number)


@router.post("/part/{token}/sessions/{number:number}/answer")
def answer_with_parts(
    request: Request, db: Db, links: LinksDep, token: str, number: int, form: FormData
) -> Response:
    """The same for somebody with a part."""
    return _take(request, db, _with_parts(db, links, token), number, form)
