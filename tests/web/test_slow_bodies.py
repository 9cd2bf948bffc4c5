"""Whoever sends slowly keeps nobody waiting: a transaction begins once a request is all there."""

import asyncio
from contextlib import AbstractContextManager
from typing import Any

import pytest
from fastapi import FastAPI

from app.db import Database, DbSession
from app.services.actor import Actor
from app.services.tokens import create_token
from tests.factories import Make


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/c/lideres/enrol", b"application/x-www-form-urlencoded", b"name=Ana&email=ana"),
        ("/organize/people/new", b"application/x-www-form-urlencoded", b"name=Ana"),
        ("/api/v1/people", b"application/json", b'{"name": "Ana"}'),
    ],
)
def test_the_transaction_begins_after_the_last_byte(
    app: FastAPI, database: Database, organizer: Actor, path: str, kind: bytes, body: bytes
) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres", status="published")
        secret = create_token(db, organizer, "A test", ("read", "write"))[1]
    happened: list[str] = []
    begin = database.begin

    def watched(*, writes: bool) -> AbstractContextManager[DbSession]:
        happened.append("begin")
        return begin(writes=writes)

    app.state.database = type("Watched", (), {"begin": staticmethod(watched)})()
    pieces = [body[:4], body[4:]]

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        happened.append("receive")
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: dict[str, Any]) -> None:
        pass

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [
            (b"host", b"testserver"),
            (b"content-type", kind),
            (b"authorization", f"Bearer {secret}".encode()),  # else none of it is read
        ],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    app.state.database = database
    assert happened[:3] == ["receive", "receive", "begin"]
