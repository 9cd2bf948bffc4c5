"""The webhooks of a cycle: added, changed, given another secret, switched off and on, removed.

Deliveries and what becomes of them are in `webhook_deliveries`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import N_, Clash, NotFound
from app.domain.ids import new_id
from app.domain.webhooks import ROTATION, TEST
from app.models import Cycle, Webhook, WebhookDelivery, WebhookEvent
from app.outgoing.failures import Reason
from app.outgoing.targets import Target
from app.schemas.webhook import TestData, WebhookIn
from app.services import webhook_secrets
from app.services.actor import Actor
from app.services.rows import find, hold

MOST = 10
"""Webhooks of one cycle."""

BY_HAND, GONE, FAILING = "hand", "gone", "failing"
"""Why one is disabled: an organizer did it; its receiver answered 410; three days of nothing but
failures."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A webhook and how many deliveries wait for it and were given up."""

    webhook: Webhook
    waiting: int
    failed: int


def list_webhooks(db: DbSession, actor: Actor, cycle_id: str) -> list[Listed]:
    """The webhooks of a cycle, the oldest first. Two queries."""
    mine = col(Webhook.cycle_id) == cycle_id
    rows = db.exec(select(Webhook).where(mine).order_by(col(Webhook.id))).all()
    counted = (
        select(WebhookDelivery.webhook_id, WebhookDelivery.status, func.count())
        .join(Webhook, col(Webhook.id) == col(WebhookDelivery.webhook_id))
        .where(mine, col(WebhookDelivery.status) != "delivered")
        .group_by(col(WebhookDelivery.webhook_id), col(WebhookDelivery.status))
    )
    counts = {(webhook_id, status): n for webhook_id, status, n in db.exec(counted)}
    return [
        Listed(row, counts.get((row.id, "waiting"), 0), counts.get((row.id, "failed"), 0))
        for row in rows
    ]


def get_webhook(db: DbSession, actor: Actor, cycle_id: str, webhook_id: str) -> Webhook:
    """A webhook of a cycle. Raises NotFound, also for another cycle's."""
    row = find(db, Webhook, webhook_id)
    if row.cycle_id != cycle_id:
        raise NotFound
    return row


def add_webhook(
    db: DbSession, actor: Actor, cycle_id: str, command: WebhookIn, target: Target, now: datetime
) -> Webhook:
    """A webhook that is told from now on. `target` was read and looked up by whoever calls
    (`outgoing`). Its secret: `webhook_secrets.shown`.

    Raises NotFound; Clash: ``too_many``, ``same_address``.
    """
    hold(db, Cycle, cycle_id)
    theirs = db.exec(select(Webhook.address).where(Webhook.cycle_id == cycle_id)).all()
    if str(target) in theirs:
        raise _same_address()
    if len(theirs) >= MOST:
        raise Clash(
            N_("A cycle has at most %(most)s webhooks. Remove one first."),
            code="too_many",
            most=MOST,
        )
    row = Webhook(
        created_at=now,
        cycle_id=cycle_id,
        address=str(target),
        description=command.description,
        events=_events(command),
        added_by=actor.name[:200],
        seed=webhook_secrets.new_seed(),
    )
    db.add(row)
    _has_webhooks(db, cycle_id, there=True)
    db.flush()
    return row


def change_webhook(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    webhook_id: str,
    command: WebhookIn,
    target: Target,
) -> Webhook:
    """Another address, other events or another description. What waits goes to the new address.

    Raises NotFound; Clash: ``same_address``.
    """
    row = _held(db, actor, cycle_id, webhook_id)
    if str(target) != row.address:
        query = select(Webhook.id).where(
            Webhook.cycle_id == cycle_id, Webhook.address == str(target)
        )
        if db.exec(query).first() is not None:
            raise _same_address()
        row.address = str(target)
        _forget_failures(row)
    row.description, row.events = command.description, _events(command)
    db.add(row)
    db.flush()
    return row


def rotate_secret(
    db: DbSession, actor: Actor, cycle_id: str, webhook_id: str, now: datetime
) -> Webhook:
    """Another secret. For `ROTATION` what is sent is signed with both; one that was replaced before
    ends now. Raises NotFound."""
    row = _held(db, actor, cycle_id, webhook_id)
    row.seed_before, row.before_until = row.seed, now + ROTATION
    row.seed = webhook_secrets.new_seed()
    db.add(row)
    db.flush()
    return row


def end_old_secret(db: DbSession, actor: Actor, cycle_id: str, webhook_id: str) -> Webhook:
    """The secret of before came into the wrong hands: from now on only the present one signs.
    Raises NotFound."""
    row = _held(db, actor, cycle_id, webhook_id)
    row.seed_before, row.before_until = "", None
    db.add(row)
    db.flush()
    return row


