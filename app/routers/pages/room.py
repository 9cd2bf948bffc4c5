"""The room: what the organizer shows on screen, and where people in the room check in."""

from typing import Any

import segno
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from app.db import DbSession
from app.domain.check_in import state
from app.domain.errors import DomainError
from app.domain.text import localized
from app.models import Cycle, Session, now
from app.schemas.check_in import RoomCheckInIn
from app.services import check_in as desk
from app.services.cycles import cycle_for_slug
from app.services.rows import find
from app.services.sessions import session_by_number
from app.services.told import told_of
from app.web.dependencies import Db, LinksDep, Organizer
from app.web.forms import Form, FormData, errors_of
from app.web.problems import status_of, validate
from app.web.templating import current_reader, gettext_for, page

router = APIRouter()

_EVERY_SECONDS = 20
"""How often the screen shows the new number of those who checked in."""

_FIELDS = ("word", "email")
_NOBODY_KEEPS = {"cache-control": "private, no-store", "x-robots-tag": "noindex"}


@router.get("/in/{code}")
def room(request: Request, db: Db, code: str) -> Response:
    """The form, or when check-in opens, or that it closed."""
    return _room_page(request, db, desk.room_session(db, code), Form({}))


@router.post("/in/{code}")
def check_in(request: Request, db: Db, code: str, form: FormData) -> Response:
    """Checks somebody in by address; twice is once."""
    session = desk.room_session(db, code)
    try:
        typed = validate(RoomCheckInIn, form.pick(*_FIELDS))
        done = desk.check_in_at_room(db, code, typed.email, typed.word, now())
    except DomainError as error:
        db.rollback()
        return _room_page(request, db, session, form, error)
    return _page(request, db, session, "room/done.html", {"done": done})


@router.get("/organize/c/{slug}/sessions/{number}/room")
def screen(
    request: Request, db: Db, actor: Organizer, links: LinksDep, slug: str, number: int
) -> Response:
    """For the shared screen: QR code, short address, the word, and how many have checked in."""
    cycle = cycle_for_slug(db, actor, slug)
    session = session_by_number(db, actor, cycle.id, number)
    url = links.url(f"/in/{session.room_code}")
    told = told_of(db, session)
    opens, closes = desk.window_of(told)
    moment = now()
    context = {
        "cycle": cycle,
        "session": told,
        "word": session.check_in_word,
        "url": url,
        "svg": Markup(segno.make(url, error="m").svg_inline(omitsize=True, border=2)),  # noqa: S704
        "state": state(moment, (opens, closes)),
        "opens": opens,
        "closes": closes,
        "count": desk.check_in_count(db, session),
        "zone": told.zone,  # everybody looks at one screen
    }
    headers = {"refresh": str(_EVERY_SECONDS)}
    return page(request, "organize/room.html", context, headers=headers)


def _room_page(
    request: Request,
    db: DbSession,
    session: Session,
    form: Form,
    error: DomainError | None = None,
) -> Response:
    opens, closes = desk.window_of(told_of(db, session))
    context = {
        "values": form.pick(*_FIELDS),
        "state": state(now(), (opens, closes)),
        "opens": opens,
        "closes": closes,
    }
    return _page(request, db, session, "room/check_in.html", context, error)


def _page(
    request: Request,
    db: DbSession,
    session: Session,
    template: str,
    context: dict[str, Any],
    error: DomainError | None = None,
) -> Response:
    cycle = find(db, Cycle, session.cycle_id)
    told = told_of(db, session)
    request.state.fallback_language = cycle.language
    reader = current_reader(request)
    context |= {
        "cycle": cycle,
        "session": told,
        "word": session.check_in_word,
        "cycle_title": localized(cycle.title, reader.language, cycle.language),
        "title": localized(told.title, reader.language, cycle.language),
        "zone": reader.zone or told.zone,
        "errors": errors_of(error, gettext_for(request)),
    }
    status = status_of(error) if error else 200
    return page(request, template, context, status=status, headers=_NOBODY_KEEPS)
