"""Whether the process lives, and whether it can do its work: each thing that fails by its name."""

import re
import signal
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from app.db import Database
from app.settings import Settings
from app.web import readiness
from tests.web.test_live_streams import serving

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time is looked at, so that what is changed is seen at once."""
    monkeypatch.setattr(readiness, "_KEPT", -1.0)


def failing(client: TestClient) -> list[str]:
    answer = client.get("/readyz")
    said = answer.json()
    if answer.status_code == 200:
        assert said == {"status": "ready"}
        return []
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert said.keys() == {"status", "failing"}
    names: list[str] = said["failing"]
    return names


def test_all_is_well(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert failing(client) == []


def test_the_database_is_away(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def away(**_: object) -> Iterator[None]:
        raise OSError("away")
        yield

    monkeypatch.setattr(database, "begin", away)
    assert failing(client) == ["database"]
    assert client.get("/healthz").status_code == 200


def test_a_database_that_hangs_is_waited_for_once_and_not_for_long(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "WITHIN", 0.2)
    inner, asked, goes_on = database.begin, [], threading.Event()

    @contextmanager
    def hangs(*, writes: bool) -> Iterator[object]:
        asked.append(1)
        goes_on.wait(20)
        with inner(writes=writes) as db:
            yield db

    monkeypatch.setattr(database, "begin", hangs)
    begun = time.monotonic()
    assert [failing(client) for _ in range(3)] == [["database"]] * 3
    assert (time.monotonic() - begun < 15, len(asked)) == (True, 1)
    monkeypatch.setattr(readiness, "WITHIN", 20.0)
    goes_on.set()
    assert failing(client) == []


def test_the_schema_is_another(client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        db.connection().execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert failing(client) == ["schema"]


def test_the_desk_is_closed(client: TestClient, app: FastAPI) -> None:
    app.state.desk.close()
    assert failing(client) == ["desk"]
    app.state.desk.open()
    assert failing(client) == []


def test_a_desk_whose_clerk_has_died(client: TestClient, app: FastAPI) -> None:
    dead = threading.Thread(target=int)
    dead.start()
    dead.join()
    app.state.desk._clerk, before = dead, app.state.desk._clerk
    assert failing(client) == ["desk"]
    app.state.desk._clerk = before


def test_the_disk_is_full_or_not_to_be_written_to(
    client: TestClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("app.services.files.shutil.disk_usage", lambda _: usage(1, 1, 100_000_000))
    assert failing(client) == ["space"]
    monkeypatch.undo()
    monkeypatch.setattr(readiness, "_KEPT", -1.0)

    def refused(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(readiness, "TemporaryFile", refused)
    assert failing(client) == ["disk"]


def test_several_things_at_once_and_nothing_else_is_said(
    client: TestClient, app: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.begin(writes=True) as db:
        db.connection().execute(text("DELETE FROM alembic_version"))
    monkeypatch.setattr(readiness, "free_space", lambda _: 0)
    app.state.desk.close()
    assert failing(client) == ["desk", "space", "schema"]
    app.state.desk.open()


def test_while_it_stops(settings: Settings, database: Database) -> None:
    with serving(settings, database) as running:
        state = running.server.config.app.state  # type: ignore[union-attr]
        assert state.readiness.failing() == ()
        running.server.handle_exit(signal.SIGTERM, None)
        assert state.readiness.failing() == ("stopping",)


def test_every_name_is_explained() -> None:
    """Those that the docstring has, which the tests above go through."""
    explained = re.findall(r"^\| `(\w+)` \| ", DOCS.read_text(), re.M)
    named = re.findall(r"``(\w+)``", readiness.Readiness.failing.__doc__ or "")
    assert sorted(n for n in explained if not n.startswith("convoca_")) == sorted(named)


def test_who_asks_often_is_told_what_the_last_look_was(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_KEPT", 60.0)
    assert failing(client) == []
    app.state.desk.close()
    assert failing(client) == []
    app.state.desk.open()
