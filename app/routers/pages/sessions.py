"""Organizers' pages: the sessions of a cycle, new ones, a whole series, cancel, delete, print."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, Clash, DomainError
from app.domain.schedule import SessionStatus
from app.models import Cycle, Session, now
from app.schemas.session import SessionChange, SessionIn
from app.services import casting, cycles, materials, publishing, sessions
from app.services.actor import Actor
from app.services.schedules import released_schedule, schedule_of
from app.web import series_form, session_form, session_list, session_view
from app.web.access.pages import MayEditSchedule, MayReadCycle
from app.web.choices import zone_choices
from app.web.dependencies import Db
from app.web.forms import FormData, errors_of
from app.web.organize import cycle_bar
from app.web.problems import status_of
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/sessions")


@router.get("")
def list_sessions(request: Request, db: Db, actor: MayReadCycle, slug: str) -> Response:
    """The sessions in the order of time, each with how it stands."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    rows = sessions.list_sessions(db, actor, cycle.id)
    preview = publishing.preview_of(db, actor, schedule_of(cycle, rows), now())
    items = session_list.items(rows, preview.conflicts, now())
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(
            cycle, current_reader(request).language, publish=len(preview.changes)
        ),
        "items": items,
        "changes": len(preview.changes),
    }
    return page(request, "organize/sessions.html", context)


def _new(
    request: Request, cycle: Cycle, values: dict[str, str], error: DomainError | None = None
) -> Response:
    context = {**_form_context(request, cycle, values, error), "cycle": cycle}
    status = status_of(error) if error else 200
    return page(request, "organize/session_new.html", context, status=status)


def _form_context(
    request: Request, cycle: Cycle, values: dict[str, str], error: DomainError | None
) -> dict[str, Any]:
    time, language = session_form.typed_time(values), current_reader(request).language
    return {
        "cycle_bar": cycle_bar(cycle, language),
        "values": values,
        "zones": zone_choices(language, values["zone"]),
        "fold_options": session_view.folds(time, language),
        "errors": errors_of(
            error, gettext_for(request), lambda name: session_form.in_form(name, cycle.language)
        ),
    }


@router.get("/new")
def new_session(request: Request, db: Db, actor: MayEditSchedule, slug: str) -> Response:
    """The form of a new session."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    rows = sessions.list_sessions(db, actor, cycle.id)
    last = max(rows, key=lambda s: s.starts_at, default=None)
    return _new(request, cycle, session_form.blank(cycle, after=last))


@router.post("/new")
def create_session(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, form: FormData
) -> Response:
    """A new session; its run of show comes next."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    values = session_form.read(form, otherwise=session_form.blank(cycle))
    try:
        command = session_form.to_command(SessionIn, values)
        session = sessions.create_session(db, actor, cycle.id, command)
    except DomainError as error:
        db.rollback()
        return _new(request, cycles.cycle_for_slug(db, actor, slug), values, error)
    said = gettext_for(request)(N_("Session %(number)s is there. Now its run of show."))
    path = f"/organize/c/{slug}/sessions/{session.number}"
    return see_other(request, path, said % {"number": session.number})


def _series(
    request: Request,
    cycle: Cycle,
    values: dict[str, str],
    error: DomainError | None = None,
    dates: list[Any] | None = None,
) -> Response:
    context = {
        **_form_context(request, cycle, values, error),
        "cycle": cycle,
        "dates": dates or [],
    }
    status = status_of(error) if error else 200
    return page(request, "organize/series.html", context, status=status)


@router.get("/series")
def new_series(request: Request, db: Db, actor: MayEditSchedule, slug: str) -> Response:
    """The form of a series."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    return _series(request, cycle, series_form.blank(cycle))


@router.post("/series")
def create_series(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, form: FormData
) -> Response:
    """Shows the dates, or makes the sessions."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    values = series_form.read(form)
    try:
        command = series_form.to_command(values)
        made = sessions.create_series(db, actor, cycle.id, command)
        dates = [(s.number, s.starts_at, s.ends_at, s.zone) for s in made]
        if form.text("action") == "preview":
            db.rollback()
            cycle = cycles.cycle_for_slug(db, actor, slug)
            return _series(request, cycle, values, dates=dates)
    except DomainError as error:
        db.rollback()
        return _series(request, cycles.cycle_for_slug(db, actor, slug), values, error)
    said = gettext_for(request)(N_("%(count)s sessions are there.")) % {"count": len(dates)}
    return see_other(request, f"/organize/c/{slug}/sessions", said)


