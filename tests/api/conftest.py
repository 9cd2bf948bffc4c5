"""Programs with tokens, for the tests of the JSON API."""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.db import Database
from app.services.actor import Actor
from app.services.tokens import create_token
from tests.conftest import BASE_URL

Programs = Callable[..., TestClient]


@pytest.fixture
def token_for(database: Database, organizer: Actor) -> Callable[..., str]:
    """``token_for("read")``: the secret of a new token."""

    def make(*scopes: str) -> str:
        with database.begin(writes=True) as db:
            return create_token(db, organizer, "A test", scopes)[1]

    return make


@pytest.fixture
def program(app: FastAPI, token_for: Callable[..., str]) -> Iterator[Programs]:
    """``program("read")``: a client with a token that has these scopes; all of them if none is
    named."""
    clients = []

    def make(*scopes: str) -> TestClient:
        secret = token_for(*(scopes or ("read", "write", "attendance")))
        client = TestClient(app, base_url=BASE_URL, follow_redirects=False)
        client.headers["authorization"] = f"Bearer {secret}"
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def api(program: Programs) -> TestClient:
    """A program that may do everything."""
    return program()
