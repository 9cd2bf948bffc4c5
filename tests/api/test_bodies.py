"""Bodies that are none, too large, or in another format; requests from other sites."""

from collections.abc import Iterator
from time import process_time

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.db import Database
from app.web.api_limits import ApiLimits

JSON = {"content-type": "application/json"}
GOOD = b'{"name": "CEPAL"}'


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000, b'{"name": "x"', b"nonsense"],
    ids=["cut off", "no UTF-8", "nested without end", "endless number", "unclosed", "a word"],
)
def test_what_is_not_json(api: TestClient, body: bytes) -> None:
    response = api.post("/api/v1/institutions", content=body, headers=JSON)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"] == [
        {"field": "", "code": "json_invalid", "message": "This is not JSON."}
    ]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"3", b"true", b""])
def test_json_that_is_no_object(api: TestClient, body: bytes) -> None:
    response = api.post("/api/v1/institutions", content=body, headers=JSON)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [""]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_another_format_is_415(api: TestClient, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    response = api.post("/api/v1/institutions", content=GOOD, headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unknown_format")
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "application/merge-patch+json"]
)
def test_json_by_any_of_its_names(api: TestClient, kind: str) -> None:
    headers = {"content-type": kind}
    assert api.post("/api/v1/institutions", content=GOOD, headers=headers).status_code == 201


def test_too_large_is_413_by_its_length(api: TestClient) -> None:
    response = api.post("/api/v1/institutions", content=b" " * 2_097_153, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert response.headers["content-type"] == "application/problem+json"


def test_too_large_is_413_in_pieces(api: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    response = api.post("/api/v1/institutions", content=pieces(), headers=JSON)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert response.headers["content-type"] == "application/problem+json"


def test_another_site_is_told_so_as_a_problem(api: TestClient) -> None:
    headers = {**JSON, "origin": "https://elsewhere.example"}
    response = api.post("/api/v1/institutions", content=GOOD, headers=headers)
    assert (response.status_code, response.json()["code"]) == (403, "another_site")
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "There is no such field."), ("es", None), ("pt-BR", None)],
)
def test_sentences_come_in_the_language_asked_for(
    api: TestClient, language: str, sentence: str | None
) -> None:
    answers = [
        api.post("/api/v1/institutions", json={"name": "x", "nme": "y"}, headers=headers).json()
        for headers in ({"accept-language": language}, {"accept-language": "en"})
    ]
    said, english = (answer["errors"][0] for answer in answers)
    assert (said["field"], said["code"]) == ("nme", "extra_forbidden")
    assert english["message"] == "There is no such field."
    assert (said["message"] == english["message"]) == (sentence is not None)


@pytest.mark.parametrize("token", ["", "Bearer convoca_nobodys"])
@pytest.mark.parametrize("per_minute", [60, None])
def test_nothing_is_read_from_strangers(
    app: FastAPI, client: TestClient, database: Database, token: str, per_minute: int | None
) -> None:
    """To read two megabytes of JSON takes a second in which nobody else is answered."""
    app.state.api_limits = ApiLimits(database, app.state.limiter, per_minute)
    for body in (b"[" + b"{}," * 600_000 + b"1]", b"nonsense"):
        begun = process_time()
        response = client.post(
            "/api/v1/institutions", content=body, headers={**JSON, "authorization": token}
        )
        assert (response.status_code, response.json()["code"]) == (401, "not_signed_in")
        assert process_time() - begun < 0.4
