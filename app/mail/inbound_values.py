"""What was read out of a mail that came in, as plain values. Instants are aware UTC."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_NOBODY = re.compile(
    r"(?i)no such (user|person|mailbox|recipient|address)|no mailbox here|"
    r"(unknown|invalid) (user|recipient|address|mailbox)|(user|recipient|address) unknown|"
    r"do(es not|esn't) exist|unrouteable address|no existe|n[ãa]o existe|desconocid"
)


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
    sequence: int | None = 0  # SEQUENCE; None where it is missing, though that means 0 (RFC 5545)
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

    @property
    def wrong(self) -> bool:
        """Whether the address itself is at fault (RFC 3463, 3.2 to 3.5): there is none such, it is
        disabled, or its domain is not there. A full mailbox, or a server that does not like what
        it gets, says nothing against an address; 5.1.7 and 5.1.8 are about the sender's."""
        if not self.permanent or self.status.startswith(("5.1.7", "5.1.8")):
            return False
        if self.status in ("", "5.0.0"):
            return _NOBODY.search(self.diagnostic) is not None
        return self.status.startswith("5.1.") or self.status in ("5.2.1", "5.4.4")


@dataclass(frozen=True, slots=True)
class Bounce:
    """A delivery status notification. `message_ids` are those that the mail that came back may
    have, with their angle brackets; `tags` the plus-tags in its headers.

    `formal`: it has a delivery status (RFC 3464), so that it is no letter that looks like one.
    `from_machine`: no person's address sent it, as far as it says.
    """

    failed: tuple[Failed, ...]
    message_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    formal: bool = False
    from_machine: bool = False


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
    text: str = ""  # what it says in plain text, cut; of an HTML mail its words
    calendar: str = ""  # its first calendar as a text, cut
    digest: str = ""  # SHA-256 of what stands below its headers, however its lines end
    whole: bool = True  # False: too large, or too deep: then its headers alone were read
