"""The outbox."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field

from app.models.base import Row, json_field, now


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Message(Row, table=True):
    """One outgoing mail, until it has been delivered or given up.

    It holds what the mail is about, not its text: links in it are made when it is sent, so that
    nothing in the database opens a door.
    """

    __tablename__ = "message"
    # What waits is a small part of all that ever went, and is taken in the order of time.
    __table_args__ = (
        Index("ix_message_waiting", "due_at", "id", **_where("status = 'queued'")),
        Index(
            "ix_message_signing_in",
            "due_at",
            "id",
            **_where("status = 'queued' AND kind = 'sign-in'"),
        ),
        Index("ix_message_expiring", "expires_at", "id", **_where("status = 'queued'")),
        Index(
            "ix_message_single",
            "due_at",
            "id",
            **_where("status = 'queued' AND kind <> 'invitation' AND kind <> 'invitation-update'"),
        ),
        # For lists. With what waits in it SQLite would take this one instead of those above.
        Index("ix_message_progress", "cycle_id", "release_number", "status"),
        Index("ix_message_ended", "status", "created_at", "id", **_where("status <> 'queued'")),
        Index("ix_message_written", "created_at", "id"),
    )

    intent: str = Field(unique=True, max_length=200)  # what it is for; the same twice is one mail
    message_id: str = Field(unique=True, max_length=200)  # RFC 5322, fixed, so a repeat is seen
    kind: str = Field(max_length=40)
    cycle_id: str | None = Field(
        default=None, foreign_key="cycle.id", index=True, ondelete="CASCADE"
    )
    to_name: str = Field(default="", max_length=200)
    to_address: str = Field(max_length=254)
    language: str = Field(max_length=2)
    context: dict[str, Any] = json_field()
    guest_id: str | None = Field(
        default=None, foreign_key="guest.id", index=True, ondelete="CASCADE"
    )
    session_id: str | None = Field(
        default=None, foreign_key="session.id", index=True, ondelete="CASCADE"
    )
    release_number: int = Field(default=0)  # the release that it tells of, 0: none
    # Mails of one lane overtake each other never: the newest replaces what still waits.
    lane: str = Field(default="", index=True, max_length=80)
    rank: int = Field(default=0)  # within its lane: of an invitation its SEQUENCE
    expires_at: datetime | None = Field(default=None)  # of no use from then on
    # queued, sent, failed, expired, superseded, bounced
    status: str = Field(default="queued", max_length=16)
    attempts: int = Field(default=0)
    due_at: datetime = Field(default_factory=now)  # not to be tried before
    leased_until: datetime | None = Field(default=None)
    leased_by: str = Field(default="", max_length=80)
    last_error: str = Field(default="", max_length=500)
    sent_at: datetime | None = Field(default=None)
