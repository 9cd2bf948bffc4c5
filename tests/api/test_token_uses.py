"""When a token was last used: noted beside the requests, and never at their cost."""

import time
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.permissions import AccountStanding
from app.main import create_app
from app.models import ApiToken, Session, now
from app.services import accounts, tokens
from app.settings import Settings
from app.web.token_uses import TokenUses
from tests.conftest import BASE_URL
from tests.factories import Make
from tests.routes import with_known_routes


@pytest.fixture
def secret(real_database: Database) -> str:
    """Of somebody who may read everything."""
    with real_database.begin(writes=True) as db:
        make = Make(db)
        make.session(make.cycle())
        user = accounts.add_user(
            db, "Ana", "ana@example.org", standing=AccountStanding.ADMINISTRATOR
        )
        return tokens.create_token(db, accounts.actor_of_user(db, user), "x", ["read"])[1]


@pytest.fixture
def app(settings: Settings, real_database: Database) -> FastAPI:
    """The application on `real_database`."""
    return with_known_routes(create_app(settings, database=real_database))


def _used(database: Database) -> object:
    with database.begin(writes=False) as db:
        return db.exec(select(ApiToken.used_at)).one()


@pytest.mark.parametrize("path", ["/api/v1/cycles", "/api/v1/sessions/{}"])
def test_a_request_is_noted(app: FastAPI, real_database: Database, secret: str, path: str) -> None:
    with real_database.begin(writes=False) as db:
        session_id = db.exec(select(Session.id)).first()
    before = tokens.hour_of(now())
    with TestClient(app, base_url=BASE_URL) as client:
        for bearer, status in (("convoca_wrong", 401), (secret, 200), (secret, 200)):
            headers = {"authorization": f"Bearer {bearer}"}
            assert client.get(path.format(session_id), headers=headers).status_code == status
    # Stopping waits for what was being written.
    assert _used(real_database) in (before, before + timedelta(hours=1))


def test_whoever_reads_does_not_wait_for_a_database_that_is_locked(
    app: FastAPI, real_database: Database, secret: str
) -> None:
    client = TestClient(app, base_url=BASE_URL)
    with real_database.begin(writes=True) as db:
        row = db.exec(select(ApiToken)).one()
        row.name = "held"
        db.flush()  # PostgreSQL holds the row, SQLite everything
        begun = time.monotonic()
        answer = client.get("/api/v1/cycles", headers={"authorization": f"Bearer {secret}"})
        took = time.monotonic() - begun
        db.rollback()
    assert answer.status_code == 200
    assert took < 4, took  # whoever waits for a lock gives up after five seconds
    app.state.token_uses.close()


def test_what_could_not_be_noted_is_noted_with_a_later_request(
    real_database: Database, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uses, at = TokenUses(real_database), now()
    jotting = real_database.jotting
    tries: list[str] = []

    def away() -> object:
        tries.append("away")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(real_database, "jotting", away)
    uses.note(tokens.digest(secret), at)
    assert uses._writer is not None
    uses._writer.submit(lambda: None).result()  # after what was given to it before
    monkeypatch.setattr(real_database, "jotting", jotting)
    assert (_used(real_database), tries) == (None, ["away"])
    uses.note(tokens.digest(secret), at)
    uses.close()
    assert _used(real_database) == tokens.hour_of(at)
    uses.note("another", at)  # too late, and no error
