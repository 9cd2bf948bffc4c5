"""Who did what to what: one line for each row that was changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from app.domain.ids import new_id
from app.models.base import now


class AuditEntry(SQLModel, table=True):
    """What became of a row in a transaction (`models.trail`), written in the same. What would say
    who somebody is stands apart, so that it can be erased without losing the line. Nothing here
    refers to another row: those may go, and this stays."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "cycle_id", "id"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=26)
    at: datetime = Field(default_factory=now)
    deed_id: str = Field(max_length=26)  # what was done in one transaction has the same
    deed: str = Field(default="", max_length=60)  # the route, the command, the chore
    channel: str = Field(max_length=12)  # page, api; system: worker, command
    actor_kind: str = Field(max_length=12)  # see `models.trail.Doing`
    actor_id: str = Field(default="", max_length=26, index=True)
    actor_name: str = Field(default="", max_length=200)  # of an organizer, as of then
    cycle_id: str | None = Field(default=None, max_length=26)
    noun: str = Field(max_length=40)  # the table
    row_id: str = Field(max_length=80)
    change: str = Field(max_length=8)  # added, changed, removed
    before: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    after: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    person_id: str | None = Field(default=None, max_length=26, index=True)  # whom it is about
    private_before: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    private_after: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
