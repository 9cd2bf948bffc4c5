"""Organizers' pages: the list of cycles, a new one, settings, institutions, clone, archive."""

import re
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.addresses import search_key
from app.domain.errors import N_, DomainError, Stale
from app.domain.schedule import InstitutionRole
from app.domain.text import LANGUAGES
from app.models import Cycle, now
from app.schemas.cycle import CloneIn, CycleChange, CycleIn, CycleInstitutionsIn
from app.services import cycles, institutions
from app.services.actor import Actor
from app.services.cloning import clone_cycle
from app.services.cycle_cards import cycle_cards
from app.services.glance import glance
from app.web import cycle_form, glance_view
from app.web.access.pages import (
    MayCreateCycle,
    MayEditSchedule,
    MayEndCycle,
    MayReadCycle,
    SignedIn,
)
from app.web.choices import language_choices, zone_choices
from app.web.dependencies import Db
from app.web.forms import FormData, errors_of
from app.web.organize import cycle_bar
from app.web.problems import status_of, validate
from app.web.sentences import Presenter
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize")


@router.get("")
def list_cycles(request: Request, db: Db, actor: SignedIn, after: str | None = None) -> Response:
    """Every cycle, the newest first."""
    cards, following = cycle_cards(db, actor, now(), after)
    return page(request, "organize/cycles.html", {"cards": cards, "following": following})


def _titled(language: str) -> Callable[[str], str]:
    """Where the form shows what is wrong with a title as a whole: in the language that counts."""
    own = language if language in LANGUAGES else LANGUAGES[0]
    return lambda name: f"title-{own}" if name == "title" else name


def _of_row(name: str) -> str:
    """``institutions-1-role`` is the form's ``role-1``; what is said of the list is said of all."""
    _list, *place = name.split("-")
    return "-".join((place[1].removesuffix("_id"), place[0])) if len(place) == 2 else ""


def _form(
    request: Request,
    values: dict[str, Any],
    cycle: Cycle | None,
    error: DomainError | None = None,
) -> Response:
    language = current_reader(request).language
    context = {
        "values": values,
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, language) if cycle else None,
        "errors": errors_of(error, gettext_for(request), _titled(values["language"])),
        "zones": zone_choices(language, values["zone"]),
        "language_options": language_choices(),
        "theirs": cycle_form.differing(values, cycle) if cycle and isinstance(error, Stale) else [],
    }
    name = "organize/cycle_settings.html" if cycle else "organize/cycle_new.html"
    return page(request, name, context, status=status_of(error) if error else 200)


@router.get("/cycles/new")
def new_cycle(request: Request, actor: MayCreateCycle) -> Response:
    """The form of a new cycle."""
    reader = current_reader(request)
    return _form(request, cycle_form.blank(reader.language, reader.zone or "America/Bogota"), None)


@router.post("/cycles/new")
def create_cycle(request: Request, db: Db, actor: MayCreateCycle, form: FormData) -> Response:
    """A new cycle, as a draft."""
    data = cycle_form.read_new(form)
    try:
        cycle = cycles.create_cycle(db, actor, validate(CycleIn, data))
    except DomainError as error:
        db.rollback()
        return _form(request, data, None, error)
    said = gettext_for(request)(N_("The cycle is there, as a draft. Now its sessions."))
    return see_other(request, f"/organize/c/{cycle.slug}", said)


@router.get("/c/{slug}")
def overview(request: Request, db: Db, actor: MayReadCycle, slug: str) -> Response:
    """A cycle at a glance: what needs doing next, the sessions, who takes part."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    at = now()
    seen = glance(db, actor, cycle.id, at)
    presenter = Presenter(current_reader(request).language)
    context = {
        "cycle": seen.cycle,
        "cycle_bar": cycle_bar(seen.cycle, current_reader(request).language),
        "glance": seen,
        "todos": glance_view.todo_items(seen, presenter),
        "strip": glance_view.strip(seen, presenter, at),
        "curve": glance_view.curve(seen),
        "enrolled": {status.value: count for status, count in seen.enrolments.items()},
        "attended": [session for session in seen.sessions if session.attendance],
    }
    return page(request, "organize/cycle.html", context)


@router.get("/c/{slug}/settings")
def settings(request: Request, db: Db, actor: MayEditSchedule, slug: str) -> Response:
    """What is set for a cycle."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    return _form(request, cycle_form.shown(cycle), cycle)


