"""The interface's languages: gettext straight from the .po files, dates and names from Babel."""

import io
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, dates
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.requests import Request

from app.domain.text import LANGUAGES
from app.domain.zones import zone, zone_names

LOCALE_DIR = Path(__file__).parent.parent / "locale"
OWN_NAMES = {"en": "English", "es": "Español", "pt": "Português"}
_BABEL = {"en": "en_GB", "es": "es_419", "pt": "pt_BR"}  # 24-hour clock, day before month
YEAR = 365 * 24 * 3600


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
    return babel_locale(language).territories.get(code, code)


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
