"""Zones as reports state them: ``(GMT-05:00) Bogota``, ``UTC``, ``America/Lima``.

An offset beside the name of a place is the place's in winter, whenever the meeting was, so the
place decides. Where only letters stand (EST, CST), more than one zone is called so: then nothing
is stated.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache

from app.domain.zones import zone, zone_names
from app.meetings.keys import key

_OFFSET = re.compile(
    r"(?i)\(?\s*(?:UTC|GMT)\s*(?:(?P<sign>[-+\u2212\u2013])\s*(?P<hours>\d{1,2})"
    r"(?::?(?P<minutes>\d{2}))?)?\s*\)?\s*(?P<place>.*)",
    re.DOTALL,
)
_BARE = re.compile(r"(?P<sign>[-+\u2212])(?P<hours>\d{2}):?(?P<minutes>\d{2})\Z")
_MOST = timedelta(hours=14)

# What Windows, and so Teams and Webex, calls zones by; a few words of each are enough.
_PLACES = {
    "Eastern Time": "America/New_York",
    "Central Time": "America/Chicago",
    "Mountain Time": "America/Denver",
    "Pacific Time": "America/Los_Angeles",
    "Atlantic Time": "America/Halifax",
    "Bogota": "America/Bogota",
    "Lima": "America/Bogota",
    "Quito": "America/Bogota",
    "Mexico City": "America/Mexico_City",
    "Ciudad de México": "America/Mexico_City",
    "Central America": "America/Guatemala",
    "Centroamérica": "America/Guatemala",
    "Caracas": "America/Caracas",
    "La Paz": "America/La_Paz",
    "Manaus": "America/La_Paz",
    "Santiago": "America/Santiago",
    "Asuncion": "America/Asuncion",
    "Montevideo": "America/Montevideo",
    "Buenos Aires": "America/Argentina/Buenos_Aires",
    "Brasilia": "America/Sao_Paulo",
    "Sao Paulo": "America/Sao_Paulo",
    "Lisbon": "Europe/Lisbon",
    "Lisboa": "Europe/Lisbon",
    "London": "Europe/London",
    "Londres": "Europe/London",
    "Madrid": "Europe/Madrid",
    "Paris": "Europe/Paris",
    "Berlin": "Europe/Berlin",
    "Coordinated Universal Time": "UTC",
}
_PLACE_KEYS = {key(words): name for words, name in _PLACES.items()}
_NAMES = {key(name): name for name in ("UTC", "GMT", "Z")}


@dataclass(frozen=True, slots=True)
class StatedZone:
    """A zone that a file states: an IANA name, or else UTC+HH:MM."""

    name: str
    info: tzinfo
    fixed: bool = False


def offset_zone(offset: timedelta) -> StatedZone | None:
    """The zone that is always so far from UTC; None where no place is."""
    if abs(offset) > _MOST:
        return None
    if not offset:
        return named("UTC")
    minutes = int(offset.total_seconds()) // 60
    sign, size = ("-" if minutes < 0 else "+"), abs(minutes)
    return StatedZone(f"UTC{sign}{size // 60:02}:{size % 60:02}", timezone(offset), fixed=True)


def named(name: str) -> StatedZone:
    """An IANA zone. Raises UnknownZone."""
    return StatedZone(name, zone(name))


def stated_zone(text: str) -> StatedZone | None:
    """The zone that a text is; None where it is something else, or not clear."""
    text = text.strip()
    if key(text) in _NAMES:
        return named("UTC")
    if "/" in text and (name := _iana().get(text.casefold())):
        return named(name)
    if found := _BARE.match(text):
        return offset_zone(_offset(found))
    found = _OFFSET.fullmatch(text)
    place = found["place"] if found else text
    if place:
        words = key(place)
        found_names = sorted({name for each, name in _PLACE_KEYS.items() if each in words})
        alike = len({_year(name) for name in found_names}) == 1
        return named(found_names[0]) if alike else None
    if found is None or found["sign"] is None:
        return None
    return offset_zone(_offset(found))


def _year(name: str) -> tuple[timedelta | None, ...]:
    """What tells the zones of two places that are named together apart: winter and summer."""
    info = zone(name)
    return tuple(datetime(2026, month, 1, tzinfo=info).utcoffset() for month in (1, 7))


@cache
def _iana() -> dict[str, str]:
    return {name.casefold(): name for name in zone_names()}


def _offset(found: re.Match[str]) -> timedelta:
    size = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    return size if found["sign"] == "+" else -size
