"""Where a request is let in, or not. Every route declares one permission: those with an account by
the type of their `actor` (`pages`, `programs`), the others with `declares` on their router, or as
`permission` of the endpoint where it is plain ASGI."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from sqlalchemy.exc import OperationalError

from app.db import Database, DbSession
from app.domain.errors import NotAllowed, NotSignedIn
from app.domain.permissions import Permission, scope_for
from app.models import now
from app.models.trail import act_as
from app.services import accounts, tokens
from app.services.access import refuse_unless
from app.services.actor import Actor
from app.services.sign_ins import SEEN, find_sign_in, is_seen_anew
from app.web.dependencies import SAFE, Db
from app.web.security import bearer_of, session_cookie
from app.web.token_uses import TokenUses


def signed_in(request: Request, db: DbSession) -> Actor:
    """Whoever is signed in with a browser. Raises NotSignedIn."""
    found = find_sign_in(db, session_cookie(request))
    if found is None:
        raise NotSignedIn
    actor = accounts.actor_of_sign_in(db, found)
    if request.method in SAFE and is_seen_anew(found.sign_in, now()):
        _note_seen(request, found.sign_in.id)
    request.state.actor = actor
    request.state.person_language = actor.language
    act_as(db, "organizer", actor.id, actor.name)
    return actor


def _note_seen(request: Request, sign_in_id: str) -> None:
    """Once a day, so that people find out which of their browsers is not theirs. Whoever looks has
    a transaction that cannot write, so it is noted beside that, and left where it cannot be."""
    database: Database = request.app.state.database
    with suppress(OperationalError), database.jotting() as jot:
        jot(SEEN, {"sign_in": sign_in_id, "at": now()})


def holder(request: Request, db: DbSession) -> Actor:
    """Whoever the bearer token of a request belongs to. Raises NotSignedIn."""
    secret = bearer_of(request.headers.get("authorization", ""))
    actor = tokens.actor_of_token(db, secret)
    if actor is None:
        raise NotSignedIn
    uses: TokenUses = request.app.state.token_uses
    uses.note(tokens.digest(secret), now())
    request.state.actor = actor
    act_as(db, "program", actor.id, actor.name)
    return actor


def organizer_for(request: Request, db: DbSession, permission: Permission) -> Actor:
    """Whoever is signed in, if they may do this where the address leads.

    Raises:
        NotSignedIn: nobody is.
        NotFound: it is in a cycle that is none of their business.
        NotAllowed: it is, but not this.
    """
    actor = signed_in(request, db)
    refuse_unless(db, actor, permission, request.path_params)
    return actor


def program_for(request: Request, db: DbSession, permission: Permission) -> Actor:
    """The same for a program, whose token must have the scope."""
    actor = holder(request, db)
    if scope_for(permission) not in actor.scopes:
        raise NotAllowed
    refuse_unless(db, actor, permission, request.path_params)
    return actor


class Gate:
    """A dependency that declares a permission and keeps to it."""

    def __init__(
        self, permission: Permission, let_in: Callable[[Request, DbSession, Permission], Actor]
    ) -> None:
        self.permission = permission
        self._let_in = let_in

    def __call__(self, request: Request, db: Db) -> Actor:
        """Whoever may. Raises NotSignedIn, NotFound, NotAllowed."""
        return self._let_in(request, db, self.permission)


class Open:
    """A dependency that declares that anybody is let in here."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self) -> None:
        """Nothing is asked."""


class Within:
    """A dependency that declares a permission which another dependency of the route keeps, since
    no transaction may be open as long as the route works."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self) -> None:
        """Nothing is asked here."""


@cache  # one object each, so that a request asks once however often it is named
def organizer(permission: Permission) -> Any:
    """For ``Annotated[Actor, …]``: somebody in a browser who may."""
    return Depends(Gate(permission, organizer_for), scope="function")


@cache
def program(permission: Permission) -> Any:
    """For ``Annotated[Actor, …]``: a program that may."""
    return Depends(Gate(permission, program_for), scope="function")


def declares(permission: Permission) -> Any:
    """For ``dependencies=[…]`` of a router that asks for no account."""
    return Depends(Open(permission))


def keeps(permission: Permission) -> Any:
    """For ``dependencies=[…]`` of a route that asks by itself."""
    return Depends(Within(permission))


def declared(dependant: Dependant | None) -> Iterator[Permission]:
    """The permissions that a route has declared; it should be one."""
    if dependant is None:
        return
    for each in dependant.dependencies:
        if isinstance(each.call, Gate | Open | Within):
            yield each.call.permission
        yield from declared(each)
