"""A participant's own pages. A GET changes nothing: mail scanners open every link.

Who presses the button to check in is served by `my_check_in`.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.calendar.links import webcal
from app.db import DbSession
from app.domain.belated import placed_afterwards
from app.domain.certificates import State
from app.domain.errors import N_, Clash, DomainError, NotFound
from app.domain.permissions import Permission
from app.models import Enrolment
from app.models import now as now  # `my_check_in` goes by the same clock
from app.services import certificate_files, check_in, enrolments, materials
from app.services.certificate_life import newest_of
from app.services.ended_links import end_personal_links
from app.services.links import Links
from app.services.my_answers import answers_of
from app.services.my_schedule import MyCycle, MySession, my_cycle
from app.services.reach import heard_from
from app.web import convertors as convertors  # makes {number:number} known
from app.web import join_view, material_view
from app.web import public_view as view
from app.web.access.gate import declares
from app.web.badges import AddressesDep
from app.web.dependencies import Db, LinksDep
from app.web.downloads import download
from app.web.personal import links_ended, personal_headers
from app.web.problems import status_of
from app.web.templating import current_reader, gettext_for, page, see_other
from app.web.uploads import Files

router = APIRouter(dependencies=[declares(Permission.LINK)])


@router.get("/my/{token}")
def my_page(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """The next session with the one button that fits the moment, then the rest."""
    enrolment, mine, context = _open(request, db, links, token)
    context["materials"] = _materials(db, enrolment, mine, context)
    context["certificate"] = newest_of(db, enrolment.id)
    context["afterwards"] = {
        each.session.id
        for each in mine.sessions
        if placed_afterwards(each.record, enrolment.status, enrolment.status_at, each.session.ends)
    }
    urls = [mine.next.meeting_url] if mine.next else []
    return page(request, "my/page.html", context, headers=personal_headers(urls))


@router.get("/my/{token}/certificate.pdf")
def certificate(db: Db, links: LinksDep, files: Files, at: AddressesDep, token: str) -> Response:
    """The certificate, to be saved. One that was taken back is not given out."""
    enrolment = enrolments.enrolment_of_link(db, links, token)
    row = newest_of(db, enrolment.id)
    if row is None or row.status != State.LIVE:
        raise NotFound
    data = certificate_files.pdf(db, row, files, at)
    return download(data, "application/pdf", certificate_files.file_name(row))


@router.get("/my/{token}/calendar")
def calendar(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """How to subscribe, and ending it all for when the address has got into wrong hands."""
    enrolment, _, context = _open(request, db, links, token)
    feed = links.feed(enrolment.id, enrolment.feed_generation)
    context |= {"feed": feed, "webcal": webcal(feed)}
    return page(request, "my/calendar.html", context, headers=personal_headers())


@router.post("/my/{token}/calendar/renew")
def renew_calendar(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """Ends the calendar's address, and the personal link that stands in the calendar."""
    enrolment, mine, _ = _open(request, db, links, token, acts=True)
    sent = end_personal_links(db, enrolment, now())
    return links_ended(request, mine.cycle.schedule.slug if sent else "", f"/my/{token}")


@router.get("/my/{token}/withdraw")
def confirm_withdrawal(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """What will happen, and one button."""
    _, _, context = _open(request, db, links, token)
    return page(request, "my/withdraw.html", context, headers=personal_headers())


@router.post("/my/{token}/withdraw")
def withdraw(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """Leaves the cycle."""
    enrolment, _, _ = _open(request, db, links, token, acts=True)
    enrolments.withdraw(db, enrolment, now())
    said = gettext_for(request)(
        N_("You have left this cycle. Your place is free for somebody else.")
    )
    return see_other(request, f"/my/{token}", said)


@router.get("/my/{token}/sessions/{number:number}/join")
def join_page(request: Request, db: Db, links: LinksDep, token: str, number: int) -> Response:
    """One button."""
    return session_page(request, db, links, token, number, "my/join.html")


@router.post("/my/{token}/sessions/{number:number}/join")
def join(request: Request, db: Db, links: LinksDep, token: str, number: int) -> Response:
    """Goes to the meeting."""
    enrolment, _, _ = _open(request, db, links, token, acts=True)
    try:
        url = check_in.join(db, enrolment, number, now())
    except Clash as error:
        db.rollback()
        template = "my/join.html"
        return session_page(request, db, links, token, number, template, error, acts=True)
    return RedirectResponse(url, 303)


@router.get("/my/{token}/sessions/{number:number}/check-in")
def check_in_page(request: Request, db: Db, links: LinksDep, token: str, number: int) -> Response:
    """One button."""
    return session_page(request, db, links, token, number, "my/check_in.html")


def _open(
    request: Request, db: DbSession, links: Links, token: str, *, acts: bool = False
) -> tuple[Enrolment, MyCycle, dict[str, Any]]:
    """Whose page it is and what all of these pages show. `acts`: they did something on it, so they
    can be reached. Raises NotFound and Gone."""
    enrolment = enrolments.enrolment_of_link(db, links, token)
    request.state.person_language = enrolment.language
    moment = now()
    if acts:
        heard_from(db, enrolment.person_id, moment)
    mine = my_cycle(db, enrolment, moment)
    reader = current_reader(request)
    context = view.cycle_context(mine.cycle, reader.language, reader.zone or enrolment.zone)
    context |= {
        "enrolment": enrolment,
        "mine": mine,
        "my_path": f"/my/{token}",
        "now": moment,
        "answers": answers_of(db, enrolment.cycle_id, enrolment.person_id),
        "states": {s.session.number: s.session.state(moment) for s in mine.sessions},
    }
    return enrolment, mine, context


def _materials(
    db: DbSession, enrolment: Enrolment, mine: MyCycle, context: dict[str, Any]
) -> dict[int, list[Any]]:
    """By the number of the session."""
    audience = materials.audience_of(enrolment)
    if audience is None:
        return {}
    sessions = [my.session for my in mine.sessions]
    shown = materials.visible(db, sessions, context["now"], audience)
    return material_view.of_sessions(shown.by_session, sessions, context["my_path"])


def session_page(
    request: Request,
    db: DbSession,
    links: Links,
    token: str,
    number: int,
    template: str,
    error: DomainError | None = None,
    *,
    acts: bool = False,
) -> Response:
    """The page of what can be done about a session, and why it could not be. Raises NotFound and
    Gone."""
    enrolment, mine, context = _open(request, db, links, token, acts=acts)
    session: MySession | None = mine.session(number)
    if session is None:
        raise NotFound
    context |= {"my": session, "error": error}
    urls = [session.meeting_url]
    if template == "my/join.html":
        context |= join_view.beside(db, enrolment, session, context, current_reader(request))
        urls += context["leads_to"]
    status = status_of(error) if error else 200
    return page(request, template, context, status=status, headers=personal_headers(urls))
