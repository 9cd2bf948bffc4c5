"""What a mail server took, sorted into mailboxes, and each read as its owner's programs would."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cache
from typing import Any

import icalendar

from app.domain.addresses import address_key
from tests.calendar.ical_oracles import Libical, by_icalendar
from tests.calendar.itip_replay import OBSOLETE, Mailbox
from tests.mail.smtp_peer import Peer

_ANSWER = re.compile(r"https?://\S+/sessions/\d+/answer")


@dataclass(frozen=True, slots=True)
class Received:
    """A mail with text/calendar, as icalendar reads it."""

    address: str  # the envelope's, in small letters
    uid: str
    method: str
    sequence: int
    stamp: datetime
    partstat: str
    calendar: bytes
    answer_page: str  # where the link in the text leads, for whoever answers by web


@dataclass(frozen=True, slots=True)
class Shown:
    """What a calendar shows of an entry."""

    starts: datetime
    ends: datetime
    summary: str


@dataclass(slots=True)
class Post:
    """All that the server took, in order; `fresh` gives what came since it was last asked."""

    peer: Peer
    mails: list[Received]
    seen: int = 0

    def fresh(self) -> list[Received]:
        """The mails with a calendar that came since."""
        arrived = list(zip(self.peer.recipients, self.peer.mails, strict=True))[self.seen :]
        self.seen += len(arrived)
        new = [_received(to, mail) for to, mail in arrived if _calendar(mail) is not None]
        self.mails += new
        return new

    def message_ids(self) -> list[str]:
        """Those of all mails, with and without a calendar."""
        return [str(mail["Message-ID"]) for mail in self.peer.mails]

    def boxes(self) -> dict[str, list[Received]]:
        """By address, each in the order of arrival."""
        found: dict[str, list[Received]] = defaultdict(list)
        for mail in self.mails:
            found[mail.address].append(mail)
        return dict(found)


def _calendar(mail: EmailMessage) -> EmailMessage | None:
    parts = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    assert len(parts) <= 1
    return parts[0] if parts else None


def _received(to: str, mail: EmailMessage) -> Received:
    part = _calendar(mail)
    assert part is not None
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    calendar: Any = icalendar.Calendar.from_ical(data)  # its values have many types
    (event,) = calendar.events
    method = str(calendar["METHOD"])
    assert part["Content-Type"].params["method"] == method
    attendee = event["ATTENDEE"]
    assert address_key(str(attendee).removeprefix("mailto:")) == address_key(to)
    assert str(event["ORGANIZER"]) == f"mailto:{mail['Reply-To']}"
    return Received(
        address=address_key(to),
        uid=str(event["UID"]),
        method=method,
        sequence=int(event["SEQUENCE"]),
        stamp=event["DTSTAMP"].dt.astimezone(UTC),
        partstat=str(attendee.params.get("PARTSTAT", "")),
        calendar=data,
        answer_page=_answer_page(mail),
    )


def _answer_page(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    links = set(_ANSWER.findall(body.get_content()))
    assert len(links) <= 1
    return links.pop() if links else ""


@cache
def _libical() -> Libical:
    return Libical()


def replayed(address: str, mails: Iterable[Received]) -> dict[str, Shown]:
    """The calendar of an address after these mails, by UID: put together by libical's iTIP, read
    by libical and by icalendar, which must agree. No mail may be obsolete when it arrives."""
    box = Mailbox(address)
    for mail in mails:
        assert box.take(mail.calendar) != OBSOLETE, (address, mail)
    return {uid: _shown(uid, data) for uid, data in box.entries.items()}


@cache  # an entry that stays is read once and not after every step
def _shown(uid: str, data: bytes) -> Shown:
    ((starts, ends),) = _libical()(data).values()
    assert by_icalendar(data) == {uid: (starts, ends)}
    (summary,) = _libical().summaries(data)
    return Shown(starts, ends, summary)


def newest(mails: Iterable[Received]) -> Mapping[str, Received]:
    """By UID the mail that comes last, which also is the one with the highest SEQUENCE."""
    found: dict[str, Received] = {}
    for mail in mails:
        held = found.get(mail.uid)
        assert held is None or (mail.sequence, mail.stamp) > (held.sequence, held.stamp), mail
        found[mail.uid] = mail
    return found
