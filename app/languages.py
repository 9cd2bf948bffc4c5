"""The languages that we speak: gettext straight from the .po files, dates and names from Babel.

Pages and mails both use it. It stands between the schemas and the rules: nothing in it knows of
tables, requests or templates.
"""

import io
import re
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, dates, lists, numbers, units
from babel.core import get_global
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from app.domain.addresses import search_key
from app.domain.zones import zone

LOCALE_DIR = Path(__file__).parent / "locale"
OWN_NAMES = {"en": "English", "es": "Español", "pt": "Português"}
_BABEL = {"en": "en_GB", "es": "es_419", "pt": "pt_BR"}  # 24-hour clock, day before month
# fmt: off
_HISPANIC = (
    "AR", "BO", "CL", "CO", "CR", "CU", "DO", "EC", "GT", "HN",
    "MX", "NI", "PA", "PE", "PR", "PY", "SV", "UY", "VE",
)
# fmt: on
_SPOKEN = {"BR": "pt"} | dict.fromkeys(_HISPANIC, "es")
"""The language that names the places of a Latin American country, by its code."""
_BEGINS_WITH_I = re.compile(r"h?[ií](?![aeo])", re.IGNORECASE)  # Ionosfera sounds otherwise
_ACCENTED = {"Cordoba": "Córdoba"}  # CLDR has no other name for Argentina's


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of a language; compiled when first asked for, then kept until a restart."""
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
def city(zone_name: str, language: str) -> str:
    """The place that a zone is named after: "São Paulo", "Buenos Aires", "Madri".

    CLDR's English writes most of Latin America without accents. There a name stands as the country
    writes it, where nothing but accents tells the two apart: Bogotá, but Havana and Mexico City.
    """
    name = _exemplar(zone_name, language)
    if language == "en":
        canonical = get_global("zone_aliases").get(zone_name, zone_name)
        spoken = _SPOKEN.get(get_global("zone_territories").get(canonical, ""), "")
        local = _exemplar(zone_name, spoken) if spoken else name
        if search_key(local) == search_key(name):
            name = local
    return _ACCENTED.get(name, name)


def _exemplar(zone_name: str, language: str) -> str:
    """CLDR's city of a zone. "Argentina/Buenos Aires" is a file's name, not a place's."""
    name: str = dates.get_timezone_location(
        zone(zone_name), locale=babel_locale(language), return_city=True
    )
    return name.rsplit("/", 1)[-1]


@cache
def zone_label(name: str, language: str) -> str:
    """The zone in words: "Bogotá time" and "hora de Bogotá"; never an abbreviation."""
    return translations(language).gettext("%(place)s time") % {"place": city(name, language)}


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


def span(first: date, last: date, language: str) -> str:
    """ "from 3 March to 26 November 2026", "on 3 March 2026"; the year once if it is the same."""
    speak = translations(language)
    if first == last:
        return speak.gettext("on %(day)s") % {"day": day(first, language)}
    begin = day(first, language)
    if first.year == last.year:
        begin = dates.format_skeleton("MMMMd", first, locale=babel_locale(language))
    words = {"first": begin, "last": day(last, language)}
    return speak.gettext("from %(first)s to %(last)s") % words


def duration(minutes: int, language: str) -> str:
    """ "12 hours", "12 horas y 35 minutos"."""
    hours, rest = divmod(minutes, 60)
    amounts = [(hours, "duration-hour")] if hours else []
    amounts += [(rest, "duration-minute")] if rest or not hours else []
    locale = babel_locale(language)
    said = [units.format_unit(n, unit, length="long", locale=locale) for n, unit in amounts]
    return lists.format_list(said, style="standard", locale=locale)


def time_left(instant: datetime, now: datetime, language: str) -> str:
    """ "in 2 hours", "en 20 minutos", "5 minutes ago": the way from `now` to an instant."""
    return dates.format_timedelta(
        instant - now,
        granularity="minute",
        threshold=1.5,
        add_direction=True,
        locale=babel_locale(language),
    )


def listed(names: Sequence[str], language: str) -> str:
    """ "A, B and C". Spanish says *e* before the sound of an i (Ministerio e Instituto), which CLDR
    leaves out."""
    said = lists.format_list(list(names), style="standard", locale=babel_locale(language))
    if language == "es" and len(names) > 1 and _BEGINS_WITH_I.match(names[-1]):
        before, _, last = said.rpartition(f" y {names[-1]}")
        return f"{before} e {names[-1]}{last}"
    return said


def date_short(instant: datetime, language: str, zone_name: str) -> str:
    """ "26 Nov" in the zone."""
    local = instant.astimezone(zone(zone_name))
    return dates.format_skeleton("dMMM", local, locale=babel_locale(language))


def whole_number(number: int, language: str) -> str:
    """ "10,000", "10.000"."""
    words: str = numbers.format_decimal(number, "#,##0", locale=babel_locale(language))
    return words


def file_size(size: int, language: str) -> str:
    """Bytes as people say them: "2.4 MB", "2,4 MB"; what is small is 1 kB."""
    amount, unit = max(size / 1000, 1.0), "kB"
    if amount >= 999.5:
        amount, unit = amount / 1000, "MB"
    pattern = "0.0" if unit == "MB" and amount < 9.95 else "0"
    words: str = numbers.format_decimal(amount, pattern, locale=babel_locale(language))
    return f"{words} {unit}"
