"""The outbox: mails as rows, written in the same transaction as the fact they tell of.

A row says what its mail is about. The text is made by the worker when it is sent, so no link that
opens something stands in the database.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, update
from sqlalchemy.exc import InvalidRequestError
from sqlmodel import col, func, select

from app.db import DbSession, insert_unless_there
from app.domain.errors import N_, Clash, NotFound
from app.domain.ids import new_id
from app.domain.permissions import Permission
from app.domain.text import localized
from app.models import Certificate, Cycle, Enrolment, Guest, Invitation, Message, Person
from app.services.access import refuse_elsewhere
from app.services.actor import Actor
from app.services.rows import find, hold

SIGN_IN = "sign-in"
DATA_LINK = "data-link"
TEAM = "team-invitation"
NEW_ADDRESS = "new-address"
ADDRESS_CHANGED = "address-changed"
ACCOUNT_CHANGED = "account-changed"
PRIVATE_KINDS = (SIGN_IN, TEAM, DATA_LINK, NEW_ADDRESS, ADDRESS_CHANGED)
"""Whoever reads one of these mails could be somebody else. They are shown to nobody."""
ACCOUNT_KINDS = (SIGN_IN, TEAM, NEW_ADDRESS, ADDRESS_CHANGED, ACCOUNT_CHANGED)
"""Mails to whoever has an account, or is to have one; of no cycle."""
ENROLMENT_KINDS = (
    "enrolment-confirmed",
    "enrolment-pending",
    "enrolment-waitlisted",
    "enrolment-link",
)
INVITATION = "invitation"
UPDATE = "invitation-update"
CANCEL = "invitation-cancel"
INVITATION_KINDS = (INVITATION, UPDATE, CANCEL)
PART_KINDS = ("part-request", "part-reminder")
CERTIFICATE = "certificate"
KINDS = (
    *ENROLMENT_KINDS,
    SIGN_IN,
    TEAM,
    NEW_ADDRESS,
    ADDRESS_CHANGED,
    ACCOUNT_CHANGED,
    *INVITATION_KINDS,
    *PART_KINDS,
    "reminder",
    "follow-up",
    CERTIFICATE,
    DATA_LINK,
)
_WITH_LINKS = (*ENROLMENT_KINDS, *PART_KINDS, "reminder", "follow-up", CERTIFICATE, DATA_LINK)
_NAMED = ("person", "enrolment", "certificate")
"""Whom, or what of theirs, the context of a mail names."""
STATUSES = ("queued", "sent", "failed", "expired", "superseded", "bounced")
LEASE = timedelta(minutes=5)
"""For so long a worker has a mail that it has taken; others take it only then."""
FAR = LEASE + timedelta(minutes=1)
"""A lease that ends later than in this time was written by a clock that was wrong, and does not
hold. The minute is for clocks that differ a little."""
_CHUNK = 1_000


def prepare(
    *,
    kind: str,
    intent: str,
    to_name: str,
    to_address: str,
    language: str,
    context: Mapping[str, Any],
    cycle_id: str | None = None,
    guest_id: str | None = None,
    session_id: str | None = None,
    release_number: int = 0,
    lane: str = "",
    rank: int = 0,
    expires_at: datetime | None = None,
    due_at: datetime | None = None,
    now: datetime,
) -> dict[str, Any]:
    """The values of one mail for `enqueue_many`; all instants are aware UTC.

    `lane`: of the mails with one lane the newest replaces those that still wait, and none overtakes
    another; the newest is that of the highest `rank`, of several the one that was prepared last.
    That goes by clocks, so where several machines prepare them the rank must tell. `expires_at`: of
    no use from then on. `due_at`: not before then; None: at once.
    """
    if kind not in KINDS:
        raise ValueError(f"no such kind of mail: {kind!r}")
    message_id = new_id()
    return {
        "id": message_id,
        "created_at": now,
        "intent": intent,
        # The worker completes it to <id@domain> when it takes the row for the first time.
        "message_id": message_id,
        "kind": kind,
        "cycle_id": cycle_id,
        "to_name": to_name[:200],
        "to_address": to_address,
        "language": language,
        "context": dict(context),
        "guest_id": guest_id,
        "session_id": session_id,
        "release_number": release_number,
        "lane": lane,
        "rank": rank,
        "expires_at": expires_at,
        "status": "queued",
        "due_at": now if due_at is None else due_at,
    }


def enqueue_many(db: DbSession, rows: Iterable[Mapping[str, Any]]) -> int:
    """Queues what `prepare` made, thousands at a time; how many of them are new. What is there
    already under the same intent stays as it is and is not counted."""
    db.flush()  # what they are about may be as new as they are
    # In one order for everybody, so that two who queue the same mails never wait for each other.
    ordered = sorted(rows, key=lambda row: str(row["intent"]))
    statement = insert_unless_there(db, Message, index_elements=["intent"])
    connection, added = db.connection(), 0
    for start in range(0, len(ordered), _CHUNK):
        chunk = [dict(row) for row in ordered[start : start + _CHUNK]]
        connection.execute(statement, chunk)
        # Counted afterwards: of many rows PostgreSQL's driver does not say how many there were.
        ours = col(Message.id).in_([row["id"] for row in chunk])
        added += db.exec(select(func.count()).select_from(Message).where(ours)).one()
    return added


def enqueue(
    db: DbSession,
    *,
    kind: str,
    intent: str,
    to_name: str,
    to_address: str,
    language: str,
    context: Mapping[str, Any],
    cycle_id: str | None = None,
    guest_id: str | None = None,
    session_id: str | None = None,
    release_number: int = 0,
    lane: str = "",
    rank: int = 0,
    expires_at: datetime | None = None,
    due_at: datetime | None = None,
    now: datetime,
) -> Message:
    """Queues one mail for what `intent` names (at most 200 characters); with the same intent
    again the first one is given back and nothing is added. The rest is as in `prepare`.

    The database decides, without an error that would end the transaction: of two transactions
    with one intent the second waits for the first and then finds its row.
    """
    values = prepare(
        kind=kind,
        intent=intent,
        to_name=to_name,
        to_address=to_address,
        language=language,
        context=context,
        cycle_id=cycle_id,
        guest_id=guest_id,
        session_id=session_id,
        release_number=release_number,
        lane=lane,
        rank=rank,
        expires_at=expires_at,
        due_at=due_at,
        now=now,
    )
    enqueue_many(db, [values])
    return db.exec(select(Message).where(Message.intent == intent)).one()


def get_message(
    db: DbSession,
    actor: Actor,
    message_id: str,
) -> Message:
    """One mail. Raises NotFound."""
    message = find(db, Message, message_id)
    refuse_elsewhere(actor, Permission.MAIL_READ, message.cycle_id)
    return message


def retry(
    db: DbSession,
    actor: Actor,
    message_id: str,
    now: datetime,
) -> Message:
    """Sends a mail again.

    One that was not delivered is queued anew and keeps its Message-ID, so that a copy which did
    arrive is recognised. One that was sent gets a successor with an identity of its own: whoever
    asks for it again has not seen the first, or has lost it. One that waits is tried at once, which
    costs none of its attempts.

    Raises:
        NotFound: there is no such mail.
        Clash: a sign-in link (``used_once``); those are asked for by whoever signs in. A newer mail
            says what holds now (``replaced``); what it is about is over (``over``).
    """
    message = find(db, Message, message_id)
    refuse_elsewhere(actor, Permission.MAIL_EDIT, message.cycle_id)
    _hold(db, message)
    if message.kind == SIGN_IN:
        raise Clash(
            N_("A sign-in link works once. Ask for a new one on the sign-in page."),
            code="used_once",
        )
    if message.lane and _has_newer(db, message):
        raise Clash(N_("A newer mail has replaced it."), code="replaced")
    if message.expires_at is not None and message.expires_at <= now:
        raise Clash(N_("What it is about is over."), code="over")
    address = _address_now(db, message)
    if message.status in ("sent", "bounced"):
        successor = enqueue(
            db,
            kind=message.kind,
            intent=f"again:{new_id()}",
            to_name=message.to_name,
            to_address=address,
            language=message.language,
            context=message.context,
            cycle_id=message.cycle_id,
            guest_id=message.guest_id,
            session_id=message.session_id,
            release_number=message.release_number,
            lane=message.lane,
            rank=message.rank,
            expires_at=message.expires_at,
            now=now,
        )
        # What the ledger knows of the delivery is that of the mail which is on its way now.
        carried = update(Invitation).where(col(Invitation.message_id) == message.id)
        db.execute(carried.values(message_id=successor.id))
        return successor
    if message.status == "failed":
        message.attempts = 0
        message.last_error = ""
    elif message.status == "queued" and message.due_at > now:
        message.attempts = max(0, message.attempts - 1)
    if message.leased_until is not None and message.leased_until > now + FAR:
        message.leased_until, message.leased_by = None, ""
    message.to_address = address
    message.status = "queued"
    message.due_at = now
    db.add(message)
    db.flush()
    return message


def follow_address(db: DbSession, person_id: str, old: str, new: str) -> None:
    """Somebody has another address: what has not reached them goes there, with the links that it
    has. Not what went to the old one for somebody else who had it before, in whichever team's
    cycle. Entries of calendars stay, since they are told at the address that has them."""
    enrolled = select(Enrolment.id).where(Enrolment.person_id == person_id)
    certified = select(Certificate.id).where(col(Certificate.enrolment_id).in_(enrolled))
    context = col(Message.context)
    waiting = (
        col(Message.to_address) == old,
        col(Message.kind).in_(_WITH_LINKS),
        col(Message.status).in_(("queued", "failed")),
        or_(
            context["person_id"].as_string() == person_id,
            context["enrolment_id"].as_string().in_(enrolled),
            context["certificate_id"].as_string().in_(certified),
            col(Message.guest_id).in_(select(Guest.id).where(Guest.person_id == person_id)),
        ),
    )
    db.connection().execute(update(Message).where(*waiting).values(to_address=new))


def _address_now(db: DbSession, message: Message) -> str:
    """Where a mail with personal links goes: the address of before may be somebody else's."""
    if message.kind not in _WITH_LINKS:
        return message.to_address
    named = {name: str(message.context.get(f"{name}_id", "")) for name in _NAMED}
    certified = select(Certificate.enrolment_id).where(Certificate.id == named["certificate"])
    enrolled = or_(col(Enrolment.id) == named["enrolment"], col(Enrolment.id).in_(certified))
    whose = or_(
        col(Person.id) == named["person"],
        col(Person.id).in_(select(Enrolment.person_id).where(enrolled)),
        col(Person.id).in_(select(Guest.person_id).where(Guest.id == message.guest_id)),
    )
    return db.exec(select(Person.email).where(whose)).first() or message.to_address


