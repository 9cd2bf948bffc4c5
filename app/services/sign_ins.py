"""Browsers that are signed in: begun, seen, listed, ended."""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, delete, update
from sqlmodel import col, select

from app.db import DbSession
from app.models import AddressChange, SignIn, User, now
from app.services import sending
from app.services.account_rows import hold_user
from app.services.actor import Actor
from app.services.sign_in_links import end_links
from app.services.tokens import digest

SIGN_IN_DAYS = 14
SEEN_EVERY = timedelta(days=1)
"""How exactly it is kept when a browser was last seen."""


def start_sign_in(
    db: DbSession, user_id: str, now: datetime, *, browser: str = "", network: str = ""
) -> str:
    """Signs in somebody who has shown who it is; the value for the cookie, good for 14 days.
    `browser`: in words; `network`: from where, or a part of that."""
    cookie = secrets.token_urlsafe(32)
    db.add(
        SignIn(
            id=digest(cookie),
            user_id=user_id,
            created_at=now,
            expires_at=now + timedelta(days=SIGN_IN_DAYS),
            browser=browser[:60],
            network=network[:45],
            seen_at=now,
        )
    )
    db.flush()
    return cookie


class SignedIn(NamedTuple):
    """Who is signed in, since when, and whether nothing is sent since a restore."""

    user: User
    sign_in: SignIn
    held: bool


def find_sign_in(db: DbSession, cookie: str) -> SignedIn | None:
    """Who is signed in with this cookie; None if nobody is, or no longer."""
    if not cookie:
        return None
    row = db.exec(
        select(User, SignIn, sending.HELD)
        .join(SignIn, col(SignIn.user_id) == col(User.id))
        .where(SignIn.id == digest(cookie), SignIn.expires_at > now())
    ).one_or_none()
    return SignedIn(row[0], row[1], bool(row[2])) if row else None


def is_seen_anew(sign_in: SignIn, now: datetime) -> bool:
    """Whether it is to be noted that a browser was seen."""
    return sign_in.seen_at is None or sign_in.seen_at <= now - SEEN_EVERY


SEEN = update(SignIn).where(col(SignIn.id) == bindparam("sign_in")).values(seen_at=bindparam("at"))
"""Notes that a browser (``sign_in``) was seen (``at``): a note that a GET may leave, once a day."""


def sign_out(db: DbSession, cookie: str) -> None:
    """Ends this sign-in, for every copy of the cookie. Nothing to end is no error."""
    db.connection().execute(delete(SignIn).where(col(SignIn.id) == digest(cookie)))


def list_sign_ins(db: DbSession, actor: Actor, now: datetime) -> list[SignIn]:
    """Where one is signed in, the newest first."""
    statement = select(SignIn).where(SignIn.user_id == actor.id, SignIn.expires_at > now)
    return list(db.exec(statement.order_by(col(SignIn.created_at).desc(), col(SignIn.id))))


def end_sign_in(db: DbSession, actor: Actor, sign_in_id: str) -> None:
    """Ends one of one's own sign-ins, and what may have been begun in it, as `end_others`; one that
    has ended already is no error."""
    if not sign_in_id.isprintable():
        return
    hold_user(db, actor.id)
    db.connection().execute(
        delete(SignIn).where(col(SignIn.id) == sign_in_id, col(SignIn.user_id) == actor.id)
    )
    end_unconfirmed(db, actor.id)
    end_links(db, actor.id, now())


def end_others(db: DbSession, user_id: str, keep_cookie: str = "") -> None:
    """Ends every sign-in of an account but that of `keep_cookie`, and what somebody else may have
    begun in one: another address that waits to be confirmed, and links that were not used."""
    hold_user(db, user_id)
    others = delete(SignIn).where(
        col(SignIn.user_id) == user_id, col(SignIn.id) != digest(keep_cookie)
    )
    db.connection().execute(others)
    end_unconfirmed(db, user_id)
    end_links(db, user_id, now())


def end_unconfirmed(db: DbSession, user_id: str) -> None:
    """Ends a change of address that was asked for and not confirmed."""
    waiting = (col(AddressChange.user_id) == user_id, col(AddressChange.confirmed_at).is_(None))
    db.connection().execute(delete(AddressChange).where(*waiting))
