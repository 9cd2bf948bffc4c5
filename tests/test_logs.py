"""What stands in the log of an error: never what somebody typed."""

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from sqlmodel import select
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from app.db import Database
from app.logs import log_failure
from app.models import Person
from app.services.links import Links
from app.web.live_rooms import LiveRooms
from app.web.security import BrokenOff, Security
from tests.factories import Make

SECRET = "ana.secreta@example.org"
logger = logging.getLogger("convoca.test")


@contextmanager
def taken(database: Database) -> Iterator[None]:
    """Gives two people one address, which the database refuses in words that name it."""
    with database.begin(writes=True) as db:
        make = Make(db)
        make.person(email=SECRET)
        other = make.person(email="b@example.org")
        yield
        db.connection().exec_driver_sql(
            f"UPDATE person SET email_key = '{SECRET}' WHERE id = '{other.id}'"
        )


def refused(database: Database) -> DBAPIError:
    with pytest.raises(DBAPIError) as caught, taken(database):
        pass
    return caught.value


def whole(caplog: pytest.LogCaptureFixture) -> str:
    """The log as a handler writes it, tracebacks included."""
    return caplog.text


def test_of_the_database_only_the_kinds_and_the_place(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    error = refused(database)
    if database.engine.dialect.name == "postgresql":
        assert SECRET in str(error)  # hiding parameters hides none of the driver's own words
    log_failure(logger, "a row could not be kept", error)
    (record,) = caplog.records
    kinds, _, place = record.getMessage().partition(" at ")
    driver = type(error.orig).__name__
    assert kinds == f"a row could not be kept: IntegrityError ({driver})"
    assert re.fullmatch(r"[a-z_/]+\.py:[0-9]+", place)
    assert (record.exc_info, SECRET in whole(caplog)) == (None, False)


def test_the_place_is_where_our_own_code_was(
    real_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        with real_database.begin(writes=True) as db:
            make = Make(db)
            make.person(email=SECRET)
            make.person(email="b@example.org").email_key = SECRET  # which committing finds
    except DBAPIError as error:
        log_failure(logger, "this", error)
    assert re.fullmatch(
        r"this: IntegrityError \(\w+\) at app/models/trail\.py:\d+", caplog.messages[-1]
    )


def test_so_it_is_where_something_else_came_of_it(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    error = refused(database)
    try:
        try:
            raise error
        except DBAPIError:
            raise KeyError("gone")  # noqa: B904
    except KeyError as found:
        log_failure(logger, "this", found)
    log_failure(logger, "that", ExceptionGroup("several", [error]))
    assert [r.getMessage().split(":")[0] for r in caplog.records] == ["this", "that"]
    assert SECRET not in whole(caplog)


def test_what_was_typed_is_not_quoted_by_a_schema(caplog: pytest.LogCaptureFixture) -> None:
    class Whole(BaseModel):
        number: int

    try:
        Whole(number=SECRET)
    except ValueError as error:
        log_failure(logger, "this", error)
    assert len(caplog.records) == 1
    assert SECRET not in whole(caplog)


def test_of_anything_else_all_is_said(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise RuntimeError("the disk is full")
    except RuntimeError as error:
        log_failure(logger, "this", error)
    assert caplog.messages == ["this: RuntimeError"]
    assert "the disk is full" in whole(caplog)
    assert "test_logs.py" in whole(caplog)


def broken(database: Database) -> TestClient:
    app = FastAPI()

    @app.get("/at-once")
    def at_once() -> None:
        raise refused(database)

    @app.get("/half-way")
    def half_way() -> StreamingResponse:
        def rows() -> Iterator[str]:
            yield "one\n"
            raise refused(database)

        return StreamingResponse(rows())

    app.add_middleware(Security, base_url="http://testserver")
    return TestClient(app)


def test_an_answer_that_fails(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    assert broken(database).get("/at-once").status_code == 500
    assert caplog.messages[-1].startswith("unhandled error: IntegrityError (")
    assert SECRET not in whole(caplog)


def test_an_answer_that_breaks_off(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(BrokenOff) as caught:
        broken(database).get("/half-way")
    # What serves us writes a traceback of what it gets.
    logging.getLogger("served").error("broke off", exc_info=caught.value)
    assert "an answer broke off" in caplog.text
    assert SECRET not in whole(caplog)


def test_a_session_that_cannot_be_watched(
    database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise refused(database)

    monkeypatch.setattr("app.web.live_rooms.live", fails)

    async def watch() -> None:
        rooms = LiveRooms(database, Links("k" * 32, "http://testserver"))
        async with rooms.watch("x", "y") as watcher:
            await watcher.task

    asyncio.run(watch())
    assert [m.split(":")[0] for m in caplog.messages] == ["a session cannot be watched"]
    assert SECRET not in whole(caplog)


def test_nothing_was_kept(database: Database) -> None:
    refused(database)
    with database.begin(writes=False) as db:
        assert db.exec(select(Person)).all() == []
