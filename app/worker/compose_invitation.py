"""The mails that keep calendars right: from a row of the outbox to REQUEST or CANCEL.

All that such a mail says is in the row, in a release, which never changes, and in the reader's
rows, so the same row gives the same bytes by the same zone data, whenever it is written: a repeat
is one for everybody who gets it. What many readers share is written once and kept (`Kept`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, select
from sqlmodel import col

from app.calendar import itip
from app.calendar.values import Event, Invite
from app.db import DbSession
from app.domain.enrolment import EnrolmentStatus
from app.domain.faces import own_segments
from app.domain.guests import Manner, written_to
from app.domain.invitations import Method
from app.domain.schedule import PartStatus
from app.domain.text import LANGUAGES
from app.mail.addresses import ascii_domain
from app.mail.failures import Reason, SendError
from app.mail.frames import LINK, NAME
from app.mail.invitations import build_invitation, reply_address
from app.mail.rendering import greeting_name
from app.mail.values import Mail, Sender
from app.models import Cycle, Enrolment, Guest, MailText, Message, Part, Person
from app.services.invitation_words import About, Words, words_of
from app.services.links import Links
from app.services.outbox import CANCEL, INVITATION_KINDS, UPDATE
from app.worker.kept import Kept, Released


class _Reader(NamedTuple):
    """Who reads it, with an organizer's words for this kind of mail and language."""

    person_id: str
    reply_code: str
    guest_generation: int
    person_zone: str
    enrolment_id: str | None
    enrolment_status: str | None
    enrolment_generation: int | None
    enrolment_zone: str | None
    contact: str
    cycle_zone: str
    cycle_revision: int
    own_subject: str | None
    own_text: str | None

    @property
    def participates(self) -> bool:
        return self.enrolment_status == EnrolmentStatus.CONFIRMED

    @property
    def zone(self) -> str:
        return written_to(
            Manner(zone=self.person_zone),
            Manner(zone=self.enrolment_zone or ""),
            Manner(zone=self.cycle_zone),
            participates=self.participates,
        ).zone


_READERS = (
    select(
        col(Guest.id),
        col(Guest.person_id),
        col(Guest.reply_code),
        col(Guest.link_generation),
        col(Person.zone),
        col(Enrolment.id),
        col(Enrolment.status),
        col(Enrolment.link_generation),
        col(Enrolment.zone),
        col(Cycle.contact_email),
        col(Cycle.zone),
        col(Cycle.revision),
        col(MailText.subject),
        col(MailText.text),
    )
    .select_from(Guest)
    .join(Person, col(Person.id) == col(Guest.person_id))
    .join(Cycle, col(Cycle.id) == col(Guest.cycle_id))
    .outerjoin(
        Enrolment,
        and_(
            col(Enrolment.cycle_id) == col(Guest.cycle_id),
            col(Enrolment.person_id) == col(Guest.person_id),
        ),
    )
    .outerjoin(
        MailText,
        and_(
            col(MailText.cycle_id) == col(Guest.cycle_id),
            col(MailText.kind) == bindparam("kind"),
            col(MailText.language) == bindparam("language"),
        ),
    )
    .where(col(Guest.id).in_(bindparam("guest_ids", expanding=True)))
)


_DECLINED = select(col(Part.id)).where(
    col(Part.session_id) == bindparam("session_id"),
    col(Part.person_id) == bindparam("person_id"),
    col(Part.status) == PartStatus.DECLINED,
)


