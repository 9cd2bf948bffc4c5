"""Whoever is signed in, for routes that must not have a transaction open while they work: they
compute a hash, or count before they look. Their router says ``dependencies=[keeps(…)]``."""

from typing import Annotated

from fastapi import Depends, Request

from app.db import Database, DbSession
from app.domain.errors import NotSignedIn
from app.domain.limits import PROOF
from app.domain.permissions import Permission
from app.models import User, now
from app.services.account_rows import hold_user
from app.services.actor import Actor
from app.services.limits import Limiter
from app.services.proofs import prove
from app.services.sign_ins import find_sign_in
from app.web.access.gate import organizer_for
from app.web.forms import Form, FormData
from app.web.security import session_cookie


def _signed_in_apart(request: Request, _: FormData) -> Actor:
    """Raises NotSignedIn."""
    database: Database = request.app.state.database
    with database.begin(writes=False) as db:
        return organizer_for(request, db, Permission.ACCOUNT)


SignedInApart = Annotated[Actor, Depends(_signed_in_apart)]


def proven(request: Request, actor: Actor, form: Form) -> User:
    """The account of whoever is signed in and typed in the field ``current`` what shows it.

    Raises:
        TooOften: after ten wrong ones within a quarter of an hour.
        NotSignedIn, Invalid, Busy: as `services.proofs.prove`.
    """
    database: Database = request.app.state.database
    limiter: Limiter = request.app.state.limiter
    taken = limiter.take(now(), (PROOF, actor.id))
    links, typed = request.app.state.links, form.values.get("current", "")
    user = prove(database, links, session_cookie(request), typed, now())
    with database.begin(writes=True) as db:
        limiter.give_back(db, taken)
    return user


def held_here(request: Request, db: DbSession, user_id: str) -> User:
    """The account as it is now, held, of whoever is signed in with this browser, unless it was
    signed out meanwhile. Raises NotSignedIn."""
    user = hold_user(db, user_id)
    if user is None or find_sign_in(db, session_cookie(request)) is None:
        raise NotSignedIn
    return user


def still_here(request: Request, db: DbSession, user_then: User) -> User:
    """The same, in the transaction in which something is done that was `proven` by this account
    before: a hash takes a while. Raises NotSignedIn, also where the password is another by now."""
    user = held_here(request, db, user_then.id)
    if user.password_hash != user_then.password_hash:
        raise NotSignedIn
    return user
