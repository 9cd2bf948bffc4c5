"""What routers ask for: the database session and the links."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request

from app.db import Database, DbSession
from app.models.trail import Doing, act_as, set_doing
from app.services.actor import Actor
from app.services.links import Links
from app.web.security import UPLOAD
from app.web.writers import Writers

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _links(request: Request) -> Links:
    links: Links = request.app.state.links
    return links


async def _body(request: Request) -> None:
    """Waits for all of a request: whoever sends slowly holds no transaction, which on SQLite would
    keep everybody else from writing. Files are waited for by `web.uploads`."""
    if request.method not in SAFE and not request.url.path.endswith(UPLOAD):
        await request.body()


async def _place(request: Request, _: Annotated[None, Depends(_body)]) -> AsyncIterator[None]:
    """A place among those who write. So many threads at most wait for a database that is locked:
    the others are there for whoever reads."""
    if request.method in SAFE:
        yield
        return
    writers: Writers = request.app.state.writers
    async with writers.place():
        yield


def _db(
    request: Request, _: Annotated[None, Depends(_place, scope="function")]
) -> Iterator[DbSession]:
    """Function-scoped: the response is built, the commit succeeds, then bytes go out.
    A GET gets a transaction that cannot write."""
    with _database(request).begin(writes=request.method not in SAFE) as db:
        set_doing(db, Doing("anybody", channel=channel_of(request), deed=deed_of(request)))
        yield db


@contextmanager
def transaction(request: Request, *, writes: bool) -> Iterator[DbSession]:
    """A transaction of a route that has none open while it works (it computes a hash, or counts
    before it looks), with who does something in it."""
    actor: Actor | None = getattr(request.state, "actor", None)
    with _database(request).begin(writes=writes) as db:
        set_doing(db, Doing("anybody", channel=channel_of(request), deed=deed_of(request)))
        if actor is not None:
            act_as(db, "organizer", actor.id, actor.name)
        yield db


PLACE = Depends(_place, scope="function")
"""For ``dependencies=[…]`` of routes that write in a `transaction` of their own."""


def channel_of(request: Request) -> str:
    """By which way a request comes, for the trail."""
    return "api" if request.url.path.startswith("/api/") else "page"


def deed_of(request: Request) -> str:
    """What its route is called, for the trail."""
    return str(getattr(request.scope.get("endpoint"), "__name__", ""))


Db = Annotated[DbSession, Depends(_db, scope="function")]
LinksDep = Annotated[Links, Depends(_links)]
