"""Certificates, what they look like, and issuing them to many."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from app.domain.certificates import State
from app.models.base import Row, json_field, json_list_field, now

_LIVE = text("status = 'live'")


class CertificateDesign(Row, table=True):
    """A version of what a cycle's certificates look like; it never changes, so that a certificate
    looks the same whenever its PDF is made. The newest one is for those that are issued next."""

    __tablename__ = "certificate_design"
    __table_args__ = (UniqueConstraint("cycle_id", "version"),)

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    version: int
    template: str = Field(max_length=20)
    title: dict[str, str] = json_field()
    statement: dict[str, str] = json_field()
    accent: str = Field(default="", max_length=7)
    # Pictures: file (in the store of files), kind, ratio, alt.
    logos: list[dict[str, Any]] = json_list_field()
    # name, position by language, signature (a picture or null)
    signatories: list[dict[str, Any]] = json_list_field()
    recorded_by: str = Field(default="", max_length=200)


class Certificate(Row, table=True):
    """What was certified of one enrolment. Of the row only its status moves on, once, from live to
    revoked or superseded; what it says is frozen."""

    __tablename__ = "certificate"
    __table_args__ = (
        Index(
            "ix_certificate_live",
            "enrolment_id",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
        UniqueConstraint("cycle_id", "status_index"),
        Index("ix_certificate_listed", "cycle_id", "search_key", "id"),
    )

    cycle_id: str = Field(foreign_key="cycle.id")
    enrolment_id: str = Field(foreign_key="enrolment.id", index=True)
    code: str = Field(unique=True, max_length=28)
    holder: str = Field(max_length=200)
    search_key: str = Field(default="", max_length=900)
    language: str = Field(max_length=2)
    document: dict[str, Any] = json_field()  # see `services.certificate_words`
    rule_version: int
    design_id: str = Field(foreign_key="certificate_design.id", index=True)
    issued_at: datetime = Field(default_factory=now)
    issued_by: str = Field(default="", max_length=200)
    status: str = Field(default=State.LIVE, max_length=12)  # live, revoked, superseded
    ended_at: datetime | None = Field(default=None)  # revoked or superseded, when and by whom
    ended_by: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=500)
    superseded_by_id: str | None = Field(default=None, foreign_key="certificate.id", index=True)
    status_index: int  # its place in the cycle's status lists, drawn at random
    salt: str = Field(default="", max_length=64)


class IssueRun(Row, table=True):
    """Issuing certificates to all of a cycle who have completed it, done piece by piece."""

    __tablename__ = "issue_run"
    # One at a time for each cycle.
    __table_args__ = (
        Index(
            "ix_issue_run_under_way",
            "cycle_id",
            unique=True,
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    recorded_by: str = Field(default="", max_length=200)
    total: int = Field(default=0)  # how many have a place, when it began
    looked_at: int = Field(default=0)
    issued: int = Field(default=0)
    already: int = Field(default=0)  # had one
    left_out: int = Field(default=0)  # have not completed, cannot be printed, had one revoked
    after: str = Field(default="", max_length=26)  # the id of the enrolment looked at last
    leased_until: datetime | None = Field(default=None)
    leased_by: str = Field(default="", max_length=80)
    failures: int = Field(default=0)
    last_error: str = Field(default="", max_length=200)
    finished_at: datetime | None = Field(default=None)
