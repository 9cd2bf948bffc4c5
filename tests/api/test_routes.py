"""What every route has: a summary, its errors, its scope, and a test that asks it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from tests.api.conftest import Programs
from tests.api.document import document, operations
from tests.api.seeded import Seeded, seed
from tests.mail.inbound_corpus import letter

# What is sent to each, and what comes: the ids are those of `seeded`.
CALLS: dict[str, tuple[Callable[[Seeded], Any], int]] = {
    "list_cycles": (lambda s: None, 200),
    "create_cycle": (
        lambda s: {"slug": "new-one", "title": {"en": "N"}, "language": "en", "zone": "UTC"},
        201,
    ),
    "get_cycle": (lambda s: None, 200),
    "change_cycle": (lambda s: {"capacity": 10}, 200),
    "delete_cycle": (lambda s: None, 409),
    "archive_cycle": (lambda s: None, 200),
    "restore_cycle": (lambda s: None, 200),
    "clone_cycle": (lambda s: {"slug": "copy", "title": {"en": "Copy"}}, 201),
    "list_cycle_institutions": (lambda s: None, 200),
    "set_cycle_institutions": (
        lambda s: {"institutions": [{"institution_id": s.other_institution_id, "role": "host"}]},
        200,
    ),
    "list_conflicts": (lambda s: None, 200),
    "list_releases": (lambda s: None, 200),
    "preview_release": (lambda s: None, 200),
    "publish_release": (lambda s: {"accept_warnings": True}, 201),
    "publish_time_zones": (lambda s: None, 409),
    "list_invitations": (lambda s: None, 200),
    "bring_up_to_date": (lambda s: None, 409),
    "list_session_invitations": (lambda s: None, 200),
    "set_answer": (lambda s: {"answer": "accepted"}, 200),
    "list_parts": (lambda s: None, 200),
    "list_sessions": (lambda s: None, 200),
    "create_session": (
        lambda s: {"title": {"en": "S"}, "wall_start": "2027-02-01T09:00", "minutes": 60},
        201,
    ),
    "create_series": (
        lambda s: {
            "title": {"en": "S"},
            "first_wall_start": "2027-02-01T09:00",
            "minutes": 60,
            "every_days": 7,
            "count": 3,
        },
        201,
    ),
    "get_session": (lambda s: None, 200),
    "change_session": (lambda s: {"minutes": 45}, 200),
    "delete_session": (lambda s: None, 204),
    "put_agenda": (
        lambda s: {
            "segments": [
                {
                    "id": s.segment_id,
                    "kind": "panel",
                    "minutes": 20,
                    "parts": [{"person_id": s.person_id, "role": "host"}],
                }
            ]
        },
        200,
    ),
    "list_materials": (lambda s: None, 200),
    "add_material": (
        lambda s: {"title": "Slides", "url": "https://example.org/x", "segment_id": s.segment_id},
        201,
    ),
    "remove_material": (lambda s: None, 204),
    "list_people": (lambda s: None, 200),
    "create_person": (lambda s: {"name": "Ana"}, 201),
    "get_person": (lambda s: None, 200),
    "change_person": (lambda s: {"position": "Directora"}, 200),
    "merge_people": (lambda s: {"duplicate_id": s.duplicate_id}, 200),
    "list_institutions": (lambda s: None, 200),
    "create_institution": (lambda s: {"name": "CEPAL"}, 201),
    "get_institution": (lambda s: None, 200),
    "change_institution": (lambda s: {"acronym": "X"}, 200),
    "merge_institutions": (lambda s: {"duplicate_id": s.other_institution_id}, 200),
    "list_initiatives": (lambda s: None, 200),
    "create_initiative": (lambda s: {"name": "Clúster"}, 201),
    "get_initiative": (lambda s: None, 200),
    "change_initiative": (lambda s: {"sector": "Textiles"}, 200),
    "merge_initiatives": (lambda s: {"duplicate_id": s.other_initiative_id}, 200),
    "list_enrolments": (lambda s: None, 200),
    "add_enrolment": (lambda s: {"name": "Luisa", "email": "luisa@example.org"}, 201),
    "get_enrolment": (lambda s: None, 200),
    "change_enrolment": (lambda s: {"country": "CO"}, 200),
    "list_check_ins": (lambda s: None, 200),
    "check_in": (lambda s: {"enrolment_id": s.enrolment_id}, 201),
    "list_attendance": (lambda s: None, 200),
    "mark_attendance": (
        lambda s: {"enrolment_id": s.enrolment_id, "status": "present", "reason": "Seen."},
        200,
    ),
    "list_completion": (lambda s: None, 200),
    "list_completion_rules": (lambda s: None, 200),
    "list_certificates": (lambda s: None, 200),
    "issue_certificate": (lambda s: {"enrolment_id": s.enrolment_id}, 201),
    "issue_certificates": (lambda s: None, 409),
    "get_certificate_run": (lambda s: None, 200),
    "get_certificate": (lambda s: None, 200),
    "revoke_certificate": (lambda s: {"reason": "Wrong person."}, 200),
    "supersede_certificate": (lambda s: {"holder": "Ana"}, 409),
    "get_cycle_report": (lambda s: None, 200),
    "list_evidence": (lambda s: None, 200),
    "list_still_open": (lambda s: None, 200),
    "list_closings": (lambda s: None, 200),
    "close_session": (lambda s: {"note": "All is read."}, 409),
    "reopen_session": (lambda s: {"reason": "A second file."}, 409),
    "get_feedback": (lambda s: None, 200),
    "list_reports": (lambda s: None, 200),
    "upload_report": (lambda s: ("text/csv", b"Name,Minutes\nAna,40\n"), 201),
    "get_report": (lambda s: None, 200),
    "list_report_rows": (lambda s: None, 200),
    "answer_report": (lambda s: {"zone": "UTC"}, 422),  # the file is not there
    "discard_report": (lambda s: None, 204),
    "decide_rows": (
        lambda s: {"decisions": [{"row_id": s.row_id, "enrolment_id": s.enrolment_id}]},
        200,
    ),
    "match_report": (lambda s: None, 422),  # the file is not there
    "apply_report": (lambda s: None, 200),
    "undo_report": (lambda s: {"reason": "Another meeting."}, 409),
    "take_in_mail": (lambda s: letter(), 200),
    "retract_mark": (lambda s: {"enrolment_id": s.enrolment_id, "reason": "No."}, 409),
}


def sent(body: Any) -> dict[str, Any]:
    """How a body goes out: a mail as it is, a file as what it is, everything else as JSON."""
    if isinstance(body, tuple):
        return {"content": body[1], "headers": {"content-type": body[0]}}
    if isinstance(body, bytes):
        return {"content": body, "headers": {"content-type": "message/rfc822"}}
    return {"json": body}


OPERATIONS = {operation["operationId"]: (m, p, operation) for m, p, operation in operations()}
OF_PUBLISHED = ("mark_attendance", "apply_report")
"""Nobody can have been at a session that is not published."""
SCOPES = ("read", "write", "attendance")


def test_every_operation_is_asked_in_a_test() -> None:
    assert len(OPERATIONS) == len(operations()), "two operations have one id"
    assert set(CALLS) == set(OPERATIONS)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_operation_answers_as_documented(
    api: TestClient, database: Database, name: str
) -> None:
    seeded = seed(database, published=name in OF_PUBLISHED)
    method, path, operation = OPERATIONS[name]
    body, expected = CALLS[name]
    response = api.request(method, seeded.path(path), **sent(body(seeded)))
    assert response.status_code == expected, response.text
    documented = operation["responses"][str(expected)]
    kind = response.headers.get("content-type")
    assert ([kind] if kind else []) == list(documented.get("content", {}))
    if 200 <= expected < 300:
        promised = {header.lower() for header in documented.get("headers", {})}
        assert promised == {"etag", "location"} & set(response.headers) | promised
        if "location" in promised:
            assert api.get(response.headers["location"]).status_code == 200


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # refused before any query
@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_operation_needs_its_scope_and_no_other(
    program: Programs, database: Database, name: str
) -> None:
    seeded = seed(database, published=name in OF_PUBLISHED)
    method, path, operation = OPERATIONS[name]
    body, expected = CALLS[name]
    (needed,) = operation["security"][0]["token"]
    lacking = program(*(scope for scope in SCOPES if scope != needed))
    refused = lacking.request(method, seeded.path(path), **sent(body(seeded)))
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    stranger = program(needed)
    del stranger.headers["authorization"]
    unknown = stranger.request(method, seeded.path(path), **sent(body(seeded)))
    assert (unknown.status_code, unknown.json()["code"]) == (401, "not_signed_in")
    assert unknown.headers["www-authenticate"] == "Bearer"
    allowed = program(needed).request(method, seeded.path(path), **sent(body(seeded)))
    assert allowed.status_code == expected


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_operation_is_described(name: str) -> None:
    method, path, operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    expected = {"401", "403", "422", "429", "503"}
    expected |= {"404"} if "{" in path else set()
    expected |= {"413", "415"} if "requestBody" in operation else set()
    parameters = {p["name"]: p for p in operation.get("parameters", [])}
    expected |= {"412"} if "If-Match" in parameters else set()
    problems = {s: r for s, r in operation["responses"].items() if int(s) >= 400}
    assert set(problems) - {"409"} == expected
    for status, response in problems.items():
        (content,) = response["content"].items()
        assert content[0] == "application/problem+json"
        assert content[1]["example"]["status"] == int(status)
    assert ("Idempotency-Key" in parameters) == (method == "POST")


def test_every_schema_that_comes_in_to_make_something_has_an_example() -> None:
    schemas = document()["components"]["schemas"]
    bodies = {
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
        for _, _, operation in operations()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    without = {name for name in bodies if "examples" not in schemas[name]}
    assert {name for name in without if not name.endswith("Change")} == set()


@pytest.mark.parametrize("name", sorted(n for n in CALLS if "{" in OPERATIONS[n][1]))
def test_what_is_not_there_is_404_and_never_500(
    api: TestClient, database: Database, name: str
) -> None:
    seeded = seed(database)
    method, path, _ = OPERATIONS[name]
    body, _ = CALLS[name]
    for wrong in ("nothing", "0" * 26, "x" * 300, "%00", "%ED%A0%80", "ñ"):
        address = path.split("{")[0] + wrong + path.split("}")[1]
        response = api.request(method, address, **sent(body(seeded)))
        assert response.status_code in (404, 405), (address, response.text)
        assert response.headers["content-type"] == "application/problem+json"


def test_addresses_that_are_none(api: TestClient) -> None:
    response = api.get("/api/v1/nothing")
    assert response.status_code == HTTPStatus.NOT_FOUND
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/api/v1/cycles", "GET, POST"),
        ("POST", "/api/v1/sessions/x", "DELETE, GET, PATCH"),
        ("DELETE", "/api/v1/sessions/x/agenda", "PUT"),
    ],
)
def test_methods_that_are_none(api: TestClient, method: str, path: str, allow: str) -> None:
    response = api.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allow)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "method_not_allowed"
