"""Organizers' pages: the people on a cycle's programme, and whether they have confirmed."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from app.db import DbSession
from app.domain.errors import N_, Clash, DomainError, Invalid, NotFound
from app.domain.text import localized
from app.models import Cycle, Guest, now
from app.schemas.part import PartStatusIn
from app.services import guests, part_requests
from app.services import part_details as details
from app.services import parts as service
from app.services.actor import Actor
from app.services.cycles import cycle_for_slug
from app.services.links import Links
from app.services.part_requests import Asked
from app.services.parts import Placed
from app.web.access.pages import MayEditPeople, MayReadPeople
from app.web.dependencies import Db, LinksDep
from app.web.downloads import send_material
from app.web.forms import FormData, errors_of, revision_of
from app.web.organize import cycle_bar, short_date
from app.web.problems import status_of, validate
from app.web.templating import current_reader, gettext_for, page, see_other
from app.web.uploads import Files

router = APIRouter(prefix="/organize/c/{slug}/parts")

_STATUSES = ("planned", "invited", "confirmed", "declined")


@router.get("")
def people_on_programme(request: Request, db: Db, actor: MayReadPeople, slug: str) -> Response:
    """Everybody with a part, with where each stands."""
    cycle, placed = _open(db, actor, slug)
    moment = now()
    theirs = service.by_person(sorted(placed, key=lambda p: p.part.person.search_key))
    context = {
        **_about(request, cycle),
        "people": [
            {"person": of[0].part.person, "placed": _to_come_first(of), "asked_at": _last_asked(of)}
            for of in theirs.values()
        ],
        "guests": guests.guests_of(db, cycle.id),
        "former": guests.former_guests(db, cycle.id),
        "to_ask": part_requests.whom_to_ask(placed, moment),
        "to_remind": part_requests.whom_to_remind(placed, moment),
    }
    return page(request, "organize/parts.html", context)


@router.get("/ask")
def confirm_asking(request: Request, db: Db, actor: MayEditPeople, slug: str) -> Response:
    """Who gets which mail, and one button."""
    cycle, placed = _open(db, actor, slug)
    asked = part_requests.whom_to_ask(placed, now())
    return _confirm(request, cycle, placed, asked, reminder=False)


@router.post("/ask")
def ask(request: Request, db: Db, actor: MayEditPeople, slug: str) -> Response:
    """Asks everybody who has not been asked."""
    cycle = cycle_for_slug(db, actor, slug)
    asked = part_requests.ask(db, actor, cycle.id, now())
    return _asked(request, f"/organize/c/{slug}/parts", asked)


@router.get("/remind")
def confirm_reminding(request: Request, db: Db, actor: MayEditPeople, slug: str) -> Response:
    """Who gets which mail, and one button."""
    cycle, placed = _open(db, actor, slug)
    asked = part_requests.whom_to_remind(placed, now())
    return _confirm(request, cycle, placed, asked, reminder=True)


@router.post("/remind")
def remind(request: Request, db: Db, actor: MayEditPeople, slug: str) -> Response:
    """Reminds everybody who has not answered."""
    cycle = cycle_for_slug(db, actor, slug)
    asked = part_requests.remind(db, actor, cycle.id, now())
    return _asked(request, f"/organize/c/{slug}/parts", asked)


@router.get("/{person_id}")
def show_person(
    request: Request, db: Db, actor: MayReadPeople, links: LinksDep, slug: str, person_id: str
) -> Response:
    """Somebody's parts, what they say of themselves, and their personal link."""
    return _person(request, db, actor, links, slug, person_id)


@router.post("/{person_id}/ask")
def ask_one(request: Request, db: Db, actor: MayEditPeople, slug: str, person_id: str) -> Response:
    """Asks one person."""
    cycle, _ = _open(db, actor, slug, person_id)
    asked = part_requests.ask(db, actor, cycle.id, now(), [person_id])
    return _asked(request, f"/organize/c/{slug}/parts/{person_id}", asked)


@router.post("/{person_id}/remind")
def remind_one(
    request: Request, db: Db, actor: MayEditPeople, slug: str, person_id: str
) -> Response:
    """Reminds one person."""
    cycle, _ = _open(db, actor, slug, person_id)
    asked = part_requests.remind(db, actor, cycle.id, now(), [person_id])
    return _asked(request, f"/organize/c/{slug}/parts/{person_id}", asked)


@router.post("/{person_id}/link")
def make_link(
    request: Request, db: Db, actor: MayEditPeople, slug: str, person_id: str
) -> Response:
    """Makes the personal link of somebody who has none yet."""
    cycle, _ = _open(db, actor, slug, person_id)
    guests.guest_of(db, cycle.id, person_id)
    return see_other(request, f"/organize/c/{slug}/parts/{person_id}")


@router.get("/{person_id}/new-link")
def confirm_new_link(
    request: Request, db: Db, actor: MayEditPeople, slug: str, person_id: str
) -> Response:
    """What will happen, and one button."""
    cycle = cycle_for_slug(db, actor, slug)
    guest = _guest(db, cycle, person_id)
    context = _about(request, cycle) | {"guest": guest, "person": guest.person}
    return page(request, "organize/parts_link.html", context)


@router.post("/{person_id}/new-link")
def renew_link(
    request: Request, db: Db, actor: MayEditPeople, slug: str, person_id: str, form: FormData
) -> Response:
    """Ends the present link and makes another."""
    cycle = cycle_for_slug(db, actor, slug)
    generation = revision_of(form.text("generation"))
    guests.renew_links(db, actor, cycle.id, person_id, generation)
    said = gettext_for(request)(N_("The old link has stopped working."))
    return see_other(request, f"/organize/c/{slug}/parts/{person_id}", said)


