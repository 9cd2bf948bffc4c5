"""Every component with all its states, on one page; while developing only."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.domain.errors import NotFound
from app.domain.permissions import Permission
from app.models import now
from app.web import plots
from app.web.access.gate import declares
from app.web.templating import page

router = APIRouter(dependencies=[declares(Permission.PUBLIC)])


@router.get("/organize/_components")
def components(request: Request) -> Response:
    """The gallery. Raises NotFound unless CONVOCA_DEVELOPMENT is set."""
    if not request.app.state.development:
        raise NotFound
    starts = now().replace(minute=0, second=0, microsecond=0) + timedelta(days=3)
    context = {"starts": starts, "ends": starts + timedelta(minutes=120), "plots": _plots()}
    return page(request, "organize/_components.html", context)


def _plots() -> dict[str, Any]:
    """Made-up figures, with what is hard to draw: nothing, gaps, long names."""
    ratings = ("1: not at all", "2", "3", "4", "5: very useful")
    countries = ("Colombia", "Chile", "Bolivia (Plurinational State of)", "Ecuador")
    attended = ((48, 31, 24), (14, 12, None), (6, 0, 0), (2, 2, 2))
    sessions = tuple(str(number) for number in range(1, 9))
    return {
        "rating": plots.bar_plot(zip(ratings, ([n] for n in (0, 2, 6, 21, 18)), strict=True)),
        "countries": plots.bar_plot(
            zip(countries, attended, strict=True), ("Enrolled", "Attended", "Completed")
        ),
        "shares": plots.share_plot(
            [("Session 1", (48, 6, 3, 3)), ("Session 2", (20, 2, 30, 8)), ("Session 3", (0,) * 4)],
            ("Present", "Part of it", "Absent", "Not known"),
        ),
        "lines": plots.line_plot(
            sessions,
            [
                ("Attended", (48, 51, 44, None, 46, 40, 38, 42)),
                ("Checked in", (40, 41, 30, None, 36, 35, 20, 12)),
            ],
        ),
        "steps": plots.line_plot(("1", "2", "3", "4"), [("Enrolled", (3, 18, 18, 60))], step=True),
    }
