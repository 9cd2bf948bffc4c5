"""Answers of calendar programs (RFC 5546: REPLY, COUNTER; RFC 6047), as they really come.

Outlook and Exchange send no ORGANIZER, or write ``MAILTO:``; some say METHOD in the mail's header
only, others attach a file of no particular type; lines end and fold in every way. So this looks at
the few lines that matter, one by one, and never at a time of the event, its zones or its rules.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from urllib.parse import unquote

from icalendar.parser import Contentline
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from app.domain.zones import UnknownZone, WallTimeOutOfRange, resolve_wall
from app.mail import inbound_mime as mime
from app.mail.inbound_values import ReadAnswer

METHODS = frozenset({"REPLY", "COUNTER"})
_MOST_CALENDAR = 256 * 1024  # bytes of a calendar
_MOST_LINES = 20_000
_MOST_LINE = 8_000  # characters of a line that is looked at
_MOST_EVENTS = 100
_DEEPEST = 50
_MOST_ATTENDEES = 50
_MOST_COMMENT = 1_000
_MOST_UID = 200
_MOST_SEQUENCE = 1_000_000
_TYPES = frozenset({"text/calendar", "application/ics", "text/x-vcalendar", "application/calendar"})
_LINE = re.compile(r"([A-Za-z0-9-]+)\s*[;:]")
_PROPOSAL = re.compile(
    r';[A-Z-]*PROPOSED-NEW-TIME=("[^"]*"|DTSTART:[^;:]*(;STATUS:[^;:]*)?|[^;:]*)', re.IGNORECASE
)
_STAMP = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)(Z?)\Z", re.IGNORECASE)

_GLOBAL_ID = re.compile(
    r"040000008200E00074C5B7101A82E008[0-9A-F]{40}7643616C2D55696401000000((?:[0-9A-F]{2}){1,300})",
    re.IGNORECASE,
)

# RFC 5545, 7986, 9073 and 9074. A line that begins with none of these, nor with X-, goes on with
# the one before: some mailers break long lines and forget the space.
_WORDS = """
ACKNOWLEDGED ACTION ATTACH ATTENDEE BEGIN CALENDAR-ADDRESS CALSCALE CATEGORIES CLASS COLOR COMMENT
COMPLETED CONFERENCE CONTACT CREATED DESCRIPTION DTEND DTSTAMP DTSTART DUE DURATION END EXDATE
EXRULE FREEBUSY GEO IMAGE LAST-MODIFIED LOCATION METHOD NAME ORGANIZER PERCENT-COMPLETE PRIORITY
PRODID PROXIMITY RDATE RECURRENCE-ID REFRESH-INTERVAL RELATED-TO REPEAT REQUEST-STATUS RESOURCES
RRULE SEQUENCE SOURCE STATUS STRUCTURED-DATA STYLED-DESCRIPTION SUMMARY TRANSP TRIGGER TZID TZNAME
TZOFFSETFROM TZOFFSETTO TZURL UID URL VERSION
"""
_NAMES = frozenset(_WORDS.split())
_READ = frozenset(
    {"BEGIN", "END", "METHOD", "UID", "SEQUENCE", "DTSTAMP", "COMMENT", "ATTENDEE", "ORGANIZER"}
)


@dataclass(slots=True)
class _Event:
    uid: str = ""
    sequence: int | None = None
    stamp: datetime | None = None
    comments: list[str] = field(default_factory=list)
    attendees: list[tuple[str, str]] = field(default_factory=list)  # address, PARTSTAT
    proposes: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """The answers of a mail, and the addresses that its calendars name as the organizer's."""

    answers: tuple[ReadAnswer, ...]
    organizers: tuple[str, ...]


def read_answers(message: Message) -> Reading:
    """Every answer in a mail's calendars, each once, in order."""
    answers: dict[ReadAnswer, None] = {}
    organizers: dict[str, None] = {}
    for part in mime.parts(message):
        data = _calendar(part) if len(answers) < _MOST_EVENTS else b""
        if not data:
            continue
        method = mime.parameter(part, "method").upper()
        found = read_calendar(data, method, mime.parameter(part, "charset"))
        answers |= dict.fromkeys(found.answers)
        organizers |= dict.fromkeys(found.organizers)
    return Reading(tuple(answers)[:_MOST_EVENTS], tuple(organizers)[:_MOST_EVENTS])


