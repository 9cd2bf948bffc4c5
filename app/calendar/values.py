"""What the calendar writer takes: plain values, already in the reader's language."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One VEVENT. Instants are aware UTC; `zone` is the IANA zone that DTSTART is written in."""

    uid: str
    sequence: int
    created: datetime
    stamp: (
        datetime  # DTSTAMP and LAST-MODIFIED: stored with the revision, never the time of rendering
    )
    starts: datetime
    ends: datetime
    zone: str
    summary: str
    description: str
    location: str  # the link that a person follows to get in
    url: str
    cancelled: bool = False
    tentative: bool = False  # for this reader it is not settled yet
    conference: str = ""  # link for CONFERENCE; empty: none (public downloads)
    alarm_text: str = ""  # empty: no VALARM
    organizer_name: str = ""
    organizer_address: str = ""  # bare address; empty: no ORGANIZER


@dataclass(frozen=True, slots=True)
class Invite:
    """One event as it is put to one person. The event must have an organizer's address: that is
    where their calendar program sends the answer."""

    event: Event
    address: str  # the attendee's bare address
    name: str = ""
    partstat: str = "NEEDS-ACTION"  # NEEDS-ACTION, ACCEPTED, TENTATIVE or DECLINED


@dataclass(frozen=True, slots=True)
class Calendar:
    """One VCALENDAR with METHOD:PUBLISH."""

    events: tuple[Event, ...]
    name: str = ""  # feeds only; empty in downloads
    source: str = ""  # the feed's own https address; feeds only
    color: str = ""  # CSS3 colour name; feeds only
