"""Organizers' pages: closing a session's attendance, and opening it again."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, DomainError, Invalid
from app.models import now
from app.routers.pages.attendance import about, open_session, path_of
from app.schemas.completion import CloseIn, ReopenIn
from app.services import closing
from app.services.actor import Actor
from app.services.measures import takes_place
from app.services.told import told_of
from app.web.access.pages import MayEditAttendance
from app.web.dependencies import Db
from app.web.forms import FormData, errors_of
from app.web.problems import status_of, validate
from app.web.templating import gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/sessions/{number}/attendance")

_SHOWN = 20
"""So many names stand on the page; the list has the rest."""


@router.get("/close")
def close_page(
    request: Request, db: Db, actor: MayEditAttendance, slug: str, number: int
) -> Response:
    """What is open, then the button; of a closed session the way to open it again."""
    return _page(request, db, actor, slug, number, {"note": "", "reason": ""})


@router.post("/close")
def close(
    request: Request, db: Db, actor: MayEditAttendance, slug: str, number: int, form: FormData
) -> Response:
    """Closes it."""
    _, session = open_session(db, actor, slug, number)
    try:
        command = validate(CloseIn, form.pick("note"))
        row = closing.close_session(db, actor, session.id, command, now())
    except DomainError as error:
        db.rollback()
        return _page(request, db, actor, slug, number, form.pick("note"), error)
    absent = row.counts.get("absent", 0)
    speak = gettext_for(request)
    said = speak(N_("Session %(number)s is closed. Absent: %(absent)s."))
    said = said % {"number": told_of(db, session).number, "absent": absent}
    return see_other(request, path_of(slug, number), said)


@router.post("/reopen")
def reopen(
    request: Request, db: Db, actor: MayEditAttendance, slug: str, number: int, form: FormData
) -> Response:
    """Opens it again, with the reason."""
    _, session = open_session(db, actor, slug, number)
    try:
        command = validate(ReopenIn, form.pick("reason"))
        closing.reopen_session(db, actor, session.id, command, now())
    except DomainError as error:
        db.rollback()
        return _page(request, db, actor, slug, number, form.pick("reason"), error)
    said = gettext_for(request)(N_("Session %(number)s is open again."))
    said = said % {"number": told_of(db, session).number}
    return see_other(request, path_of(slug, number), said)


def _page(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    number: int,
    values: dict[str, Any],
    error: DomainError | None = None,
) -> Response:
    cycle, session = open_session(db, actor, slug, number)
    told = told_of(db, session)
    context = {
        **about(request, cycle, session),
        "told": told,
        "takes_place": takes_place(told),
        "open": None if told.closed else closing.still_open(db, actor, session.id),
        "history": closing.closings(db, actor, session.id),
        "values": {"note": "", "reason": "", **values},
        "errors": errors_of(error, gettext_for(request)),
        "error": None if isinstance(error, Invalid) else error,
        "shown": _SHOWN,
    }
    status = status_of(error) if error else 200
    return page(request, "organize/attendance_close.html", context, status=status)
