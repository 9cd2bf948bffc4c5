"""Organizers' pages: the directory of people, with search and merging."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, DomainError, Invalid
from app.models import Person, now
from app.schemas.directory import PersonChange, PersonIn
from app.schemas.privacy import EraseIn
from app.services import erasure, institutions, merging, people, reach
from app.services.actor import Actor
from app.web.access.pages import MayAdminister, MayEditPeople, MayReadPeople
from app.web.choices import country_choices, language_choices, zone_choices
from app.web.dependencies import Db
from app.web.disk import and_take_away
from app.web.forms import Form, FormData, errors_of
from app.web.problems import status_of, validate
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/people")

FIELDS = ("name", "country", "position")
OPTIONAL = ("email", "zone", "language", "institution_id")


@router.get("")
def list_people(
    request: Request, db: Db, actor: MayReadPeople, q: str = "", after: str | None = None
) -> Response:
    """The directory; without a search also who may be there twice."""
    found, following = people.search_people(db, actor, q, after)
    doubles = people.likely_duplicates(db, actor)[:20] if not q and not after else []
    context = {"people": found, "following": following, "q": q, "doubles": doubles}
    return page(request, "organize/people.html", context)


def _read(form: Form) -> dict[str, Any]:
    return form.pick(*FIELDS) | {name: form.or_none(name) for name in OPTIONAL}


def _form(
    request: Request,
    db: DbSession,
    actor: Actor,
    values: dict[str, Any],
    person: Person | None = None,
    error: DomainError | None = None,
) -> Response:
    language = current_reader(request).language
    known, _ = institutions.search_institutions(db, actor, limit=200)
    options = [(row.id, row.name) for row in known]
    chosen = values.get("institution_id")
    if chosen and chosen not in dict(options) and person and person.institution:
        options.append((person.institution.id, person.institution.name))
    context = {
        "person": person,
        "values": values,
        "errors": errors_of(error, gettext_for(request)),
        "institutions": options,
        "countries": country_choices(language),
        "zones": zone_choices(language, values["zone"] or ""),
        "language_options": language_choices(),
        "parts": people.parts_of(db, actor, person.id) if person else [],
    }
    status = status_of(error) if error else 200
    return page(request, "organize/person.html", context, status=status)


@router.get("/new")
def new_person(request: Request, db: Db, actor: MayEditPeople) -> Response:
    """The form of a new person."""
    return _form(request, db, actor, dict.fromkeys((*FIELDS, *OPTIONAL), ""))


@router.post("/new")
def create_person(request: Request, db: Db, actor: MayEditPeople, form: FormData) -> Response:
    """A new person."""
    data = _read(form)
    try:
        person = people.create_person(db, actor, validate(PersonIn, data))
    except DomainError as error:
        db.rollback()
        return _form(request, db, actor, data, None, error)
    said = gettext_for(request)(N_("%(name)s is in the directory.")) % {"name": person.name}
    return see_other(request, "/organize/people", said)


@router.get("/{person_id}")
def show_person(request: Request, db: Db, actor: MayReadPeople, person_id: str) -> Response:
    """A person: what is known, and every part."""
    person = people.get_person(db, actor, person_id)
    values = {name: getattr(person, name) or "" for name in (*FIELDS, *OPTIONAL)}
    return _form(request, db, actor, values, person)


@router.post("/{person_id}")
def change_person(
    request: Request, db: Db, actor: MayEditPeople, person_id: str, form: FormData
) -> Response:
    """Changes it, unless somebody else did in the meantime."""
    data = _read(form)
    try:
        change = validate(PersonChange, data)
        people.change_person(db, actor, person_id, change, form.revision(), now=now())
    except DomainError as error:
        db.rollback()
        return _form(request, db, actor, data, people.get_person(db, actor, person_id), error)
    said = gettext_for(request)(
        N_("Saved. Agendas keep the position and institution of their day.")
    )
    return see_other(request, f"/organize/people/{person_id}", said)


@router.post("/{person_id}/try-again")
def try_again(request: Request, db: Db, actor: MayEditPeople, person_id: str) -> Response:
    """Lets mails go again to an address from which one came back."""
    person = people.get_person(db, actor, person_id)
    reach.try_again(db, person.id)
    said = gettext_for(request)(N_("From now on mails go to this address again."))
    return see_other(request, f"/organize/people/{person_id}", said)


@router.get("/{person_id}/erase")
def ask_to_erase(request: Request, db: Db, actor: MayAdminister, person_id: str) -> Response:
    """What erasing somebody's data everywhere brings about, before it is done."""
    return _erasing(request, people.get_person(db, actor, person_id))


@router.post("/{person_id}/erase")
def erase(
    request: Request, db: Db, actor: MayAdminister, person_id: str, form: FormData
) -> Response:
    """Erases what is held everywhere about somebody who asked for it."""
    try:
        given = {"reason": form.text("reason"), "keep_certificates": form.checked("keep")}
        erasure.erase_person(db, actor, person_id, validate(EraseIn, given), now())
    except Invalid as error:
        db.rollback()
        return _erasing(request, people.get_person(db, actor, person_id), form, error)
    said = gettext_for(request)(N_("What was held about them is erased everywhere."))
    return and_take_away(request, see_other(request, "/organize/people", said))


def _erasing(
    request: Request, person: Person, form: Form | None = None, error: Invalid | None = None
) -> Response:
    context = {
        "name": person.name,
        "everywhere": True,
        "back": f"/organize/people/{person.id}",
        "values": form.values if form else {},
        "errors": errors_of(error, gettext_for(request)),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/erase.html", context, status=status)


@router.get("/{person_id}/merge")
def merge_form(
    request: Request,
    db: Db,
    actor: MayEditPeople,
    person_id: str,
    q: str = "",
    duplicate: str = "",
) -> Response:
    """Both side by side, before they become one; or a search for the other one."""
    keep = people.get_person(db, actor, person_id)
    other = people.get_person(db, actor, duplicate) if duplicate else None
    found, _ = people.search_people(db, actor, q or keep.name.split()[-1], limit=20)
    context = {
        "keep": keep,
        "other": other,
        "q": q,
        "found": [person for person in found if person.id != keep.id],
    }
    return page(request, "organize/person_merge.html", context)


@router.post("/{person_id}/merge")
def merge(
    request: Request, db: Db, actor: MayEditPeople, person_id: str, form: FormData
) -> Response:
    """Makes the two one."""
    kept = merging.merge_people(db, actor, person_id, form.text("duplicate"))
    said = gettext_for(request)(N_("They are one now: %(name)s.")) % {"name": kept.name}
    return see_other(request, f"/organize/people/{person_id}", said)
