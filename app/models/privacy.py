"""What people are told of their data, what they agreed to, and that it was erased."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.domain.ids import new_code
from app.models.base import Row, json_field, json_list_field, now


class PrivacyNotice(Row, table=True):
    """A version of a cycle's privacy notice, by language; it never changes."""

    __tablename__ = "privacy_notice"
    __table_args__ = (UniqueConstraint("cycle_id", "version"),)

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    version: int
    texts: dict[str, str] = json_field()
    at: datetime = Field(default_factory=now)
    recorded_by: str = Field(default="", max_length=200)


class Consent(Row, table=True):
    """That a participant agreed to a version of the notice; only ever added. The newest one stands
    in the enrolment too."""

    __tablename__ = "consent"

    enrolment_id: str = Field(foreign_key="enrolment.id", index=True, ondelete="CASCADE")
    version: int
    language: str = Field(default="", max_length=2)  # in which they read it; empty: not known
    at: datetime = Field(default_factory=now)


class Erasure(Row, table=True):
    """That what was held about somebody was erased: of whom, it does not say."""

    __tablename__ = "erasure"

    cycle_id: str | None = Field(
        default=None, foreign_key="cycle.id", index=True, ondelete="SET NULL"
    )
    scope: str = Field(max_length=12)  # cycle, everywhere, retention
    recorded_by: str = Field(default="", max_length=200)  # the organizer; empty: they did, or time
    reason: str = Field(default="", max_length=500)
    counts: dict[str, int] = json_field()  # rows that went or were emptied, by table
    # What is still to be taken off the disk: names in the store of files and in the folder of mails
    files: list[str] = json_list_field()
    done_at: datetime | None = Field(default=None, index=True)  # when the disk had nothing left


class DataLink(Row, table=True):
    """A link that was mailed to somebody's address, to what is held about them everywhere. What is
    mailed is its id, signed."""

    __tablename__ = "data_link"

    id: str = Field(default_factory=lambda: new_code(26), primary_key=True, max_length=26)
    person_id: str = Field(foreign_key="person.id", index=True, ondelete="CASCADE")
    expires_at: datetime = Field(index=True)
