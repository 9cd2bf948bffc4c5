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
from app.services import outbox, reminders, sending
from app.services.outbox import FAR, SIGN_IN
from app.worker.backoff import delay
from app.worker.lanes import Waiting, decide

LEASE = outbox.LEASE
_HONEST = LEASE + timedelta(seconds=30)  # less than FAR: who has a lease lets go of it first
_LONGEST_ERROR = 500
_CLAIMING = 0x636F6E766F6361  # the number of the lock in PostgreSQL
_QUEUED = text("message.status = 'queued'")  # in these words the index of what waits is found
# In these SQLite does not walk through all that waits where it is told which rows are meant.
_STILL_QUEUED = text("message.status || '' = 'queued'")
_COLUMNS: Any = Message.__table__.columns  # type: ignore[attr-defined]
_LOOKED_AT: Any = [getattr(Message, field.name) for field in fields(Waiting)]
_SIGNING_IN = text(f"message.status = 'queued' AND message.kind = '{SIGN_IN}'")
# All but what a release sends to everybody.
_SINGLE = text(
    "message.status = 'queued' AND message.kind <> 'invitation' "
    "AND message.kind <> 'invitation-update'"
)
_INVITING = text("message.status = 'queued' AND message.kind LIKE 'invitation%'")
_SOON = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Claim:
    """The mails that were taken, and how many others were found to be of no use any more."""

    messages: list[Message]
    settled: int = 0


_OF_LANES = (
    select(*_LOOKED_AT)
    .where(col(Message.lane).in_(bindparam("lanes", expanding=True)))
    .order_by(col(Message.rank), col(Message.id))
)
_NOW: Any = bindparam("now", type_=UTCDateTime())
_AT_MOST: Any = bindparam("far", type_=UTCDateTime())
_FREE = or_(
    col(Message.leased_until).is_(None),
    col(Message.leased_until) <= _NOW,
    col(Message.leased_until) > _AT_MOST,
)


def _times(now: datetime) -> dict[str, Any]:
    return {"now": now, "far": now + FAR}


def holds(until: datetime | None, now: datetime, margin: timedelta = timedelta()) -> bool:
    """Whether a lease until then is good for so long from the aware instant `now` on, for whoever
    has it. Not if the clock was set back since: others may find it too long to be true."""
    return until is not None and now + margin < until <= now + _HONEST


def _due(condition: TextClause, *more: Any, by: Any = Message.due_at) -> Any:
    """A query for what is not taken and its time has come, with no other mail of its lane on its
    way; the first first. Made once, as making it takes longer than asking."""
    other = aliased(Message)
    on_its_way = (
        select(other.id)
        .where(
            col(other.lane) == col(Message.lane),
            col(other.leased_until) > _NOW,
            col(other.leased_until) <= _AT_MOST,
        )
        .exists()
    )
    return (
        select(Message.id, Message.lane)
        .where(condition, col(Message.due_at) <= _NOW, _FREE, *more)
        .where(or_(col(Message.lane) == "", ~on_its_way))
        .order_by(col(by), col(Message.id))
        .limit(bindparam("limit", type_=Integer))
    )


_ALL_DUE = _due(_QUEUED)
_URGENT_DUE = _due(_SIGNING_IN)
_INVITATIONS_DUE = _due(_INVITING)
_SOON_OVER: Any = bindparam("soon", type_=UTCDateTime())
_IN_TURN = (
    _URGENT_DUE,
    _due(_QUEUED, col(Message.expires_at) <= _SOON_OVER, by=Message.expires_at),
    _due(_SINGLE),
    _ALL_DUE,
)
"""Who goes first: sign-in links, for which somebody waits; what is of no use any more in a few
hours, the sooner the earlier; what concerns one person, and cancellations; then the many."""


def something_is_due(db: DbSession, now: datetime, *, urgent: bool = False) -> bool:
    """Whether there is a mail to be sent that nobody has taken. `urgent`: a sign-in link."""
    return bool(_look(db, _URGENT_DUE if urgent else _ALL_DUE, now, 1))


def invitations_due(db: DbSession, now: datetime, limit: int) -> list[str]:
    """The ids of invitations and what follows them that are to be sent, at most `limit`, the oldest
    first."""
    return list(_look(db, _INVITATIONS_DUE, now, limit))


def claim(
    db: DbSession, worker: str, domain: str, now: datetime, limit: int, *, urgent: bool = False
) -> Claim:
    """Takes mails that are due in the order of `_IN_TURN` (`urgent`: sign-in links only), of each
    sort the oldest first. Of mails with one lane only the newest is taken, those that it
    replaces and those that are over are put aside (see `lanes`).

    Nothing while sending is held after a restore (`services.sending`).

    A row that is taken for the first time gets its Message-ID, which it keeps from then on.
    """
    _one_at_a_time(db)
    if sending.is_held(db):
        return Claim([])
    rows: dict[str, str] = {}
    for due in _IN_TURN[:1] if urgent else _IN_TURN:
        if len(rows) < limit:
            rows |= _look(db, due, now, limit)
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
    found = db.connection().execute(due, {**_times(now), "soon": now + _SOON, "limit": limit})
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
    return db.connection().execute(over, _times(now)).first() is not None


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
    return set(db.connection().execute(returning, _times(now)).scalars())


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
    # Plain rows, which are only read: objects of ten thousand take longer than the rest of it.
    taken: Any = db.connection().execute(statement.returning(*_COLUMNS), _times(now))
    return {row.id: row for row in taken}


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


def record_sent(jot: Jot, message_id: str, now: datetime) -> datetime | None:
    """A mail is out. That is so whoever holds the lease by now, and whatever has been thought of it
    in the meantime. Gives what time the database says that it is, if it does (`Jot`)."""
    return jot(_SENT, {"the_id": message_id, "at": now})


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
    _put_off(message, None if error.final else delay(message.attempts), now)


def revive(db: DbSession, ids: Collection[str], error: SendError, now: datetime) -> None:
    """What was given up because of the server, and not of those it was for, is due again later."""
    given_up = select(Message).where(col(Message.id).in_(ids), Message.status == "failed")
    for message in db.exec(given_up.order_by(col(Message.id)).with_for_update()):
        message.last_error = f"{error.reason}: {error.detail}"[:_LONGEST_ERROR]
        message.status = "queued"
        db.add(message)
        _put_off(message, delay(message.attempts), now)


def _put_off(message: Message, pause: timedelta | None, now: datetime) -> None:
    if pause is None:
        message.status = "failed"
    else:
        message.due_at = now + pause


def _may_come_again(db: DbSession, message_id: str) -> None:
    message = db.get(Message, message_id)
    if message is not None:
        reminders.reopen(db, message)
