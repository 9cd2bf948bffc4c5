"""Whether anything may be sent, and whether somebody does."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from app.models.base import Row, now


class SendingHold(Row, table=True):
    """Since a restore nothing is sent, until somebody says so.

    What waits in a restored outbox may have gone after the backup was made; nobody but a person
    can know what became of it.
    """

    __tablename__ = "sending_hold"

    backup_at: datetime  # when the backup was made
    # What was queued up to then may have gone already; later mails are new.
    repeats_until: datetime = Field(default_factory=now)
    ended_at: datetime | None = Field(default=None)
    ended_by: str = Field(default="", max_length=200)


class WorkerTurn(Row, table=True):
    """What all workers have done, in one row, for those who watch over them."""

    __tablename__ = "worker_turn"

    turned_at: datetime = Field(default_factory=now)  # when one of them looked last
    sent: int = Field(default=0, sa_type=BigInteger)
    failures: int = Field(default=0, sa_type=BigInteger)  # tries that failed
