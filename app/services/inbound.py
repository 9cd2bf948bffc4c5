"""Mail that comes in: kept as it came, once, and put where it belongs, or before a person.

What comes in is not trusted. An answer counts for one guest: the one whose own address, with its
plus-tag, it was sent to, from an address that is known as theirs. Nobody else knows the tag; a
sender is what anybody can write. It never changes a time, nor what somebody else has said.
"""

from collections.abc import Collection
from datetime import datetime
from typing import IO, Any

from sqlmodel import col, select

from app.db import DbSession, insert_unless_there
from app.domain.addresses import address_key
from app.domain.answers import Answer, AnswerSource, Given
from app.domain.ids import new_id
from app.mail.inbound import (
    LIMIT,
    Incoming,
    MailKind,
    ReadAnswer,
    headers,
    read,
    without_links,
)
from app.models import Guest, InboundMail, Invitation, Person, Session
from app.services.answers import give
from app.services.guests import keep, with_person
from app.services.inbound_bounces import take_bounce
from app.services.inbound_outcomes import (
    AMBIGUOUS,
    AUTOMATIC,
    DELEGATED,
    IN_ORDER,
    LETTER,
    NO_ANSWER,
    PROPOSES,
    STRANGER,
    TOO_LARGE,
    UNFETCHED,
    UNKNOWN_GUEST,
    UNKNOWN_SESSION,
    UNREADABLE,
    UNTAGGED,
    Outcome,
    tagged,
)

_MOST_ALIASES = 20
_MOST_KEY = 230  # characters, beside a digest
_MOST_SAID = 300
_MOST_KEPT = 256 * 1024  # bytes of a large mail that holds an answer: calendars come first


Opened = tuple[bytes, Incoming]
"""A mail without links of ours, and what it says."""


def opened(raw: bytes) -> Opened:
    """Reads a mail for `receive`, which may take seconds and needs no database: whoever has no
    transaction open yet does this first, so that on SQLite nobody waits for it."""
    kept = without_links(raw[: LIMIT + 1])
    return kept, read(kept)


def receive(
    db: DbSession,
    raw: bytes,
    now: datetime,
    *,
    size: int | None = None,
    found: Opened | None = None,
) -> InboundMail:
    """Takes a mail in, at the aware instant `now`. The same mail again (by its Message-ID, else by
    its bytes) is the row of the first time, and changes nothing.

    Personal links of ours that it quotes are made useless. Of a mail of more than 2 MiB the headers
    are kept, and the beginning if it holds an answer. `size`: how long it is, where `raw` is its
    beginning only; `found`: what `opened` makes of it.
    """
    whole_size = len(raw) if size is None else size
    raw, mail = found or opened(raw)
    large = whole_size > LIMIT
    kept = raw[: _MOST_KEPT if mail.kind is MailKind.REPLY else 0] or headers(raw)
    values = {
        "created_at": now,
        "received_at": now,
        "kind": mail.kind.value,
        "status": "open",
        "reason": "",
        "sender": mail.sender,
        "subject": mail.subject,
        "digest": mail.digest,
        "details": {},
        "shown": _shown(mail),
        "raw": kept if large else raw,
        "settled_by": "",
    }
    row, made = _once(db, mail.key, values)
    if row.digest not in ("", mail.digest):
        row, made = _once(db, f"{mail.key[:_MOST_KEY]}#{mail.digest}", values)
    if not made:
        return row
    _settle(db, row, _outcome(db, mail, now, whole_size))
    return row


def could_not_fetch(db: DbSession, mailbox: str, uid: int, said: str, now: datetime) -> InboundMail:
    """Notes, once, that a mail server does not hand over one of its mails. `mailbox` tells apart
    what UIDs are counted in."""
    values = {
        "created_at": now,
        "received_at": now,
        "kind": MailKind.OTHER.value,
        "status": "open",
        "reason": UNFETCHED,
        "sender": "",
        "subject": "",
        "digest": "",
        "details": {"uid": uid, "said": said[:_MOST_SAID]},
        "shown": {},
        "raw": b"",
        "settled_by": "",
    }
    return _once(db, f"imap:{mailbox[:200]}:{uid}", values)[0]


def _once(db: DbSession, key: str, values: dict[str, Any]) -> tuple[InboundMail, bool]:
    """The row with this key, and whether it is new."""
    row_id = new_id()
    statement = insert_unless_there(db, InboundMail, index_elements=["key"])
    db.connection().execute(statement.values(values | {"id": row_id, "key": key}))
    row = db.exec(select(InboundMail).where(InboundMail.key == key)).one()
    return row, row.id == row_id


def _settle(db: DbSession, row: InboundMail, outcome: Outcome) -> None:
    row.status, row.reason = outcome.status, outcome.reason
    row.guest_id = outcome.guest.id if outcome.guest else None
    row.cycle_id = outcome.guest.cycle_id if outcome.guest else outcome.cycle_id
    row.details = outcome.details
    db.add(row)
    db.flush()


