"""Public holidays of the countries of the people in a schedule, from the `holidays` package."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache

from app.domain.schedule import InstitutionRole, Schedule
from app.domain.text import LANGUAGES

_ENGLISH = "en_US"


def holidays_for(schedule: Schedule, language: str = "") -> dict[str, dict[date, str]]:
    """What `domain.conflicts` asks for: for each country in the schedule (organizers, and people
    with a part) its public holidays by local date, in the years of the sessions.

    Names come in `language` (empty: English) where the package has them, else in the country's
    own language if the interface speaks that, else in English.
    """
    countries = {
        part.country for s in schedule.sessions for g in s.segments for part in g.parts
    } | {i.country for i in schedule.institutions if i.role is InstitutionRole.ORGANIZER}
    # A day's room on either side: what is Thursday here may be Friday or Wednesday there.
    days = [s.starts - timedelta(days=1) for s in schedule.sessions]
    days += [s.ends + timedelta(days=1) for s in schedule.sessions]
    return country_holidays(countries, {day.year for day in days}, language)


def country_holidays(
    countries: Iterable[str], years: Iterable[int], language: str = ""
) -> dict[str, dict[date, str]]:
    """Public holidays by country (ISO 3166-1 alpha-2, upper case) and local date. A country that
    the package does not know has none."""
    wanted = sorted(set(years))
    found: dict[str, dict[date, str]] = {}
    for country in sorted({c.upper() for c in countries if c}):
        found[country] = {}
        for year in wanted:
            found[country].update(_of_year(country, year, language))
    return found


@lru_cache(maxsize=4096)
def _of_year(country: str, year: int, language: str) -> Mapping[date, str]:
    import holidays  # it takes a tenth of a second, and only organizers' pages need it

    if country not in holidays.list_supported_countries():
        return {}
    # Without a language the package would take the machine's.
    names = _language_of_names(country, language)
    return dict(holidays.country_holidays(country, years=year, language=names))


@lru_cache(maxsize=1024)
def _language_of_names(country: str, language: str) -> str | None:
    import holidays

    there = holidays.list_localized_countries().get(country, [])
    own = holidays.country_holidays(country).default_language or ""
    if language in ("", "en"):
        choices = [_ENGLISH]
    else:
        choices = [own] if own.split("_")[0] == language else []
        choices += [name for name in there if name.split("_")[0] == language]
        choices += [own] if own.split("_")[0] in LANGUAGES else []
        choices += [_ENGLISH]
    return next((name for name in choices if name in there), None)
