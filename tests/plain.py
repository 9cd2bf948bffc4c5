"""Values of sentences as tests read them."""

from datetime import date, timedelta
from enum import Enum

from app.domain.sentences import Country, Language, Moment, Value, Words
from app.domain.zones import zone as zone_info


def plain(value: Value) -> str:
    """A value in English, with ISO dates and the zone by its IANA name."""
    match value:
        case Words():
            return value.in_language("en")
        case Moment():
            tz = zone_info(value.zone)
            starts, ends = value.starts.astimezone(tz), value.ends.astimezone(tz)
            until = f"{ends:%H:%M}" if starts.date() == ends.date() else f"{ends:%Y-%m-%d %H:%M}"
            return f"{starts:%Y-%m-%d %H:%M}–{until} ({value.zone})"
        case Country() | Language():
            return value.code
        case timedelta():
            return f"{value // timedelta(minutes=1)} min"
        case Enum():
            return str(value.value)
        case date():
            return value.isoformat()
        case _:
            return str(value)
