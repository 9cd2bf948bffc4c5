"""What mails say beyond the house's words, when reminders go out, how fast mail may go."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.models.base import Row, json_field, now


class MailText(Row, table=True):
    """An organizer's own subject and opening words for one kind of mail in one language."""

    __tablename__ = "mail_text"
    __table_args__ = (UniqueConstraint("cycle_id", "kind", "language"),)

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    kind: str = Field(max_length=40)
    language: str = Field(max_length=2)
    subject: str = Field(default="", max_length=200)  # empty: the house's own
    text: str = Field(default="", max_length=4000)
    changed_by: str = Field(default="", max_length=200)


class Reminder(Row, table=True):
    """A rule: a mail so many minutes before a session's start or after its end."""

    __tablename__ = "reminder"

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    anchor: str = Field(max_length=8)  # start (before it), end (after it)
    minutes: int  # before the start, or after the end
    audience: str = Field(max_length=16)  # all, unanswered, accepted, speakers
    on: bool = Field(default=True)
    since: datetime = Field(default_factory=now)  # since when it is as it is, and on
    removed: bool = Field(default=False)  # kept for what it has sent


class ReminderRun(Row, table=True):
    """A reminder that has gone to the outbox for a session at its time. At another time of that
    session it is due again, for whoever has got nothing."""

    __tablename__ = "reminder_run"
    __table_args__ = (UniqueConstraint("reminder_id", "session_id"),)

    reminder_id: str = Field(foreign_key="reminder.id", index=True, ondelete="CASCADE")
    session_id: str = Field(foreign_key="session.id", index=True, ondelete="CASCADE")
    due_at: datetime  # by the session's time as it was
    ran_at: datetime = Field(default_factory=now)
    outcome: str = Field(max_length=12)  # sent, late, missed, covered, open
    count: int = Field(default=0)  # of mails


class MailPace(Row, table=True):
    """When the next mail may go over a server, how many went, and why none goes now: shared by all
    workers."""

    __tablename__ = "mail_pace"

    server: str = Field(unique=True, max_length=300)  # host and port
    next_at: datetime = Field(default_factory=now)
    recent: dict[str, int] = json_field()  # of the last hour: minute since 1970 to mails begun
    pause: str = Field(default="", max_length=16)  # a reason (`mail.failures`), hour; empty: none
    detail: str = Field(default="", max_length=500)  # what the server said
    since: datetime | None = Field(default=None)
    until: datetime | None = Field(default=None)  # when it is tried again
