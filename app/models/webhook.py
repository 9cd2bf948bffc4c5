"""Programs elsewhere that are told what happens, what there is to tell, and what became of it.

Nothing here names anybody: what an event says is ids, and no answer of a receiver is kept.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from app.models.base import Row, json_field, json_list_field, now

_WAITING = text("status = 'waiting'")


class Webhook(Row, table=True):
    """An address that is told of some kinds of events in a cycle. Of its secrets only seeds are
    kept (see `services.webhook_secrets`)."""

    __tablename__ = "webhook"

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    address: str = Field(max_length=1000)
    description: str = Field(default="", max_length=200)
    events: list[str] = json_list_field()
    added_by: str = Field(default="", max_length=200)
    seed: str = Field(max_length=64)  # of the present secret
    seed_before: str = Field(default="", max_length=64)  # of the one that was replaced
    before_until: datetime | None = Field(default=None)  # until then it signs as well
    disabled_at: datetime | None = Field(default=None)
    disabled_why: str = Field(default="", max_length=16)  # hand, gone, failing
    failures: int = Field(default=0)  # in a row, whatever was sent
    failing_since: datetime | None = Field(default=None)  # the first of them
    resting_until: datetime | None = Field(default=None)  # nothing is tried before
    delivered_at: datetime | None = Field(default=None)  # the last one


class WebhookEvent(Row, table=True):
    """Something that happened, for whoever wanted to be told when it did."""

    __tablename__ = "webhook_event"
    __table_args__ = (Index("ix_webhook_event_created_at", "created_at"),)

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    key: str = Field(unique=True, max_length=200)  # the same fact twice is one event
    type: str = Field(max_length=40)
    at: datetime = Field(default_factory=now)  # when it happened
    data: dict[str, Any] = json_field()  # ids; see `schemas.webhook`


class WebhookDelivery(Row, table=True):
    """One event for one webhook, until it has arrived or is given up."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("event_id", "webhook_id"),
        Index(
            "ix_webhook_delivery_waiting",
            "webhook_id",
            "due_at",
            "id",
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
        Index("ix_webhook_delivery_listed", "webhook_id", "id"),
    )

    webhook_id: str = Field(foreign_key="webhook.id", ondelete="CASCADE")
    event_id: str = Field(foreign_key="webhook_event.id", ondelete="CASCADE")
    status: str = Field(default="waiting", max_length=12)  # waiting, delivered, failed
    attempts: int = Field(default=0)
    due_at: datetime = Field(default_factory=now)  # not to be tried before
    first_tried_at: datetime | None = Field(default=None)
    tried_at: datetime | None = Field(default=None)  # the last time
    leased_until: datetime | None = Field(default=None)
    leased_by: str = Field(default="", max_length=80)
    code: int | None = Field(default=None)  # of HTTP, of the last attempt
    reason: str = Field(default="", max_length=16)  # `outgoing.failures.Reason`, of the same
    milliseconds: int | None = Field(default=None)  # of the same
    # Of the last attempts: at (RFC 3339), code, reason, milliseconds.
    tries: list[dict[str, Any]] = json_list_field()
