"""Signing in with a link that works once: asked for by mail, or printed by the command."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import func, update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import N_, Gone, NotFound
from app.domain.text import LANGUAGES
from app.models import Message, SignInLink, User
from app.services import outbox
from app.services.account_rows import find_user, hold_user
from app.services.links import Links, Purpose
from app.services.rows import changes_one

LINK_MINUTES = 10
_OPEN_LINKS = 5  # for one account at a time; more requests send nothing


def request_link(db: DbSession, email: str, now: datetime) -> None:
    """Mails a sign-in link to the account with this address, if there is one and fewer than
    five of its links are open. Says nothing either way, and writes as much for an address without
    an account, so that the time tells nothing either."""
    user = find_user(db, email, hold=True)
    few = _open_links(db, user.id if user else "", now) < _OPEN_LINKS
    if user is not None and few:
        link = _add_link(db, user, now, LINK_MINUTES)
        _queue(db, user.name, user.email, user.language, link.id, now)
        return
    decoy = _queue(db, "", "nobody@localhost", "", secrets.token_hex(13), now)
    db.delete(decoy)
    db.flush()


def _queue(
    db: DbSession, name: str, address: str, language: str, link_id: str, now: datetime
) -> Message:
    return outbox.enqueue(
        db,
        kind=outbox.SIGN_IN,
        intent=f"sign-in:{link_id}",
        to_name=name,
        to_address=address,
        language=language or LANGUAGES[0],
        context={"link_id": link_id},
        now=now,
    )


def _open_links(db: DbSession, user_id: str, now: datetime) -> int:
    return db.exec(
        select(func.count())
        .select_from(SignInLink)
        .where(
            SignInLink.user_id == user_id,
            SignInLink.expires_at > now,
            col(SignInLink.used_at).is_(None),
        )
    ).one()


def _add_link(db: DbSession, user: User, now: datetime, minutes: int) -> SignInLink:
    expires = now + timedelta(minutes=minutes)
    link = SignInLink(user_id=user.id, created_at=now, expires_at=expires)
    db.add(link)
    db.flush()
    return link


def new_link(
    db: DbSession, links: Links, user: User, now: datetime, minutes: int = LINK_MINUTES
) -> str:
    """The address of a new sign-in link that works once, for so many minutes."""
    return link_address(links, _add_link(db, user, now, minutes).id)


def link_address(links: Links, link_id: str) -> str:
    """Where a sign-in link leads."""
    return links.url(f"/organize/sign-in/{links.token(Purpose.SIGN_IN, link_id)}")


def check_link(db: DbSession, links: Links, token: str, now: datetime) -> User:
    """Whose link it is, while it can be used; changes nothing.

    Raises:
        NotFound: not a link of ours.
        Gone: used (``used``) or expired.
    """
    link_id, _ = links.read(Purpose.SIGN_IN, token)
    link = db.get(SignInLink, link_id)
    user = db.get(User, link.user_id) if link is not None else None
    if link is None or user is None:
        raise NotFound
    if link.used_at is not None:
        raise _used()
    if link.expires_at <= now:
        raise Gone(N_("This link has expired: it was good for ten minutes. Ask for a new one."))
    return user


def _used() -> Gone:
    return Gone(N_("This link was used already; it works once. Ask for a new one."), code="used")


def use_link(db: DbSession, links: Links, token: str, now: datetime) -> User:
    """Whose link it is, which ends it. Of two at once one wins.

    Raises:
        NotFound, Gone: as `check_link`.
    """
    user = check_link(db, links, token, now)
    hold_user(db, user.id)
    link_id, _ = links.read(Purpose.SIGN_IN, token)
    unused = (col(SignInLink.id) == link_id, col(SignInLink.used_at).is_(None))
    if not changes_one(db, update(SignInLink).where(*unused).values(used_at=now)):
        raise _used()
    return user


def end_links(db: DbSession, user_id: str, now: datetime) -> None:
    """Ends every link to an account that was not used: they lie in a mailbox that is not its
    owner's any more."""
    open_ones = (col(SignInLink.user_id) == user_id, col(SignInLink.used_at).is_(None))
    db.connection().execute(update(SignInLink).where(*open_ones).values(used_at=now))
