"""What select fields offer: countries, zones and languages, in the reader's language."""

from functools import cache

from app.domain import words
from app.domain.addresses import search_key
from app.domain.zones import zone_names, zones_by_country
from app.languages import OWN_NAMES, country_name, translations, zone_label
from app.schemas.countries import COUNTRIES

Choices = tuple[tuple[str, str], ...]


@cache
def country_choices(language: str) -> Choices:
    """Every country as (code, name), in the order of its names."""
    named = ((code, country_name(code, language)) for code in COUNTRIES)
    return tuple(sorted(named, key=lambda pair: search_key(pair[1])))


def zone_choices(language: str, chosen: str = "") -> Choices:
    """Every zone that a country has as (IANA name, "Colombia: Bogotá time"), and UTC.

    `chosen` is among them even where it is another name ("US/Eastern"): a form that does not offer
    what is stored would change it.
    """
    choices = _zones(language)
    if chosen and all(name != chosen for name, _ in choices):
        label = zone_label(chosen, language) if chosen in zone_names() else chosen
        return ((chosen, label), *choices)
    return choices


@cache
def _zones(language: str) -> Choices:
    named = (
        (name, f"{country_name(code, language)}: {zone_label(name, language)}")
        for code, name in zones_by_country()
    )
    return (*sorted(named, key=lambda pair: search_key(pair[1])), ("UTC", "UTC"))


def language_choices() -> Choices:
    """The languages as (code, own name)."""
    return tuple(OWN_NAMES.items())


@cache
def gender_choices(language: str) -> Choices:
    """What can be answered where a cycle asks, as (value, words)."""
    gettext = translations(language).gettext
    return tuple((gender.value, gettext(word)) for gender, word in words.GENDERS.items())
