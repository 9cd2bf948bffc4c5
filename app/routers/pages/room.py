"""The room: what the organizer shows on screen, and where people in the room check in."""

from functools import partial
from typing import Any

import segno
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from app.db import DbSession
from app.domain.check_in import state
from app.domain.errors import DomainError
from app.domain.permissions import Permission
from app.domain.text import localized
from app.models import Cycle, Session, now
from app.schemas.check_in import RoomCheckInIn
from app.services.check_in import check_in_at_room, room_session, window_of
from app.services.cycles import cycle_for_slug
from app.services.links import Purpose
from app.services.live import live, spread
from app.services.room_tries import RoomTries
from app.services.room_words import asks
from app.services.rows import find
from app.services.sessions import session_by_number
from app.services.told import told_of
from app.web import live_view
from app.web.access.gate import declares
from app.web.access.pages import MayReadAttendance
from app.web.dependencies import Db, LinksDep
from app.web.forms import Form, FormData, errors_of
from app.web.networks import network_here
from app.web.problems import headers_of, status_of, validate
from app.web.templating import current_reader, gettext_for, page

router = APIRouter()
_OPEN = [declares(Permission.PUBLIC)]

_FIELDS = ("word", "email")
_NOBODY_KEEPS = {"cache-control": "private, no-store", "x-robots-tag": "noindex"}


@router.get("/in/{code}", dependencies=_OPEN)
def room(request: Request, db: Db, code: str) -> Response:
    """The form, or when check-in opens, or that it closed."""
    return _room_page(request, db, room_session(db, code), Form({}))


@router.post("/in/{code}", dependencies=_OPEN)
def check_in(request: Request, db: Db, links: LinksDep, code: str, form: FormData) -> Response:
    """Checks somebody in by address; twice is once."""
    session = room_session(db, code)
    at = now()
    tries = RoomTries(db, links.key(Purpose.LIMIT), session, network_here(request))
    try:
        typed = validate(RoomCheckInIn, form.pick(*_FIELDS))
        key = links.key(Purpose.ROOM_WORD)
        tried = partial(tries.tried, typed.email, now=at)
        done = check_in_at_room(db, code, typed.email, typed.word, at, key, tried)
    except DomainError as error:
        # Nothing was done but counting the word, which stays counted whatever happens next.
        db.commit()
        return _room_page(request, db, session, form, error)
    if asks(session) and not done.already:
        tries.came_in(at)
    return _page(request, db, session, "room/done.html", {"done": done})


@router.get("/organize/c/{slug}/sessions/{number}/room")
def screen(
    request: Request, db: Db, actor: MayReadAttendance, links: LinksDep, slug: str, number: int
) -> Response:
    """For the shared screen: QR code, short address, the word, and how many have checked in."""
    cycle = cycle_for_slug(db, actor, slug)
    session = session_by_number(db, actor, cycle.id, number)
    url = links.url(f"/in/{session.room_code}")
    told = told_of(db, session)
    found = live(db, session.id, now(), links.key(Purpose.ROOM_WORD), spread(db, session.id))
    language = current_reader(request).language
    context = {
        "cycle": cycle,
        "session": told,
        "url": url,
        "svg": Markup(segno.make(url, error="m").svg_inline(omitsize=True, border=2)),  # noqa: S704
        "live": live_view.screen(found, language, told.zone),
        "opens": found.opens,
        "closes": found.closes,
        "zone": told.zone,  # everybody looks at one screen
        "path": f"/organize/c/{slug}/sessions/{number}",
    }
    return page(request, "organize/room.html", context)


def _room_page(
    request: Request,
    db: DbSession,
    session: Session,
    form: Form,
    error: DomainError | None = None,
) -> Response:
    opens, closes = window_of(told_of(db, session))
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
        "word": asks(session),
        "cycle_title": localized(cycle.title, reader.language, cycle.language),
        "title": localized(told.title, reader.language, cycle.language),
        "zone": reader.zone or told.zone,
        "errors": errors_of(error, gettext_for(request)),
    }
    status = status_of(error) if error else 200
    headers = {**_NOBODY_KEEPS, **headers_of(error)}
    return page(request, template, context, status=status, headers=headers)