def _ask(
    request: Request,
    db: DbSession,
    actor: Actor,
    cycle: Cycle,
    session: Session,
    act: str,
    error: DomainError | None = None,
) -> Response:
    released = released_schedule(db, cycle.id)
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, current_reader(request).language),
        "session": session,
        "act": act,
        "released": released is not None and any(s.id == session.id for s in released.sessions),
        "waiting_materials": materials.count_after_session(db, actor, session.id),
        "participants": sum(casting.participants_by_zone(db, actor, cycle.id).values()),
        "error": error,
    }
    status = status_of(error) if error else 200
    return page(request, "organize/session_life.html", context, status=status)


@router.get("/{number}/cancel")
@router.get("/{number}/reinstate")
@router.get("/{number}/delete")
def life_form(request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int) -> Response:
    """Asks before a session is cancelled, brought back or deleted."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    session = sessions.session_by_number(db, actor, cycle.id, number)
    return _ask(request, db, actor, cycle, session, request.url.path.rsplit("/", 1)[-1])


def _to_status(
    request: Request, db: DbSession, actor: Actor, slug: str, number: int, status: SessionStatus
) -> Response:
    cycle = cycles.cycle_for_slug(db, actor, slug)
    session = sessions.session_by_number(db, actor, cycle.id, number)
    try:
        sessions.change_session(db, actor, session.id, SessionChange(status=status))
    except Clash as error:
        db.rollback()
        cycle = cycles.cycle_for_slug(db, actor, slug)
        session = sessions.session_by_number(db, actor, cycle.id, number)
        return _ask(request, db, actor, cycle, session, "cancel", error)
    gettext = gettext_for(request)
    if status is SessionStatus.CANCELLED:
        said = gettext("Session %(number)s is cancelled. Publish it so that everybody sees it.")
    else:
        said = gettext("Session %(number)s takes place. Publish it so that everybody sees it.")
    said = said % {"number": number}
    return see_other(request, f"/organize/c/{slug}/sessions/{number}", said)


@router.post("/{number}/cancel")
def cancel_session(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int
) -> Response:
    """Cancels a session; it stays where it is, marked."""
    return _to_status(request, db, actor, slug, number, SessionStatus.CANCELLED)


@router.post("/{number}/reinstate")
def reinstate_session(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int
) -> Response:
    """Lets a cancelled session take place after all."""
    return _to_status(request, db, actor, slug, number, SessionStatus.SCHEDULED)


@router.post("/{number}/delete")
def delete_session(
    request: Request, db: Db, actor: MayEditSchedule, slug: str, number: int
) -> Response:
    """Takes a session away that nobody has heard of; refused for one that was published."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    session = sessions.session_by_number(db, actor, cycle.id, number)
    try:
        sessions.delete_session(db, actor, session.id)
    except DomainError as error:
        db.rollback()
        cycle = cycles.cycle_for_slug(db, actor, slug)
        session = sessions.session_by_number(db, actor, cycle.id, number)
        return _ask(request, db, actor, cycle, session, "delete", error)
    said = gettext_for(request)(N_("Session %(number)s is deleted.")) % {"number": number}
    return see_other(request, f"/organize/c/{slug}/sessions", said)


@router.get("/{number}/print")
def print_session(
    request: Request, db: Db, actor: MayReadCycle, slug: str, number: int
) -> Response:
    """The run of show on paper, with everybody's local times."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    session = sessions.session_by_number(db, actor, cycle.id, number)
    language = current_reader(request).language
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, language),
        "session": session,
        "run": session_view.run_of_show(session, language),
        "sheet": session_view.call_sheet(session, language),
    }
    return page(request, "organize/session_print.html", context)
