"""Guests and the ledger: what each person's calendar was told of each session."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Relationship

from app.domain.ids import new_code
from app.models.base import NO_LAZY, Row, json_list_field, now
from app.models.person import Person


class Guest(Row, table=True):
    """One person in one cycle whose calendar is kept: a participant, somebody with parts, or both.

    `reply_code` is the plus-tag of the address that takes their replies, the same for ever.
    """

    __tablename__ = "guest"
    __table_args__ = (UniqueConstraint("cycle_id", "person_id"),)

    cycle_id: str = Field(foreign_key="cycle.id", index=True, ondelete="CASCADE")
    person_id: str = Field(foreign_key="person.id", index=True)
    reply_code: str = Field(default_factory=lambda: new_code(16), unique=True, max_length=26)
    link_generation: int = Field(default=1)  # raising it ends the link to /part
    feed_generation: int = Field(default=1)  # raising it ends the address of the calendar
    biography: str = Field(default="", max_length=2000)
    photo: str = Field(default="", max_length=80)  # name in the store of files
    # Addresses, as they are compared, from which an organizer has taken answers as theirs.
    aliases: list[str] = json_list_field()
    # Pairs of RFC 3339 instants in UTC, half-open: when they cannot.
    unavailable: list[list[str]] = json_list_field()

    person: Person = Relationship(sa_relationship_kwargs=NO_LAZY)


class Invitation(Row, table=True):
    """The ledger's row of one guest and one session: what was last issued, and the answer to it.

    What was issued is what the mail says that waits in the outbox or has been sent; whether it has
    arrived is the state of that message. A row begins with the first REQUEST.
    """

    __tablename__ = "invitation"
    __table_args__ = (UniqueConstraint("guest_id", "session_id"),)

    guest_id: str = Field(foreign_key="guest.id", index=True, ondelete="CASCADE")
    session_id: str = Field(foreign_key="session.id", index=True, ondelete="CASCADE")
    uid: str = Field(max_length=80)
    method: str = Field(default="", max_length=10)  # REQUEST or CANCEL, what was last issued
    sequence: int = Field(default=0)  # SEQUENCE that was last issued
    stamp: datetime = Field(default_factory=now)  # its DTSTAMP
    digest: str = Field(default="", max_length=64)  # of what it said, see domain.invitations
    language: str = Field(default="", max_length=2)  # in which it said it
    address: str = Field(default="", max_length=254, index=True)  # where it went
    starts_at: datetime = Field(default_factory=now)  # what it said
    ends_at: datetime = Field(default_factory=now)
    time_sequence: int = Field(default=0)  # since this SEQUENCE the time is what it is
    release_number: int = Field(default=0)
    message_id: str | None = Field(  # the message that carries it
        default=None, foreign_key="message.id", index=True, ondelete="SET NULL"
    )
    left_out: int = Field(default=0)  # the release that they were left out of, until they are told
    answer: str = Field(default="", max_length=12)  # accepted, tentative, declined
    answer_source: str = Field(default="", max_length=12)  # link, page, mail, organizer
    answered_at: datetime | None = Field(default=None)  # when it was given: a REPLY's DTSTAMP
    answer_sequence: int = Field(default=0)  # the SEQUENCE that it answers
    answer_sent_at: datetime | None = Field(default=None)  # the Date of the REPLY
    comment: str = Field(default="", max_length=1000)

    guest: Guest = Relationship(sa_relationship_kwargs=NO_LAZY)
