"""The privacy notice on the own pages of participants and of people with parts. A GET changes
nothing: mail scanners open every link."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, Stale
from app.domain.permissions import Permission
from app.models import Cycle, Enrolment, Guest, now
from app.services import enrolments, notices
from app.services.guests import guest_of_link
from app.services.links import Links
from app.services.public import published_with
from app.services.reach import heard_from
from app.services.rows import find
from app.services.schedules import with_institutions
from app.web import part_view
from app.web import public_view as view
from app.web.access.gate import declares
from app.web.dependencies import Db, LinksDep
from app.web.forms import FormData, revision_of
from app.web.personal import personal_headers
from app.web.problems import status_of
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(dependencies=[declares(Permission.LINK)])


@router.get("/my/{token}/privacy")
def my_notice(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """The notice that holds, and whether they have agreed to it."""
    enrolment = _enrolment(request, db, links, token)
    return _my_page(request, db, enrolment, token)


@router.post("/my/{token}/privacy")
def agree(request: Request, db: Db, links: LinksDep, token: str, form: FormData) -> Response:
    """Agrees to the version that was shown."""
    enrolment = _enrolment(request, db, links, token)
    heard_from(db, enrolment.person_id, now())
    try:
        version, language = revision_of(form.text("version")), current_reader(request).language
        notices.agree(db, enrolment, version, language, now())
    except Stale as error:
        db.rollback()
        return _my_page(request, db, _enrolment(request, db, links, token), token, error)
    said = gettext_for(request)(N_("Thank you. We have noted that you agree."))
    return see_other(request, f"/my/{token}", said)


@router.get("/part/{token}/privacy")
def part_notice(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """The notice that holds, for somebody with parts."""
    guest, cycle = _guest(request, db, links, token)
    reader = current_reader(request)
    zone = reader.zone or guest.person.zone or cycle.zone
    context = part_view.cycle_context(cycle, f"/part/{token}", reader.language, zone)
    context |= _notice(db, cycle, reader.language)
    return page(request, "part/privacy.html", context, headers=personal_headers())


def _enrolment(request: Request, db: DbSession, links: Links, token: str) -> Enrolment:
    enrolment = enrolments.enrolment_of_link(db, links, token)
    request.state.person_language = enrolment.language
    return enrolment


def _guest(request: Request, db: DbSession, links: Links, token: str) -> tuple[Guest, Cycle]:
    guest = guest_of_link(db, links, token)
    cycle = find(db, Cycle, guest.cycle_id, *with_institutions())
    request.state.person_language = guest.person.language or cycle.language
    return guest, cycle


def _notice(db: DbSession, cycle: Cycle, language: str) -> dict[str, Any]:
    notice = notices.notice_of(db, cycle)
    text, text_language = notice.in_language(language)
    return {"notice": notice, "words": text, "text_language": text_language}


def _my_page(
    request: Request,
    db: DbSession,
    enrolment: Enrolment,
    token: str,
    error: Stale | None = None,
) -> Response:
    cycle, reader = published_with(db, enrolment.cycle_id), current_reader(request)
    context = view.cycle_context(cycle, reader.language, reader.zone or enrolment.zone)
    context |= _notice(db, cycle.cycle, reader.language)
    context |= {"enrolment": enrolment, "my_path": f"/my/{token}", "error": error}
    status = status_of(error) if error else 200
    return page(request, "my/privacy.html", context, status=status, headers=personal_headers())
