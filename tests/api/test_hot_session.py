"""The session's JSON, answered from what is kept: never an old one, never to whom it is not for."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import ApiToken, Person
from app.models import now as the_present
from app.services.actor import Actor
from app.services.tokens import create_token, revoke_token
from tests.api.conftest import Programs
from tests.api.seeded import Seeded, seed

Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def seeded(database: Database) -> Seeded:
    return seed(database)


@pytest.fixture
def url(seeded: Seeded) -> str:
    return f"/api/v1/sessions/{seeded.session_id}"


def test_it_is_what_the_plain_route_answers(api: TestClient, seeded: Seeded, url: str) -> None:
    listed = api.get(f"/api/v1/cycles/{seeded.cycle_id}/sessions").json()["items"]
    assert api.get(url).json() == listed[0]
    assert api.head(url).status_code == 200


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # a savepoint vouches for nothing
def test_warm_it_asks_the_database_nothing(
    api: TestClient, url: str, count_queries: Counting
) -> None:
    api.get(url)
    with count_queries() as queries:
        for _ in range(3):
            assert api.get(url).status_code == 200
    assert queries == []


def _rename_person(api: TestClient, seeded: Seeded) -> None:
    body = {"name": "Another Name"}
    assert api.patch(f"/api/v1/people/{seeded.person_id}", json=body).status_code == 200


def _merge(api: TestClient, seeded: Seeded) -> None:
    body = {"duplicate_id": seeded.person_id}
    url = f"/api/v1/people/{seeded.duplicate_id}/merge"
    assert api.post(url, json=body).status_code == 200


def _change(body: dict[str, Any]) -> Callable[[TestClient, Seeded], None]:
    def change(api: TestClient, seeded: Seeded) -> None:
        url = f"/api/v1/sessions/{seeded.session_id}"
        assert api.patch(url, json=body).status_code == 200

    return change


def _agenda(api: TestClient, seeded: Seeded) -> None:
    body = {"segments": [{"kind": "closing", "minutes": 5}]}
    url = f"/api/v1/sessions/{seeded.session_id}/agenda"
    assert api.put(url, json=body).status_code == 200


@pytest.mark.parametrize(
    "act",
    [
        _change({"minutes": 45}),
        _change({"title": {"en": "New"}}),
        _change({"meeting_url": "https://example.org/new"}),
        _change({"status": "cancelled"}),
        _agenda,
        _rename_person,
        _merge,
    ],
    ids=["minutes", "title", "link", "status", "agenda", "person", "merge"],
)
def test_no_old_one_is_answered(
    api: TestClient, seeded: Seeded, url: str, act: Callable[[TestClient, Seeded], None]
) -> None:
    before = api.get(url)
    api.get(url)
    act(api, seeded)
    after = api.get(url, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]
    assert after.json() != before.json()
    listed = api.get(f"/api/v1/cycles/{seeded.cycle_id}/sessions").json()["items"]
    assert after.json() == listed[0]


def test_changes_of_others_are_seen(database: Database, api: TestClient, url: str) -> None:
    api.get(url)
    with database.begin(writes=True) as db:
        for person in db.exec(select(Person)).all():
            person.name = "Somebody Else"
    (part,) = api.get(url).json()["segments"][0]["parts"]
    assert part["name"] == "Somebody Else"


def test_deleted_it_is_gone(api: TestClient, url: str) -> None:
    assert api.get(url).status_code == 200
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404


def test_unchanged_it_is_304(api: TestClient, url: str) -> None:
    first = api.get(url)
    again = api.get(url, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_either_tag_is_good_for_a_change(api: TestClient, url: str) -> None:
    packed = api.get(url, headers={"accept-encoding": "gzip"})
    plain = api.get(url, headers={"accept-encoding": "identity"})
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.json() == plain.json()
    for tag in (packed.headers["etag"], None):
        tag = tag or api.get(url, headers={"accept-encoding": "identity"}).headers["etag"]
        changed = api.patch(url, json={"minutes": 45}, headers={"if-match": tag})
        assert changed.status_code == 200, changed.text


def test_a_revoked_token_dies_at_once(
    database: Database, program: Programs, organizer: Actor, url: str
) -> None:
    warm = program("read")
    assert [warm.get(url).status_code for _ in range(3)] == [200, 200, 200]
    with database.begin(writes=True) as db:
        token = db.exec(select(ApiToken)).one()
        revoke_token(db, organizer, token.id, the_present())
    answer = warm.get(url)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


def test_a_token_that_ends_dies_at_its_hour(
    database: Database, api: TestClient, organizer: Actor, url: str
) -> None:
    with database.begin(writes=True) as db:
        ends = the_present() + timedelta(days=1)
        token, secret = create_token(db, organizer, "Short", ["read"], expires_at=ends)
        token_id = token.id
    headers = {"authorization": f"Bearer {secret}"}
    assert api.get(url, headers=headers).status_code == 200
    with database.begin(writes=True) as db:
        db.get_one(ApiToken, token_id).expires_at = the_present() - timedelta(seconds=1)
    assert api.get(url, headers=headers).status_code == 401


def test_kept_for_one_it_is_not_for_another(program: Programs, url: str) -> None:
    assert program("read").get(url).status_code == 200
    assert program("write", "attendance").get(url).status_code == 403
    stranger = program("read")
    for value in ("", "Bearer", "Bearer nonsense", "Basic x", "bearer " + "x" * 5000):
        stranger.headers["authorization"] = value
        answer = stranger.get(url)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), value


@pytest.mark.parametrize("wrong", ["nothing", "%00", "%ED%A0%80", "x" * 3000])
def test_what_is_not_there(api: TestClient, wrong: str) -> None:
    answer = api.get(f"/api/v1/sessions/{wrong}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_what_was_asked_for_and_is_none_takes_no_memory(api: TestClient, app: FastAPI) -> None:
    """Twenty thousand are kept in mind; of addresses as long as a head may be, a gigabyte."""
    kept = app.state.representations._versions
    before = len(kept)
    assert api.get(f"/api/v1/sessions/{'a' * 27}").status_code == 404
    assert len(kept) == before
    assert api.get(f"/api/v1/sessions/{'a' * 26}").status_code == 404
    assert len(kept) == before + 1
