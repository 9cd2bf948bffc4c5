"""Taking mails from the outbox and writing down what became of them.

A row is taken with a lease, so several workers share the work, and what a worker that died had
taken comes back when its lease has run out.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, or_, update
from sqlmodel import col, select

from app.db import DbSession
from app.mail.failures import SendError
from app.models import Message
from app.services.outbox import SIGN_IN
from app.worker.backoff import delay

LEASE = timedelta(minutes=5)
_LONGEST_ERROR = 500


def _due(now: datetime) -> ColumnElement[bool]:
    leased_until = col(Message.leased_until)
    return and_(
        col(Message.status) == "queued",
        col(Message.due_at) <= now,
        or_(leased_until.is_(None), leased_until <= now),
    )


def something_is_due(db: DbSession, now: datetime) -> bool:
    """Whether there is a mail to be sent that nobody has taken."""
    return db.exec(select(Message.id).where(_due(now)).limit(1)).first() is not None


def claim(db: DbSession, worker: str, domain: str, now: datetime, limit: int) -> list[Message]:
    """Takes the mails that are due, the oldest first, but sign-in links before all: somebody waits
    for them. What another worker is taking at this moment is passed over.

    A row that is taken for the first time gets its Message-ID, which it keeps from then on.
    """
    statement = (
        select(Message)
        .where(_due(now))
        .order_by(
            case((col(Message.kind) == SIGN_IN, 0), else_=1), col(Message.due_at), col(Message.id)
        )
        .limit(limit)
        .with_for_update(skip_locked=True)  # PostgreSQL; in SQLite only one writes at a time
    )
    messages = list(db.exec(statement))
    for message in messages:
        message.leased_by = worker
        message.leased_until = now + LEASE
        if "@" not in message.message_id:
            message.message_id = f"<{message.id}@{domain}>"
        db.add(message)
    db.flush()
    return messages


def release(db: DbSession, worker: str, message_ids: Collection[str]) -> None:
    """Gives back what was taken and not tried."""
    db.connection().execute(
        update(Message)
        .where(col(Message.id).in_(message_ids), col(Message.leased_by) == worker)
        .values(leased_until=None, leased_by="")
    )


def record_sent(db: DbSession, message_id: str, now: datetime) -> None:
    """A mail is out. That is so whoever holds the lease by now."""
    message = db.exec(
        select(Message).where(Message.id == message_id).with_for_update()
    ).one_or_none()
    if message is None:
        return  # its cycle was deleted in the meantime
    message.status = "sent"
    message.sent_at = now
    message.attempts += 1
    message.last_error = ""
    message.leased_until = None
    message.leased_by = ""
    db.add(message)


def record_failure(
    db: DbSession, worker: str, message_id: str, error: SendError, now: datetime
) -> None:
    """A mail is not out: it is due again later, or given up. Says nothing if the lease has passed
    to another worker, who knows more."""
    message = db.exec(
        select(Message).where(Message.id == message_id).with_for_update()
    ).one_or_none()
    if message is None or message.leased_by != worker:
        return
    message.attempts += 1
    message.last_error = f"{error.reason}: {error.detail}"[:_LONGEST_ERROR]
    message.leased_until = None
    message.leased_by = ""
    pause = None if error.final else delay(message.attempts)
    if pause is None:
        message.status = "failed"
    else:
        message.due_at = now + pause
    db.add(message)
