"""Organizers' page: everybody whom publishing now would concern."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.models import now
from app.services import concerned, cycles, publishing
from app.web.access.pages import MayPublish
from app.web.dependencies import Db
from app.web.organize import PageNumber, address, cycle_bar, page_number
from app.web.publish_page import lines
from app.web.templating import current_reader, page

router = APIRouter(prefix="/organize/c/{slug}/publish")


@router.get("/people")
def list_people(
    request: Request,
    db: Db,
    actor: MayPublish,
    slug: str,
    q: str = "",
    number: PageNumber = "1",
) -> Response:
    """A page of them, searched; those whose calendar would be wrong first, then by name."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    moment, language = now(), current_reader(request).language
    found = publishing.preview(db, actor, cycle.id, moment)
    planned = publishing.reach(db, actor, cycle.id, found.next_schedule, moment)
    shown = concerned.page_of(concerned.concerned_by(planned), q, page_number(number))
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, language),
        "found": shown,
        "lines": lines(shown.rows, language),
        "q": q,
        "at": address(f"/organize/c/{slug}/publish/people", q=q),
    }
    return page(request, "organize/publish_people.html", context)
