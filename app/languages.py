"""The languages that we speak: gettext straight from the .po files, dates and names from Babel.

Pages and mails both use it. It stands between the schemas and the rules: nothing in it knows of
tables, requests or templates.
"""

import io
from datetime import date, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, dates
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from app.domain.zones import zone

LOCALE_DIR = Path(__file__).parent / "locale"
OWN_NAMES = {"en": "English", "es": "Español", "pt": "Português"}
_BABEL = {"en": "en_GB", "es": "es_419", "pt": "pt_BR"}  # 24-hour clock, day before month


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of a language; compiled when first asked for, so it is never out of date."""
    path = LOCALE_DIR / language / "LC_MESSAGES" / "convoca.po"
    if language == "en" or not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def babel_locale(language: str) -> Locale:
    """Babel's locale for one of our languages."""
    return Locale.parse(_BABEL.get(language, "en_GB"))


@cache
def zone_label(name: str, language: str) -> str:
    """The zone in words: "Bogotá time" and "hora de Bogotá"; never an abbreviation."""
    city = dates.get_timezone_location(zone(name), locale=babel_locale(language), return_city=True)
    return translations(language).gettext("%(place)s time") % {"place": city}


@cache
def country_name(code: str, language: str) -> str:
    """A country's name in a language, or the code itself."""
    name: str = babel_locale(language).territories.get(code, code)
    return name


def date_long(instant: datetime, language: str, zone_name: str) -> str:
    """ "Thursday 26 November 2026" in the zone."""
    local = instant.astimezone(zone(zone_name))
    pattern = {
        "en": "EEEE d MMMM y",
        "es": "EEEE d 'de' MMMM 'de' y",
        "pt": "EEEE, d 'de' MMMM 'de' y",
    }[language]
    return dates.format_date(local.date(), pattern, locale=babel_locale(language))


def time_of_day(instant: datetime, zone_name: str) -> str:
    """ "09:00" in the zone."""
    return instant.astimezone(zone(zone_name)).strftime("%H:%M")


def day(value: date, language: str) -> str:
    """ "26 November 2026"."""
    return dates.format_date(value, "long", locale=babel_locale(language))


def date_short(instant: datetime, language: str, zone_name: str) -> str:
    """ "26 Nov" in the zone."""
    local = instant.astimezone(zone(zone_name))
    return dates.format_skeleton("dMMM", local, locale=babel_locale(language))
