"""Cycles and the institutions that carry them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, Relationship

from app.domain.schedule import CycleStatus, InstitutionRole
from app.models.base import NO_LAZY, Editable, Row, json_field
from app.models.institution import Institution


class Cycle(Editable, table=True):
    """A training cycle. `release_number` is that of the newest release, 0 before the first."""

    __tablename__ = "cycle"

    slug: str = Field(unique=True, max_length=60)
    title: dict[str, str] = json_field()
    description: dict[str, str] = json_field()
    language: str = Field(max_length=2)
    zone: str = Field(max_length=64)
    status: str = Field(default=CycleStatus.DRAFT, max_length=16)
    accent: str = Field(default="", max_length=7)  # "#rrggbb", empty: the house's own
    contact_email: str = Field(default="", max_length=254)
    capacity: int | None = Field(default=None)
    enrolment_open: bool = Field(default=True)
    approval: bool = Field(default=False)  # an organizer confirms each enrolment
    asks_gender: bool = Field(default=False)  # on enrolling; nobody has to answer
    privacy_notice: dict[str, str] = json_field()
    privacy_version: int = Field(default=1)  # goes up when the notice's text changes
    # Details of participants are kept for so many months after its end; None: until told otherwise
    retention_months: int | None = Field(default=None)
    retention_until: datetime | None = Field(default=None)  # not before, where it was put off
    details_erased_at: datetime | None = Field(default=None)  # when the worker had done it
    completion_rule: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    release_number: int = Field(default=0)
    invites: bool = Field(default=False)  # calendars are kept right by mail
    zones_moved: bool = Field(default=False)  # there may be something to tell: `zone_guard.untold`
    has_webhooks: bool = Field(default=False)  # so that nobody looks for them where there are none

    institutions: list["CycleInstitution"] = Relationship(
        back_populates="cycle",
        sa_relationship_kwargs={
            **NO_LAZY,
            "order_by": "CycleInstitution.position",
            "cascade": "all, delete-orphan",
        },
    )


class CycleInstitution(Row, table=True):
    """An institution's role in a cycle."""

    __tablename__ = "cycle_institution"
    __table_args__ = (UniqueConstraint("cycle_id", "institution_id", "role"),)

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    institution_id: str = Field(foreign_key="institution.id", index=True)
    role: str = Field(default=InstitutionRole.ORGANIZER, max_length=16)
    position: int = Field(default=0)

    cycle: Cycle = Relationship(back_populates="institutions", sa_relationship_kwargs=NO_LAZY)
    institution: Institution = Relationship(sa_relationship_kwargs=NO_LAZY)
