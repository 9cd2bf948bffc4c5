"""In which language and zone somebody reads a page. The languages themselves: `app.languages`."""

from dataclasses import dataclass

from starlette.requests import Request

from app.domain.text import LANGUAGES
from app.domain.zones import zone_names

YEAR = 365 * 24 * 3600
"""Seconds, for cookies that remember a choice."""


@dataclass(frozen=True, slots=True)
class Reader:
    """In which language and zone somebody reads."""

    language: str
    zone: str  # empty: not known; the page's own zone is used


def _accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header, the most wanted first."""
    wanted = []
    for place, item in enumerate(header.split(",")[:20]):
        tag, _, quality = item.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if weight > 0:
            wanted.append((-weight, place, tag.split("-")[0].lower()))
    return [tag for _, _, tag in sorted(wanted)]


def reader_of(request: Request, *, language: str = "", fallback: str = "en") -> Reader:
    """The reader of this request.

    The address (``?lang=``) decides, then the cookie, then what is known of the person
    (`language`), then the browser, then `fallback`.
    """
    candidates = [
        request.query_params.get("lang", ""),
        request.cookies.get("lang", ""),
        language,
        *_accepted(request.headers.get("accept-language", "")),
        fallback,
    ]
    chosen = next((c for c in candidates if c in LANGUAGES), "en")
    zones = [request.query_params.get("zone", ""), request.cookies.get("zone", "")]
    return Reader(chosen, next((z for z in zones if z in zone_names()), ""))
