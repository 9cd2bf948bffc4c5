"""Signing in to an account by who somebody is at an OpenID provider. Which accounts, and why:
docs/adr/0035."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.db import DbSession
from app.domain.account_changes import AccountChange
from app.domain.addresses import address_key
from app.domain.errors import N_, Clash, Gone
from app.models import OutsideIdentity, OutsideSignIn, User
from app.openid import Identity
from app.schemas.types import Email
from app.services.account_rows import find_user, hold_user
from app.services.actor import Actor
from app.services.links import Links, Purpose
from app.services.rows import changes_one
from app.services.security_notices import tell
from app.services.tokens import digest

BACK_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Errand:
    """One way to the provider and back: the state goes in the address and in a cookie, the others
    follow from it and the server's key, and only a digest of it is kept."""

    state: str
    nonce: str
    verifier: str


def _errand(links: Links, state: str) -> Errand:
    def of(name: str) -> str:
        text = f"{name}\0{state}".encode("utf-8", "surrogatepass")
        made = hmac.digest(links.key(Purpose.OIDC), text, hashlib.sha256)
        return urlsafe_b64encode(made).rstrip(b"=").decode()

    return Errand(state, of("nonce"), of("verifier"))


def leave(db: DbSession, links: Links, path: str, now: datetime) -> Errand:
    """Somebody goes to the provider, and to `path` once they are signed in."""
    errand = _errand(links, secrets.token_urlsafe(32))
    db.add(
        OutsideSignIn(
            id=digest(errand.state), created_at=now, expires_at=now + BACK_WITHIN, next=path[:500]
        )
    )
    db.flush()
    return errand


def come_back(
    db: DbSession, links: Links, state: str, kept: str, now: datetime
) -> tuple[Errand, str]:
    """Somebody is back with a state, which counts once, in the browser that `kept` it; and where
    they wanted to go.

    Raises Gone: not from here, from another browser, for the second time, or too late.
    """
    gone = Gone(N_("This sign-in was not begun in this browser, or too long ago. Begin again."))
    if not state or not hmac.compare_digest(digest(state), digest(kept)):
        raise gone
    row = db.get(OutsideSignIn, digest(state))
    ours = delete(OutsideSignIn).where(col(OutsideSignIn.id) == digest(state))
    if not changes_one(db, ours) or row is None or row.expires_at <= now:
        raise gone
    path = row.next
    db.expunge(row)
    return _errand(links, state), path


def account_of(db: DbSession, identity: Identity, now: datetime) -> User:
    """The account of whoever this is. The first time it is found by the address that the provider
    has verified, and kept by the provider's own name for them from then on. Told by mail.

    Raises Clash: ``not_verified``, ``no_account``, ``other_identity``.
    """
    connected_with = (
        select(User)
        .join(OutsideIdentity, col(OutsideIdentity.user_id) == col(User.id))
        .where(
            OutsideIdentity.issuer == identity.issuer, OutsideIdentity.subject == identity.subject
        )
    )
    known = db.exec(connected_with).one_or_none()
    if known is not None:
        hold_user(db, known.id)
        known = db.exec(connected_with).one_or_none()  # it may just have ended
    if known is not None:
        return known
    if not identity.verified:
        raise Clash(
            N_("Your address was not confirmed there, so we cannot tell whose account this is."),
            code="not_verified",
        )
    user = _by_address(db, identity.email)
    if user is None:
        raise Clash(
            N_("There is no account here for your address. Ask whoever runs this to invite you."),
            code="no_account",
        )
    others = select(OutsideIdentity.id).where(
        OutsideIdentity.user_id == user.id, OutsideIdentity.issuer == identity.issuer
    )
    if db.exec(others).first() is not None:
        # The address may be somebody else's there by now, as where people leave.
        raise Clash(
            N_("Your account is connected with another sign-in there. Disconnect that first."),
            code="other_identity",
        )
    connected = OutsideIdentity(
        created_at=now, user_id=user.id, issuer=identity.issuer, subject=identity.subject
    )
    with suppress(IntegrityError), db.begin_nested():  # of two at once the other has done it
        db.add(connected)
        db.flush()
        tell(db, user, AccountChange.OUTSIDE, now, _host(identity.issuer))
    return user


def _by_address(db: DbSession, email: str) -> User | None:
    """The account whose address this is to the letter, but for the case of plain letters: what only
    has the same key may be another mailbox."""
    try:
        said: str = TypeAdapter(Email).validate_python(email)
    except ValidationError:
        return None
    # Held: of two at once for one account the second waits here for the first, and an address that
    # is just taken back is this account's no more.
    user = find_user(db, said, hold=True)
    if user is None or address_key(said) != user.email_key:
        return None
    alike = said.isascii() and user.email.isascii()
    return user if alike or said == user.email else None


def identities_of(db: DbSession, actor: Actor) -> list[OutsideIdentity]:
    """Where else one's account is connected, the oldest first."""
    query = select(OutsideIdentity).where(OutsideIdentity.user_id == actor.id)
    return list(db.exec(query.order_by(col(OutsideIdentity.created_at), col(OutsideIdentity.id))))


def _host(issuer: str) -> str:
    return urlsplit(issuer).hostname or ""


def disconnect(db: DbSession, actor: Actor, identity_id: str, now: datetime) -> None:
    """Ends one's sign-in from elsewhere at `now` (aware UTC), and tells whose account it is; one
    that has ended already is no error."""
    user = hold_user(db, actor.id)  # what is ended twice at once is told once
    if user is not None and identity_id.isprintable():
        mine = (col(OutsideIdentity.id) == identity_id, col(OutsideIdentity.user_id) == actor.id)
        for row in db.exec(select(OutsideIdentity).where(*mine)):  # row by row, for the trail
            db.delete(row)
            tell(db, user, AccountChange.OUTSIDE_ENDED, now, _host(row.issuer))
        db.flush()
