"""The outbox: mails as rows, written in the same transaction as the fact they tell of.

A row says what its mail is about. The text is made by the worker when it is sent, so no link that
opens something stands in the database.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from app.db import DbSession, insert_unless_there
from app.domain.errors import N_, Clash
from app.domain.ids import new_id
from app.domain.text import localized
from app.models import Cycle, Message
from app.services.actor import Actor
from app.services.paging import paginate
from app.services.rows import find

SIGN_IN = "sign-in"
ENROLMENT_KINDS = (
    "enrolment-confirmed",
    "enrolment-pending",
    "enrolment-waitlisted",
    "enrolment-link",
)
KINDS = (*ENROLMENT_KINDS, SIGN_IN)
STATUSES = ("queued", "sent", "failed")


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
    now: datetime,
) -> Message:
    """Queues one mail for what `intent` names (at most 200 characters); with the same intent
    again the first one is given back and nothing is added.

    The database decides, without an error that would end the transaction: of two transactions
    with one intent the second waits for the first and then finds its row.
    """
    if kind not in KINDS:
        raise ValueError(f"no such kind of mail: {kind!r}")
    message_id = new_id()
    values = {
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
        "status": "queued",
        "due_at": now,
    }
    db.flush()  # the cycle may be as new as the mail
    statement = insert_unless_there(db, Message, index_elements=["intent"])
    db.connection().execute(statement.values(values))
    return db.exec(select(Message).where(Message.intent == intent)).one()


def list_messages(
    db: DbSession,
    actor: Actor,
    cycle_id: str | None = None,
    status: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Message], str | None]:
    """Mails, the newest first, and the cursor of the next stretch."""
    statement = select(Message)
    if cycle_id is not None:
        statement = statement.where(Message.cycle_id == cycle_id)
    if status is not None:
        statement = statement.where(Message.status == status)
    return paginate(db, statement, [Message.created_at, Message.id], after, limit, descending=True)


def get_message(
    db: DbSession,
    actor: Actor,
    message_id: str,
) -> Message:
    """One mail. Raises NotFound."""
    return find(db, Message, message_id)


def retry(
    db: DbSession,
    actor: Actor,
    message_id: str,
    now: datetime,
) -> Message:
    """Sends a mail again.

    One that was not delivered is queued anew and keeps its Message-ID, so that a copy which did
    arrive is recognised. One that was sent gets a successor with an identity of its own: whoever
    asks for it again has not seen the first, or has lost it. One that waits is tried at once.

    Raises:
        NotFound: there is no such mail.
        Clash: a sign-in link (``used_once``); those are asked for by whoever signs in.
    """
    message = find(db, Message, message_id)
    db.refresh(message, with_for_update=True)
    if message.kind == SIGN_IN:
        raise Clash(
            N_("A sign-in link works once. Ask for a new one on the sign-in page."),
            code="used_once",
        )
    if message.status == "sent":
        return enqueue(
            db,
            kind=message.kind,
            intent=f"again:{new_id()}",
            to_name=message.to_name,
            to_address=message.to_address,
            language=message.language,
            context=message.context,
            cycle_id=message.cycle_id,
            now=now,
        )
    if message.status == "failed":
        message.attempts = 0
        message.last_error = ""
    message.status = "queued"
    message.due_at = now
    db.add(message)
    db.flush()
    return message


def cycle_titles(db: DbSession, messages: Iterable[Message]) -> dict[str, str]:
    """The titles of the cycles that mails belong to, by id, each in its cycle's language."""
    ids = {message.cycle_id for message in messages if message.cycle_id}
    if not ids:
        return {}
    cycles = db.exec(select(Cycle).where(col(Cycle.id).in_(ids)))
    return {c.id: localized(c.title, c.language, c.language) for c in cycles}
