"""POSTs that come again."""

import hashlib
from datetime import timedelta
from threading import Barrier, Thread

from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.models import ApiToken, Institution, KeptAnswer, User
from app.models import now as the_present
from app.settings import Settings
from app.worker.tidy import tidy
from tests.api.conftest import Programs
from tests.conftest import BASE_URL

URL = "/api/v1/institutions"
KEY = {"idempotency-key": "a-key"}


def count(database: Database) -> int:
    with database.begin(writes=False) as db:
        return len(db.exec(select(Institution)).all())


def test_the_same_again_is_the_same_answer(api: TestClient, database: Database) -> None:
    answers = [api.post(URL, json={"name": "CEPAL"}, headers=KEY) for _ in range(3)]
    assert [a.status_code for a in answers] == [201, 201, 201]
    assert len({a.content for a in answers}) == 1
    assert len({(a.headers["etag"], a.headers["location"]) for a in answers}) == 1
    assert count(database) == 1


def test_without_a_key_it_is_done_again(api: TestClient, database: Database) -> None:
    assert api.post(URL, json={"name": "A"}).status_code == 201
    assert api.post(URL, json={"name": "B"}).status_code == 201
    assert count(database) == 2


def test_another_body_or_address_is_refused(api: TestClient, database: Database) -> None:
    api.post(URL, json={"name": "CEPAL"}, headers=KEY)
    for url, body in ((URL, {"name": "BID"}), ("/api/v1/initiatives", {"name": "CEPAL"})):
        response = api.post(url, json=body, headers=KEY)
        assert response.status_code == 422
        assert [(e["field"], e["code"]) for e in response.json()["errors"]] == [
            ("Idempotency-Key", "key_reused")
        ]
    assert count(database) == 1


def test_another_program_has_keys_of_its_own(program: Programs, database: Database) -> None:
    for name in ("A", "B"):
        assert program("write").post(URL, json={"name": name}, headers=KEY).status_code == 201
    assert count(database) == 2


def test_what_was_refused_may_come_again_mended(api: TestClient, database: Database) -> None:
    assert api.post(URL, json={"name": ""}, headers=KEY).status_code == 422
    assert api.post(URL, json={"name": "CEPAL"}, headers=KEY).status_code == 201
    assert count(database) == 1


def test_a_clash_is_not_kept(api: TestClient, database: Database) -> None:
    api.post(URL, json={"name": "CEPAL"})
    assert api.post(URL, json={"name": "CEPAL"}, headers=KEY).status_code == 422
    with database.begin(writes=False) as db:
        assert db.exec(select(KeptAnswer)).all() == []


def test_answers_are_kept_for_a_week(api: TestClient, database: Database) -> None:
    api.post(URL, json={"name": "CEPAL"}, headers=KEY)
    for days, kept in ((6, 1), (8, 0)):
        with database.begin(writes=True) as db:
            tidy(db, the_present() + timedelta(days=days))
            assert len(db.exec(select(KeptAnswer)).all()) == kept


def test_keys_that_are_none(api: TestClient) -> None:
    for key in ("", "x" * 201, "a b", "ñ".encode()):
        headers: dict[str, str | bytes] = {"idempotency-key": key}
        response = api.post(URL, json={"name": "CEPAL"}, headers=headers)  # type: ignore[arg-type]
        assert response.status_code == 422, key
        assert response.json()["errors"][0]["field"] == "Idempotency-Key"


def test_at_the_same_moment_it_is_done_once(real_database: Database, settings: Settings) -> None:
    app = create_app(settings, database=real_database)
    secret = _token(real_database)
    barrier = Barrier(8)
    answers: list[tuple[int, bytes]] = []

    def post() -> None:
        headers = {**KEY, "authorization": f"Bearer {secret}"}
        with _client(app) as client:
            barrier.wait()
            answer = client.post(URL, json={"name": "CEPAL"}, headers=headers)
            answers.append((answer.status_code, answer.content))

    threads = [Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert {status for status, _ in answers} == {201}
    assert len({body for _, body in answers}) == 1
    assert count(real_database) == 1


def _client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=BASE_URL)


def _token(database: Database) -> str:
    with database.begin(writes=True) as db:
        user = User(name="Olga", email="o@example.org", email_key="o@example.org")
        db.add(user)
        db.flush()
        digest = hashlib.sha256(b"secret").hexdigest()
        db.add(ApiToken(user_id=user.id, name="t", digest=digest, scopes=["write"]))
    return "secret"
