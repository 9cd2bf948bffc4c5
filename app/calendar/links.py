"""Addresses that put one event into a calendar on the web, and that subscribe to a feed.

What "add to …" makes is a copy: it does not follow later changes, and the page that offers it has
to say so. A feed does.
"""

from datetime import datetime
from urllib.parse import quote, urlencode, urlsplit

from app.calendar.lines import clean, one_line, utc_stamp
from app.calendar.values import Event
from app.domain.zones import zone

# Servers and mail programs cut addresses at about 2,000 characters; the rest leaves room for
# title, place and times. Counted as sent: one accented letter is six characters there.
_MOST_DESCRIPTION = 1200
_MOST_TITLE = 300
_ELLIPSIS = "…"


def google(event: Event) -> str:
    """A copy of the event in Google Calendar, to be confirmed by the reader there."""
    times = f"{utc_stamp(event.starts)}/{utc_stamp(event.ends)}"
    return _address(
        "https://calendar.google.com/calendar/render",
        action="TEMPLATE",
        text=_title(event),
        dates=times,
        ctz=zone(event.zone).key,
        details=_details(event),
        location=one_line(event.location),
    )


def outlook(event: Event) -> str:
    """A copy of the event in Outlook.com."""
    return _address(
        "https://outlook.live.com/calendar/0/deeplink/compose",
        path="/calendar/action/compose",
        rru="addevent",
        subject=_title(event),
        startdt=_iso(event.starts),
        enddt=_iso(event.ends),
        body=_details(event),
        location=one_line(event.location),
    )


def yahoo(event: Event) -> str:
    """A copy of the event in Yahoo Calendar."""
    return _address(
        "https://calendar.yahoo.com/",
        v="60",
        title=_title(event),
        st=utc_stamp(event.starts),
        et=utc_stamp(event.ends),
        desc=_details(event),
        in_loc=one_line(event.location),
    )


def webcal(address: str) -> str:
    """The address of a feed in the form that opens the reader's calendar program.

    Takes an https address (or http, on one's own machine). ValueError for any other.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("https", "http") or not parts.netloc:
        raise ValueError(f"not a web address: {address!r}")
    return parts._replace(scheme="webcal").geturl()


def _address(base: str, **fields: str) -> str:
    kept = {name: value for name, value in fields.items() if value}
    # %20 and not +: Outlook.com shows the plus signs.
    return f"{base}?{urlencode(kept, quote_via=quote, safe='')}"


def _iso(instant: datetime) -> str:
    """RFC 3339 in UTC, whole seconds."""
    stamp = utc_stamp(instant)
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:11]}:{stamp[11:13]}:{stamp[13:]}"


def _title(event: Event) -> str:
    return _shortened(one_line(event.summary), _MOST_TITLE)


def _details(event: Event) -> str:
    return _shortened(clean(event.description), _MOST_DESCRIPTION)


def _shortened(value: str, most: int) -> str:
    """As much of the text as `most` percent-encoded characters hold, cut between words."""
    if len(quote(value, safe="")) <= most:
        return value
    room = most - len(quote(_ELLIPSIS, safe=""))
    used = end = 0
    for character in value:
        used += len(quote(character, safe=""))
        if used > room:
            break
        end += 1
    cut = value[:end]
    words = cut.rsplit(None, 1)[0] if len(cut.split()) > 1 else cut
    return words.rstrip() + _ELLIPSIS