def compose_invitation(
    db: DbSession, links: Links, sender: Sender, message: Message, kept: Kept
) -> Mail:
    """The mail of a row of a kind ``invitation…``. One query, unless its reader was read ahead; one
    more for somebody on the programme, and two more for each release that is not kept yet.

    Raises:
        SendError: final, where the guest, the release or the session is gone, or the address
            cannot be used.
    """
    context = message.context
    language = _language(message)
    reader = _reader(db, message, kept)
    partstat = context.get("partstat") or "NEEDS-ACTION"
    number = int(context.get("release", message.release_number))
    cycle_id = str(message.cycle_id)
    session_id = str(context.get("session_id", message.session_id))
    revision = reader.cycle_revision if reader else None
    released = kept.release(db, cycle_id, number, revision)
    if reader is None or released is None or session_id not in released.sessions:
        raise SendError(Reason.GONE, final=True)
    declined = _declined(db, message, reader, released, session_id)
    # Anybody can enrol any address under any name: what looks like a message is not passed on.
    name = greeting_name(message.to_name)
    try:
        address = ascii_domain(message.to_address)
    except ValueError as error:
        raise SendError(Reason.ADDRESS, final=True) from error
    about = About.of(
        message.kind,
        language,
        {**context, "session_id": session_id},
        cycle_id=cycle_id,
        release=number,
        zone=reader.zone,
        speaker="" if declined is None else reader.person_id,
        declined=declined or frozenset(),
        contact=reader.contact,
        own_subject=reader.own_subject or "",
        own_text=reader.own_text or "",
        named=bool(name),
    )
    words = kept.once(about, Words, lambda: _words(db, kept, about, released))
    page = _page(links, reader, str(context["guest_id"]), speaks=about.speaker != "")
    replies = reply_address(sender, context.get("reply_code") or reader.reply_code)
    method = Method(context["method"])
    invite = Invite(
        _event(words, page, context, replies, sender),
        address=address,
        name=name,
        partstat=partstat,
    )
    return build_invitation(
        words.frame,
        {NAME: name, LINK: page},
        itip.message(method, invite),
        method=method.value,
        sender=sender,
        to_name=name,
        to_address=message.to_address,
        reply_to=replies,
        message_id=message.message_id,
        date=message.created_at,
        language=language,
    )


def read_ahead(db: DbSession, messages: Iterable[Message], kept: Kept) -> None:
    """Reads the readers of many mails at once, for those that are made next."""
    kept.readers.clear()
    groups = defaultdict(set)
    for message in messages:
        if message.kind in INVITATION_KINDS:
            groups[message.kind, _language(message)].add(_guest_id(message))
    for (kind, language), guest_ids in groups.items():
        for guest_id, reader in _readers(db, guest_ids, kind, language):
            kept.readers[guest_id, kind, language] = reader


def _reader(db: DbSession, message: Message, kept: Kept) -> _Reader | None:
    guest_id, language = _guest_id(message), _language(message)
    found = kept.readers.get((guest_id, message.kind, language))
    if isinstance(found, _Reader):
        return found
    return dict(_readers(db, [guest_id], message.kind, language)).get(guest_id)


def _readers(
    db: DbSession, guest_ids: Collection[str], kind: str, language: str
) -> Iterator[tuple[str, _Reader]]:
    wanted = {"guest_ids": list(guest_ids), "kind": kind, "language": language}
    for guest_id, *row in db.connection().execute(_READERS, wanted):
        yield guest_id, _Reader(*row)


def _guest_id(message: Message) -> str:
    return str(message.context.get("guest_id", message.guest_id))


def _language(message: Message) -> str:
    return message.language if message.language in LANGUAGES else LANGUAGES[0]


def _declined(
    db: DbSession, message: Message, reader: _Reader, released: Released, session_id: str
) -> frozenset[str] | None:
    """The parts in this session that the mail does not speak of, as they were declined; None for
    somebody who has no other there."""
    if reader.person_id not in released.cast[session_id]:
        return None
    wanted = {"session_id": session_id, "person_id": reader.person_id}
    # By now the draft may have dropped one that was declined when this was issued.
    declined = frozenset(db.connection().execute(_DECLINED, wanted).scalars())
    declined |= frozenset(message.context.get("declined", ()))
    session = released.sessions[session_id]
    return declined if own_segments(session, reader.person_id, declined) else None


def _words(db: DbSession, kept: Kept, about: About, released: Released) -> Words:
    earlier = None
    if about.was_release and about.kind in (UPDATE, CANCEL):
        before = kept.release(db, about.cycle_id, about.was_release)
        earlier = before.stored if before else None
    return words_of(about, released.schedule, released.sessions[about.session_id], earlier)


def _page(links: Links, reader: _Reader, guest_id: str, *, speaks: bool) -> str:
    """The address of their own page: that of a participant, unless they have a part in it."""
    if speaks or not reader.participates or reader.enrolment_id is None:
        return links.part(guest_id, reader.guest_generation)
    return links.my(reader.enrolment_id, reader.enrolment_generation or 1)


def _event(
    words: Words, page: str, context: Mapping[str, Any], replies: str, sender: Sender
) -> Event:
    event = words.event
    join = page + words.join
    return replace(
        event,
        sequence=int(context["sequence"]),
        stamp=datetime.fromisoformat(context["stamp"]),
        created=datetime.fromisoformat(context.get("created") or context["stamp"]),
        description=event.description.replace(LINK, page),
        location=event.location and join,
        url=event.url and join,
        conference=event.conference and join,
        organizer_name=event.organizer_name or sender.name,
        organizer_address=replies,
    )
