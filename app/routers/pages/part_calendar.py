"""The calendar of somebody with parts: how to subscribe, and how to end its address."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.calendar.links import webcal
from app.db import DbSession
from app.domain.permissions import Permission
from app.models import Cycle, Guest, now
from app.services.ended_links import end_personal_links
from app.services.guests import guest_of_link
from app.services.links import Links
from app.services.rows import find
from app.services.schedules import with_institutions
from app.web import part_view as view
from app.web.access.gate import declares
from app.web.dependencies import Db, LinksDep
from app.web.personal import links_ended, personal_headers
from app.web.templating import current_reader, page

router = APIRouter(prefix="/part/{token}/calendar", dependencies=[declares(Permission.LINK)])


@router.get("")
def part_calendar(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """How to subscribe."""
    guest, context = _open(request, db, links, token)
    feed = links.guest_feed(guest.id, guest.feed_generation)
    context |= {"feed": feed, "webcal": webcal(feed)}
    return page(request, "part/calendar.html", context, headers=personal_headers())


@router.post("/renew")
def renew_part_calendar(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """Ends the calendar's address, and the personal link that stands in the calendar."""
    guest, context = _open(request, db, links, token)
    sent = end_personal_links(db, guest, now())
    return links_ended(request, context["slug"] if sent else "", f"/part/{token}")


def _open(
    request: Request, db: DbSession, links: Links, token: str
) -> tuple[Guest, dict[str, Any]]:
    """Whose calendar it is and what both show. Raises NotFound and Gone."""
    guest = guest_of_link(db, links, token)
    cycle = find(db, Cycle, guest.cycle_id, *with_institutions())
    request.state.person_language = guest.person.language or cycle.language
    reader = current_reader(request)
    zone = reader.zone or guest.person.zone or cycle.zone
    return guest, view.cycle_context(cycle, f"/part/{token}", reader.language, zone)
