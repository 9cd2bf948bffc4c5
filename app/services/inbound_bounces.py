"""Mails that came back."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.mail.inbound import Bounce, Failed
from app.models import Guest, Message, Person
from app.services.guests import keep
from app.services.inbound_outcomes import TEMPORARY, UNKNOWN_BOUNCE, Outcome, tagged

_MOST_BOUNCE = 300
_MOST_ERROR = 500
_MOST_LOOKED_AT = 20


def take_bounce(db: DbSession, bounce: Bounce, now: datetime) -> Outcome:
    """Notes that an address does not take mail, at the aware instant `now`.

    Only a mail that quotes a Message-ID of ours is believed, or one of a machine that quotes a
    guest's own address for replies and names theirs: anybody can write that somebody cannot be
    reached. One without a delivery status must name the address that the mail went to: it may be
    a letter about something else.
    """
    final = [failed for failed in bounce.failed if failed.final]
    details = {
        "failed": [
            {"address": f.address, "status": f.status, "diagnostic": f.diagnostic}
            for f in bounce.failed
        ]
    }
    failed_at = {address_key(failed.address) for failed in final}
    messages = _ours(db, bounce.message_ids)
    if not bounce.formal:
        messages = [m for m in messages if not final or address_key(m.to_address) in failed_at]
    guests = [] if messages else tagged(db, bounce.tags)
    guest = guests[0] if len(guests) == 1 else None
    if guest and final and bounce.from_machine and guest.person.email_key in failed_at:
        # A server on the way has given it another Message-ID. Of other addresses it says nothing
        # that is believed: whoever has a mail of ours knows where answers to it go.
        failed_at = {guest.person.email_key}
        final = [failed for failed in final if address_key(failed.address) in failed_at]
        messages = _last_sent(db, guest, guest.person.email_key)
        believed = True
    else:
        believed = bool(messages)
    cycle_id = messages[0].cycle_id if messages else None
    if not final:
        return Outcome("ignored", TEMPORARY, guest, cycle_id, details)
    for message in messages:
        if message.status in ("queued", "sent"):
            message.status = "bounced"
            message.last_error = f"bounced: {_words(final[0])}"[:_MOST_ERROR]
            db.add(message)
    if messages:
        failed_at = {address_key(message.to_address) for message in messages}
        guest_ids = {message.guest_id for message in messages if message.guest_id}
        guest = db.get(Guest, guest_ids.pop()) if len(guest_ids) == 1 else None
    if not believed:
        known = "open" if any(failed.permanent for failed in final) else "ignored"
        return Outcome(known, UNKNOWN_BOUNCE, guest, None, details)
    for failed in final:
        if failed.wrong:
            _mark(db, failed_at, failed, now)
            break
    return Outcome("placed", "", guest, cycle_id, details)


def _ours(db: DbSession, message_ids: Collection[str]) -> list[Message]:
    if not message_ids:
        return []
    ours = col(Message.message_id).in_(message_ids)
    # Before them whom they went to, who will be changed and referred to: see `services.schedules`.
    found = db.exec(select(Message.to_address, Message.guest_id).where(ours)).all()
    _hold_people(db, {address_key(address) for address, _ in found})
    keep(db, *(guest_id for _, guest_id in found if guest_id))
    query = select(Message).where(ours).order_by(col(Message.id)).with_for_update()
    return list(db.exec(query.execution_options(populate_existing=True)))


def _hold_people(db: DbSession, keys: Collection[str]) -> None:
    query = select(Person.id).where(col(Person.email_key).in_(keys)).order_by(col(Person.id))
    db.exec(query.with_for_update(key_share=True)).all()


def _last_sent(db: DbSession, guest: Guest, key: str) -> list[Message]:
    """The newest mail that went to a guest at this address."""
    _hold_people(db, {key})
    keep(db, guest.id)
    query = (
        select(Message)
        .where(Message.guest_id == guest.id, Message.status == "sent")
        .order_by(col(Message.sent_at).desc(), col(Message.id).desc())
        .limit(_MOST_LOOKED_AT)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return [m for m in db.exec(query) if address_key(m.to_address) == key][:1]


def _mark(db: DbSession, keys: Collection[str], failed: Failed, now: datetime) -> None:
    """By a statement of its own: nothing that others see or edit of a person has changed, so no
    revision of theirs, or of the sessions that they speak in, goes up."""
    values = {"bounced_at": now, "bounce": _words(failed)[:_MOST_BOUNCE]}
    db.connection().execute(update(Person).where(col(Person.email_key).in_(keys)).values(values))


def _words(failed: Failed) -> str:
    return (
        failed.diagnostic
        if failed.status in failed.diagnostic
        else (f"{failed.status} {failed.diagnostic}".strip())
    )
