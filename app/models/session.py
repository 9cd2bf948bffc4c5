"""Training sessions with their segments and parts. (The database's session is `DbSession`.)"""

from datetime import datetime

from pydantic import NaiveDatetime
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Relationship

from app.domain.ids import new_code, new_id
from app.domain.schedule import PartStatus, SegmentKind, SessionStatus
from app.models.base import NO_LAZY, Editable, Row, json_field
from app.models.person import Person


class Session(Editable, table=True):
    """One online meeting of a cycle.

    The wall-clock start and its zone are what was asked for; `starts_at` and `ends_at` are the
    instants that follow from them with the zone data of the day. `fold` is 1 for the second of
    two equal wall times (PEP 495).
    """

    __tablename__ = "session"
    __table_args__ = (UniqueConstraint("cycle_id", "number"),)

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    uid: str = Field(default_factory=new_id, unique=True, max_length=80)
    number: int
    title: dict[str, str] = json_field()
    description: dict[str, str] = json_field()
    wall_start: NaiveDatetime
    zone: str = Field(max_length=64)
    fold: int = Field(default=0)
    minutes: int
    starts_at: datetime = Field(index=True)
    ends_at: datetime
    status: str = Field(default=SessionStatus.SCHEDULED, max_length=16)
    meeting_url: str = Field(default="", max_length=2000)
    meeting_passcode: str = Field(default="", max_length=100)
    check_in_before: int = Field(default=15)  # minutes before the start
    check_in_after: int = Field(default=30)  # minutes after the end
    check_in_word: str = Field(default="", max_length=40)  # asked for at the room link if set
    check_in_word_rotates: bool = Field(default=False)  # see `domain.room_words`; then that counts
    backstage_url: str = Field(default="", max_length=2000)  # where those with a part meet before
    room_code: str = Field(default_factory=new_code, unique=True, max_length=16)
    closed_at: datetime | None = Field(default=None)  # attendance: nothing more is to come

    segments: list["Segment"] = Relationship(
        back_populates="session",
        sa_relationship_kwargs={
            **NO_LAZY,
            "order_by": "(Segment.position, Segment.id)",
            "cascade": "all, delete-orphan",
        },
    )


class Segment(Row, table=True):
    """One item of the agenda. `offset` pins it, in minutes after the session's start; without
    it the segment begins when the one before ends."""

    __tablename__ = "segment"

    session_id: str = Field(foreign_key="session.id", index=True, ondelete="CASCADE")
    position: int
    kind: str = Field(default=SegmentKind.PRESENTATION, max_length=16)
    title: str = Field(default="", max_length=300)
    minutes: int
    offset: int | None = Field(default=None)

    session: Session = Relationship(back_populates="segments", sa_relationship_kwargs=NO_LAZY)
    parts: list["Part"] = Relationship(
        back_populates="segment",
        sa_relationship_kwargs={
            **NO_LAZY,
            "order_by": "(Part.order, Part.id)",
            "cascade": "all, delete-orphan",
        },
    )


class Part(Row, table=True):
    """A person's part in a segment. `position` and `institution` are as of that day."""

    __tablename__ = "part"
    __table_args__ = (UniqueConstraint("segment_id", "person_id", "role"),)

    session_id: str = Field(foreign_key="session.id", index=True, ondelete="CASCADE")
    segment_id: str = Field(foreign_key="segment.id", index=True, ondelete="CASCADE")
    person_id: str = Field(foreign_key="person.id", index=True)
    role: str = Field(max_length=16)
    order: int = Field(default=0)
    position: str = Field(default="", max_length=200)
    institution: str = Field(default="", max_length=200)
    status: str = Field(default=PartStatus.PLANNED, max_length=12)
    asked_at: datetime | None = Field(default=None)  # when they were last asked to confirm it
    answered_at: datetime | None = Field(default=None)
    answered_start: datetime | None = Field(default=None)  # when the segment was to begin then
    comment: str = Field(default="", max_length=1000)

    segment: Segment = Relationship(back_populates="parts", sa_relationship_kwargs=NO_LAZY)
    person: Person = Relationship(sa_relationship_kwargs=NO_LAZY)