def _hold(db: DbSession, message: Message) -> None:
    """Holds a mail with what the ledger says of it, in the order of `services.schedules`."""
    if message.cycle_id is not None:
        hold(db, Cycle, message.cycle_id)
        rows = select(Invitation.id).where(col(Invitation.message_id) == message.id)
        db.exec(rows.order_by(col(Invitation.id)).with_for_update()).all()
    try:
        db.refresh(message, with_for_update=True)
    except InvalidRequestError:  # it went while this one waited
        raise NotFound from None


def _has_newer(db: DbSession, message: Message) -> bool:
    newer = or_(
        col(Message.rank) > message.rank,
        and_(col(Message.rank) == message.rank, col(Message.id) > message.id),
    )
    same_lane = select(Message.id).where(Message.lane == message.lane, newer)
    return db.exec(same_lane.limit(1)).first() is not None


def cycle_titles(db: DbSession, messages: Iterable[Message]) -> dict[str, str]:
    """The titles of the cycles that mails belong to, by id, each in its cycle's language."""
    return cycle_titles_by_id(db, {message.cycle_id for message in messages if message.cycle_id})


def cycle_titles_by_id(db: DbSession, ids: Collection[str]) -> dict[str, str]:
    """The same, of cycles by their ids."""
    if not ids:
        return {}
    cycles = db.exec(select(Cycle).where(col(Cycle.id).in_(ids)))
    return {c.id: localized(c.title, c.language, c.language) for c in cycles}
