"""Published states of a cycle's schedule."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.models.base import Row, json_field, now


class Release(Row, table=True):
    """A published schedule. Never changed: the document is what `domain.documents` wrote."""

    __tablename__ = "release"
    __table_args__ = (UniqueConstraint("cycle_id", "number"),)

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    number: int
    published_at: datetime = Field(default_factory=now)
    published_by: str = Field(default="", max_length=200)
    note: str = Field(default="", max_length=2000)  # an organizer's own words, public
    document: dict[str, Any] = json_field()