@router.get("/{person_id}/photo")
def photo(db: Db, actor: MayReadPeople, files: Files, slug: str, person_id: str) -> Response:
    """Their photo."""
    guest = _guest(db, cycle_for_slug(db, actor, slug), person_id)
    if not guest.photo:
        raise NotFound
    headers = {"cache-control": "private, no-store"}
    return FileResponse(files.path(guest.photo), headers=headers, media_type="image/jpeg")


@router.get("/{person_id}/slides/{material_id}")
def slides(
    request: Request, db: Db, actor: MayReadPeople, slug: str, person_id: str, material_id: str
) -> Response:
    """A file that they gave."""
    guest = _guest(db, cycle_for_slug(db, actor, slug), person_id)
    return send_material(request, details.own_slides(db, guest, material_id))


@router.post("/{person_id}/{part_id}")
def set_status(
    request: Request,
    db: Db,
    actor: MayEditPeople,
    links: LinksDep,
    slug: str,
    person_id: str,
    part_id: str,
    form: FormData,
) -> Response:
    """Notes by hand where a part stands."""
    cycle, placed = _open(db, actor, slug, person_id)
    if all(each.part.id != part_id for each in placed):
        raise NotFound
    typed = form.pick("status", "comment")
    try:
        command = validate(PartStatusIn, typed)
        service.set_status(db, actor, cycle.id, part_id, command, now())
    except (Invalid, Clash) as error:
        db.rollback()
        return _person(request, db, actor, links, slug, person_id, error, part_id, typed)
    said = gettext_for(request)(N_("Noted."))
    return see_other(request, f"/organize/c/{slug}/parts/{person_id}#{part_id}", said)


def _open(
    db: DbSession, actor: Actor, slug: str, person_id: str | None = None
) -> tuple[Cycle, list[Placed]]:
    """The cycle and its parts, or those of one person. Raises NotFound for who has none in it and
    is no guest of it either."""
    cycle = cycle_for_slug(db, actor, slug)
    if person_id is None:
        return cycle, service.placed_parts(db, cycle.id)
    if "\0" in person_id:  # PostgreSQL takes no NUL in text
        raise NotFound
    placed = service.placed_parts(db, cycle.id, [person_id])
    if not placed and guests.find_guest(db, cycle.id, person_id) is None:
        raise NotFound
    return cycle, placed


def _guest(db: DbSession, cycle: Cycle, person_id: str) -> Guest:
    """Also of who has no part any more: their link still works."""
    guest = guests.find_guest(db, cycle.id, person_id)
    if guest is None:
        raise NotFound
    return guest


def _about(request: Request, cycle: Cycle) -> dict[str, Any]:
    language = current_reader(request).language
    return {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, language),
        "base": f"/organize/c/{cycle.slug}/parts",
        "now": now(),
        "short": short_date(request, cycle.zone),
        "title_of": lambda session: localized(session.title, language, cycle.language),
    }


def _to_come_first(placed: list[Placed]) -> list[Placed]:
    moment = now()
    return sorted(placed, key=lambda each: (moment >= each.segment.ends, each.segment.starts))


def _last_asked(placed: list[Placed]) -> Any:
    return max((p.part.asked_at for p in placed if p.part.asked_at), default=None)


def _confirm(
    request: Request, cycle: Cycle, placed: list[Placed], asked: Asked, *, reminder: bool
) -> Response:
    names = {each.part.person_id: each.part.person.name for each in placed}
    context = _about(request, cycle) | {
        "names": [names[person_id] for person_id in asked.people],
        "without": [names[person_id] for person_id in asked.without_address],
        "reminder": reminder,
    }
    return page(request, "organize/parts_ask.html", context)


def _asked(request: Request, path: str, asked: Asked) -> Response:
    count = len(asked.people)
    if not count:
        said = gettext_for(request)(N_("There was nobody to write to."))
        return see_other(request, path, said, kind="info")
    words = gettext_for(request)(N_("Mails on their way: %(count)s."))
    return see_other(request, path, words % {"count": count})


def _person(
    request: Request,
    db: DbSession,
    actor: Actor,
    links: Links,
    slug: str,
    person_id: str,
    error: DomainError | None = None,
    at: str = "",
    typed: dict[str, str] | None = None,
) -> Response:
    cycle, placed = _open(db, actor, slug, person_id)
    moment = now()
    guest = guests.find_guest(db, cycle.id, person_id)
    context = _about(request, cycle) | {
        "person": guest.person if guest else placed[0].part.person,
        "placed": placed,
        "guest": guest,
        # It also shows and erases what is held of them: for organizers to hand on, as long as
        # there is something to hand it on for.
        "link": links.part(guest.id, guest.link_generation) if guest and placed else "",
        "hours": details.hours_of(guest) if guest else [],
        "slides": details.slides_of(db, guest) if guest else [],
        "to_ask": bool(part_requests.whom_to_ask(placed, moment).people),
        "to_remind": bool(part_requests.whom_to_remind(placed, moment).people),
        "statuses": _STATUSES,
        "error": error,
        "errors": errors_of(error, gettext_for(request)),
        "at": at,  # the part that the error is about
        "typed": typed or {},
    }
    status = status_of(error) if error else 200
    return page(request, "organize/parts_one.html", context, status=status)
