"""Mail that came in."""

from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary
from sqlmodel import Field

from app.models.base import Row, json_field, now


class InboundMail(Row, table=True):
    """One mail as it arrived, and what became of it. `key` (its Message-ID, or the digest of its
    bytes) makes the same mail count once; of two with one Message-ID that say different things the
    second has its digest in it. Personal links of ours in `raw` are made useless."""

    __tablename__ = "inbound_mail"

    key: str = Field(unique=True, max_length=300)
    received_at: datetime = Field(default_factory=now)
    kind: str = Field(max_length=16)  # reply, bounce, automatic, other
    status: str = Field(index=True, max_length=16)  # placed, ignored, open, settled
    reason: str = Field(default="", max_length=40)  # why it is open or was ignored
    sender: str = Field(default="", max_length=254)
    subject: str = Field(default="", max_length=300)
    cycle_id: str | None = Field(
        default=None, foreign_key="cycle.id", index=True, ondelete="CASCADE"
    )
    guest_id: str | None = Field(
        default=None, foreign_key="guest.id", index=True, ondelete="SET NULL"
    )
    digest: str = Field(default="", max_length=64)  # of what stands below its headers
    details: dict[str, Any] = json_field()  # what was read out of it
    shown: dict[str, Any] = json_field()  # what a person sees of it: headers, text, calendar
    raw: bytes = Field(sa_type=LargeBinary)
    settled_by: str = Field(default="", max_length=200)