def disable_webhook(
    db: DbSession, actor: Actor, cycle_id: str, webhook_id: str, now: datetime
) -> Webhook:
    """Nothing is sent there any more; what waits is given up. Twice is once. Raises NotFound."""
    row = _held(db, actor, cycle_id, webhook_id)
    disable(db, row, BY_HAND, now)
    return row


def enable_webhook(
    db: DbSession, actor: Actor, cycle_id: str, webhook_id: str, now: datetime
) -> Webhook:
    """It is told again, of what happens from now on. Raises NotFound."""
    row = _held(db, actor, cycle_id, webhook_id)
    if row.disabled_at is not None:
        give_up_waiting(db, row)  # noted by somebody who did not know yet that it was disabled
    row.disabled_at, row.disabled_why = None, ""
    _forget_failures(row)
    db.add(row)
    db.flush()
    return row


def remove_webhook(db: DbSession, actor: Actor, cycle_id: str, webhook_id: str) -> None:
    """It goes, with all that is known of its deliveries. Raises NotFound."""
    row = _held(db, actor, cycle_id, webhook_id)
    db.delete(row)
    db.flush()
    left = select(Webhook.id).where(Webhook.cycle_id == cycle_id).limit(1)
    if db.exec(left).first() is None:
        _has_webhooks(db, cycle_id, there=False)


def send_test(
    db: DbSession, actor: Actor, cycle_id: str, webhook_id: str, now: datetime
) -> WebhookDelivery:
    """An event that says nothing, to be sent at once.

    Raises NotFound; Clash: ``disabled``.
    """
    row = _held(db, actor, cycle_id, webhook_id)
    refuse_disabled(row)
    data = TestData(cycle_id=cycle_id, webhook_id=row.id).model_dump()
    event_id = new_id()
    key = f"{TEST}:{event_id}"
    event = WebhookEvent(id=event_id, cycle_id=cycle_id, key=key, type=TEST, at=now, data=data)
    db.add(event)
    db.flush()
    delivery = WebhookDelivery(webhook_id=row.id, event_id=event.id, due_at=now, created_at=now)
    row.resting_until = None
    db.add_all((delivery, row))
    db.flush()
    return delivery


def refuse_disabled(row: Webhook) -> None:
    """Raises Clash, ``disabled``."""
    if row.disabled_at is not None:
        raise Clash(N_("This webhook is disabled. Enable it first."), code="disabled")


def disable(db: DbSession, row: Webhook, why: str, now: datetime) -> None:
    """Ends a webhook, which is held, with what waits for it; one that has ended stays as it is."""
    if row.disabled_at is not None:
        return
    row.disabled_at, row.disabled_why = now, why
    db.add(row)
    db.flush()
    give_up_waiting(db, row)


def give_up_waiting(db: DbSession, row: Webhook) -> None:
    """Nothing that waits for a webhook, which is held, is sent any more."""
    waiting = update(WebhookDelivery).where(
        col(WebhookDelivery.webhook_id) == row.id, col(WebhookDelivery.status) == "waiting"
    )
    given_up = {"status": "failed", "reason": str(Reason.DISABLED), "leased_until": None}
    db.connection().execute(waiting.values(given_up))


def disabled_by_themselves(db: DbSession, cycle_id: str) -> Sequence[Webhook]:
    """Those of a cycle that were disabled by no organizer, the oldest first. One query."""
    query = select(Webhook).where(
        Webhook.cycle_id == cycle_id,
        col(Webhook.disabled_at).is_not(None),
        Webhook.disabled_why != BY_HAND,
    )
    return db.exec(query.order_by(col(Webhook.id))).all()


def _events(command: WebhookIn) -> list[str]:
    return [str(each) for each in dict.fromkeys(command.events)]


def _same_address() -> Clash:
    return Clash(N_("There is a webhook for this address already."), code="same_address")


def _forget_failures(row: Webhook) -> None:
    row.failures, row.failing_since, row.resting_until = 0, None, None


def _held(db: DbSession, actor: Actor, cycle_id: str, webhook_id: str) -> Webhook:
    """With its cycle, so that whoever tells of something finds it as it was or as it will be."""
    hold(db, Cycle, cycle_id)
    row = get_webhook(db, actor, cycle_id, webhook_id)
    # Whoever tells of something refers to it, and is not to wait for that: see `webhook_events`.
    db.refresh(row, with_for_update={"key_share": True})
    return row


def _has_webhooks(db: DbSession, cycle_id: str, *, there: bool) -> None:
    """By a statement of its own: nothing that others see or edit of the cycle has changed, so its
    revision stays."""
    statement = update(Cycle).where(col(Cycle.id) == cycle_id, col(Cycle.has_webhooks) != there)
    db.execute(statement.values(has_webhooks=there))
