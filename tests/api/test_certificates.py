"""Certificates by the API."""

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.certificates import shown_code
from app.models import Message
from app.services import certificate_runs as runs
from tests.services.attendance_world import OVER
from tests.services.certificate_world import Certified


@pytest.fixture
def there(database: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr("app.routers.api.certificates.now", lambda: OVER)
    with database.begin(writes=True) as db:
        world = Certified(db)
        world.ana.language = "en"
        people = (world.ana, world.eva, world.leo)
        return {"cycle": world.cycle.id, **{who.name: who.id for who in people}}


def issue(api: TestClient, there: dict[str, str], name: str, key: str = "") -> dict[str, object]:
    headers = {"idempotency-key": key} if key else {}
    url = f"/api/v1/cycles/{there['cycle']}/certificates"
    answer = api.post(url, json={"enrolment_id": there[name]}, headers=headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, object] = answer.json()
    assert answer.headers["location"] == f"/api/v1/certificates/{found['code']}"
    return found


def test_issuing_to_one(api: TestClient, database: Database, there: dict[str, str]) -> None:
    one = issue(api, there, "Ana", "k")
    assert {name: one[name] for name in ("state", "holder", "minutes", "sessions", "of")} == {
        "state": "live",
        "holder": "Ana",
        "minutes": 420,
        "sessions": 4,
        "of": 4,
    }
    assert one["verify_url"] == f"http://testserver/verify/{one['code']}"
    assert one == issue(api, there, "Ana", "k") == issue(api, there, "Ana")
    shown = api.get(f"/api/v1/certificates/{shown_code(str(one['code']))}").json()
    assert shown == one
    with database.begin(writes=False) as db:
        assert len(db.exec(select(Message).where(Message.kind == "certificate")).all()) == 1


def test_refused(api: TestClient, there: dict[str, str]) -> None:
    url = f"/api/v1/cycles/{there['cycle']}/certificates"
    answer = api.post(url, json={"enrolment_id": there["Leo"]})
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        409,
        "not_eligible",
        "The cycle is not completed: 2 more sessions are needed.",
    )
    answer = api.post(url, json={"enrolment_id": "nobody"})
    assert (answer.status_code, [(e["field"], e["code"]) for e in answer.json()["errors"]]) == (
        422,
        [("enrolment_id", "unknown_enrolment")],
    )


def test_revoking_and_superseding(api: TestClient, there: dict[str, str]) -> None:
    one = issue(api, there, "Ana")
    url = f"/api/v1/certificates/{one['code']}"
    new = api.post(f"{url}/supersede", json={"holder": "Ana María", "reason": "Misspelt."}).json()
    old = api.get(url).json()
    assert (old["state"], old["superseded_by"], old["reason"]) == (
        "superseded",
        new["code"],
        "Misspelt.",
    )
    assert (new["holder"], new["state"]) == ("Ana María", "live")
    refused = api.post(f"{url}/revoke", json={"reason": "Late."})
    assert (refused.status_code, refused.json()["code"]) == (409, "superseded")
    gone = api.post(f"/api/v1/certificates/{new['code']}/revoke", json={"reason": "Wrong."}).json()
    assert (gone["state"], gone["reason"], gone["ended_by"]) == (
        "revoked",
        "Wrong.",
        "Olga Organizer",
    )
    listed = api.get(f"/api/v1/cycles/{there['cycle']}/certificates").json()["items"]
    assert {each["code"]: each["state"] for each in listed} == {
        old["code"]: "superseded",
        new["code"]: "revoked",
    }


def test_issuing_to_all(api: TestClient, database: Database, there: dict[str, str]) -> None:
    url = f"/api/v1/cycles/{there['cycle']}/certificates"
    answer = api.post(f"{url}/runs")
    run = answer.json()
    assert (run["total"], run["looked_at"], run["finished_at"]) == (3, 0, None)
    assert api.post(f"{url}/runs").json()["id"] == run["id"]
    with database.begin(writes=True) as db:
        assert runs.take(db, "w", OVER) == run["id"]
        while runs.go_on(db, "w", run["id"], OVER):
            pass
    done = api.get(answer.headers["location"]).json()
    assert (done["looked_at"], done["issued"], done["left_out"]) == (3, 2, 1)
    first = api.get(url, params={"limit": 1}).json()
    second = api.get(url, params={"limit": 1, "after": first["next"]}).json()
    assert [e["holder"] for e in first["items"] + second["items"]] == ["Ana", "Eva"]
