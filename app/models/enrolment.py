"""Participants."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Relationship

from app.models.base import NO_LAZY, Editable, now
from app.models.institution import Initiative
from app.models.person import Person


class Enrolment(Editable, table=True):
    """One person in one cycle. Name, country and institution are those given on enrolling:
    whoever knows an address must not be able to rename its owner in the directory."""

    __tablename__ = "enrolment"
    __table_args__ = (UniqueConstraint("cycle_id", "person_id"),)

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    person_id: str = Field(foreign_key="person.id", index=True)
    status: str = Field(max_length=16)
    status_at: datetime = Field(default_factory=now)  # since when; the waitlist's order
    name: str = Field(max_length=200)
    country: str = Field(default="", max_length=2)
    institution: str = Field(default="", max_length=200)
    initiative_id: str | None = Field(default=None, foreign_key="initiative.id", index=True)
    language: str = Field(max_length=2)
    zone: str = Field(max_length=64)
    gender: str = Field(default="", max_length=8)  # where the cycle asks; domain.enrolment.Gender
    consent_at: datetime | None = Field(default=None)
    consent_version: int = Field(default=0)  # the cycle's privacy_version that was agreed to
    consent_language: str = Field(default="", max_length=2)  # in which it was read
    link_generation: int = Field(default=1)  # raising it ends the personal link
    feed_generation: int = Field(default=1)  # raising it ends the calendar's address
    search_key: str = Field(default="", index=True, max_length=900)

    person: Person = Relationship(sa_relationship_kwargs=NO_LAZY)
    initiative: Initiative | None = Relationship(sa_relationship_kwargs=NO_LAZY)
