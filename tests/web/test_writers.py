"""Of the threads that answer, some are left for whoever reads; and what a database or a system can
refuse has an answer."""

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.testclient import TestClient

from app.db import Database
from app.domain.errors import Busy, Full, Unwritable
from app.web.problems import from_exception
from app.web.writers import Writers
from tests.factories import Make


def test_who_came_first_has_the_place_first() -> None:
    order: list[int] = []

    async def write(writers: Writers, number: int) -> None:
        async with writers.place():
            order.append(number)
            await asyncio.sleep(0)

    async def all_of_them() -> None:
        writers = Writers(2)
        await asyncio.gather(*(write(writers, number) for number in range(20)))

    asyncio.run(all_of_them())
    assert order == list(range(20))


def test_nobody_waits_for_ever_and_a_place_that_was_left_is_free() -> None:
    async def write() -> None:
        writers = Writers(1, 0.01)
        async with writers.place():
            with pytest.raises(Busy):
                async with writers.place():
                    pass
        with pytest.raises(ZeroDivisionError):
            async with writers.place():
                raise ZeroDivisionError
        async with writers.place():
            pass

    asyncio.run(write())


class Said(Exception):
    def __init__(self, said: str, sqlstate: str = "") -> None:
        super().__init__(said)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (OperationalError(None, None, Said("database is locked")), Busy),
        (OperationalError(None, None, Said("disk I/O error")), Busy),
        (OperationalError(None, None, Said("database or disk is full")), Full),
        (OperationalError(None, None, Said("could not extend file", "53100")), Full),
        (OperationalError(None, None, Said("attempt to write a readonly database")), Unwritable),
        (InterfaceError(None, None, Said("connection already closed")), Busy),
        (InternalError(None, None, Said("idle in transaction", "25P03")), Busy),
        (DBAPIError(None, None, Said("gone"), connection_invalidated=True), Busy),
        (NoConnection("QueuePool limit"), Busy),
        (OSError(errno.ENOSPC, ""), Full),
        (OSError(errno.EMFILE, ""), Busy),
        (OSError(errno.EROFS, ""), Unwritable),
        (FileNotFoundError(errno.ENOENT, ""), None),
        (ProgrammingError(None, None, Said("syntax error", "42601")), None),
        (InternalError(None, None, Said("read-only transaction", "25006")), None),
    ],
)
def test_what_is_made_of_it(error: Exception, known: type[Exception] | None) -> None:
    assert type(from_exception(error)) is (known or type(None))


def test_the_drivers_errors_have_these_states() -> None:
    states = {
        psycopg.errors.DiskFull.sqlstate,
        psycopg.errors.IdleInTransactionSessionTimeout.sqlstate,
        psycopg.errors.AdminShutdown.sqlstate,
    }
    assert states == {"53100", "25P03", "57P01"}


@pytest.fixture
def failing(
    app: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Exception]:
    """What the next transaction fails with."""
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="leaders", status="published")
    error: dict[str, Exception] = {}
    begin = database.begin

    @contextmanager
    def failing_begin(*, writes: bool, durable: bool = True) -> Iterator[object]:
        if error:
            raise error["error"]
        with begin(writes=writes, durable=durable) as db:
            yield db

    monkeypatch.setattr(database, "begin", failing_begin)
    return error


BUSY = "Convoca is busy at the moment"
FULL = "There is no space left on this server"
RO = "Nothing can be kept on this server at the moment"


@pytest.mark.parametrize(
    ("error", "status", "code", "title", "said"),
    [
        (NoConnection("QueuePool"), 503, "busy", "Busy at the moment", BUSY),
        (OSError(errno.ENOSPC, ""), 503, "no_space", "No space left", FULL),
        (OSError(errno.EROFS, ""), 503, "cannot_write", "Nothing can be kept", RO),
        (ProgrammingError(None, None, Said("ours")), 500, "failed", "Something went wrong", ""),
    ],
)
def test_page_and_problem(
    client: TestClient,
    failing: dict[str, Exception],
    error: Exception,
    status: int,
    code: str,
    title: str,
    said: str,
) -> None:
    failing["error"] = error
    english = {"accept-language": "en"}
    page = client.post("/c/leaders/enrol", data={"name": "Ana"}, headers=english)
    api = client.get("/api/v1/people", headers=english | {"authorization": "Bearer x"})
    assert (page.status_code, api.status_code) == (status, status)
    assert api.json()["code"] == code
    assert api.json()["title"] == title
    if status == 503:
        assert [a.headers["retry-after"] for a in (page, api)] == ["5", "5"]
        assert said in page.text
        assert f"<h1>{title}</h1>" in page.text
        assert said in api.json()["detail"]
    for answer in (page, api):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "QueuePool" not in answer.text
        assert "ours" not in answer.text.replace("hours", "")


def test_a_key_that_is_taken_is_a_clash() -> None:
    found = from_exception(IntegrityError(None, None, Said("unique")))
    assert found is not None
    assert found.code == "conflict"
