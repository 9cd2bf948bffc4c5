"""What was sent to a webhook, what became of it, and sending it again."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy.exc import InvalidRequestError
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import NotFound
from app.models import Cycle, Webhook, WebhookDelivery, WebhookEvent
from app.services.actor import Actor
from app.services.paging import cursor_of, paginate
from app.services.rows import find, hold
from app.services.webhooks import refuse_disabled

STATUSES = ("waiting", "delivered", "failed")
_ORDER = [WebhookDelivery.id]


class Sent(NamedTuple):
    """A delivery and what it tells."""

    delivery: WebhookDelivery
    event: WebhookEvent


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some deliveries, the newest first. `newer`, `older`: cursors to what comes before and after
    them; None: nothing does."""

    rows: list[Sent]
    newer: str | None
    older: str | None


def list_deliveries(
    db: DbSession,
    actor: Actor,
    webhook: Webhook,
    *,
    status: str = "",
    kind: str = "",
    after: str = "",
    before: str = "",
    limit: int = 50,
) -> Stretch:
    """Deliveries to a webhook, those that are older than the cursor `after`, or newer than
    `before`; of a status, of a type of event. At most four queries.

    Raises Invalid: a cursor is not one of ours.
    """
    statement = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id)
    if status:
        statement = statement.where(WebhookDelivery.status == status)
    if kind:
        of_kind = col(WebhookEvent.id) == col(WebhookDelivery.event_id)
        statement = statement.join(WebhookEvent, of_kind).where(WebhookEvent.type == kind)
    if before:
        rows, more = paginate(db, statement, _ORDER, before, limit)
        if more is not None and rows:
            rows.reverse()
            ends = cursor_of(rows[0], _ORDER), cursor_of(rows[-1], _ORDER)
            return Stretch(_with_events(db, rows), *ends)
        after = ""  # the newest ones: a whole page of them
    rows, older = paginate(db, statement, _ORDER, after, limit, descending=True)
    newer = cursor_of(rows[0], _ORDER) if rows and after else None
    if newer is not None and not paginate(db, statement, _ORDER, newer, 1)[0]:
        newer = None
    return Stretch(_with_events(db, rows), newer, older)


def _with_events(db: DbSession, rows: list[WebhookDelivery]) -> list[Sent]:
    wanted = col(WebhookEvent.id).in_([row.event_id for row in rows])
    events = {event.id: event for event in db.exec(select(WebhookEvent).where(wanted))}
    return [Sent(row, events[row.event_id]) for row in rows]


def get_delivery(db: DbSession, actor: Actor, webhook: Webhook, delivery_id: str) -> Sent:
    """One delivery to a webhook. Raises NotFound, also for another's."""
    row = find(db, WebhookDelivery, delivery_id)
    if row.webhook_id != webhook.id:
        raise NotFound
    return Sent(row, find(db, WebhookEvent, row.event_id))


class Try(NamedTuple):
    """One attempt. `at`: aware; `code`: of HTTP, None where there was no answer; `reason`: empty
    where it arrived."""

    at: datetime
    code: int | None
    reason: str
    milliseconds: int


def tries_of(delivery: WebhookDelivery) -> list[Try]:
    """The last attempts, the newest first."""
    found = [Try(datetime.fromisoformat(t.pop("at")), **t) for t in map(dict, delivery.tries)]
    return found[::-1]


def send_again(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    webhook: Webhook,
    delivery_id: str,
    now: datetime,
) -> Sent:
    """Sends a delivery again, at once and then as if it were new, with the id that it had: a
    receiver that has it already sees that. What is just being sent stays with who sends it.

    Raises NotFound; Clash: ``disabled``.
    """
    hold(db, Cycle, cycle_id)
    db.refresh(webhook, with_for_update={"key_share": True})
    refuse_disabled(webhook)
    sent = get_delivery(db, actor, webhook, delivery_id)
    row = sent.delivery
    try:
        db.refresh(row, with_for_update=True)
    except InvalidRequestError:  # it was tidied away while this one waited
        raise NotFound from None
    if row.status != "waiting":
        row.status, row.attempts, row.first_tried_at = "waiting", 0, None
    row.due_at = now
    webhook.resting_until = None
    db.add_all((row, webhook))
    db.flush()
    return sent


def message_id(event: WebhookEvent) -> str:
    """The header ``webhook-id``: the same whenever the event is sent, wherever to."""
    return f"evt_{event.id}"


def body_of(event: WebhookEvent) -> bytes:
    """What is sent: JSON, the same bytes each time."""
    said: dict[str, Any] = {
        "type": event.type,
        "timestamp": event.at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "data": dict(sorted(event.data.items())),
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
