"""VEVENT, and the VTIMEZONEs that a group of them needs: what every METHOD has in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.calendar.lines import (
    local_stamp,
    mailto,
    phrase,
    quoted,
    text,
    uri,
    utc_stamp,
)
from app.calendar.values import Event
from app.calendar.zones import vtimezone
from app.domain.zones import zone

_UTC_NAMES = frozenset(
    {"UTC", "UCT", "Zulu", "Universal", "Etc/UTC", "Etc/UCT", "Etc/Zulu", "Etc/Universal"}
)
_CONFERENCE_SCHEMES = frozenset({"http", "https", "tel", "sip", "sips", "xmpp"})
_ALARM_BEFORE = "-PT15M"


@dataclass(frozen=True, slots=True)
class Span:
    """The lines DTSTART and DTEND of one event."""

    starts: str
    ends: str


def place(events: Sequence[Event]) -> tuple[list[bytes], list[Span]]:
    """The VTIMEZONEs that these events refer to, folded, and the span of each event in order.

    An event is written in its own zone. It is written in UTC where that cannot be said rightly to
    every client: no yearly rules fit the years of this calendar (see `app.calendar.zones`), or it
    starts or ends in an hour that happens twice. There a local time stands for the first (RFC
    5545, 3.3.5), so the second cannot be said; and libical and ical.js take it for the second.
    A calendar has one VTIMEZONE for a zone, so in it the events of that zone share their fate.

    Raises UnknownZone, and ValueError for an event that is naive or ends before it starts.
    """
    walls = [_walls(event) for event in events]
    years: dict[str, list[int]] = {}
    for event, wall in zip(events, walls, strict=True):
        if wall:
            years.setdefault(event.zone, []).extend((wall[0].year, wall[1].year))
    blocks = {name: vtimezone(name, min(ys), max(ys)) for name, ys in sorted(years.items())}
    spans = [
        _span(event, wall if blocks.get(event.zone) else None)
        for event, wall in zip(events, walls, strict=True)
    ]
    return [block for block in blocks.values() if block], spans


def _walls(event: Event) -> tuple[datetime, datetime] | None:
    """Local start and end, where both can be written as such."""
    if event.starts.tzinfo is None or event.ends.tzinfo is None:
        raise ValueError(f"event {event.uid}: starts and ends must be aware")
    if event.ends.replace(microsecond=0) <= event.starts.replace(microsecond=0):
        raise ValueError(f"event {event.uid}: it must end after it starts")
    info = zone(event.zone)
    return None if event.zone in _UTC_NAMES else _local(event.starts, event.ends, info)


@lru_cache(maxsize=256)
def _local(from_: datetime, to: datetime, info: ZoneInfo) -> tuple[datetime, datetime] | None:
    try:
        starts, ends = from_.astimezone(info), to.astimezone(info)
    except OverflowError:
        return None
    return None if _twice(starts) or _twice(ends) else (starts, ends)


def _twice(wall: datetime) -> bool:
    """Whether clocks show this twice. A datetime made from an instant is never in a gap."""
    return wall.utcoffset() != wall.replace(fold=1 - wall.fold).utcoffset()


def _span(event: Event, wall: tuple[datetime, datetime] | None) -> Span:
    if wall is None:
        return Span(f"DTSTART:{utc_stamp(event.starts)}", f"DTEND:{utc_stamp(event.ends)}")
    return Span(
        f"DTSTART;TZID={event.zone}:{local_stamp(wall[0])}",
        f"DTEND;TZID={event.zone}:{local_stamp(wall[1])}",
    )


def vevent(event: Event, span: Span, attendees: Iterable[str] = ()) -> list[str]:
    """One VEVENT as unfolded lines; `attendees` are whole lines, and only some METHODs have them.

    Raises ValueError for a UID that is empty or holds anything that a UID of ours never does, and
    for a negative SEQUENCE.
    """
    if event.sequence < 0:
        raise ValueError(f"event {event.uid}: SEQUENCE must not be negative")
    return [
        "BEGIN:VEVENT",
        f"UID:{checked_uid(event.uid)}",
        f"DTSTAMP:{utc_stamp(event.stamp)}",
        f"CREATED:{utc_stamp(event.created)}",
        f"LAST-MODIFIED:{utc_stamp(event.stamp)}",
        f"SEQUENCE:{event.sequence:d}",
        f"STATUS:{_status(event)}",
        # A cancelled session that a feed still holds must not keep the reader's hour busy.
        f"TRANSP:{'TRANSPARENT' if event.cancelled else 'OPAQUE'}",
        span.starts,
        span.ends,
        *filled("SUMMARY:", phrase(event.summary)),
        *filled("DESCRIPTION:", text(event.description)),
        *filled("LOCATION:", phrase(event.location)),
        *filled("URL:", uri(event.url)),
        # FEATURE is a list: quoted as one value, it would be one unknown feature (RFC 7986, 6.3).
        *filled(
            "CONFERENCE;VALUE=URI;FEATURE=AUDIO,VIDEO:", uri(event.conference, _CONFERENCE_SCHEMES)
        ),
        *_organizer(event),
        *attendees,
        *_alarm(event),
        "END:VEVENT",
    ]


def _status(event: Event) -> str:
    if event.cancelled:
        return "CANCELLED"
    return "TENTATIVE" if event.tentative else "CONFIRMED"


def filled(start: str, value: str) -> Iterable[str]:
    """The line, or none at all: there are no empty properties."""
    return (start + value,) if value else ()


@lru_cache(maxsize=4096)
def checked_uid(uid: str) -> str:
    """The UID as it is: made by us, never typed.

    Raises ValueError if it is empty, has a ``/`` (CalDAV makes a file's name of it), or a character
    that would need escaping.
    """
    if not uid.isascii() or not uid.isprintable() or not uid or set(uid) & set(' /\\;,:"'):
        raise ValueError(f"not a UID of ours: {uid!r}")
    return uid


def _organizer(event: Event) -> Iterable[str]:
    address = mailto(event.organizer_address)
    if not address:
        return ()
    name = quoted(event.organizer_name)
    return (f"ORGANIZER;CN={name}:{address}" if name else f"ORGANIZER:{address}",)


def _alarm(event: Event) -> Iterable[str]:
    words = phrase(event.alarm_text)
    if not words or event.cancelled:
        return ()
    return (
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION:{words}",
        f"TRIGGER:{_ALARM_BEFORE}",
        "END:VALARM",
    )
