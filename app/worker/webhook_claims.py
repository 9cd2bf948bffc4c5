"""Taking deliveries to webhooks, and writing down what became of them.

A delivery is taken with a lease as a mail is (`claims`). What a worker took that was killed comes
back when its lease has run out, and is sent once more with the same id.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_
from sqlmodel import col, select

from app.db import DbSession
from app.domain import webhooks as rules
from app.models import Webhook, WebhookDelivery, WebhookEvent
from app.outgoing.failures import Reason
from app.outgoing.posting import Answer
from app.services import sending, webhook_deliveries, webhook_secrets, webhooks

LEASE = timedelta(minutes=2)
"""Longer than any request may take, with all that is written down of it."""
FAR = LEASE + timedelta(minutes=1)
"""A lease that ends later than in this time was written by a clock that was wrong."""
AT_ONCE = 4
"""Requests at once to one webhook; one to a webhook that failed the last time."""
KEPT_TRIES = 20


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that a worker has: all that the request is made of. `keys` sign it."""

    id: str
    webhook_id: str
    address: str
    message_id: str
    body: bytes
    keys: tuple[bytes, ...]
    leased_until: datetime


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a request: an answer, or why there was none. `status`: 0, where none was."""

    reason: Reason | None = None  # None: it arrived
    status: int = 0
    retry_after: str = ""
    milliseconds: int = 0


def came_of(answer: Answer) -> Came:
    """What an answer means: 2xx is "it has arrived", all else is not."""
    status = answer.status
    if 200 <= status < 300:
        reason = None
    elif status == 410:
        reason = Reason.GONE
    elif 300 <= status < 400:
        reason = Reason.REDIRECT
    elif 400 <= status < 500:
        reason = Reason.REFUSED
    else:
        reason = Reason.FAILED
    return Came(reason, status, answer.retry_after, answer.milliseconds)


def _free(now: datetime) -> Any:
    until = col(WebhookDelivery.leased_until)
    return or_(until.is_(None), until <= now, until > now + FAR)


def _due(now: datetime) -> tuple[Any, ...]:
    return (
        col(WebhookDelivery.status) == "waiting",
        col(WebhookDelivery.due_at) <= now,
        _free(now),
    )


def due_webhooks(db: DbSession, now: datetime) -> list[str]:
    """The ids of the webhooks for which something is due that nobody has taken; none while sending
    is held. One query."""
    rests = col(Webhook.resting_until)
    something = (
        select(WebhookDelivery.id)
        .where(col(WebhookDelivery.webhook_id) == col(Webhook.id), *_due(now))
        .exists()
    )
    query = select(Webhook.id).where(
        col(Webhook.disabled_at).is_(None),
        or_(rests.is_(None), rests <= now),
        something,
        ~sending.HELD,
    )
    return list(db.exec(query.order_by(col(Webhook.id))))


def claim(
    db: DbSession,
    worker: str,
    key: bytes,
    now: datetime,
    webhook_ids: Collection[str],
    under_way: Mapping[str, int],
    limit: int,
) -> list[Taken]:
    """Takes what is due for these webhooks, in their order, the oldest first; of each no more than
    it may have at once beside what is `under_way` with this worker. `key`: `Links.key`.
    Nothing while sending is held after a restore."""
    taken: list[Taken] = []
    if sending.is_held(db):
        return taken
    for webhook_id in webhook_ids:
        webhook = _held(db, webhook_id)
        rests = webhook is not None and webhook.resting_until
        if webhook is None or webhook.disabled_at is not None or (rests and rests > now):
            continue
        most = 1 if webhook.failures else AT_ONCE
        room = min(most - under_way.get(webhook_id, 0), limit - len(taken))
        if room > 0:
            taken += _take(db, worker, key, now, webhook, room)
    return taken


def _take(
    db: DbSession, worker: str, key: bytes, now: datetime, webhook: Webhook, limit: int
) -> list[Taken]:
    query = (
        select(WebhookDelivery)
        .where(col(WebhookDelivery.webhook_id) == webhook.id, *_due(now))
        .order_by(col(WebhookDelivery.due_at), col(WebhookDelivery.id))
        .limit(limit)
        .with_for_update(of=WebhookDelivery, skip_locked=True)
    )
    rows = db.exec(query).all()
    wanted = col(WebhookEvent.id).in_([row.event_id for row in rows])
    events = {event.id: event for event in db.exec(select(WebhookEvent).where(wanted))}
    keys = tuple(webhook_secrets.signing_keys(key, webhook, now))
    for row in rows:
        row.leased_until, row.leased_by = now + LEASE, worker
        db.add(row)
    db.flush()
    return [
        Taken(
            row.id,
            webhook.id,
            webhook.address,
            webhook_deliveries.message_id(events[row.event_id]),
            webhook_deliveries.body_of(events[row.event_id]),
            keys,
            now + LEASE,
        )
        for row in rows
    ]


def release(db: DbSession, worker: str, ids: Collection[str]) -> None:
    """Gives back what was taken and not tried."""
    query = select(WebhookDelivery).where(
        col(WebhookDelivery.id).in_(list(ids)), WebhookDelivery.leased_by == worker
    )
    for row in db.exec(query.order_by(col(WebhookDelivery.id)).with_for_update()):
        row.leased_until, row.leased_by = None, ""
        db.add(row)


def record(
    db: DbSession, worker: str, taken: Taken, came: Came, now: datetime, chance: float
) -> None:
    """Writes down what came of a request. That something has arrived is so whoever has the lease by
    now; of a failure nothing is said if another has it, who knows more. `chance`: as in
    `rules.next_attempt`."""
    webhook = _held(db, taken.webhook_id)
    row = db.exec(
        select(WebhookDelivery)
        .where(WebhookDelivery.id == taken.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if webhook is None or row is None:  # removed meanwhile
        return
    if came.reason is None:
        _arrived(webhook, row, came, now)
    elif row.leased_by == worker:
        _failed(webhook, row, came, now, chance)
    why = ""
    if came.reason is Reason.GONE:
        why = webhooks.GONE
    elif came.reason and rules.has_failed_for_good(webhook.failing_since, now):
        why = webhooks.FAILING
    if why:
        row.status = "failed"  # with its own reason; all else that waits is given up with it
    db.add_all((webhook, row))
    db.flush()
    if why:
        webhooks.disable(db, webhook, why, now)


def _held(db: DbSession, webhook_id: str) -> Webhook | None:
    """Before its deliveries, as everybody does."""
    return db.exec(
        select(Webhook)
        .where(Webhook.id == webhook_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def _note(row: WebhookDelivery, came: Came, now: datetime) -> None:
    row.attempts += 1
    row.first_tried_at = row.first_tried_at or now
    row.tried_at, row.leased_until, row.leased_by = now, None, ""
    row.code, row.reason = came.status or None, str(came.reason or "")
    row.milliseconds = came.milliseconds
    tried = {
        "at": now.isoformat(),
        "code": row.code,
        "reason": row.reason,
        "milliseconds": came.milliseconds,
    }
    row.tries = [*row.tries, tried][-KEPT_TRIES:]


def _arrived(webhook: Webhook, row: WebhookDelivery, came: Came, now: datetime) -> None:
    _note(row, came, now)
    row.status = "delivered"
    webhook.failures, webhook.failing_since, webhook.resting_until = 0, None, None
    webhook.delivered_at = now


def _failed(
    webhook: Webhook, row: WebhookDelivery, came: Came, now: datetime, chance: float
) -> None:
    _note(row, came, now)
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    asked = rules.rest_asked_for(came.retry_after, now)
    rest = rules.rest_after(webhook.failures)
    if came.status in (429, 503) and asked:
        rest = max(rest, asked)
    webhook.resting_until = now + rest if rest else None
    assert row.first_tried_at is not None
    following = rules.next_attempt(row.first_tried_at, now, row.attempts, chance, asked)
    if row.status == "waiting" and following is not None:
        row.due_at = following
    else:
        row.status = "failed"
