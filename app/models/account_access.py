"""Ways into an account beside the password, and changes of its address."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.base import Row, now


class RecoveryCode(Row, table=True):
    """A code that does once what the phone does, kept as its SHA-256."""

    __tablename__ = "recovery_code"
    __table_args__ = (UniqueConstraint("user_id", "digest"),)

    user_id: str = Field(foreign_key="user_account.id", ondelete="CASCADE")
    digest: str = Field(max_length=64)
    used_at: datetime | None = Field(default=None)


class AddressChange(Row, table=True):
    """An account's new address: asked for, confirmed from the new mailbox, undone from the old
    one. What is mailed is this id, signed for one of the two purposes."""

    __tablename__ = "address_change"

    user_id: str = Field(foreign_key="user_account.id", index=True, ondelete="CASCADE")
    old_email: str = Field(max_length=254)
    new_email: str = Field(max_length=254)
    expires_at: datetime  # until when it can be confirmed, then until when it can be undone
    confirmed_at: datetime | None = Field(default=None)
    undone_at: datetime | None = Field(default=None)


class OutsideIdentity(Row, table=True):
    """Who somebody is at an OpenID provider, by which they sign in to an account."""

    __tablename__ = "outside_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    user_id: str = Field(foreign_key="user_account.id", index=True, ondelete="CASCADE")
    issuer: str = Field(max_length=400)
    subject: str = Field(max_length=255)


class OutsideSignIn(SQLModel, table=True):
    """Somebody who went to the OpenID provider and has not come back. The id is the SHA-256 of the
    state; nonce and PKCE verifier follow from the state and the server's key."""

    __tablename__ = "outside_sign_in"

    id: str = Field(primary_key=True, max_length=64)
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime = Field(index=True)
    next: str = Field(default="", max_length=500)
