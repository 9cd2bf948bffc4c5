"""Mail that comes in: kept as it came, once, and put where it belongs, or before a person.

What comes in is not trusted. An answer counts for one guest: the one whose plus-tag it was sent to,
or who is the only one invited under the address that it comes from. It never changes a time, nor
what somebody else has said.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession, insert_unless_there
from app.domain.addresses import address_key
from app.domain.answers import Answer, AnswerSource, Given
from app.domain.ids import new_id
from app.mail.inbound import LIMIT, Bounce, Failed, Incoming, MailKind, ReadAnswer, headers, read
from app.models import Guest, InboundMail, Invitation, Message, Person, Session
from app.services.answers import give
from app.services.guests import keep, with_person

_MOST_BOUNCE = 300
_MOST_ERROR = 500

# Why a mail waits for a person (or was ignored); the first that holds is said.
STRANGER = "stranger"  # neither the sender nor the attendee is the guest
AMBIGUOUS = "ambiguous"  # it may be one's or another's
UNKNOWN_GUEST = "unknown-guest"
UNKNOWN_SESSION = "unknown-session"
DELEGATED = "delegated"
PROPOSES = "proposes"  # another time
NO_ANSWER = "no-answer"  # a REPLY that does not say yes, perhaps or no
UNKNOWN_BOUNCE = "unknown-bounce"  # of a mail that is not known to be ours
LETTER = "letter"
TOO_LARGE = "too-large"
UNREADABLE = "unreadable"
TEMPORARY = "temporary"
AUTOMATIC = "automatic"
_IN_ORDER = (
    STRANGER,
    AMBIGUOUS,
    UNKNOWN_GUEST,
    UNKNOWN_SESSION,
    DELEGATED,
    PROPOSES,
    NO_ANSWER,
)


@dataclass(slots=True)
class Outcome:
    """What became of a mail."""

    status: str  # placed, ignored, open
    reason: str = ""
    guest: Guest | None = None
    cycle_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


def receive(db: DbSession, raw: bytes, now: datetime, *, size: int | None = None) -> InboundMail:
    """Takes a mail in, at the aware instant `now`. The same mail again (by its Message-ID, else by
    its bytes) is the row of the first time, and changes nothing.

    Of a mail of more than 2 MiB the headers are kept. `size`: how long it is, where `raw` is its
    beginning only.
    """
    whole_size = len(raw) if size is None else size
    mail = read(raw)
    row_id = new_id()
    values = {
        "id": row_id,
        "created_at": now,
        "received_at": now,
        "key": mail.key,
        "kind": mail.kind.value,
        "status": "open",
        "reason": "",
        "sender": mail.sender,
        "subject": mail.subject,
        "details": {},
        "raw": headers(raw) if whole_size > LIMIT else raw,
        "settled_by": "",
    }
    statement = insert_unless_there(db, InboundMail, index_elements=["key"])
    db.connection().execute(statement.values(values))
    row = db.exec(select(InboundMail).where(InboundMail.key == mail.key)).one()
    if row.id != row_id:
        return row
    outcome = _outcome(db, mail, now, whole_size)
    row.status, row.reason = outcome.status, outcome.reason
    row.guest_id = outcome.guest.id if outcome.guest else None
    row.cycle_id = outcome.guest.cycle_id if outcome.guest else outcome.cycle_id
    row.details = outcome.details
    db.add(row)
    db.flush()
    return row


def receive_from(db: DbSession, source: IO[bytes], now: datetime) -> str:
    """Takes in the mail that a stream holds, and says in one line what became of it."""
    raw = source.read(LIMIT + 1)
    size = len(raw)
    while more := source.read(LIMIT):  # whoever writes it shall be rid of it
        size += len(more)
    row = receive(db, raw, now, size=size)
    became = f"{row.kind}: {row.status}" + (f" ({row.reason})" if row.reason else "")
    return became if row.received_at == now else f"{became}, as it came before"


def _outcome(db: DbSession, mail: Incoming, now: datetime, size: int) -> Outcome:
    if size > LIMIT:
        outcome = _somebodys(db, mail, "open", TOO_LARGE)
        outcome.details = {"size": size}
        return outcome
    match mail.kind:
        case MailKind.REPLY:
            return _reply(db, mail, now)
        case MailKind.BOUNCE if mail.bounce is not None:
            return _bounce(db, mail.bounce, now)
        case MailKind.AUTOMATIC:
            return _somebodys(db, mail, "ignored", AUTOMATIC)
        case _:
            return _somebodys(db, mail, "open", LETTER if mail.whole else UNREADABLE)


def _somebodys(db: DbSession, mail: Incoming, status: str, reason: str) -> Outcome:
    guests = _tagged(db, mail.tags)
    return Outcome(status, reason, guests[0] if len(guests) == 1 else None)


def _tagged(db: DbSession, tags: Collection[str]) -> list[Guest]:
    if not tags:
        return []
    query = select(Guest).where(col(Guest.reply_code).in_(tags)).options(*with_person())
    return list(db.exec(query))


# Answers.


def _reply(db: DbSession, mail: Incoming, now: datetime) -> Outcome:
    uids = {answer.uid for answer in mail.answers}
    cycle_id = db.exec(select(Session.cycle_id).where(col(Session.uid).in_(uids))).first()
    guests = _tagged(db, mail.tags)
    by_tag = bool(guests)
    if not guests:
        guests = _invited_at(db, uids, address_key(mail.sender))
    if len(guests) == 1 and not keep(db, guests[0].id):
        guests = []  # two became one at this moment: a person looks whose it is
    if len(guests) != 1:
        said = AMBIGUOUS if guests else UNKNOWN_GUEST
        details = {"answers": [_written(a, said) for a in mail.answers]}
        return Outcome("open", said, None, cycle_id, details)
    return answer_for(db, mail, guests[0], now, by_tag=by_tag)


def _invited_at(db: DbSession, uids: Collection[str], sender: str) -> list[Guest]:
    """The guests who were invited to these sessions at this address, or have it now."""
    if not sender:
        return []
    query = (
        select(Guest, Invitation.address)
        .join(Invitation, col(Invitation.guest_id) == col(Guest.id))
        .join(Person, col(Person.id) == col(Guest.person_id))
        .where(col(Invitation.uid).in_(uids))
        .options(*with_person())
    )
    found = {
        guest.id: guest
        for guest, address in db.exec(query)
        if sender in (guest.person.email_key, address_key(address))
    }
    return list(found.values())


def answer_for(
    db: DbSession,
    mail: Incoming,
    guest: Guest,
    now: datetime,
    *,
    by_tag: bool,
    by_hand: bool = False,
) -> Outcome:
    """Takes a mail's answers as this guest's, whose person is loaded and who must be kept
    (`guests.keep`); `now` is when it came in.

    `by_tag`: it was sent to the guest's own address, so that one who answers from another of their
    addresses is believed if the attendee is the guest. `by_hand`: an organizer says whose it is,
    so that who sent it no longer matters.
    """
    uids = {answer.uid for answer in mail.answers}
    query = (
        select(Invitation)
        .where(Invitation.guest_id == guest.id, col(Invitation.uid).in_(uids))
        .order_by(col(Invitation.id))
    )
    invitations = {invitation.uid: invitation for invitation in db.exec(query)}
    own = {address_key(invitation.address) for invitation in invitations.values()}
    own = {key for key in (*own, guest.person.email_key) if key}
    strangers = _of_others(db, mail, guest)
    details, reasons = [], []
    for uid in sorted(uids, key=lambda each: invitations[each].id if each in invitations else ""):
        entries = [answer for answer in mail.answers if answer.uid == uid]
        entry = _guests_own(entries, own, by_hand=by_hand)
        sender, attendee = address_key(mail.sender), address_key(entry.attendee if entry else "")
        believed = sender in own or (by_tag and attendee in own)
        if uid not in invitations:
            reason = UNKNOWN_SESSION
        elif entry is None:
            reason = AMBIGUOUS
        elif not by_hand and (not believed or {sender, attendee} & strangers):
            reason = STRANGER
        else:
            reason = _taken(db, invitations[uid], entry, mail.date, now)
        details += [_written(answer, reason) for answer in ([entry] if entry else entries)]
        if reason in _IN_ORDER:
            reasons.append(reason)
    first = min(reasons, key=_IN_ORDER.index, default="")
    return Outcome("open" if first else "placed", first, guest, None, {"answers": details})


def _of_others(db: DbSession, mail: Incoming, guest: Guest) -> set[str]:
    """Which of the addresses in a mail belong to somebody else who is known."""
    keys = {address_key(mail.sender), *(address_key(a.attendee) for a in mail.answers)} - {""}
    query = select(Person.email_key).where(
        col(Person.email_key).in_(keys), Person.id != guest.person_id
    )
    return {key for key in db.exec(query) if key}


def _guests_own(
    entries: list[ReadAnswer], own: Collection[str], *, by_hand: bool
) -> ReadAnswer | None:
    """Which of several attendees is the guest; the only one, whoever it names."""
    named = [entry for entry in entries if address_key(entry.attendee) in own]
    if by_hand and not named:
        named = [entry for entry in entries if entry.partstat.lower() in set(Answer)]
    if named:
        return named[0]
    return entries[0] if len(entries) == 1 else None


def _taken(
    db: DbSession, invitation: Invitation, entry: ReadAnswer, date: datetime | None, now: datetime
) -> str:
    """Takes one answer: why a person has to look at it, or "taken", or "older" where one that is
    held counts for more."""
    said = entry.partstat.lower()
    # Who wants another time has not agreed to this one, whatever the program writes.
    answers = said in set(Answer) and not (entry.method == "COUNTER" and said == Answer.ACCEPTED)
    became = ""
    if answers:
        at = min(entry.stamp or date or now, now)
        given = Given(Answer(said), at, entry.sequence, AnswerSource.MAIL, entry.comment)
        became = "taken" if give(db, invitation.id, given) else "older"
    if entry.proposes:
        return PROPOSES
    if said == "delegated":
        return DELEGATED
    return became or NO_ANSWER


def _written(answer: ReadAnswer, became: str) -> dict[str, Any]:
    return {
        "uid": answer.uid,
        "method": answer.method,
        "partstat": answer.partstat,
        "attendee": answer.attendee,
        "sequence": answer.sequence,
        "stamp": answer.stamp.isoformat() if answer.stamp else "",
        "comment": answer.comment,
        "became": became,
    }


# Mails that came back.


def _bounce(db: DbSession, bounce: Bounce, now: datetime) -> Outcome:
    """Notes that an address does not take mail. Only a mail that quotes a Message-ID of ours, or a
    guest's own address, is believed: anybody can write that somebody cannot be reached."""
    final = [failed for failed in bounce.failed if failed.final]
    details = {
        "failed": [
            {"address": f.address, "status": f.status, "diagnostic": f.diagnostic}
            for f in bounce.failed
        ]
    }
    messages = _ours(db, bounce.message_ids)
    guests = [] if messages else _tagged(db, bounce.tags)
    guest = guests[0] if len(guests) == 1 else None
    cycle_id = messages[0].cycle_id if messages else None
    if not final:
        return Outcome("ignored", TEMPORARY, guest, cycle_id, details)
    for message in messages:
        if message.status in ("queued", "sent"):
            message.status = "bounced"
            message.last_error = f"bounced: {_words(final[0])}"[:_MOST_ERROR]
            db.add(message)
    failed_at = {address_key(failed.address) for failed in final}
    if messages:
        failed_at = {address_key(message.to_address) for message in messages}
        guest_ids = {message.guest_id for message in messages if message.guest_id}
        guest = db.get(Guest, guest_ids.pop()) if len(guest_ids) == 1 else None
    elif guest is None or guest.person.email_key not in failed_at:
        known = "open" if any(failed.permanent for failed in final) else "ignored"
        return Outcome(known, UNKNOWN_BOUNCE, guest, None, details)
    for failed in final:
        if failed.permanent:
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
