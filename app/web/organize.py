"""What the organizers' pages share."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request

from app.domain.text import localized
from app.domain.zones import wall_time
from app.languages import date_short
from app.models import Cycle, now
from app.web.templating import current_reader

PageNumber = Annotated[str, Query(alias="page")]
"""As text, so that an address that somebody cut off still shows a page."""


def cycle_bar(cycle: Cycle, language: str, **counts: int) -> dict[str, Any]:
    """What base/organize.html needs to know of the cycle that a page is about; `language` is the
    reader's."""
    return {
        "title": localized(cycle.title, language, cycle.language),
        "href": f"/organize/c/{cycle.slug}",
        "status": cycle.status,
        "public_href": f"/c/{cycle.slug}" if cycle.release_number else "",
        "counts": counts,
    }


def short_date(request: Request, zone: str) -> Callable[[datetime], str]:
    """For tables: "26 Nov", with the year where it is not this one, in the reader's zone (else
    in the one given)."""
    reader = current_reader(request)
    here = reader.zone or zone
    this_year = wall_time(now(), here).year

    def short(instant: datetime) -> str:
        day, year = date_short(instant, reader.language, here), wall_time(instant, here).year
        return day if year == this_year else f"{day} {year}"

    return short


def address(path: str, /, **kept: object) -> Callable[..., str]:
    """Makes addresses of a page that keep what it was asked for, but for the parameters that are
    given anew; what is empty stands in none of them."""

    def at(**changes: object) -> str:
        asked = {name: value for name, value in {**kept, **changes}.items() if value}
        return f"{path}?{urlencode(asked)}" if asked else path

    return at


def page_number(text: str) -> int:
    """The number of a page from an address; whatever is none is the first."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1