@router.post("/c/{slug}/settings")
def change_settings(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, form: FormData
) -> Response:
    """Changes it, unless somebody else did in the meantime."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    data = cycle_form.read(form)
    if cycle.release_number:
        data.pop("slug")  # fixed, and shown as text
    try:
        change = validate(CycleChange, data)
        cycle = cycles.change_cycle(db, actor, cycle.id, change, form.revision())
    except DomainError as error:
        db.rollback()
        cycle = cycles.cycle_for_slug(db, actor, slug)
        return _form(request, {"slug": cycle.slug, **data}, cycle, error)
    said = gettext_for(request)(N_("The settings are saved."))
    return see_other(request, f"/organize/c/{cycle.slug}/settings", said)


def _institutions(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    *,
    rows: list[dict[str, str]] | None = None,
    error: DomainError | None = None,
) -> Response:
    cycle = cycles.cycle_for_slug(db, actor, slug)
    known, _ = institutions.search_institutions(db, actor, limit=200)
    if rows is None:
        rows = [
            {"institution_id": row.institution_id, "role": row.role} for row in cycle.institutions
        ]
    names = {row.id: row.name for row in known}
    # Those that are in the cycle can always be chosen, however long the directory is: what a
    # select cannot show would be lost on saving.
    names |= {row.institution_id: row.institution.name for row in cycle.institutions}
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, current_reader(request).language),
        "rows": [*rows, {"institution_id": "", "role": "partner"}],
        "known": sorted(names.items(), key=lambda pair: search_key(pair[1])),
        "roles": [role.value for role in InstitutionRole],
        "errors": errors_of(error, gettext_for(request), _of_row),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/cycle_institutions.html", context, status=status)


@router.get("/c/{slug}/institutions")
def cycle_institutions(request: Request, db: Db, actor: MayEditSchedule, slug: str) -> Response:
    """The institutions that carry a cycle."""
    return _institutions(request, db, actor, slug)


@router.post("/c/{slug}/institutions")
def set_institutions(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, form: FormData
) -> Response:
    """All of them, in their order. A row without an institution is left out."""
    named = (re.fullmatch(r"institution-([0-9]{1,4})", name) for name in form.values)
    places = sorted((match[1] for match in named if match), key=int)
    rows = [
        {"institution_id": form.text(f"institution-{n}"), "role": form.text(f"role-{n}")}
        for n in places
    ]
    rows = [row for row in rows if row["institution_id"]]
    try:
        cycle = cycles.cycle_for_slug(db, actor, slug)
        command = validate(CycleInstitutionsIn, {"institutions": rows})
        cycles.set_institutions(db, actor, cycle.id, command)
    except DomainError as error:
        db.rollback()
        return _institutions(request, db, actor, slug, rows=rows, error=error)
    said = gettext_for(request)(N_("The institutions are saved."))
    return see_other(request, f"/organize/c/{slug}/institutions", said)


def _clone(
    request: Request, cycle: Cycle, values: dict[str, Any], error: DomainError | None = None
) -> Response:
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, current_reader(request).language),
        "values": values,
        "errors": errors_of(error, gettext_for(request), _titled(cycle.language)),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/cycle_clone.html", context, status=status)


@router.get("/c/{slug}/clone")
def clone_form(request: Request, db: Db, actor: MayEditSchedule, slug: str) -> Response:
    """Which parts of a cycle to copy, and to when."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    values = dict.fromkeys(("institutions", "sessions", "agenda", "people", "texts"), True)
    return _clone(
        request, cycle, {**values, "slug": "", "title": dict(cycle.title), "first_date": ""}
    )


@router.post("/c/{slug}/clone")
def clone(request: Request, db: Db, actor: MayEditSchedule, slug: str, form: FormData) -> Response:
    """The copy, as a draft."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    data: dict[str, Any] = {
        "slug": form.text("slug"),
        "title": form.localized("title"),
        "first_date": form.or_none("first_date"),
    }
    data |= {
        name: form.checked(name)
        for name in ("institutions", "sessions", "agenda", "people", "texts")
    }
    try:
        made = clone_cycle(db, actor, cycle.id, validate(CloneIn, data))
    except DomainError as error:
        db.rollback()
        return _clone(request, cycles.cycle_for_slug(db, actor, slug), data, error)
    said = gettext_for(request)(N_("The copy is there, as a draft."))
    return see_other(request, f"/organize/c/{made.slug}", said)


def _ask(request: Request, cycle: Cycle, act: str, error: DomainError | None = None) -> Response:
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, current_reader(request).language),
        "act": act,
        "error": error,
    }
    status = status_of(error) if error else 200
    return page(request, "organize/cycle_life.html", context, status=status)


@router.get("/c/{slug}/archive")
@router.get("/c/{slug}/restore")
@router.get("/c/{slug}/delete")
def life_form(request: Request, db: Db, actor: MayEndCycle, slug: str) -> Response:
    """Asks before a cycle is archived, brought back or deleted."""
    return _ask(request, cycles.cycle_for_slug(db, actor, slug), request.url.path.split("/")[-1])


@router.post("/c/{slug}/archive")
def archive(request: Request, db: Db, actor: MayEndCycle, slug: str) -> Response:
    """Puts a cycle away; its pages stay."""
    cycles.archive_cycle(db, actor, cycles.cycle_for_slug(db, actor, slug).id)
    return see_other(
        request, f"/organize/c/{slug}", gettext_for(request)(N_("The cycle is archived."))
    )


@router.post("/c/{slug}/restore")
def restore(request: Request, db: Db, actor: MayEndCycle, slug: str) -> Response:
    """Brings an archived cycle back."""
    cycles.restore_cycle(db, actor, cycles.cycle_for_slug(db, actor, slug).id)
    return see_other(request, f"/organize/c/{slug}", gettext_for(request)(N_("The cycle is back.")))


@router.post("/c/{slug}/delete")
def delete(request: Request, db: Db, actor: MayEndCycle, slug: str) -> Response:
    """Takes a draft away for good; refused for what was published or has participants."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    try:
        cycles.delete_cycle(db, actor, cycle.id)
    except DomainError as error:
        db.rollback()
        return _ask(request, cycles.cycle_for_slug(db, actor, slug), "delete", error)
    return see_other(request, "/organize", gettext_for(request)(N_("The draft is deleted.")))
