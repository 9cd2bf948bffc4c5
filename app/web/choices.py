"""What select fields offer: countries, zones and languages, in the reader's language."""

from functools import cache

from app.domain.addresses import search_key
from app.domain.zones import zone_names
from app.languages import OWN_NAMES, country_name
from app.schemas.countries import COUNTRIES

Choices = tuple[tuple[str, str], ...]

_AREAS = ("America", "Europe", "Africa", "Asia", "Atlantic", "Australia", "Indian", "Pacific")


@cache
def country_choices(language: str) -> Choices:
    """Every country as (code, name), in the order of its names."""
    named = ((code, country_name(code, language)) for code in COUNTRIES)
    return tuple(sorted(named, key=lambda pair: search_key(pair[1])))


def zone_choices(chosen: str = "") -> Choices:
    """Every zone that is a place as (IANA name, the same readable), America first.

    `chosen` is among them even where it is another name ("US/Eastern"): a form that does not offer
    what is stored would change it.
    """
    choices = _places()
    if chosen and all(name != chosen for name, _ in choices):
        return ((chosen, chosen), *choices)
    return choices


@cache
def _places() -> Choices:
    found = [("UTC", "UTC")]
    for area in _AREAS:
        names = sorted(name for name in zone_names() if name.startswith(f"{area}/"))
        found += [(name, name.replace("_", " ").replace("/", " / ")) for name in names]
    return tuple(found)


def language_choices() -> Choices:
    """The languages as (code, own name)."""
    return tuple(OWN_NAMES.items())
