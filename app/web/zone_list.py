"""Time zones as participants look for them: by country, in their language."""

from functools import cache

from babel.core import get_global

from app.domain.addresses import search_key
from app.domain.zones import zone_names
from app.languages import babel_locale, zone_label

Choice = tuple[str, str]
_WORLD = "001"  # CLDR's territory for zones of no country


@cache
def _by_country(language: str) -> tuple[Choice, ...]:
    territories = babel_locale(language).territories
    found = []
    for name, territory in get_global("zone_territories").items():
        if territory == _WORLD or name not in zone_names():
            continue
        country = territories.get(territory, territory)
        found.append((name, f"{country}: {zone_label(name, language)}"))
    found.sort(key=lambda choice: search_key(choice[1]))
    return (*found, ("UTC", "UTC"))


def zones_by_country(language: str, chosen: str = "") -> tuple[Choice, ...]:
    """One for each zone that CLDR tells apart: its IANA name and "Colombia: Bogotá time".

    `chosen` is among them even where it is another spelling of one.
    """
    choices = _by_country(language)
    if chosen in zone_names() and all(name != chosen for name, _ in choices):
        return ((chosen, zone_label(chosen, language)), *choices)
    return choices
