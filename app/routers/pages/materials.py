"""Organizers' pages: the materials of a session."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, DomainError, Invalid
from app.domain.materials import MaterialKind
from app.models import Cycle, Material, Session, now
from app.services import cycles, materials, sessions
from app.services.actor import Actor
from app.services.files import Stored
from app.services.schedules import released_session
from app.web import material_form as form_of
from app.web import session_view
from app.web.access.pages import MayEditSchedule, MayReadCycle
from app.web.dependencies import Db
from app.web.downloads import send_material
from app.web.forms import FormData, errors_of
from app.web.organize import cycle_bar
from app.web.problems import status_of
from app.web.templating import current_reader, gettext_for, page, see_other
from app.web.uploads import MaterialFile, OrganizerUpload

router = APIRouter(prefix="/organize/c/{slug}/sessions/{number}/materials")


def _session(db: DbSession, actor: Actor, slug: str, number: int) -> tuple[Cycle, Session]:
    cycle = cycles.cycle_for_slug(db, actor, slug)
    return cycle, sessions.session_by_number(db, actor, cycle.id, number)


def _context(request: Request, cycle: Cycle, session: Session) -> dict[str, Any]:
    bar = cycle_bar(cycle, current_reader(request).language)
    path = f"{bar['href']}/sessions/{session.number}"
    base = f"{path}/materials"
    return {"cycle": cycle, "cycle_bar": bar, "session": session, "path": path, "base": base}


@router.get("")
def list_materials(
    request: Request, db: Db, actor: MayReadCycle, slug: str, number: int
) -> Response:
    """Everything, with who sees it and from when on."""
    cycle, session = _session(db, actor, slug, number)
    published = released_session(db, session)
    context = {
        **_context(request, cycle, session),
        "listed": materials.list_materials(db, actor, session, published),
        "now": now(),
        "published": published is not None,
    }
    return page(request, "organize/materials.html", context)


def _form(
    request: Request,
    cycle: Cycle,
    session: Session,
    values: form_of.Values,
    row: Material | None = None,
    error: DomainError | None = None,
    *,
    file: bool = False,
) -> Response:
    time = form_of.typed_time(values, session)
    context = {
        **_context(request, cycle, session),
        "values": values,
        "row": row,
        "file": file or (row is not None and bool(row.file)),
        "fold_options": session_view.folds(time, current_reader(request).language),
        "errors": errors_of(error, gettext_for(request), form_of.in_form),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/material.html", context, status=status)


@router.get("/link")
def new_link(request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int) -> Response:
    """The form of a link."""
    cycle, session = _session(db, actor, slug, number)
    return _form(request, cycle, session, form_of.blank(MaterialKind.LINK))


@router.post("/link")
def add_link(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int, form: FormData
) -> Response:
    """A link more."""
    values = form_of.read(form)
    cycle, session = _session(db, actor, slug, number)
    try:
        row = materials.add_link(db, actor, session.id, form_of.to_link(values))
    except DomainError as error:
        db.rollback()
        cycle, session = _session(db, actor, slug, number)
        return _form(request, cycle, session, values, error=error)
    return _added(request, slug, number, row)


@router.get("/upload")
def new_file(request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int) -> Response:
    """The form of a file."""
    cycle, session = _session(db, actor, slug, number)
    return _form(request, cycle, session, form_of.blank(MaterialKind.SLIDES), file=True)


@router.post("/upload")
def add_file(
    request: Request,
    upload: OrganizerUpload,
    kept: MaterialFile,
    db: Db,
    actor: MayEditSchedule,
    slug: str,
    number: int,
) -> Response:
    """A file more."""
    values = form_of.blank(MaterialKind.SLIDES)
    if upload.refused is None:
        values = form_of.read(upload.form)
    cycle, session = _session(db, actor, slug, number)
    try:
        command = form_of.to_file(values, kept if isinstance(kept, Invalid) else None)
        assert isinstance(kept, Stored)
        row = materials.add_file(db, actor, session.id, command, kept, upload.file_name)
    except DomainError as error:
        db.rollback()
        cycle, session = _session(db, actor, slug, number)
        return _form(request, cycle, session, values, error=error, file=True)
    return _added(request, slug, number, row)


def _added(request: Request, slug: str, number: int, row: Material) -> Response:
    said = gettext_for(request)(N_("“%(title)s” is there.")) % {"title": row.title}
    return see_other(request, f"/organize/c/{slug}/sessions/{number}/materials", said)


@router.get("/{material_id}")
def edit_material(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int, material_id: str
) -> Response:
    """The form of one that is there."""
    cycle, session = _session(db, actor, slug, number)
    row = materials.get_material(db, actor, session.id, material_id)
    return _form(request, cycle, session, form_of.shown(row, session), row)


@router.post("/{material_id}")
def change_material(
    request: Request,
    db: Db,
    actor: MayEditSchedule,
    slug: str,
    number: int,
    material_id: str,
    form: FormData,
) -> Response:
    """Says anew what it is and who sees it."""
    values = form_of.read(form)
    cycle, session = _session(db, actor, slug, number)
    row = materials.get_material(db, actor, session.id, material_id)
    try:
        command = form_of.to_file(values) if row.file else form_of.to_link(values)
        materials.change_material(db, actor, row.id, command)
    except DomainError as error:
        db.rollback()
        cycle, session = _session(db, actor, slug, number)
        row = materials.get_material(db, actor, session.id, material_id)
        return _form(request, cycle, session, values, row, error)
    said = gettext_for(request)(N_("“%(title)s” is saved.")) % {"title": row.title}
    return see_other(request, f"/organize/c/{slug}/sessions/{number}/materials", said)


@router.post("/{material_id}/move")
def move_material(
    request: Request,
    db: Db,
    actor: MayEditSchedule,
    slug: str,
    number: int,
    material_id: str,
    form: FormData,
) -> Response:
    """One place up or down."""
    _, session = _session(db, actor, slug, number)
    row = materials.get_material(db, actor, session.id, material_id)
    materials.move_material(db, actor, row.id, -1 if form.text("to") == "up" else 1)
    return see_other(request, f"/organize/c/{slug}/sessions/{number}/materials#material-{row.id}")


@router.post("/{material_id}/show")
def show_material(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int, material_id: str
) -> Response:
    """What was held back is seen all the same."""
    _, session = _session(db, actor, slug, number)
    row = materials.get_material(db, actor, session.id, material_id)
    materials.show_all_the_same(db, actor, row.id, now())
    said = gettext_for(request)(N_("Participants see “%(title)s” once the session is over."))
    path = f"/organize/c/{slug}/sessions/{number}/materials"
    return see_other(request, path, said % {"title": row.title})


@router.get("/{material_id}/remove")
def ask_to_remove(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int, material_id: str
) -> Response:
    """What will happen, and one button."""
    cycle, session = _session(db, actor, slug, number)
    row = materials.get_material(db, actor, session.id, material_id)
    context = {**_context(request, cycle, session), "row": row}
    return page(request, "organize/material_remove.html", context)


@router.post("/{material_id}/remove")
def remove_material(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int, material_id: str
) -> Response:
    """Takes it away."""
    _, session = _session(db, actor, slug, number)
    row = materials.get_material(db, actor, session.id, material_id)
    title = row.title
    materials.remove_material(db, actor, row.id)
    said = gettext_for(request)(N_("“%(title)s” is removed.")) % {"title": title}
    return see_other(request, f"/organize/c/{slug}/sessions/{number}/materials", said)


@router.api_route("/{material_id}/file", methods=["GET", "HEAD"])
def material_file(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int, material_id: str
) -> Response:
    """The file, also before anybody else sees it."""
    _, session = _session(db, actor, slug, number)
    return send_material(request, materials.get_material(db, actor, session.id, material_id))
