"""Every text field that the API takes, and every way in which it can be wrong: 4xx with a word
that helps, never 500. The fields are found in the OpenAPI document, so a new one is tried too."""

import copy
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from tests.api.document import document, operations
from tests.api.seeded import Seeded, seed
from tests.api.test_routes import CALLS

WRONG: dict[str, Any] = {
    "a number": 5,
    "a list": ["x"],
    "an object": {"en": {"x": 1}},
    "true": True,
    "NUL": "a\0b",
    "bell": "a\x07b",
    "C1 control": "a\x85b",
    "lone surrogate": "a\ud800b",
    "line separator": "a\u2028b",
    "too long": "x" * 20_001,
    "too long once composed": "\U0001d160" * 7_000,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "huge": 10**4000,
}
NUMBERS: dict[str, Any] = {
    "text": "12",
    "a fraction": 1.5,
    "true": True,
    "NaN": float("nan"),
    "infinity": float("-inf"),
    "huge": 10**400,
    "negative": -1,
    "beyond 64 bits": 2**63,
    "a list": [1],
    "an object": {},
}

Place = tuple[str | int, ...]


def _resolved(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema without references; several where it is one of several."""
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        return _resolved(document()["components"]["schemas"][name])
    if "anyOf" in schema:
        return [each for option in schema["anyOf"] for each in _resolved(option)]
    return [schema]


def _leaves(schema: dict[str, Any], place: Place = ()) -> list[tuple[Place, str]]:
    """The ways to every text and number in a body, with "string" or "integer"."""
    found = []
    for each in _resolved(schema):
        kind = each.get("type")
        if kind in ("string", "integer"):
            found.append((place, kind))
        for name, inner in each.get("properties", {}).items():
            found += _leaves(inner, (*place, name))
        if kind == "array":
            found += _leaves(each["items"], (*place, 0))
    return found


def _put(body: Any, place: Place, value: Any) -> Any:
    """The body with something else at a place; what leads there is made where it is missing."""
    if not place:
        return value
    first, *rest = place
    if isinstance(first, int):
        items = list(body) if isinstance(body, list) and body else [{}]
        items[first] = _put(items[first], tuple(rest), value)
        return items
    fields = dict(body) if isinstance(body, dict) else {}
    return {**fields, first: _put(fields.get(first), tuple(rest), value)}


def _cases() -> list[Any]:
    return [
        pytest.param(operation["operationId"], place, kind, id=f"{operation['operationId']}-{name}")
        for _, _, operation in operations()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
        for place, kind in _leaves(
            operation["requestBody"]["content"]["application/json"]["schema"]
        )
        for name in [".".join(map(str, place))]
    ]


def _ask(api: TestClient, seeded: Seeded, name: str, body: Any) -> Any:
    method, path = next((m, p) for m, p, o in operations() if o["operationId"] == name)
    text = json.dumps(body)  # as any program writes it: NaN and lone surrogates included
    headers = {"content-type": "application/json"}
    return api.request(method, seeded.path(path), content=text, headers=headers)


def _refused(response: Any, field: str, what: str) -> None:
    assert response.status_code == 422, (field, what, response.text[:500])
    assert response.headers["content-type"] == "application/problem+json"
    errors = response.json()["errors"]
    assert all(error["message"] for error in errors)
    places = [error["field"] for error in errors]
    assert any(place.startswith(field) or place == "" for place in places), (what, places)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # refused before any query
@pytest.mark.parametrize(("name", "place", "kind"), _cases())
def test_every_field_refuses_what_is_wrong(
    api: TestClient, database: Database, name: str, place: Place, kind: str
) -> None:
    seeded = seed(database)
    good = CALLS[name][0](seeded)
    field = ".".join(map(str, place))
    for what, value in (WRONG if kind == "string" else NUMBERS).items():
        _refused(_ask(api, seeded, name, _put(copy.deepcopy(good), place, value)), field, what)


BODIES = sorted(
    o["operationId"]
    for _, _, o in operations()
    if "application/json" in o.get("requestBody", {}).get("content", {})
)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # refused before any query
@pytest.mark.parametrize("name", BODIES)
def test_fields_that_are_none_are_refused(api: TestClient, database: Database, name: str) -> None:
    seeded = seed(database)
    for unknown in ("nonsense", "id", "revision", "", "x" * 3000, "\ud800", "\0"):
        body = {**CALLS[name][0](seeded), unknown: 1}
        response = _ask(api, seeded, name, body)
        assert response.status_code == 422, (unknown[:10], response.text[:300])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # refused before any query
@pytest.mark.parametrize("name", BODIES)
def test_required_fields_are_asked_for(api: TestClient, database: Database, name: str) -> None:
    seeded = seed(database)
    operation = next(o for _, _, o in operations() if o["operationId"] == name)
    (schema,) = _resolved(operation["requestBody"]["content"]["application/json"]["schema"])
    for field in schema.get("required", []):
        body = {k: v for k, v in CALLS[name][0](seeded).items() if k != field}
        response = _ask(api, seeded, name, body)
        assert [(e["field"], e["code"]) for e in response.json()["errors"]] == [(field, "missing")]


SESSION = {"title": {"en": "S"}, "wall_start": "2027-02-01T09:00", "minutes": 60}


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"title": {}}, "title", "missing_text"),
        ({"title": {"en": "  "}}, "title", "missing_text"),
        ({"title": {"fr": "Séance"}}, "title", "unknown_language"),
        ({"zone": "Bogota"}, "zone", "unknown_zone"),
        ({"zone": "america/bogota"}, "zone", "unknown_zone"),
        ({"zone": "../etc/passwd"}, "zone", "unknown_zone"),
        ({"zone": ""}, "zone", "unknown_zone"),
        ({"minutes": 0}, "minutes", "greater_than_equal"),
        ({"minutes": -60}, "minutes", "greater_than_equal"),
        ({"minutes": 1441}, "minutes", "less_than_equal"),
        ({"wall_start": "2027-02-30T09:00"}, "wall_start", "datetime_from_date_parsing"),
        ({"wall_start": "2027-02-01"}, "wall_start", "datetime_parsing"),
        ({"wall_start": "2027-02-01T09:00Z"}, "wall_start", "wall_time"),
        ({"wall_start": "2027-02-01T09:00-05:00"}, "wall_start", "wall_time"),
        ({"wall_start": "1999-12-31T23:59"}, "wall_start", "year"),
        ({"wall_start": "9999-12-31T23:59"}, "wall_start", "year"),
        ({"wall_start": 1_800_000_000}, "wall_start", "datetime_parsing"),
        (
            {"wall_start": "2027-03-28T02:30", "zone": "Europe/Madrid"},
            "wall_start",
            "skipped_time",
        ),
        (
            {"wall_start": "2027-10-31T02:30", "zone": "Europe/Madrid"},
            "wall_start",
            "ambiguous_time",
        ),
        ({"fold": 2}, "fold", "less_than_equal"),
        ({"fold": True}, "fold", "int_type"),
        ({"number": 1}, "number", "number_taken"),
        ({"number": 10_000}, "number", "less_than_equal"),
        ({"meeting_url": "javascript:alert(1)"}, "meeting_url", "link"),
        ({"meeting_url": "https://"}, "meeting_url", "link"),
        ({"meeting_url": "https://a b"}, "meeting_url", "link"),
        ({"status": "published"}, "status", "enum"),
        ({"check_in_before": -1}, "check_in_before", "greater_than_equal"),
    ],
)
def test_what_is_wrong_with_a_session_is_said(
    api: TestClient, database: Database, change: dict[str, Any], field: str, code: str
) -> None:
    seeded = seed(database)
    response = _ask(api, seeded, "create_session", SESSION | change)
    assert response.status_code == 422
    assert [(e["field"], e["code"]) for e in response.json()["errors"]] == [(field, code)]


def test_a_time_that_is_skipped_names_those_that_exist(api: TestClient, database: Database) -> None:
    change = {"wall_start": "2027-03-28T02:30", "zone": "Europe/Madrid"}
    response = _ask(api, seed(database), "create_session", SESSION | change)
    assert response.json()["errors"][0]["message"] == (
        "In Europe/Madrid the clocks jump over 2027-03-28 02:30. "
        "The nearest times that exist are 2027-03-28 01:59 and 2027-03-28 03:00."
    )


@pytest.mark.parametrize(("fold", "starts"), [(0, "00:30"), (1, "01:30")])
def test_a_time_that_exists_twice_is_chosen_by_fold(
    api: TestClient, database: Database, fold: int, starts: str
) -> None:
    change = {"wall_start": "2027-10-31T02:30", "zone": "Europe/Madrid", "fold": fold}
    made = _ask(api, seed(database), "create_session", SESSION | change).json()
    assert (made["starts_at"], made["fold"]) == (f"2027-10-31T{starts}:00Z", fold)


CYCLE = {"slug": "a", "title": {"en": "A"}, "language": "en", "zone": "UTC"}


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"slug": "cycle-1"}, "slug", "slug_taken"),
        ({"slug": "Cycle"}, "slug", "slug"),
        ({"slug": "a--b"}, "slug", "slug"),
        ({"slug": "new"}, "slug", "slug_reserved"),
        ({"slug": ""}, "slug", "string_too_short"),
        ({"slug": "x" * 61}, "slug", "string_too_long"),
        ({"language": "de"}, "language", "unknown_language"),
        ({"contact_email": "nobody"}, "contact_email", "email"),
        ({"accent": "red"}, "accent", "color"),
        ({"capacity": 0}, "capacity", "greater_than_equal"),
        ({"enrolment_open": "yes"}, "enrolment_open", "bool_type"),
        (
            {"completion_rule": {"min_sessions": 9, "of": 8, "min_percent_of_each": 50}},
            "completion_rule.min_sessions",
            "rule_impossible",
        ),
    ],
)
def test_what_is_wrong_with_a_cycle_is_said(
    api: TestClient, database: Database, change: dict[str, Any], field: str, code: str
) -> None:
    response = _ask(api, seed(database), "create_cycle", CYCLE | change)
    assert response.status_code == 422
    assert [(e["field"], e["code"]) for e in response.json()["errors"]] == [(field, code)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("after=nonsense", "after"),
        ("after=" + "x" * 8001, "after"),
        ("after=%00", "after"),
        ("search=" + "x" * 201, "search"),
        ("status=nowhere", "status"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(
    api: TestClient, database: Database, query: str, field: str
) -> None:
    seeded = seed(database)
    response = api.get(f"/api/v1/cycles/{seeded.cycle_id}/enrolments?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "search", ["%00", "%ED%A0%80", "%25", "_", "'\"\\", "%F0%9F%98%80", "a" * 200]
)
def test_any_search_is_answered(api: TestClient, database: Database, search: str) -> None:
    seed(database)
    for path in ("people", "institutions", "initiatives"):
        assert api.get(f"/api/v1/{path}?search={search}").status_code == 200


@pytest.mark.parametrize(
    "tag", ["3", "r3", '"x"', 'W/"r1"', '"r99999999999999999999"', "", '"r1", "r2"']
)
def test_an_if_match_that_is_none(api: TestClient, database: Database, tag: str) -> None:
    seeded = seed(database)
    url = f"/api/v1/sessions/{seeded.session_id}"
    response = api.patch(url, json={"minutes": 5}, headers={"if-match": tag})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["If-Match"]
