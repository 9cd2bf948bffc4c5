"""Organizers' pages: applying a provider's report, and undoing it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, Clash, DomainError, Invalid
from app.domain.report_states import RowState
from app.models import now
from app.routers.pages.attendance import about, open_session, path_of
from app.schemas.report import UndoIn
from app.services import report_lists, reports
from app.services.actor import Actor
from app.web.access.pages import MayEditAttendance
from app.web.dependencies import Db
from app.web.forms import FormData, errors_of
from app.web.problems import status_of, translate, validate
from app.web.report_files import not_applied
from app.web.templating import gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/sessions/{number}/attendance/reports")


@router.post("/{import_id}/apply")
def apply(
    request: Request,
    db: Db,
    actor: MayEditAttendance,
    slug: str,
    number: int,
    import_id: str,
    form: FormData,
) -> Response:
    """Makes evidence of it, if it is what was looked at."""
    _, session = open_session(db, actor, slug, number)
    path = f"{path_of(slug, number)}/reports/{import_id}"
    speak = gettext_for(request)
    session_id = session.id
    try:
        reports.apply_report(db, actor, session_id, import_id, now(), form.or_none("seen"))
    except Clash as error:
        not_applied(request, db, actor, session_id, import_id, error)
        return see_other(request, path, translate(error, speak), kind="warning")
    said = speak(N_("Applied. The attendance says what it comes to."))
    link = (path_of(slug, number), speak(N_("To the attendance")))
    return see_other(request, path, said, link=link)


@router.get("/{import_id}/undo")
def ask_to_undo(
    request: Request, db: Db, actor: MayEditAttendance, slug: str, number: int, import_id: str
) -> Response:
    """What will be taken back, and the form for the reason."""
    return _undo(request, db, actor, slug, number, import_id, "")


@router.post("/{import_id}/undo")
def undo(
    request: Request,
    db: Db,
    actor: MayEditAttendance,
    slug: str,
    number: int,
    import_id: str,
    form: FormData,
) -> Response:
    """Takes it back, with the reason."""
    _, session = open_session(db, actor, slug, number)
    path = f"{path_of(slug, number)}/reports/{import_id}"
    speak = gettext_for(request)
    try:
        command = validate(UndoIn, form.pick("reason"))
        reports.undo_report(db, actor, session.id, import_id, command, now())
    except Clash as error:
        db.rollback()
        return see_other(request, path, translate(error, speak), kind="warning")
    except Invalid as error:
        db.rollback()
        reason = form.text("reason")
        return _undo(request, db, actor, slug, number, import_id, reason, error)
    return see_other(request, path, speak(N_("Undone. It stays in view and counts no more.")))


def _undo(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    number: int,
    import_id: str,
    reason: str,
    error: DomainError | None = None,
) -> Response:
    cycle, session = open_session(db, actor, slug, number)
    found = report_lists.look(db, actor, session.id, import_id, RowState.UNREADABLE)
    context = {
        **about(request, cycle, session),
        "own": f"{path_of(slug, number)}/reports/{import_id}",
        "found": found,
        "values": {"reason": reason},
        "errors": errors_of(error, gettext_for(request)),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/report_undo.html", context, status=status)
