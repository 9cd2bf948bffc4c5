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
