"""Editing: revisions as ETags, publishing with what speaks against it, attendance."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from tests.api.seeded import Seeded, seed
from tests.services.zones_world import moved_world

EDITS: list[tuple[str, str, dict[str, Any]]] = [
    ("PATCH", "/cycles/{cycle_id}", {"capacity": 7}),
    ("PATCH", "/sessions/{session_id}", {"minutes": 45}),
    ("PUT", "/sessions/{session_id}/agenda", {"segments": []}),
    ("DELETE", "/sessions/{session_id}", {}),
    ("PUT", "/cycles/{cycle_id}/institutions", {"institutions": []}),
    ("PATCH", "/people/{person_id}", {"position": "X"}),
    ("PATCH", "/institutions/{institution_id}", {"acronym": "X"}),
    ("PATCH", "/initiatives/{initiative_id}", {"sector": "X"}),
    ("PATCH", "/enrolments/{enrolment_id}", {"country": "PE"}),
]


@pytest.mark.parametrize(("method", "path", "body"), EDITS)
def test_who_has_an_old_one_changes_nothing(
    api: TestClient, database: Database, method: str, path: str, body: dict[str, Any]
) -> None:
    url = "/api/v1" + seed(database).path(path)
    shown = url.removesuffix("/agenda")
    current = api.get(shown).headers["etag"].replace("-gz", "")
    before = api.get(shown).json()
    stale = api.request(method, url, json=body, headers={"if-match": '"r999"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert api.get(shown).json() == before
    done = api.request(method, url, json=body, headers={"if-match": current})
    assert done.status_code == (204 if method == "DELETE" else 200)
    if method != "DELETE":
        assert done.headers["etag"] == api.get(shown).headers["etag"].replace("-gz", "")
        assert done.headers["etag"] != current


def test_without_if_match_or_with_a_star_it_is_changed(api: TestClient, database: Database) -> None:
    url = f"/api/v1/sessions/{seed(database).session_id}"
    assert api.patch(url, json={"minutes": 44}).json()["minutes"] == 44
    starred = api.patch(url, json={"minutes": 43}, headers={"if-match": "*"})
    assert starred.json()["minutes"] == 43


def test_publishing_says_why_not(api: TestClient, database: Database) -> None:
    seeded = seed(database)
    url = f"/api/v1/cycles/{seeded.cycle_id}/releases"
    unread = api.post(url, json={})
    assert (unread.status_code, unread.json()["code"]) == (409, "schedule_warnings")
    done = api.post(url, json={"accept_warnings": True})
    assert (done.status_code, done.json()["number"]) == (201, 1)
    again = api.post(url, json={"accept_warnings": True})
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_publish")
    assert api.get(url).json() == {"items": [done.json()], "next": None}
    released = api.delete(f"/api/v1/sessions/{seeded.session_id}")
    assert (released.status_code, released.json()["code"]) == (409, "session_released")


def test_what_newer_zone_data_has_moved_is_published_by_itself(
    api: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        cycle_id = moved_world(db).cycle.id
    url = f"/api/v1/cycles/{cycle_id}/releases/time-zones"
    done, again = api.post(url), api.post(url)
    assert (done.status_code, done.json()["number"], done.json()["mails"]) == (201, 2, 3)
    assert (again.status_code, again.json()["code"]) == (409, "nothing_shifted")


def _overlap(api: TestClient, seeded: Seeded) -> None:
    part = [{"person_id": seeded.person_id, "role": "speaker"}]
    segments = [
        {"kind": "presentation", "minutes": 30, "offset": 0, "parts": part},
        {"kind": "presentation", "minutes": 30, "offset": 15, "parts": part},
    ]
    url = f"/api/v1/sessions/{seeded.session_id}/agenda"
    assert api.put(url, json={"segments": segments}).status_code == 200


def test_one_person_in_two_places_is_told_and_not_published(
    api: TestClient, database: Database
) -> None:
    seeded = seed(database)
    _overlap(api, seeded)
    cycle = f"/api/v1/cycles/{seeded.cycle_id}"
    conflicts = api.get(f"{cycle}/conflicts").json()["items"]
    errors = [c for c in conflicts if c["severity"] == "error"]
    assert errors
    assert {c["session_number"] for c in errors} == {1}
    preview = api.get(f"{cycle}/releases/preview").json()
    assert preview["conflicts"] == conflicts
    assert preview["errors"] == len(errors)
    refused = api.post(f"{cycle}/releases", json={"accept_warnings": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "schedule_errors")


def test_conflicts_come_in_the_language_asked_for(api: TestClient, database: Database) -> None:
    seeded = seed(database)
    _overlap(api, seeded)
    url = f"/api/v1/cycles/{seeded.cycle_id}/conflicts"
    said = {
        language: [
            c["message"]
            for c in api.get(url, headers={"accept-language": language}).json()["items"]
        ]
        for language in ("en", "es", "pt")
    }
    assert len({len(sentences) for sentences in said.values()}) == 1
    assert len({tuple(sentences) for sentences in said.values()}) == 3


def test_a_check_in_is_once_and_stays(api: TestClient, database: Database) -> None:
    seeded = seed(database)
    url = f"/api/v1/sessions/{seeded.session_id}/check-ins"
    first = api.post(url, json={"enrolment_id": seeded.enrolment_id})
    again = api.post(url, json={"enrolment_id": seeded.enrolment_id})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert api.get(url).json() == {"items": [first.json()], "next": None}
    rows = api.get(f"/api/v1/sessions/{seeded.session_id}/attendance").json()["items"]
    (row,) = [r for r in rows if r["enrolment_id"] == seeded.enrolment_id]
    assert (row["status"], row["minutes"]) == ("present", None)
    assert row["checked_in_at"] == first.json()["checked_in_at"]


def test_a_check_in_that_was_taken_back_is_no_check_in(api: TestClient, database: Database) -> None:
    seeded = seed(database)
    url = f"/api/v1/sessions/{seeded.session_id}"
    who = {"enrolment_id": seeded.enrolment_id}
    first = api.post(f"{url}/check-ins", json=who).json()
    (seen,) = api.get(f"{url}/evidence", params=who).json()["items"]
    api.post(
        f"{url}/attendance/retractions",
        json={**who, "evidence_id": seen["id"], "reason": "Somebody else."},
    )
    again = api.post(f"{url}/check-ins", json=who)
    assert (again.status_code, again.json()["code"]) == (409, "check_in_taken_back")
    said = "The organizers took back the check-in of this participant."
    assert again.json()["detail"] == said
    assert api.get(f"{url}/check-ins").json()["items"] == [{**first, "retracted": True}]


def test_a_mark_counts_until_it_is_taken_back(api: TestClient, database: Database) -> None:
    seeded = seed(database, published=True)
    url = f"/api/v1/sessions/{seeded.session_id}/attendance"
    who = {"enrolment_id": seeded.enrolment_id}
    marked = api.post(f"{url}/marks", json={**who, "status": "excused", "reason": "Ill."})
    assert (marked.json()["status"], marked.json()["reason"]) == ("excused", "Ill.")
    back = api.post(f"{url}/retractions", json={**who, "reason": "Not ill."})
    assert back.json()["status"] == "unknown"
    nothing = api.post(f"{url}/retractions", json={**who, "reason": "Again."})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_retract")


def test_a_participant_of_another_cycle_is_refused(api: TestClient, database: Database) -> None:
    seeded = seed(database)
    body = {"slug": "other", "title": {"en": "Other"}, "language": "en", "zone": "UTC"}
    other = api.post("/api/v1/cycles", json=body).json()["id"]
    someone = api.post(
        f"/api/v1/cycles/{other}/enrolments", json={"name": "X", "email": "x@example.org"}
    ).json()["id"]
    response = api.post(
        f"/api/v1/sessions/{seeded.session_id}/check-ins", json={"enrolment_id": someone}
    )
    assert response.status_code == 422
    assert response.json()["errors"][0]["code"] == "unknown_enrolment"


def test_the_agenda_keeps_what_it_is_given_by_id(api: TestClient, database: Database) -> None:
    seeded = seed(database)
    url = f"/api/v1/sessions/{seeded.session_id}"
    (before,) = api.get(url).json()["segments"]
    part = {"person_id": seeded.person_id, "role": "speaker"}
    segments = [
        {"kind": "opening", "minutes": 10, "title": "Welcome"},
        {"id": seeded.segment_id, "kind": "panel", "minutes": 20, "parts": [part]},
    ]
    after = api.put(f"{url}/agenda", json={"segments": segments}).json()
    assert after["segments"][1]["id"] == before["id"]
    assert after["segments"][1]["parts"] == before["parts"]
    assert after["segments"][1]["starts_at"] == after["segments"][0]["ends_at"]
    assert api.get(url).json() == after
