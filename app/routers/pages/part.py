"""The own pages of people with parts. A GET changes nothing: mail scanners open every link."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from app.db import DbSession
from app.domain.errors import N_, Clash, DomainError, Invalid, NotFound, Stale
from app.domain.permissions import Permission
from app.languages import time_left
from app.models import Cycle, Guest, now
from app.schemas.part import GuestDetailsIn, PartAnswerIn, SlidesIn, UnavailableIn
from app.services import materials, part_join, parts
from app.services import part_details as details
from app.services.files import Stored
from app.services.guests import guest_of_link
from app.services.links import Links
from app.services.my_parts import my_sessions
from app.services.reach import heard_from
from app.services.rows import find
from app.services.schedules import with_institutions
from app.web import convertors as convertors  # makes {number:number} known
from app.web import part_view as view
from app.web.access.gate import declares
from app.web.choices import language_choices, zone_choices
from app.web.dependencies import Db, LinksDep
from app.web.downloads import send_material
from app.web.forms import FormData, errors_of, instant_of
from app.web.personal import personal_headers
from app.web.problems import status_of, validate
from app.web.templating import current_reader, gettext_for, page, see_other
from app.web.uploads import Files, PhotoFile, SlidesFile, SlidesUpload

router = APIRouter(prefix="/part/{token}", dependencies=[declares(Permission.LINK)])

_DETAILS = ("name", "position", "institution", "biography", "zone", "language")


def _slides_in(typed: dict[str, str], wrong: Invalid | None) -> SlidesIn:
    """Raises Invalid for all that is wrong, with the file and with what was typed."""
    try:
        given = validate(SlidesIn, typed)
    except Invalid as error:
        raise Invalid(*(wrong.fields if wrong else ()), *error.fields) from None
    if wrong is not None:
        raise wrong
    return given


@router.get("")
def part_page(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """Their parts in this cycle, each to be confirmed or declined."""
    return _page(request, db, links, token)


@router.post("/parts/{part_id}/answer")
def answer(
    request: Request, db: Db, links: LinksDep, token: str, part_id: str, form: FormData
) -> Response:
    """Confirms or declines one part; the last answer counts."""
    guest, cycle, _ = _open(request, db, links, token)
    typed = form.pick("answer", "comment")
    try:
        if typed["answer"] not in ("confirm", "decline"):
            raise Invalid.one("answer", N_("Confirm or decline."), code="missing")
        confirm = typed["answer"] == "confirm"
        given = validate(PartAnswerIn, {"confirm": confirm, "comment": typed["comment"]})
        parts.answer(db, guest, part_id, given, now(), instant_of(form.text("starts")))
    except NotFound:
        db.rollback()
        return _no_longer(request, cycle, token)
    except (Invalid, Clash, Stale) as error:
        db.rollback()
        return _page(request, db, links, token, error, part_id, typed)
    said = N_("Thank you. You are on the programme.") if confirm else N_("Thank you for saying so.")
    return see_other(request, f"/part/{token}#{part_id}", gettext_for(request)(said))


@router.post("/parts/{part_id}/slides/upload")
def upload_slides(
    request: Request,
    upload: SlidesUpload,
    kept: SlidesFile,
    db: Db,
    links: LinksDep,
    token: str,
    part_id: str,
) -> Response:
    """Slides for one of their parts."""
    guest, cycle, _ = _open(request, db, links, token)
    typed = upload.form.pick("title")
    try:
        details.room_for_slides(db, guest, part_id)
        given = _slides_in(typed, kept if isinstance(kept, Invalid) else None)
        assert isinstance(kept, Stored)
        row = details.add_slides(db, guest, part_id, given, kept, upload.file_name)
    except NotFound:
        db.rollback()
        return _no_longer(request, cycle, token)
    except Invalid as error:
        db.rollback()
        return _page(request, db, links, token, error, part_id, typed)
    said = gettext_for(request)(N_("“%(title)s” is there.")) % {"title": row.title}
    return see_other(request, f"/part/{token}#{part_id}", said)


@router.get("/slides/{material_id}")
def slides(request: Request, db: Db, links: LinksDep, token: str, material_id: str) -> Response:
    """A file that they gave, to be looked at once more."""
    guest = guest_of_link(db, links, token)
    return send_material(request, details.own_slides(db, guest, material_id))


@router.post("/slides/{material_id}/remove")
def remove_slides(
    request: Request, db: Db, links: LinksDep, token: str, material_id: str
) -> Response:
    """Takes such a file away."""
    guest, _, _ = _open(request, db, links, token)
    details.remove_slides(db, guest, material_id)
    said = gettext_for(request)(N_("The file is gone."))
    return see_other(request, f"/part/{token}#files", said)


@router.get("/details")
def show_details(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """How they are introduced, their zone and language."""
    return _details_page(request, db, links, token)


@router.post("/details")
def save_details(request: Request, db: Db, links: LinksDep, token: str, form: FormData) -> Response:
    """Keeps what they said of themselves."""
    guest, _, _ = _open(request, db, links, token)
    typed = form.pick(*_DETAILS)
    try:
        details.save_details(db, guest, validate(GuestDetailsIn, typed), now())
    except Invalid as error:
        db.rollback()
        return _details_page(request, db, links, token, error, typed)
    return see_other(request, f"/part/{token}", gettext_for(request)(N_("Saved. Thank you.")))


@router.get("/photo")
def photo(request: Request, db: Db, links: LinksDep, files: Files, token: str) -> Response:
    """Their photo."""
    guest = guest_of_link(db, links, token)
    if not guest.photo:
        raise NotFound
    return FileResponse(
        files.path(guest.photo), headers=personal_headers(), media_type="image/jpeg"
    )


@router.get("/photo/upload")
def show_photo_form(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """A page of its own, so that nothing typed elsewhere is lost by sending a photo."""
    return _photo_page(request, db, links, token)


@router.post("/photo/upload")
def upload_photo(
    request: Request,
    kept: PhotoFile,
    db: Db,
    links: LinksDep,
    token: str,
) -> Response:
    """Their photo from now on."""
    guest, _, _ = _open(request, db, links, token)
    if isinstance(kept, Invalid):
        return _photo_page(request, db, links, token, kept)
    details.set_photo(db, guest, kept)
    said = gettext_for(request)(N_("Your photo is there."))
    return see_other(request, f"/part/{token}", said)


@router.post("/photo/remove")
def remove_photo(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """Takes their photo away."""
    guest, _, _ = _open(request, db, links, token)
    details.set_photo(db, guest, None)
    said = gettext_for(request)(N_("Your photo is gone."))
    return see_other(request, f"/part/{token}/photo/upload", said)


@router.get("/hours")
def show_hours(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """When they cannot."""
    return _hours_page(request, db, links, token)


@router.post("/hours")
def add_hours(request: Request, db: Db, links: LinksDep, token: str, form: FormData) -> Response:
    """Hours more when they cannot, in the zone that the page shows."""
    guest, cycle, _ = _open(request, db, links, token)
    typed = form.pick("starts", "ends")
    try:
        given = validate(UnavailableIn, typed)
        details.add_hours(db, guest, given, _own_zone(guest, cycle), now())
    except Invalid as error:
        db.rollback()
        return _hours_page(request, db, links, token, error, typed)
    said = gettext_for(request)(N_("Noted. The organizers see it while they plan."))
    return see_other(request, f"/part/{token}/hours", said)


@router.post("/hours/remove")
def remove_hours(request: Request, db: Db, links: LinksDep, token: str, form: FormData) -> Response:
    """Takes such hours out."""
    guest, _, _ = _open(request, db, links, token)
    details.remove_hours(db, guest, form.text("starts"), form.text("ends"))
    return see_other(request, f"/part/{token}/hours", gettext_for(request)(N_("Taken out.")))


@router.get("/sessions/{number:number}/join")
def join_page(request: Request, db: Db, links: LinksDep, token: str, number: int) -> Response:
    """One button."""
    return _join_page(request, db, links, token, number)


@router.post("/sessions/{number:number}/join")
def join(request: Request, db: Db, links: LinksDep, token: str, number: int) -> Response:
    """Goes backstage, or to the meeting once it has begun."""
    guest, _, _ = _open(request, db, links, token)
    try:
        url = part_join.join(db, guest, number, now())
    except Clash as error:
        db.rollback()
        return _join_page(request, db, links, token, number, error)
    return RedirectResponse(url, 303)


def _own_zone(guest: Guest, cycle: Cycle) -> str:
    return guest.person.zone or cycle.zone


def _open(
    request: Request, db: DbSession, links: Links, token: str
) -> tuple[Guest, Cycle, dict[str, Any]]:
    """Whose page it is and what all of these pages show. Raises NotFound and Gone."""
    guest = guest_of_link(db, links, token)
    if request.method == "POST":
        heard_from(db, guest.person_id, now())
    cycle = find(db, Cycle, guest.cycle_id, *with_institutions())
    request.state.person_language = guest.person.language or cycle.language
    reader = current_reader(request)
    zone = reader.zone or _own_zone(guest, cycle)
    context = view.cycle_context(cycle, f"/part/{token}", reader.language, zone)
    return guest, cycle, context | {"guest": guest, "now": now()}


def _no_longer(request: Request, cycle: Cycle, token: str) -> Response:
    """Back to their page, which is right; the one that they came from has become wrong."""
    gettext = gettext_for(request)
    said = gettext(N_("You are no longer in this part."))
    if cycle.contact_email:
        contact = gettext(N_("Questions? Write to %(contact)s."))
        said = f"{said} {contact % {'contact': cycle.contact_email}}"
    return see_other(request, f"/part/{token}", said, kind="warning")


def _page(
    request: Request,
    db: DbSession,
    links: Links,
    token: str,
    error: DomainError | None = None,
    at: str = "",
    typed: dict[str, str] | None = None,
) -> Response:
    guest, cycle, context = _open(request, db, links, token)
    mine = my_sessions(db, guest, cycle)
    given = materials.given_by(db, guest)
    language, moment = current_reader(request).language, context["now"]
    context |= {
        "sessions": view.sessions(mine, given, cycle, language, context["zone"], moment),
        "files": given,
        "waiting": sum(each.waiting(moment) for each in mine),
        "hours": [each for each in details.hours_of(guest) if each.ends > moment],
        "about": details.details_of(db, guest),
        "errors": errors_of(error, gettext_for(request)),
        "error": error,
        "at": at,  # the part that the error is about
        "typed": typed or {},
    }
    status = status_of(error) if error else 200
    return page(request, "part/page.html", context, status=status, headers=personal_headers())


def _details_page(
    request: Request,
    db: DbSession,
    links: Links,
    token: str,
    error: Invalid | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    guest, cycle, context = _open(request, db, links, token)
    language = current_reader(request).language
    position, institution = details.details_of(db, guest)
    person = guest.person
    values = typed or {
        "name": person.name,
        "position": position,
        "institution": institution,
        "biography": guest.biography,
        "zone": _own_zone(guest, cycle),
        "language": person.language or cycle.language,
    }
    context |= {
        "values": values,
        "errors": errors_of(error, gettext_for(request)),
        "zones": zone_choices(language, values["zone"]),
        "language_choices": language_choices(),
    }
    status = status_of(error) if error else 200
    return page(request, "part/details.html", context, status=status, headers=personal_headers())


def _photo_page(
    request: Request, db: DbSession, links: Links, token: str, error: Invalid | None = None
) -> Response:
    _, _, context = _open(request, db, links, token)
    context["errors"] = errors_of(error, gettext_for(request))
    status = status_of(error) if error else 200
    return page(request, "part/photo.html", context, status=status, headers=personal_headers())


def _hours_page(
    request: Request,
    db: DbSession,
    links: Links,
    token: str,
    error: Invalid | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    guest, cycle, context = _open(request, db, links, token)
    context |= {
        "zone": _own_zone(guest, cycle),  # what is typed is in it too
        "hours": details.hours_of(guest),
        "values": typed or {"starts": "", "ends": ""},
        "errors": errors_of(error, gettext_for(request)),
    }
    status = status_of(error) if error else 200
    return page(request, "part/hours.html", context, status=status, headers=personal_headers())


def _join_page(
    request: Request,
    db: DbSession,
    links: Links,
    token: str,
    number: int,
    error: Clash | None = None,
) -> Response:
    guest, _, context = _open(request, db, links, token)
    session = part_join.session_to_join(db, guest, number)
    row = session.row
    opens, closes = part_join.join_window_of(session)
    moment = context["now"]
    context |= {
        "session": session,
        "opens": opens,
        "left": time_left(opens, moment, current_reader(request).language),
        "can_join": session.status == "scheduled" and opens <= moment < closes,
        "over": moment >= closes,
        "backstage": bool(row.backstage_url) and moment < session.starts,
        "error": error,
    }
    headers = personal_headers([row.meeting_url, row.backstage_url])
    status = status_of(error) if error else 200
    return page(request, "part/join.html", context, status=status, headers=headers)
