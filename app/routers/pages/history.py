"""Pages: who did what, in a cycle and in the installation."""

from datetime import date, datetime, time, timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.permissions import Permission
from app.domain.zones import zone as zone_of
from app.models import Cycle
from app.services import audit
from app.services.actor import Actor
from app.services.cycles import cycle_for_slug
from app.web.access.pages import MayAdminister, MayReadAudit
from app.web.dependencies import Db
from app.web.history_view import line_view
from app.web.history_words import NOUNS
from app.web.organize import address, cycle_bar
from app.web.templating import current_reader, gettext_for, page

router = APIRouter(prefix="/organize")


def _day(text: str, zone: str, *, end: bool = False) -> datetime | None:
    """The beginning of a day, or its end, where the reader lives; of what is no day none."""
    try:
        day = date.fromisoformat(text) + timedelta(days=int(end))
        return datetime.combine(day, time(), tzinfo=zone_of(zone))
    except (ValueError, OverflowError):
        return None


def _history(
    request: Request,
    db: DbSession,
    actor: Actor,
    path: str,
    cycle: Cycle | None,
    asked: dict[str, str],
    after: str | None,
) -> Response:
    reader, gettext = current_reader(request), gettext_for(request)
    zone = reader.zone or (cycle.zone if cycle else "UTC")
    wanted = audit.Filter(
        actor_id=asked["who"],
        noun=asked["what"] if asked["what"] in NOUNS else "",
        row_id=asked["row"],
        since=_day(asked["since"], zone),
        until=_day(asked["until"], zone, end=True),
    )
    cycle_id = cycle.id if cycle else None
    lines, following = audit.entries(db, actor, cycle_id, wanted, after)
    names = audit.names_in(db, lines, reader.language)
    at = address(path, **asked)

    def may(permission: Permission) -> bool:
        return actor.everywhere or (cycle is not None and actor.may(permission, cycle.id))

    context: dict[str, Any] = {
        "cycle_bar": cycle_bar(cycle, reader.language) if cycle else None,
        "lines": [line_view(line, names, gettext, reader.language, zone, may) for line in lines],
        "asked": asked,
        "path": path,
        "actors": audit.actors(db, actor, cycle_id),
        "nouns": sorted(((k, gettext(v)) for k, v in NOUNS.items()), key=lambda each: each[1]),
        "zone": zone,
        "next": at(after=following) if following else None,
        "begins": at() if after else None,
    }
    return page(request, "organize/history.html", context)


@router.get("/c/{slug}/history")
def of_cycle(
    request: Request,
    db: Db,
    actor: MayReadAudit,
    slug: str,
    who: str = "",
    what: str = "",
    row: str = "",
    since: str = "",
    until: str = "",
    after: str | None = None,
) -> Response:
    """What was done in a cycle, the newest first."""
    cycle = cycle_for_slug(db, actor, slug)
    asked = {"who": who, "what": what, "row": row, "since": since, "until": until}
    return _history(request, db, actor, f"/organize/c/{slug}/history", cycle, asked, after)


@router.get("/history")
def of_installation(
    request: Request,
    db: Db,
    actor: MayAdminister,
    who: str = "",
    what: str = "",
    row: str = "",
    since: str = "",
    until: str = "",
    after: str | None = None,
) -> Response:
    """What was done outside of cycles: accounts, people, institutions."""
    asked = {"who": who, "what": what, "row": row, "since": since, "until": until}
    return _history(request, db, actor, "/organize/history", None, asked, after)
