"""Materials for programs."""

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.schedule import SessionStatus
from app.models import Session
from tests.api.seeded import seed


def test_from_nothing_to_a_list(api: TestClient, database: Database) -> None:
    seeded = seed(database)
    path = f"/api/v1/sessions/{seeded.session_id}/materials"
    (old,) = api.get(path).json()["items"]
    assert (old["kind"], old["visible_from"], old["after_session"]) == ("link", None, False)
    made = api.post(
        path,
        json={
            "title": "Recording",
            "kind": "recording",
            "url": "https://example.org/r",
            "visible_wall": "2027-03-04T09:30",
        },
    ).json()
    assert made["visible_from"] == "2027-03-04T14:30:00Z"
    assert (made["audience"], made["file_name"], made["size"]) == ("participants", "", 0)
    after = {"title": "x", "url": "https://example.org/x", "after_session": True}
    last = api.post(path, json=after).json()
    session = api.get(f"/api/v1/sessions/{seeded.session_id}").json()
    assert last["visible_from"] == session["ends_at"]
    assert [last["kept_back"], made["kept_back"]] == [False, False]
    listed = api.get(path).json()
    assert listed == {"items": [old, made, last], "next": None}
    assert api.delete(f"/api/v1/materials/{made['id']}").status_code == 204
    assert api.delete(f"/api/v1/materials/{made['id']}").status_code == 404
    assert [m["id"] for m in api.get(path).json()["items"]] == [old["id"], last["id"]]


def test_what_waits_for_a_session_that_is_off(api: TestClient, database: Database) -> None:
    seeded = seed(database)
    path = f"/api/v1/sessions/{seeded.session_id}/materials"
    new = {"title": "x", "url": "https://example.org/x", "after_session": True}
    assert api.post(path, json=new).json()["kept_back"] is False
    with database.begin(writes=True) as db:
        row = db.exec(select(Session).where(Session.id == seeded.session_id)).one()
        row.status = SessionStatus.CANCELLED  # it was never published: the draft counts
    found = api.get(path).json()["items"][-1]
    assert (found["visible_from"], found["kept_back"]) == (None, True)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("url", "javascript:alert(1)", "link"),
        ("url", "data:text/html,x", "link"),
        ("url", "", "too_short"),
        ("title", "", "string_too_short"),
        ("kind", "virus", "enum"),
        ("audience", "everybody", "enum"),
        ("segment_id", "nothing", "unknown_segment"),
        ("visible_from", "2027-03-04T09:30:00Z", "extra_forbidden"),
    ],
)
def test_what_is_refused(
    api: TestClient, database: Database, field: str, value: str, code: str
) -> None:
    seeded = seed(database)
    body = {"title": "x", "url": "https://example.org/x", field: value}
    answer = api.post(f"/api/v1/sessions/{seeded.session_id}/materials", json=body)
    errors = [(e["field"], e["code"]) for e in answer.json()["errors"]]
    assert (answer.status_code, errors) == (422, [(field, code)])
