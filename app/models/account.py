"""Organizers: accounts, sign-ins, one-time links, API tokens, and answers kept for repeats."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, UniqueConstraint
from sqlmodel import Field

from app.domain.permissions import AccountStanding
from app.models.base import Row, now


class User(Row, table=True):
    """An organizer's account."""

    __tablename__ = "user_account"  # "user" is reserved in PostgreSQL

    name: str = Field(max_length=200)
    email: str = Field(max_length=254)
    email_key: str = Field(unique=True, max_length=254)
    password_hash: str = Field(default="", max_length=200)  # empty: one-time links only
    language: str = Field(default="", max_length=2)
    standing: str = Field(default=AccountStanding.ORGANIZER, max_length=16)
    totp_secret: str = Field(default="", max_length=300)  # sealed, see `services.second_factor`
    totp_since: datetime | None = Field(default=None)  # None: not asked for, or not confirmed yet
    totp_step: int = Field(default=0)  # the half minute of the last code: none before it counts


class SignIn(Row, table=True):
    """A browser that is signed in. The id is the SHA-256 of the cookie's value."""

    __tablename__ = "sign_in"

    user_id: str = Field(foreign_key="user_account.id", index=True, ondelete="CASCADE")
    id: str = Field(primary_key=True, max_length=64)
    expires_at: datetime
    browser: str = Field(default="", max_length=60)  # in words, such as "Firefox, Linux"
    network: str = Field(default="", max_length=45)  # the first part of an address
    seen_at: datetime | None = Field(default_factory=now)  # to the day; None: long ago


class SignInLink(Row, table=True):
    """A one-time link. What is mailed is this id, signed; the row says whether it was used."""

    __tablename__ = "sign_in_link"

    user_id: str = Field(foreign_key="user_account.id", index=True, ondelete="CASCADE")
    expires_at: datetime
    used_at: datetime | None = Field(default=None)


class ApiToken(Row, table=True):
    """A bearer token for programs, kept as its SHA-256."""

    __tablename__ = "api_token"

    user_id: str = Field(foreign_key="user_account.id", index=True, ondelete="CASCADE")
    name: str = Field(max_length=100)
    digest: str = Field(unique=True, max_length=64)
    scopes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    expires_at: datetime | None = Field(default=None)
    revoked_at: datetime | None = Field(default=None)
    cycle_id: str | None = Field(  # the one cycle that it is for
        default=None, foreign_key="cycle.id", index=True, ondelete="CASCADE"
    )
    used_at: datetime | None = Field(default=None)  # to the hour


class KeptAnswer(Row, table=True):
    """The answer to a POST that carried an Idempotency-Key, for when it comes again."""

    __tablename__ = "kept_answer"
    __table_args__ = (UniqueConstraint("owner_id", "key"),)

    owner_id: str = Field(max_length=26)  # the token's id
    key: str = Field(max_length=200)
    request_digest: str = Field(max_length=64)  # method, path and body
    status: int
    headers: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
