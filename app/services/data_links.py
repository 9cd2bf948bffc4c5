"""Links to what is held about somebody everywhere: they go by mail, to the address itself.

A page of one cycle opens with a link that may have been passed on. What is held elsewhere, and
erasing it, is for whoever reads the mail of that address. Asking says the same whether there is
anything elsewhere or not.

A link is good for the address that it went to and ends with it: organizers change addresses, and
whoever reads the mail of one of before has not shown that the one of now is theirs.
"""

import hashlib
from datetime import datetime, timedelta

from sqlmodel import select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.errors import N_, Gone, NotFound
from app.models import DataLink, Message, Person
from app.services import outbox
from app.services.links import Links, Purpose

DATA_LINK_LASTS = timedelta(hours=1)
ASK_EVERY = timedelta(minutes=10)
"""How often at most somebody is sent such a link."""


def data_token(links: Links, link_id: str, email: str) -> str:
    """What opens a link that goes to this address."""
    return links.token(Purpose.DATA, link_id, _of_address(email))


def data_address(links: Links, link_id: str, email: str) -> str:
    """Where a link that goes to this address leads."""
    return links.url(f"/data/{data_token(links, link_id, email)}")


def _of_address(email: str) -> int:
    """An address in the place of a generation: it is signed with the link, and cannot be read."""
    return int(hashlib.sha256(address_key(email).encode()).hexdigest()[:32], 16)


def ask_for_everything(
    db: DbSession, person: Person, name: str, language: str, cycle_id: str, now: datetime
) -> Message | None:
    """Queues the mail with a link, in the cycle from whose page it was asked for; None where one
    was queued in the last ten minutes, or there is no address."""
    if not person.email:
        return None
    slot = int(now.timestamp() // ASK_EVERY.total_seconds())
    this, before = (f"{outbox.DATA_LINK}:{person.id}:{number}" for number in (slot, slot - 1))
    recent = select(Message.created_at).where(Message.intent.in_((this, before)))  # type: ignore[attr-defined]
    if any(now - at < ASK_EVERY for at in db.exec(recent)):
        return None
    link = DataLink(person_id=person.id, expires_at=now + DATA_LINK_LASTS)
    db.add(link)
    db.flush()
    return outbox.enqueue(
        db,
        kind=outbox.DATA_LINK,
        intent=this,
        to_name=name,
        to_address=person.email,
        language=language,
        context={"data_link_id": link.id, "person_id": person.id},
        cycle_id=cycle_id,
        expires_at=link.expires_at,
        now=now,
    )


def person_of_data_link(db: DbSession, links: Links, token: str, now: datetime) -> Person:
    """Whose data a link leads to.

    Raises:
        NotFound: not a link of ours, or nothing is held any more. Gone: it has expired, or went to
            an address that is theirs no more.
    """
    link_id, sent_to = links.read(Purpose.DATA, token)
    link = db.get(DataLink, link_id)
    person = db.get(Person, link.person_id) if link is not None else None
    if link is None or person is None:
        raise NotFound
    if link.expires_at <= now or not person.email or sent_to != _of_address(person.email):
        raise Gone(N_("This link has expired: it was good for an hour. Ask for a new one."))
    return person
