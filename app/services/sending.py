"""Whether anything is sent: not after a restore, until a person says so.

Whatever sends (mails, requests to other servers) asks `is_held` in the transaction in which it
takes what it is going to send. What is due is queued meanwhile all the same, so that whoever
decides sees all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, update
from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.errors import N_, Clash
from app.mail.failures import Reason
from app.models import Cycle, Message, SendingHold, WebhookDelivery
from app.services.actor import Actor
from app.services.rows import find, hold

HELD = select(SendingHold.id).where(col(SendingHold.ended_at).is_(None)).exists()
"""A condition: nothing is to be sent."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Mails that wait, of one kind and about one cycle (None: about none). `repeats`: they were
    queued before the restore had ended, so they may have gone out once already."""

    cycle_id: str | None
    kind: str
    repeats: bool
    count: int
    oldest: datetime


def is_held(db: DbSession) -> bool:
    """Whether nothing is to be sent now. One short query."""
    return bool(db.connection().execute(select(HELD)).scalar_one())


def current(db: DbSession) -> SendingHold | None:
    """Since when and why nothing is sent: the restore before last may not have been ended either,
    the last one counts."""
    held = select(SendingHold).where(col(SendingHold.ended_at).is_(None))
    return db.exec(held.order_by(col(SendingHold.created_at).desc()).limit(1)).first()


def waiting(db: DbSession, actor: Actor) -> list[Waiting]:
    """What waits, the most that may be told twice first. Raises Clash ``not_held``."""
    held = _held(db)
    columns: Any = (
        Message.cycle_id,
        Message.kind,
        case((col(Message.created_at) <= held.repeats_until, 1), else_=0),
    )
    counted: Any = (func.count(), func.min(Message.created_at))
    statement = select(*columns, *counted).where(Message.status == "queued").group_by(*columns)
    found = [Waiting(row[0], row[1], bool(row[2]), row[3], row[4]) for row in db.exec(statement)]
    return sorted(found, key=lambda w: (not w.repeats, -w.count, w.cycle_id or "", w.kind))


def webhooks_waiting(db: DbSession) -> int:
    """How many requests to webhooks wait. Who got one already knows it again by its id."""
    waits = select(func.count()).where(WebhookDelivery.status == "waiting")
    return db.exec(waits).one()


def drop(db: DbSession, actor: Actor, *, cycle_id: str | None, kind: str, repeats: bool) -> int:
    """Lets what waits of a kind about a cycle not go out; how many mails. They are kept as not
    delivered and can be sent again. Raises NotFound; Clash ``not_held``."""
    held = _held(db)
    if cycle_id is not None:
        hold(db, Cycle, cycle_id)
    since = col(Message.created_at) <= held.repeats_until
    return _drop(db, [col(Message.cycle_id) == cycle_id, Message.kind == kind,
                      since if repeats else ~since])  # fmt: skip


def drop_all_that_repeats(db: DbSession, actor: Actor) -> int:
    """The same of everything that may have gone out already. Raises Clash ``not_held``."""
    return _drop(db, [col(Message.created_at) <= _held(db).repeats_until])


def drop_one(db: DbSession, actor: Actor, message_id: str) -> Message:
    """The same of one mail. Raises NotFound; Clash ``not_held``, ``not_waiting``."""
    _held(db)
    message = find(db, Message, message_id)
    if message.cycle_id is not None:
        hold(db, Cycle, message.cycle_id)
    if not _drop(db, [col(Message.id) == message_id]):
        raise Clash(N_("This mail does not wait any more."), code="not_waiting")
    db.refresh(message)
    return message


def resume(db: DbSession, actor: Actor, now: datetime) -> int:
    """Lets everything go that waits; how many mails. Raises Clash ``not_held``."""
    _held(db)
    rows = select(SendingHold).where(col(SendingHold.ended_at).is_(None))
    for row in db.exec(rows.order_by(col(SendingHold.id)).with_for_update()):
        row.ended_at, row.ended_by = now, actor.name[:200]
        db.add(row)
    db.flush()
    queued = select(func.count()).where(Message.status == "queued")
    return db.exec(queued).one()


def _held(db: DbSession) -> SendingHold:
    held = current(db)
    if held is None:
        raise Clash(N_("Nothing is held back: mails go out."), code="not_held")
    return held


def _drop(db: DbSession, which: Sequence[Any]) -> int:
    """Nobody has taken them: whoever takes mails asks whether they are held."""
    statement = update(Message).where(col(Message.status) == "queued", *which)
    statement = statement.values(
        status="failed", last_error=f"{Reason.LEFT_OUT}: ", leased_by="", leased_until=None
    )
    done = db.connection().execute(statement.returning(col(Message.id)))
    return len(done.scalars().all())
