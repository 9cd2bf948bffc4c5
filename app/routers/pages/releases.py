"""Organizers' pages: the releases so far, and the difference between any two."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.domain.documents import from_document
from app.domain.errors import NotFound
from app.languages import date_long, time_of_day
from app.models import Cycle, now
from app.services import cycles, publishing, releases
from app.services.releases import Stamp
from app.web.access.pages import MayReadCycle
from app.web.dependencies import Db
from app.web.organize import cycle_bar
from app.web.publish_page import groups
from app.web.sentences import Presenter
from app.web.templating import current_reader, page

router = APIRouter(prefix="/organize/c/{slug}")

DRAFT = "draft"
"""What stands in the address for the schedule as it would be published now."""

Which = Annotated[str, Query(max_length=20)]


@router.get("/releases")
def list_releases(request: Request, db: Db, actor: MayReadCycle, slug: str) -> Response:
    """The releases, the newest first, each with its note and its changes in words."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    reader = current_reader(request)
    language = reader.language
    presenter = Presenter(language, reader.zone)
    told = [
        (
            one.release,
            one.release.note,
            len(one.changes),
            groups(one.changes, from_document(one.release.document), presenter),
        )
        for one in publishing.told_releases(db, actor, cycle.id)
    ]
    context = {"cycle": cycle, "cycle_bar": cycle_bar(cycle, language), "releases": told}
    return page(request, "organize/releases.html", context)


@router.get("/releases/compare")
def compare(
    request: Request,
    db: Db,
    actor: MayReadCycle,
    slug: str,
    first: Annotated[Which, Query(alias="from")] = "",
    second: Annotated[Which, Query(alias="to")] = "",
) -> Response:
    """What is different between two releases, or between one and the draft, in words; the newest
    and the draft unless the address says which."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    stamps = releases.stamps(db, actor, cycle.id)
    reader = current_reader(request)
    first = first or (str(stamps[0].number) if stamps else DRAFT)
    second = second or DRAFT
    found = releases.compare(db, actor, cycle.id, _number(first), _number(second), now())
    changes = groups(found.changes, found.after, Presenter(reader.language, reader.zone))
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, reader.language),
        "options": _options(cycle, stamps, reader.language, reader.zone),
        "first": first,
        "second": second,
        "groups": changes,
        "count": len(found.changes),
        "notes": [
            (stamp.number, stamp.note)
            for stamp in stamps
            if stamp.note and str(stamp.number) in (first, second)
        ],
    }
    return page(request, "organize/releases_compare.html", context)


def _number(which: str) -> int | None:
    """Raises NotFound."""
    if which == DRAFT:
        return None
    if not (which.isascii() and which.isdigit() and len(which) < 9):
        raise NotFound
    return int(which)


def _options(
    cycle: Cycle, stamps: list[Stamp], language: str, reader_zone: str
) -> list[tuple[str, str]]:
    gettext = Presenter(language).gettext
    zone = reader_zone or cycle.zone
    options = [(DRAFT, gettext("The draft, as it is now"))]
    for stamp in stamps:
        day = date_long(stamp.published_at, language, zone)
        words = {
            "number": stamp.number,
            "when": f"{day}, {time_of_day(stamp.published_at, zone)}",
        }
        options.append((str(stamp.number), gettext("Release %(number)s, %(when)s") % words))
    return options
