"""Taking mails from the outbox and writing down what became of them.

A row is taken with a lease, so several workers share the work, and what a worker that died had
taken comes back when its lease has run out.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Integer, TextClause, bindparam, case, func, or_, text, update
from sqlalchemy.orm import aliased
from sqlmodel import UTCDateTime, col, select

from app.db import DbSession, Jot
from app.mail.failures import Reason, SendError
from app.models import Message
from app.services import reminders
from app.services.outbox import SIGN_IN
from app.worker.backoff import delay
from app.worker.lanes import Waiting, decide

LEASE = timedelta(minutes=5)
_LONGEST_ERROR = 500
_CLAIMING = 0x636F6E766F6361  # the number of the lock in PostgreSQL
_QUEUED = text("message.status = 'queued'")  # in these words the index of what waits is found
# In these SQLite does not walk through all that waits where it is told which rows are meant.
_STILL_QUEUED = text("message.status || '' = 'queued'")
_LOOKED_AT: Any = [getattr(Message, field.name) for field in fields(Waiting)]
_SIGNING_IN = text(f"message.status = 'queued' AND message.kind = '{SIGN_IN}'")


@dataclass(frozen=True, slots=True)
class Claim:
    """The mails that were taken, and how many others were found to be of no use any more."""

    messages: list[Message]
    settled: int = 0


_OF_LANES = (
    select(*_LOOKED_AT)
    .where(col(Message.lane).in_(bindparam("lanes", expanding=True)))
    .order_by(col(Message.id))
)
_NOW: Any = bindparam("now", type_=UTCDateTime())
_FREE = or_(col(Message.leased_until).is_(None), col(Message.leased_until) <= _NOW)


def _due(condition: TextClause, *columns: Any) -> Any:
    """A query for what is not taken and its time has come, with no other mail of its lane on its
    way; the first first. Made once, as making it takes longer than asking."""
    other = aliased(Message)
    on_its_way = (
        select(other.id)
        .where(col(other.lane) == col(Message.lane), col(other.leased_until) > _NOW)
        .exists()
    )
    return (
        select(*columns)
        .where(condition, col(Message.due_at) <= _NOW, _FREE)
        .where(or_(col(Message.lane) == "", ~on_its_way))
        .order_by(col(Message.due_at), col(Message.id))
        .limit(bindparam("limit", type_=Integer))
    )


_ALL_DUE = _due(_QUEUED, Message.id, Message.lane)
_URGENT_DUE = _due(_SIGNING_IN, Message.id, Message.lane)


def something_is_due(db: DbSession, now: datetime, *, urgent: bool = False) -> bool:
    """Whether there is a mail to be sent that nobody has taken. `urgent`: a sign-in link."""
    return bool(_look(db, _URGENT_DUE if urgent else _ALL_DUE, now, 1))


def claim(
    db: DbSession, worker: str, domain: str, now: datetime, limit: int, *, urgent: bool = False
) -> Claim:
    """Takes mails that are due, the oldest first, but sign-in links before all: somebody waits for
    them (`urgent`: nothing else). Of mails with one lane only the newest is taken, those that it
    replaces and those that are over are put aside (see `lanes`).

    A row that is taken for the first time gets its Message-ID, which it keeps from then on.
    """
    _one_at_a_time(db)
    rows = _look(db, _URGENT_DUE, now, limit)
    if not urgent and len(rows) < limit:
        rows |= _look(db, _ALL_DUE, now, limit)
    chosen, superseded = _choose(db, dict(islice(rows.items(), limit)), now)
    over = expire(db, now, chosen)
    replaced = _settle(db, now, superseded, status="superseded", last_error="")
    ids = [message_id for message_id in chosen if message_id not in over]
    taken = _lease(db, worker, domain, now, ids)
    return Claim([taken[i] for i in ids if i in taken], len(over) + len(replaced))


def _one_at_a_time(db: DbSession) -> None:
    """In SQLite only one writes at a time. In PostgreSQL another claim could take the mail that
    comes after ours in a lane before it can see that we took ours: so claims, which take some
    milliseconds, wait for each other. One that gets stuck in the middle is ended by the server."""
    if db.get_bind().dialect.name == "postgresql":
        connection = db.connection()
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '30s'")
        connection.execute(select(func.pg_advisory_xact_lock(_CLAIMING)))


def _look(db: DbSession, due: Any, now: datetime, limit: int) -> dict[str, str]:
    """The ids of mails that are due, each with its lane."""
    found = db.connection().execute(due, {"now": now, "limit": limit})
    return {row[0]: row[1] for row in found}


def _choose(
    db: DbSession, lane_of: Mapping[str, str], now: datetime
) -> tuple[list[str], list[str]]:
    """The ids of mails that may go, and of those that nobody needs any more."""
    in_lanes = {lane for lane in lane_of.values() if lane}
    lanes: dict[str, list[Waiting]] = defaultdict(list)
    if in_lanes:
        for found in db.connection().execute(_OF_LANES, {"lanes": list(in_lanes)}):
            lanes[found.lane].append(Waiting(*found))
    chosen: list[str] = []
    superseded: list[str] = []
    for message_id, lane in lane_of.items():
        if not lane:
            chosen.append(message_id)
        elif members := lanes.pop(lane, None):
            verdict = decide(members, now)
            chosen += [verdict.take] if verdict.take else []
            superseded += verdict.superseded
    return chosen, superseded


def something_is_over(db: DbSession, now: datetime) -> bool:
    """Whether something waits that is of no use any more at the aware instant `now`."""
    over = select(Message.id).where(_QUEUED, _FREE, col(Message.expires_at) <= _NOW).limit(1)
    return db.connection().execute(over, {"now": now}).first() is not None


def expire(db: DbSession, now: datetime, among: Collection[str] | None = None) -> set[str]:
    """Puts aside what waits and is of no use any more at the aware instant `now`; their ids."""
    over = col(Message.expires_at) <= _NOW
    return _settle(db, now, among, over, status="expired", last_error=f"{Reason.OVER}: ")


def _settle(
    db: DbSession,
    now: datetime,
    among: Collection[str] | None,
    *conditions: Any,
    **values: Any,
) -> set[str]:
    if among is None:
        conditions = (*conditions, _QUEUED)
    elif among:
        conditions = (*conditions, col(Message.id).in_(among), _STILL_QUEUED)
    else:
        return set()
    statement = update(Message).where(_FREE, *conditions)
    statement = statement.values(leased_by="", leased_until=None, **values)
    returning = statement.returning(col(Message.id))
    return set(db.connection().execute(returning, {"now": now}).scalars())


def _lease(
    db: DbSession, worker: str, domain: str, now: datetime, ids: Collection[str]
) -> dict[str, Message]:
    if not ids:
        return {}
    message_id = col(Message.message_id)
    named = case(
        (message_id.contains("@"), message_id), else_="<" + col(Message.id) + f"@{domain}>"
    )
    statement = update(Message).where(col(Message.id).in_(ids), _STILL_QUEUED, _FREE)
    statement = statement.values(leased_by=worker, leased_until=now + LEASE, message_id=named)
    returning = statement.returning(col(Message.id))
    taken = db.connection().execute(returning, {"now": now}).scalars().all()
    found = select(Message).where(col(Message.id).in_(taken))
    return {m.id: m for m in db.exec(found.execution_options(populate_existing=True))}


def release(db: DbSession, worker: str, message_ids: Collection[str]) -> None:
    """Gives back what was taken and not tried."""
    db.connection().execute(
        update(Message)
        .where(col(Message.id).in_(message_ids), col(Message.leased_by) == worker)
        .values(leased_until=None, leased_by="")
    )


_SENT = (
    update(Message)
    .where(col(Message.id) == bindparam("the_id"))
    .values(
        status="sent",
        sent_at=bindparam("at"),
        attempts=col(Message.attempts) + 1,
        last_error="",
        leased_until=None,
        leased_by="",
    )
)


def record_sent(jot: Jot, message_id: str, now: datetime) -> None:
    """A mail is out. That is so whoever holds the lease by now, and whatever has been thought of it
    in the meantime."""
    jot(_SENT, {"the_id": message_id, "at": now})


def record_failure(
    db: DbSession, worker: str, message_id: str, error: SendError, now: datetime
) -> None:
    """A mail is not out: it is due again later, or given up. Says nothing if the lease has passed
    to another worker, who knows more."""
    if error.reason == Reason.MOVED:
        _may_come_again(db, message_id)
    message = db.exec(
        select(Message).where(Message.id == message_id).with_for_update()
    ).one_or_none()
    if message is None or message.leased_by != worker:
        return
    message.last_error = f"{error.reason}: {error.detail}"[:_LONGEST_ERROR]
    message.leased_until = None
    message.leased_by = ""
    db.add(message)
    if error.reason == Reason.OVER:
        message.status = "expired"
        return
    if error.reason == Reason.MOVED:
        message.status = "superseded"
        return
    message.attempts += 1
    pause = None if error.final else delay(message.attempts)
    if pause is None:
        message.status = "failed"
    else:
        message.due_at = now + pause


def _may_come_again(db: DbSession, message_id: str) -> None:
    message = db.get(Message, message_id)
    if message is not None:
        reminders.reopen(db, message)
