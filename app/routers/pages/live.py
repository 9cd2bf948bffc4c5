"""A session watched live: the screen's and the organizers' streams, and the organizers' page.

The streams are server-sent events. What goes out: ``state``, the whole state as JSON, at once and
whenever it is another; ``beat``, every now and then, so that a browser notices a line that is dead
without having been cut; ``signed-out``, and then the end.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.db import Database
from app.domain.errors import NotAllowed, NotFound, NotSignedIn
from app.domain.permissions import Permission
from app.domain.text import localized
from app.models import now
from app.services.actor import Actor
from app.services.cycles import cycle_for_slug
from app.services.links import Purpose
from app.services.live import Live, live, spread
from app.services.sessions import session_by_number
from app.services.told import told_of
from app.web import live_view
from app.web.access.gate import keeps, organizer_for
from app.web.access.pages import MayReadAttendance
from app.web.dependencies import Db, LinksDep
from app.web.live_rooms import LiveRooms, Watcher
from app.web.organize import cycle_bar
from app.web.templating import current_reader, page

router = APIRouter(prefix="/organize/c/{slug}/sessions/{number}")

BEAT = 12.0
"""Seconds after which something is sent where there is nothing new."""
SIGNED_IN_FOR = 4.0
"""Seconds for which whoever was signed in is taken to be so still: nothing that is sent has names
for somebody who signed out longer ago."""
BACK_AFTER = 2_000
"""Milliseconds after which a browser comes back when the line was cut."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Of somebody who watches: in which language and zone, and what."""

    language: str
    zone: str
    desk: live_view.View
    watcher: Watcher


async def _seat(request: Request, slug: str, number: int) -> AsyncIterator[Seat]:
    """Held until the stream has ended. Raises NotSignedIn, NotFound, Busy."""
    rooms: LiveRooms = request.app.state.live
    actor, session_id, zone, desk = await run_in_threadpool(_session, request, slug, number)
    reader = current_reader(request)
    async with rooms.watch(session_id, actor.id) as watcher:
        yield Seat(reader.language, zone, desk, watcher)


def _session(request: Request, slug: str, number: int) -> tuple[Actor, str, str, live_view.View]:
    """Who asks, the session's id, the zone that its times are told in, and what organizers see of
    it. No transaction outlives this: the stream does."""
    database: Database = request.app.state.database
    with database.begin(writes=False) as db:
        actor = organizer_for(request, db, Permission.ATTENDANCE_READ)
        session = session_by_number(db, actor, cycle_for_slug(db, actor, slug).id, number)
        zone = current_reader(request).zone or told_of(db, session).zone
        return actor, session.id, zone, live_view.desk_for(actor, slug)


Watching = Annotated[Seat, Depends(_seat)]
_KEPT = [keeps(Permission.ATTENDANCE_READ)]  # by the seat


@router.get("/room/events", response_class=EventSourceResponse, dependencies=_KEPT)
async def screen_events(request: Request, seat: Watching) -> AsyncIterator[ServerSentEvent]:
    """What the screen shows, as it changes."""
    async for event in _events(request, seat, live_view.screen):
        yield event


@router.get("/live/events", response_class=EventSourceResponse, dependencies=_KEPT)
async def desk_events(request: Request, seat: Watching) -> AsyncIterator[ServerSentEvent]:
    """What the organizers see, as it changes."""
    async for event in _events(request, seat, seat.desk):
        yield event


async def _events(
    request: Request, seat: Seat, view: live_view.View
) -> AsyncIterator[ServerSentEvent]:
    if request.method == "HEAD":
        return
    watcher, version = seat.watcher, 0
    checked = spoken = monotonic()
    say = partial(_json, view=view, language=seat.language, zone=seat.zone)
    said = ""
    while not watcher.ended:
        due = min(checked + SIGNED_IN_FOR, spoken + BEAT)
        moved = await watcher.after(version, max(due - monotonic(), 0.0))
        if watcher.ended:
            return
        if monotonic() - checked >= SIGNED_IN_FOR:
            checked = monotonic()
            sees = await run_in_threadpool(_may_still, request)
            if sees is None:
                yield ServerSentEvent(event="signed-out", data="")
            if sees is not seat.desk:
                return  # their role is another one: the browser comes back and gets what it may
        words = said
        if moved:  # perhaps again since: what is told is the newest, and nothing is passed by
            words, version = watcher.said((view, seat.language, seat.zone), say), watcher.version
        if words == said:
            if monotonic() - spoken >= BEAT:
                spoken = monotonic()
                yield ServerSentEvent(event="beat", data="")
            continue
        said, spoken = words, monotonic()
        name = sha256(words.encode()).hexdigest()[:12]
        yield ServerSentEvent(event="state", raw_data=words, id=name, retry=BACK_AFTER)


def _json(state: Live, view: live_view.View, language: str, zone: str) -> str:
    return json.dumps(view(state, language, zone), ensure_ascii=False, separators=(",", ":"))


def _may_still(request: Request) -> live_view.View | None:
    """What organizers see, if who watches is signed in, and in the team, still."""
    database: Database = request.app.state.database
    try:
        with database.begin(writes=False) as db:
            actor = organizer_for(request, db, Permission.ATTENDANCE_READ)
            return live_view.desk_for(actor, request.path_params["slug"])
    except (NotSignedIn, NotFound, NotAllowed):
        return None


@router.get("/live")
def desk(
    request: Request, db: Db, actor: MayReadAttendance, links: LinksDep, slug: str, number: int
) -> Response:
    """How many are in and from where, who came last, and who of the speakers is missing."""
    cycle = cycle_for_slug(db, actor, slug)
    session = session_by_number(db, actor, cycle.id, number)
    told = told_of(db, session)
    reader = current_reader(request)
    zone = reader.zone or told.zone
    key = links.key(Purpose.ROOM_WORD)
    found = live(db, session.id, now(), key, spread(db, session.id))
    context: dict[str, Any] = {
        "cycle_bar": cycle_bar(cycle, reader.language),
        "title": localized(told.title, reader.language, cycle.language),
        "session": told,
        "path": f"/organize/c/{slug}/sessions/{number}",
        "live": live_view.desk_for(actor, slug)(found, reader.language, zone),
        "opens": found.opens,
        "closes": found.closes,
        "zone": zone,
    }
    return page(request, "organize/live.html", context)