def _shown(mail: Incoming) -> dict[str, Any]:
    return {"headers": list(mail.headers), "text": mail.text, "calendar": mail.calendar}


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
    match mail.kind:
        case MailKind.REPLY:
            return _reply(db, mail, now)
        case MailKind.BOUNCE if mail.bounce is not None:
            return take_bounce(db, mail.bounce, now)
        case MailKind.AUTOMATIC:
            return _somebodys(db, mail, "ignored", AUTOMATIC)
        case _ if size > LIMIT:
            outcome = _somebodys(db, mail, "open", TOO_LARGE)
            outcome.details = {"size": size}
            return outcome
        case _:
            return _somebodys(db, mail, "open", LETTER if mail.whole else UNREADABLE)


def _somebodys(db: DbSession, mail: Incoming, status: str, reason: str) -> Outcome:
    guests = tagged(db, mail.tags)
    return Outcome(status, reason, guests[0] if len(guests) == 1 else None)


# Answers.


def _reply(db: DbSession, mail: Incoming, now: datetime) -> Outcome:
    uids = {answer.uid for answer in mail.answers}
    cycle_id = db.exec(select(Session.cycle_id).where(col(Session.uid).in_(uids))).first()
    guests = tagged(db, mail.tags)
    if len(guests) == 1 and not keep(db, guests[0].id):
        guests = []  # two became one at this moment: a person looks whose it is
    if len(guests) == 1:
        return answer_for(db, mail, guests[0], now)
    said = AMBIGUOUS
    if not guests:
        guests = invited_at(db, uids, address_key(mail.sender))
        said = UNTAGGED if guests else UNKNOWN_GUEST
    details = {"answers": [_written(a, said) for a in mail.answers]}
    return Outcome("open", said, guests[0] if len(guests) == 1 else None, cycle_id, details)


def invited_at(db: DbSession, uids: Collection[str], key: str) -> list[Guest]:
    """The guests who were invited to these sessions at this address, or have it now; with their
    persons."""
    if not key:
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
        if key in (guest.person.email_key, address_key(address))
    }
    return list(found.values())


def answer_for(
    db: DbSession,
    mail: Incoming,
    guest: Guest,
    now: datetime,
    *,
    by_hand: bool = False,
) -> Outcome:
    """Takes a mail's answers as this guest's, whose person is loaded and who must be kept
    (`guests.keep`); `now` is when it came in.

    It was sent to the guest's own address. Who sent it must be the guest too: their address, one to
    which we wrote, or one from which an organizer has taken an answer of theirs. Whom it names as
    the attendee does not matter then, unless that is somebody else who is known. `by_hand`: an
    organizer says whose it is, so that who sent it no longer matters.
    """
    uids = {answer.uid for answer in mail.answers}
    query = (
        select(Invitation)
        .where(Invitation.guest_id == guest.id, col(Invitation.uid).in_(uids))
        .order_by(col(Invitation.id))
    )
    invitations = {invitation.uid: invitation for invitation in db.exec(query)}
    own = {address_key(invitation.address) for invitation in invitations.values()}
    own = {key for key in (*own, guest.person.email_key, *guest.aliases) if key}
    strangers = _of_others(db, mail, guest)
    details, reasons = [], []
    for uid in sorted(uids, key=lambda each: invitations[each].id if each in invitations else ""):
        entries = [answer for answer in mail.answers if answer.uid == uid]
        entry = _guests_own(entries, own, by_hand=by_hand)
        sender, attendee = address_key(mail.sender), address_key(entry.attendee if entry else "")
        if uid not in invitations:
            reason = UNKNOWN_SESSION
        elif entry is None:
            reason = AMBIGUOUS
        elif not by_hand and (sender not in own or {sender, attendee} & strangers):
            reason = STRANGER
        else:
            reason = _taken(db, invitations[uid], entry, mail.date, now)
        details += [_written(answer, reason) for answer in ([entry] if entry else entries)]
        if reason in IN_ORDER:
            reasons.append(reason)
    first = min(reasons, key=IN_ORDER.index, default="")
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
    if not named and len({address_key(entry.attendee) for entry in entries}) == 1:
        named = entries
    # Of several events the newest; one without a SEQUENCE answers the last that was issued.
    return max(named, key=_newest, default=None)


def _newest(entry: ReadAnswer) -> tuple[bool, int, bool, float]:
    stamp = entry.stamp.timestamp() if entry.stamp else 0.0
    return entry.sequence is None, entry.sequence or 0, entry.stamp is not None, stamp


def remember_sender(db: DbSession, guest: Guest, sender: str) -> None:
    """An organizer has taken an answer from this address as the guest's: the next from there is
    theirs too. Not if it is another person's."""
    key = address_key(sender)
    owner = db.exec(select(Person.id).where(Person.email_key == key)).first() if key else None
    if key and owner is None and key not in guest.aliases:
        guest.aliases = [*guest.aliases, key][-_MOST_ALIASES:]
        db.flush()


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
        sequence = invitation.sequence if entry.sequence is None else entry.sequence
        sent = min(date or at, now)
        given = Given(Answer(said), at, sequence, AnswerSource.MAIL, entry.comment, sent)
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
