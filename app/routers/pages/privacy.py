"""Organizers' pages: a cycle's privacy notice, its versions, and who agreed to which."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.services import notices
from app.services.cycles import cycle_for_slug
from app.web import public_view as view
from app.web.dependencies import Db, Organizer
from app.web.organize import cycle_bar
from app.web.templating import current_reader, page

router = APIRouter(prefix="/organize/c/{slug}/privacy")


@router.get("")
def privacy(request: Request, db: Db, actor: Organizer, slug: str) -> Response:
    """The notice that holds, and how many have agreed to which version."""
    cycle = cycle_for_slug(db, actor, slug)
    language = current_reader(request).language
    found = notices.versions(db, actor, cycle.id)
    text, text_language = found[0].notice.in_language(language)
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, language),
        "base": f"/organize/c/{slug}",
        "versions": found,
        "notice": found[0].notice,
        "paragraphs": view.paragraphs(text),
        "text_language": text_language,
        "without": notices.not_agreed(db, cycle.id),
    }
    return page(request, "organize/privacy.html", context)