def calendar_text(message: Message) -> str:
    """The first calendar in a mail, decoded, as its lines stand."""
    for part in mime.parts(message):
        if data := _calendar(part):
            return mime.decoded(data[:_MOST_CALENDAR], mime.parameter(part, "charset"))
    return ""


def _calendar(part: Message) -> bytes:
    """The bytes of a part that is a calendar by its type, its name or its beginning."""
    named = mime.filename(part).lower().endswith((".ics", ".ical", ".ifb", ".vcs"))
    data = mime.content(part)
    if data.lstrip(b"\xef\xbb\xbf \r\n\t")[:20].upper().startswith(b"QKVHSU46VKNBTEVOREFS"):
        data = mime.from_base64(data) or data  # base64 that does not say so
    begins = data[:200].lstrip(b"\xef\xbb\xbf \r\n\t").upper().startswith(b"BEGIN:VCALENDAR")
    return data if begins or named or mime.kind(part) in _TYPES else b""


def read_calendar(data: bytes, method: str = "", charset: str = "") -> Reading:
    """What a text/calendar answers. `method` is the one of the mail's header, in capitals, for a
    calendar that says none itself."""
    calendars: list[tuple[str, list[_Event]]] = [("", [])]
    organizers: list[str] = []
    within: list[str] = []
    for line in _lines(data[:_MOST_CALENDAR], charset):
        begins = _LINE.match(line)
        named = begins[1].upper() if begins else ""
        if named not in _READ and not named.startswith("X-"):
            continue
        name, parameters, value = _split(line)
        if name == "BEGIN" and len(within) < _DEEPEST:
            within.append(value.strip().upper())
            if within[-1] == "VCALENDAR":
                calendars.append(("", []))
            elif within[-1] == "VEVENT":
                calendars[-1][1].append(_Event())
        elif name == "END":
            _leave(within, value.strip().upper())
        elif name == "METHOD" and (not within or within[-1] == "VCALENDAR"):
            calendars[-1] = (value.strip().upper(), calendars[-1][1])
        elif within and within[-1] == "VEVENT" and calendars[-1][1]:
            if name == "ORGANIZER":
                organizers.append(_address(parameters, value, line))
            _note(calendars[-1][1][-1], name, parameters, value, line)
    answers = [
        answer
        for said, events in calendars
        if (said or method) in METHODS
        for event in events[:_MOST_EVENTS]
        for answer in _answers(event, said or method)
    ]
    return Reading(tuple(answers), tuple(o for o in organizers if o))


def _leave(within: list[str], name: str) -> None:
    if name in within:
        while within.pop() != name:
            pass


def _lines(data: bytes, charset: str) -> Iterator[str]:
    """Content lines, unfolded before they are decoded: a fold may cut a character in two."""
    if b"\0" not in data:
        data = re.sub(rb"(\r\n|\r|\n)[ \t]", b"", data)
    whole = mime.decoded(data, charset)
    current = ""
    for count, piece in enumerate(re.split(r"[\r\n]+", whole)):
        if count >= _MOST_LINES:
            break
        if not piece.strip():
            continue
        match = _LINE.match(piece.lstrip())
        begins = match and (match[1].upper() in _NAMES or match[1][:2].upper() == "X-")
        if begins or not current:
            if current:
                yield current
            current = piece.lstrip()[:_MOST_LINE]
        elif len(current) < _MOST_LINE:
            current += piece[: _MOST_LINE - len(current)]
    if current:
        yield current


def _split(line: str) -> tuple[str, dict[str, str], str]:
    """Name and parameters in capitals, and the value as it stands."""
    plain = _PROPOSAL.sub("", line)
    try:
        name, found, value = Contentline(plain).raw_parts()  # type: ignore[no-untyped-call]
        parameters = {
            str(key).upper(): ",".join(map(str, v)) if isinstance(v, list) else str(v)
            for key, v in found.items()
        }
        return name.upper(), parameters, value
    except Exception:
        return _split_by_hand(plain)


