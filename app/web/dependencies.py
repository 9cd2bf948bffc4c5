"""What routers ask for: the database session, the actor, the links."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request

from app.db import Database, DbSession
from app.domain.errors import NotAllowed, NotSignedIn
from app.services import accounts, tokens
from app.services.actor import Actor, Scope
from app.services.links import Links
from app.web.security import COOKIE, UPLOAD

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _links(request: Request) -> Links:
    links: Links = request.app.state.links
    return links


async def _body(request: Request) -> None:
    """Waits for all of a request: whoever sends slowly holds no transaction, which on SQLite would
    keep everybody else from writing. Files are waited for by `web.uploads`."""
    if request.method not in _SAFE and not request.url.path.endswith(UPLOAD):
        await request.body()


def _db(request: Request, _: Annotated[None, Depends(_body)]) -> Iterator[DbSession]:
    """Function-scoped: the response is built, the commit succeeds, then bytes go out.
    A GET gets a transaction that cannot write."""
    with _database(request).begin(writes=request.method not in _SAFE) as db:
        yield db


Db = Annotated[DbSession, Depends(_db, scope="function")]
LinksDep = Annotated[Links, Depends(_links)]


def _organizer(request: Request, db: Db) -> Actor:
    """Whoever is signed in with a browser. Raises NotSignedIn."""
    actor = accounts.actor_of_cookie(db, request.cookies.get(COOKIE, ""))
    if actor is None:
        raise NotSignedIn
    request.state.actor = actor
    request.state.person_language = actor.language
    return actor


Organizer = Annotated[Actor, Depends(_organizer, scope="function")]


def _program(scope: Scope) -> object:
    def program(request: Request, db: Db) -> Actor:
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        actor = tokens.actor_of_token(db, secret.strip()) if kind.lower() == "bearer" else None
        if actor is None:
            raise NotSignedIn
        if scope not in actor.scopes:
            raise NotAllowed
        return actor

    return Depends(program, scope="function")


Reads = Annotated[Actor, _program(Scope.READ)]
Writes = Annotated[Actor, _program(Scope.WRITE)]
Attends = Annotated[Actor, _program(Scope.ATTENDANCE)]
