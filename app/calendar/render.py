"""text/calendar for downloads and feeds: METHOD:PUBLISH (RFC 5545, RFC 5546 3.2.1, RFC 7986)."""

from collections.abc import Iterable

from app.calendar.colors import CSS3_NAMES
from app.calendar.lines import one_line, phrase, serialize, uri
from app.calendar.values import Calendar
from app.calendar.vevents import filled, place, vevent
from app.calendar.zones import vtimezone

# No version of the program in it: the bytes must stay the same when the program is renewed.
PRODID = "-//Convoca//Convoca//EN"
MEDIA_TYPE = "text/calendar; charset=utf-8"
_REFRESH = "PT1H"
_NO_EVENTS_ZONE, _NO_EVENTS_YEAR = "Etc/UTC", 2024


def render(calendar: Calendar) -> bytes:
    """The calendar as text/calendar in UTF-8 with CRLF. The same value gives the same bytes.

    Naming or sourcing it makes it a feed, with the properties that only subscriptions have.

    A feed with no events yet is still a calendar that clients can subscribe to: a VCALENDAR must
    hold one component at least (RFC 5545, 3.6), so it holds a VTIMEZONE that nothing refers to,
    which shows nowhere. It has no METHOD then, for a PUBLISH needs an event (RFC 5546, 3.2.1).

    Raises ValueError (UnknownZone among them) for an event that could not be written truthfully:
    naive instants, an end that is not after the start, an unknown zone, a UID that is not ours.
    """
    zones, spans = place(calendar.events)
    if not calendar.events:
        zones = [vtimezone(_NO_EVENTS_ZONE, _NO_EVENTS_YEAR, _NO_EVENTS_YEAR) or b""]
    head = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODID}",
        "CALSCALE:GREGORIAN",
        *(["METHOD:PUBLISH"] if calendar.events else []),
        *_feed(calendar),
    ]
    return b"".join(
        (
            serialize(head),
            *zones,
            *(
                serialize(vevent(event, span))
                for event, span in zip(calendar.events, spans, strict=True)
            ),
            b"END:VCALENDAR\r\n",
        )
    )


def _feed(calendar: Calendar) -> Iterable[str]:
    """What only a subscription has: in a download, Outlook would make a new calendar of NAME."""
    if not (calendar.name or calendar.source):
        return
    name, color = phrase(calendar.name), one_line(calendar.color).lower()
    yield from filled("NAME:", name)
    yield from filled("X-WR-CALNAME:", name)
    yield from filled("SOURCE;VALUE=URI:", uri(calendar.source))
    yield f"REFRESH-INTERVAL;VALUE=DURATION:{_REFRESH}"
    yield f"X-PUBLISHED-TTL:{_REFRESH}"
    if color in CSS3_NAMES:
        yield f"COLOR:{color}"
