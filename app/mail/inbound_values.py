"""What was read out of a mail that came in, as plain values. Instants are aware UTC."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MailKind(StrEnum):
    """What a mail is."""

    REPLY = "reply"  # a calendar program's answer
    BOUNCE = "bounce"  # a mail of ours came back, or is late
    AUTOMATIC = "automatic"  # a machine wrote it: never to be answered
    OTHER = "other"  # somebody wrote it


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """What a REPLY or COUNTER says of one attendee and one event. No time of the event: what comes
    in changes none."""

    uid: str
    method: str  # REPLY or COUNTER
    partstat: str  # in capitals; empty where there is none
    attendee: str  # the address; empty where there is none
    sequence: int = 0  # SEQUENCE, 0 where it is missing (RFC 5545, 3.8.7.4)
    stamp: datetime | None = None  # DTSTAMP; None where it is missing or says no instant
    comment: str = ""
    proposes: bool = False  # asks for another time


@dataclass(frozen=True, slots=True)
class Failed:
    """A recipient whom a mail did not reach. `permanent`: no use in trying this address again.
    `final`: the mail was given up; if not, it is still being tried."""

    address: str
    status: str  # RFC 3463, such as 5.1.1; empty where it is not said
    permanent: bool
    final: bool
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Bounce:
    """A delivery status notification. `message_ids` are those that the mail that came back may
    have, with their angle brackets; `tags` the plus-tags in its headers."""

    failed: tuple[Failed, ...]
    message_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A mail that came in. Everything in it is printable, as far as lines go, and of bounded
    length; nothing of it is true because it says so."""

    key: str  # its Message-ID, or the digest of its bytes
    kind: MailKind
    sender: str = ""  # From's address; empty unless there is exactly one
    recipients: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()  # plus-tags of recipients and organizers, in lower case
    subject: str = ""
    date: datetime | None = None
    answers: tuple[ReadAnswer, ...] = ()
    bounce: Bounce | None = None
    headers: tuple[tuple[str, str], ...] = ()  # those that a person wants to see
    text: str = ""  # what it says in plain text, cut
    whole: bool = True  # False: too large or too deep, its headers alone were read
