"""Every component with all its states, on one page; while developing only."""

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.domain.errors import NotFound
from app.models import now
from app.web.templating import page

router = APIRouter()


@router.get("/organize/_components")
def components(request: Request) -> Response:
    """The gallery. Raises NotFound unless CONVOCA_DEVELOPMENT is set."""
    if not request.app.state.development:
        raise NotFound
    starts = now().replace(minute=0, second=0, microsecond=0) + timedelta(days=3)
    context = {"starts": starts, "ends": starts + timedelta(minutes=120)}
    return page(request, "organize/_components.html", context)
