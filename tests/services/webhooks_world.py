"""A cycle with a webhook, for the tests of what is told and sent."""

from datetime import datetime

from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.webhooks import EventType
from app.models import Webhook, WebhookDelivery, WebhookEvent
from app.outgoing.targets import Target
from app.schemas.webhook import WebhookIn
from app.services import webhooks
from app.services.actor import Actor
from tests.factories import NOW

OLGA = Actor(id="x", name="Olga Organizer", email="olga@example.org")
NAME = "hooks.example.org"
ALL = list(EventType)


def target(port: int = 443, path: str = "/in") -> Target:
    """Where a receiver of a test is said to be: http on any port, https on its own."""
    return Target("https" if port == 443 else "http", NAME, port, path)


def add(
    db: DbSession,
    cycle_id: str,
    port: int = 443,
    *,
    events: list[EventType] = ALL,
    path: str = "/in",
    now: datetime = NOW,
) -> Webhook:
    command = WebhookIn(description="The registry", events=events)
    return webhooks.add_webhook(db, OLGA, cycle_id, command, target(port, path), now)


def told(db: DbSession) -> list[tuple[str, dict[str, object]]]:
    """The events that are noted, in their order."""
    return [(e.type, e.data) for e in db.exec(select(WebhookEvent).order_by(col(WebhookEvent.id)))]


def deliveries(database: Database) -> list[WebhookDelivery]:
    with database.begin(writes=False) as db:
        return list(db.exec(select(WebhookDelivery).order_by(col(WebhookDelivery.id))))


def only_webhook(database: Database) -> Webhook:
    with database.begin(writes=False) as db:
        return db.exec(select(Webhook)).one()
