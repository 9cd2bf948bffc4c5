"""What mails say, as plain values. Instants are aware UTC, zones are IANA names."""

from dataclasses import dataclass
from datetime import datetime

from app.mail.addresses import ascii_domain


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name mails go out. `domain` is what Message-IDs end in and what we greet with."""

    address: str
    name: str

    @property
    def domain(self) -> str:
        """The part after the @, in ASCII."""
        return ascii_domain(self.address).rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it goes over the wire, lines ending in CRLF. `utf8`: an address in its headers is
    beyond ASCII, so the server must speak SMTPUTF8 (RFC 6531)."""

    raw: bytes
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """A mail's text in its two forms."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session as a mail lists it."""

    number: int
    title: str
    starts: datetime
    ends: datetime
    zone: str  # its home


@dataclass(frozen=True, slots=True)
class EnrolmentMail:
    """What the mails about an enrolment say."""

    name: str  # of the reader; empty: no greeting by name
    cycle: str
    zone: str  # the reader's
    sessions: tuple[SessionLine, ...]  # those to come
    more: int  # how many are to come that are not listed
    check_in: tuple[datetime, datetime] | None  # of the first session to come
    page_url: str
    feed_url: str  # empty: not yet
    webcal_url: str
    own_subject: str = ""  # an organizer's words instead of the house's, placeholders filled
    own_text: str = ""
    contact: str = ""
    accent: str = ""  # "#rrggbb", the cycle's own


@dataclass(frozen=True, slots=True)
class SignInMail:
    """What the mail with a sign-in link says."""

    name: str
    url: str
    minutes: int
    zone: str = "UTC"
    accent: str = ""


@dataclass(frozen=True, slots=True)
class AddressMail:
    """What is said of an account's new address: to the new one (`url` confirms it) or to the old
    one (`url` undoes it), until when the link is good (aware UTC)."""

    name: str
    old: str
    new: str
    url: str
    until: datetime
    zone: str = "UTC"
    accent: str = ""


@dataclass(frozen=True, slots=True)
class AccountMail:
    """What is said of a change in how one gets into an account: in a sentence, and when (aware
    UTC)."""

    name: str
    said: str
    at: datetime
    url: str
    zone: str = "UTC"
    accent: str = ""


@dataclass(frozen=True, slots=True)
class TeamMail:
    """What the mail says that asks somebody to join a cycle's team, or (no `cycle`) to have an
    account. `role`: its English word, to be translated. `until`: aware UTC. `name`: of who is
    asked, which nobody knows."""

    asked_by: str
    cycle: str
    role: str
    url: str
    until: datetime
    name: str = ""
    zone: str = "UTC"
    accent: str = ""


@dataclass(frozen=True, slots=True)
class OwnSegment:
    """A segment in which the reader has a part."""

    title: str
    roles: str  # in the reader's words
    starts: datetime
    ends: datetime
    others: tuple[str, ...] = ()  # who else is on in it, a line for each


@dataclass(frozen=True, slots=True)
class InvitationMail:
    """What the mails say that put a session into somebody's calendar, change it there, or take it
    out. `session` has the time that is meant: of a cancellation the one they had."""

    name: str  # of the reader; empty: no greeting by name
    cycle: str
    zone: str  # the reader's
    session: SessionLine
    why: str  # domain.invitations.Why
    page_url: str  # the reader's own page
    join_url: str
    answer_url: str
    people: tuple[str, ...] = ()  # who is on, a line for each
    own: tuple[OwnSegment, ...] = ()  # of somebody with parts
    speaks: bool = False  # they have a part in it
    before: SessionLine | None = None  # its time before, where that was another one
    # What else is different: clocks, cycle, number, zone, people, description, own.
    changes: tuple[str, ...] = ()
    title_before: str = ""
    answered: str = ""  # domain.answers.Answer, where it still holds
    note: str = ""  # of the organizers, for this occasion
    own_subject: str = ""  # an organizer's words instead of the house's, placeholders filled
    own_text: str = ""
    contact: str = ""
    accent: str = ""


@dataclass(frozen=True, slots=True)
class ReminderMail:
    """What the mails before and after a session say. Named like InvitationMail, whose frame they
    share; `begun`: the session has, when this goes out; `late_since`: it was due then, more than an
    hour ago."""

    name: str  # of the reader; empty: no greeting by name
    cycle: str
    zone: str  # the reader's
    session: SessionLine
    page_url: str  # the reader's own page
    join_url: str
    answer_url: str = ""  # empty: nobody is asked
    own: tuple[OwnSegment, ...] = ()  # of somebody with parts
    speaks: bool = False  # they have a part in it
    begun: bool = False
    late_since: datetime | None = None
    needed: bool = False  # without it the reader does not complete the cycle
    materials: tuple[str, ...] = ()  # titles of what is on their page
    # The kind (domain.materials) of what is to come there, with the instant from which on.
    to_come: tuple[tuple[str, datetime], ...] = ()
    answered: str = ""  # domain.answers.Answer, where it still holds
    feedback_url: str = ""  # empty: nothing is asked, or it is answered
    feedback_until: datetime | None = None
    feedback_anonymous: bool = False
    own_subject: str = ""  # an organizer's words instead of the house's, placeholders filled
    own_text: str = ""
    contact: str = ""
    accent: str = ""
    before: None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class CertificateMail:
    """What the mail says that goes with a certificate. `code`: as it is printed."""

    name: str  # of the reader; empty: no greeting by name
    cycle: str
    zone: str  # the reader's
    page_url: str  # the reader's own page, where the PDF is
    verify_url: str
    code: str
    own_subject: str = ""  # an organizer's words instead of the house's, placeholders filled
    own_text: str = ""
    contact: str = ""
    accent: str = ""


@dataclass(frozen=True, slots=True)
class OwnPart:
    """A part that somebody is asked to confirm. `again`: they did, for another time."""

    session: SessionLine
    segment: OwnSegment
    again: bool = False


@dataclass(frozen=True, slots=True)
class PartMail:
    """What the mails say that ask people to confirm their parts, or remind them."""

    name: str  # of the reader; empty: no greeting by name
    cycle: str
    zone: str  # the reader's
    parts: tuple[OwnPart, ...]  # that wait for an answer, by time
    page_url: str
    own_subject: str = ""  # an organizer's words instead of the house's, placeholders filled
    own_text: str = ""
    contact: str = ""
    accent: str = ""
