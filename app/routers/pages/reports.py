"""Organizers' pages: providers' reports of a session."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, Clash, DomainError, Invalid
from app.routers.pages.attendance import about, open_session, path_of
from app.services import report_lists, reports
from app.services.actor import Actor
from app.web.access.pages import MayEditAttendance
from app.web.dependencies import Db
from app.web.forms import errors_of
from app.web.problems import status_of, translate
from app.web.report_files import Sent, SentFiles
from app.web.templating import gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/sessions/{number}/attendance/reports")


@router.get("")
def list_reports(
    request: Request, db: Db, actor: MayEditAttendance, slug: str, number: int
) -> Response:
    """The reports of the session, and the form for more."""
    return _list(request, db, actor, slug, number)


@router.post("/upload")
def upload(
    request: Request, sent: SentFiles, db: Db, actor: MayEditAttendance, slug: str, number: int
) -> Response:
    """Reads one or several files."""
    if isinstance(sent, Invalid):
        return _list(request, db, actor, slug, number, error=sent)
    _, session = open_session(db, actor, slug, number)
    kept: list[str] = []
    told: list[dict[str, Any]] = []
    for file in sent:
        found = _keep(db, actor, session.id, file)
        if isinstance(found, DomainError):
            told.append(_refusal(request, slug, number, file, found))
        else:
            kept.append(found.row.id)
    if len(sent) == 1 and kept:
        return see_other(request, f"{path_of(slug, number)}/reports/{kept[0]}")
    if not told:
        speak = gettext_for(request)
        said = speak(N_("Files read: %(count)s. Look at each, then apply it."))
        return see_other(request, f"{path_of(slug, number)}/reports", said % {"count": len(kept)})
    return _list(request, db, actor, slug, number, told=told, status=200 if kept else 422)


def _keep(db: DbSession, actor: Actor, session_id: str, file: Sent) -> reports.Added | DomainError:
    if file.reading is None:
        assert file.error is not None
        return file.error
    try:
        return reports.add_report(
            db, actor, session_id, file.digest, file.filename, file.reading, file.before
        )
    except Clash as error:  # it has written nothing
        return error


def _refusal(
    request: Request, slug: str, number: int, file: Sent, error: DomainError
) -> dict[str, Any]:
    one = error.fields[0] if isinstance(error, Invalid) else error
    report_id = error.params.get("report_id")
    return {
        "filename": file.filename[:200],
        "why": translate(one, gettext_for(request)),
        "href": f"{path_of(slug, number)}/reports/{report_id}" if report_id else "",
    }


def _list(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    number: int,
    error: DomainError | None = None,
    told: list[dict[str, Any]] | None = None,
    status: int = 200,
) -> Response:
    cycle, session = open_session(db, actor, slug, number)
    context = {
        **about(request, cycle, session),
        "listed": report_lists.list_reports(db, actor, session.id),
        "errors": errors_of(error, gettext_for(request)),
        "told": told or [],
    }
    status = status_of(error) if error else status
    return page(request, "organize/reports.html", context, status=status)
