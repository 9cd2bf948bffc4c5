"""What was observed of attendance, the reports that it was read from, and closing a session."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.domain.report_states import ReportStatus, RowState
from app.models.base import Row, json_field, now


class Evidence(Row, table=True):
    """One observed fact about attendance; only ever added. `key` makes a repeat harmless."""

    __tablename__ = "evidence"
    # One for two purposes: of a session, and the last of a kind there while thousands come.
    __table_args__ = (Index(None, "session_id", "kind", "at"),)

    enrolment_id: str = Field(foreign_key="enrolment.id", index=True, ondelete="CASCADE")
    session_id: str = Field(foreign_key="session.id", ondelete="CASCADE")
    kind: str = Field(max_length=20)
    at: datetime = Field(default_factory=now)
    source: str = Field(max_length=40)  # personal-page, room, organizer, api; of a report: whose
    recorded_by: str = Field(default="", max_length=200)  # the organizer, where one did it
    status: str = Field(default="", max_length=16)  # what a mark says
    reason: str = Field(default="", max_length=500)
    retracts_id: str | None = Field(default=None, foreign_key="evidence.id")
    key: str = Field(unique=True, max_length=120)
    joined_at: datetime | None = Field(default=None)  # of an interval
    left_at: datetime | None = Field(default=None)
    seconds: int | None = Field(default=None)  # of a total
    import_id: str | None = Field(default=None, foreign_key="report_import.id", index=True)
    row_number: int | None = Field(default=None)  # in that file
    shown_as: str = Field(default="", max_length=200)  # the name in that row
    matched_by: str = Field(default="", max_length=16)  # see `domain.matching`


class ReportImport(Row, table=True):
    """A provider's report as it was read for a session: looked at first, then applied, and undone
    if it was wrong. What it amounts to stands in `Evidence`, where undoing retracts it."""

    __tablename__ = "report_import"

    session_id: str = Field(foreign_key="session.id", index=True, ondelete="CASCADE")
    recorded_by: str = Field(default="", max_length=200)
    filename: str = Field(max_length=200)
    # SHA-256 of the file, and its name in the store, where it lies until it is applied
    digest: str = Field(index=True, max_length=64)
    provider: str = Field(max_length=20)
    layout: str = Field(default="", max_length=40)
    reading: dict[str, Any] = json_field()  # what was found or chosen, and what was not readable
    status: str = Field(default=ReportStatus.PREVIEW, max_length=16)
    applied_at: datetime | None = Field(default=None)
    applied_by: str = Field(default="", max_length=200)
    undone_at: datetime | None = Field(default=None)
    undone_by: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=500)  # why it was undone


class ReportRow(Row, table=True):
    """A row of a report: who, when, and whom it was matched to. Rows that do not count are here
    too, so that every row of the file is accounted for."""

    __tablename__ = "report_row"

    import_id: str = Field(foreign_key="report_import.id", index=True, ondelete="CASCADE")
    number: int  # in the file
    name: str = Field(default="", max_length=200)
    email: str = Field(default="", max_length=254)
    joined_at: datetime | None = Field(default=None)
    left_at: datetime | None = Field(default=None)
    seconds: int | None = Field(default=None)
    note: str = Field(default="", max_length=300)
    enrolment_id: str | None = Field(
        default=None, foreign_key="enrolment.id", index=True, ondelete="SET NULL"
    )
    matched_by: str = Field(default="", max_length=16)  # empty: to nobody
    left_out: bool = Field(default=False)  # nobody has to say whose it is
    state: str = Field(default=RowState.UNMATCHED, max_length=16)
    # The same for all rows of one name and address: what is said of one is said of all.
    who: str = Field(default="", max_length=32)
    details: dict[str, Any] = json_field()  # who may be meant, why it does not count, its remarks
    credits: int = Field(default=0)  # how often evidence was made of it, each under its own key


class ReportAlias(Row, table=True):
    """What somebody is called in reports, as an organizer of the cycle confirmed it."""

    __tablename__ = "report_alias"
    __table_args__ = (UniqueConstraint("key", "person_id", "cycle_id"),)

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    person_id: str = Field(foreign_key="person.id", index=True, ondelete="CASCADE")
    key: str = Field(max_length=300)  # of a name or an address, see `domain.matching`
    recorded_by: str = Field(default="", max_length=200)


class PartArrival(SQLModel, table=True):
    """When somebody with a part first went to the session by their own page."""

    __tablename__ = "part_arrival"

    guest_id: str = Field(foreign_key="guest.id", primary_key=True, ondelete="CASCADE")
    session_id: str = Field(
        foreign_key="session.id", primary_key=True, index=True, ondelete="CASCADE"
    )
    at: datetime = Field(default_factory=now)


class SessionClosing(Row, table=True):
    """An organizer closed a session, or opened it again; only ever added."""

    __tablename__ = "session_closing"

    session_id: str = Field(foreign_key="session.id", index=True, ondelete="CASCADE")
    closed: bool
    at: datetime = Field(default_factory=now)
    recorded_by: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=500)
    counts: dict[str, int] = json_field()  # how many had which status then


class CycleRule(Row, table=True):
    """A version of a cycle's completion rule; it never changes."""

    __tablename__ = "cycle_rule"
    __table_args__ = (UniqueConstraint("cycle_id", "version"),)

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    version: int
    document: dict[str, Any] = json_field()  # see `domain.completion`; empty: no rule
    at: datetime = Field(default_factory=now)
    recorded_by: str = Field(default="", max_length=200)
