"""Who has which role in a cycle, and who was asked to join."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Relationship

from app.models.account import User
from app.models.base import NO_LAZY, Row


class TeamMember(Row, table=True):
    """An account's role in a cycle (`domain.permissions.Role`)."""

    __tablename__ = "team_member"
    __table_args__ = (UniqueConstraint("cycle_id", "user_id"),)

    cycle_id: str = Field(foreign_key="cycle.id", ondelete="CASCADE")
    user_id: str = Field(foreign_key="user_account.id", index=True, ondelete="CASCADE")
    role: str = Field(max_length=16)
    made_owner: bool = Field(default=False)
    """They own it by another owner's word: they neither began it nor were asked to be its owner."""

    user: User = Relationship(sa_relationship_kwargs=NO_LAZY)


class TeamInvitation(Row, table=True):
    """An address that was asked to join a cycle's team, or the installation where `cycle_id` is
    empty. What is mailed is this id, signed. Whoever has accepted has it in `accepted_at`."""

    __tablename__ = "team_invitation"

    cycle_id: str | None = Field(
        default=None, foreign_key="cycle.id", index=True, ondelete="CASCADE"
    )
    email: str = Field(max_length=254)
    email_key: str = Field(max_length=254, index=True)
    role: str = Field(default="", max_length=16)  # in the cycle
    standing: str = Field(default="", max_length=16)  # of an account that is made by it
    language: str = Field(default="", max_length=2)
    invited_by_id: str | None = Field(
        default=None, foreign_key="user_account.id", ondelete="SET NULL"
    )
    invited_by: str = Field(default="", max_length=200)
    expires_at: datetime
    accepted_at: datetime | None = Field(default=None)
    revoked_at: datetime | None = Field(default=None)
