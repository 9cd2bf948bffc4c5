"""Whoever is signed in, for routes that must not have a transaction open while they work: they
compute a hash, or count before they look. Their router says ``dependencies=[keeps(…)]``."""

from typing import Annotated

from fastapi import Depends, Request

from app.db import Database
from app.domain.limits import PROOF
from app.domain.permissions import Permission
from app.models import User, now
from app.services.actor import Actor
from app.services.limits import Limiter
from app.services.proofs import prove
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