def _split_by_hand(line: str) -> tuple[str, dict[str, str], str]:
    """The same for a line that is against the rules."""
    pieces, value, quoted, begun = [], "", False, 0
    for index, letter in enumerate(line):
        quoted ^= letter == '"'
        if quoted or letter not in ":;":
            continue
        pieces.append(line[begun:index])
        begun = index + 1
        if letter == ":":
            value = line[begun:]
            break
    else:
        pieces.append(line[begun:])
    pairs = (each.partition("=") for each in pieces[1:])
    parameters = {key.strip().upper(): v.strip().strip('"') for key, _, v in pairs}
    return pieces[0].strip().upper(), parameters, value


def _note(event: _Event, name: str, parameters: dict[str, str], value: str, line: str) -> None:
    match name:
        case "UID":
            event.uid = _ours(mime.clean(_plain(value)))[:_MOST_UID]
        case "SEQUENCE":
            digits = re.fullmatch(r"\s*\+?(\d{1,9})\s*", value)
            event.sequence = min(int(digits[1]), _MOST_SEQUENCE) if digits else None
        case "DTSTAMP":
            event.stamp = _instant(value.strip(), parameters.get("TZID", ""))
        case "COMMENT" | "X-CALENDARSERVER-ATTENDEE-COMMENT":
            event.comments.append(_plain(value))
        case "ATTENDEE" if len(event.attendees) < _MOST_ATTENDEES:
            partstat = mime.clean(parameters.get("PARTSTAT", "")).upper()[:20]
            event.attendees.append((_address(parameters, value, line), partstat))
            if said := parameters.get("X-RESPONSE-COMMENT"):
                event.comments.append(_plain(said))
            event.proposes |= _PROPOSAL.search(line) is not None
        case _:
            event.proposes |= name.endswith("PROPOSED-NEW-TIME")


def _ours(uid: str) -> str:
    """A UID as we write ours: in small letters, out of the global object id into which Outlook
    wraps those that it did not make ([MS-OXOCAL] 2.2.1.27)."""
    wrapped = _GLOBAL_ID.fullmatch(uid[:_MOST_LINE])
    if wrapped:
        inner = bytes.fromhex(wrapped[1]).rstrip(b"\0")
        uid = mime.clean(inner.decode("ascii", "replace")) or uid
    return uid.lower()


def _answers(event: _Event, method: str) -> Iterator[ReadAnswer]:
    if not event.uid:
        return
    comment = "\n".join(dict.fromkeys(mime.lines(c, _MOST_COMMENT) for c in event.comments))
    for address, partstat in event.attendees or [("", "")]:
        yield ReadAnswer(
            uid=event.uid,
            method=method,
            partstat=partstat,
            attendee=address,
            sequence=event.sequence,
            stamp=event.stamp,
            comment=comment.strip()[:_MOST_COMMENT],
            proposes=event.proposes or method == "COUNTER",
        )


def _plain(value: str) -> str:
    """TEXT without its escapes (RFC 5545, 3.3.11)."""
    return re.sub(r"\\([\\;,nN\"])", lambda m: "\n" if m[1] in "nN" else m[1], value[:_MOST_LINE])


def _address(parameters: dict[str, str], value: str, line: str) -> str:
    """The address of an ATTENDEE or ORGANIZER, wherever the program has put it."""
    _, _, after = line.lower().rpartition("mailto:")
    last = re.split(r'[\s;"<>]', line[-len(after) :].strip(), maxsplit=1)[0] if after else ""
    for text in (value, last, parameters.get("EMAIL", "")):
        if found := mime.an_address(unquote(text) if "%" in text else text):
            return found
    return ""


def _instant(text: str, tzid: str) -> datetime | None:
    match = _STAMP.match(text)
    if match is None:
        return None
    try:
        wall = datetime(*map(int, match.groups()[:6]))  # type: ignore[arg-type]  # noqa: DTZ001
        if match[7]:
            return wall.replace(tzinfo=UTC)
        zone = tzid.strip().strip('"').lstrip("/")
        if not zone:
            return None
        return resolve_wall(wall, WINDOWS_TO_OLSON.get(zone, zone)).instant
    except (ValueError, UnknownZone, WallTimeOutOfRange, OverflowError):
        return None
