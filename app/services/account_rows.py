"""Finding accounts, and holding them."""

from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.errors import NotAllowed
from app.domain.permissions import AccountStanding
from app.models import SignIn, User


def find_user(db: DbSession, email: str, *, hold: bool = False) -> User | None:
    """The account with this address; `hold`: as `hold_user`."""
    key = address_key(email)
    if not key.isprintable():  # a NUL or half a surrogate pair is no text to a database
        return None
    query = select(User).where(User.email_key == key)
    return db.exec(_held(query) if hold else query).one_or_none()


def hold_user(db: DbSession, user_id: str) -> User | None:
    """An account as it is now, held until the transaction ends: whoever comes in, or begins
    something by which one comes in later, and whoever ends all that, do so one after the other. To
    be held before what belongs to it."""
    return db.exec(_held(select(User).where(User.id == user_id))).one_or_none()


def hold_administrator(db: DbSession, user_id: str) -> None:
    """Holds the standing of an administrator, so that what they do is done before it is taken from
    them, and what they have asked is ended. Raises NotAllowed where it was taken meanwhile."""
    administrator = AccountStanding.ADMINISTRATOR
    query = select(User.id).where(User.id == user_id, User.standing == administrator)
    if db.exec(query.with_for_update(read=True, key_share=True)).first() is None:
        raise NotAllowed


def _held(query: SelectOfScalar[User]) -> SelectOfScalar[User]:
    return query.with_for_update(key_share=True).execution_options(populate_existing=True)


def first_user(db: DbSession) -> User | None:
    """The oldest account, for whoever has the machine and forgot the address."""
    return db.exec(select(User).order_by(col(User.created_at), col(User.id)).limit(1)).first()


def all_users(db: DbSession, now: datetime) -> list[tuple[User, int]]:
    """Every account by address, and in how many browsers it is signed in. One query."""
    signed_in: Any = (
        select(func.count())
        .where(SignIn.user_id == User.id, col(SignIn.expires_at) > now)
        .correlate(User)
        .scalar_subquery()
    )
    query: Any = select(User, signed_in).order_by(col(User.email_key))
    return [(row[0], row[1]) for row in db.exec(query)]
