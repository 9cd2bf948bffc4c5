"""Bodies that are no JSON, or JSON to some only, at every address for programs: 422, never 500, and
nothing of them is said again."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from tests.access.test_routes import address
from tests.access.world import Way, World, ways_of
from tests.api.test_routes import CALLS

DEEP = 10_000
SECRET = "hunter2-hunter2-hunter2"
NEVER: dict[str, bytes] = {
    "NaN": b'{"title": NaN}',
    "NaN alone": b"NaN",
    "infinity": b'{"title": Infinity}',
    "minus infinity": b'{"title": -Infinity}',
    "a name twice": b'{"title": {"en": "a"}, "title": {"en": "b"}}',
    "a name twice, escaped": b'{"title": 1, "t\\u0069tle": 2}',
    "a name twice within": b'{"title": {"en": "a", "en": "b"}}',
    "lists without end": b"[" * DEEP + b"]" * DEEP,
    "objects without end": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "lists that do not end": b"[" * DEEP,
    "a number without end": b'{"minutes": ' + b"9" * 10_000 + b"}",
    "bytes that are no text": b'{"title": "\xff"}',
    "a surrogate as bytes": b'{"title": "\xed\xa0\x80"}',
    "UTF-16": '{"title": 1}'.encode("utf-16"),
    "UTF-32": '{"title": 1}'.encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "NUL": b"\0",
    "single quotes": b"{'title': 1}",
    "a comma too many": b'{"title": 1,}',
    "something after it": b"{}{}",
    "a secret": f'{{"password": "{SECRET}"'.encode(),
}
# JSON, but nothing that is taken anywhere.
NOWHERE: dict[str, bytes] = {
    "a surrogate": b'{"nonsense": "\\ud800"}',
    "a surrogate as a name": b'{"\\udfff": 1}',
    "a huge number": b'{"nonsense": 1e999}',
    "beyond 64 bits": b'{"nonsense": 18446744073709551616}',
    "a list": b"[]",
    "null": b"null",
    "a text": b'"x"',
    "a number": b"1",
    "nested": b'{"nonsense": ' + b"[" * 500 + b"]" * 500 + b"}",
    "a secret": json.dumps({"password": SECRET, "token": SECRET, SECRET: SECRET}).encode(),
}


def _send(client: TestClient, way: Way, world: World, body: bytes) -> Response:
    headers = {
        "authorization": f"Bearer {world.bearers['administrator']}",
        "content-type": "application/json",
    }
    path = address(way, world.values())
    return client.request(way.method, path, headers=headers, content=body)


def _takes_json(way: Way, world: World) -> bool:
    given: Any = CALLS[way.name][0](world.mine) if way.name in CALLS else None
    return isinstance(given, dict | list) and "content" not in given


@pytest.mark.one_database
def test_every_address_for_programs(asked: FastAPI, anybody: TestClient, world: World) -> None:
    wrong, count = [], 0
    for way in ways_of(asked):
        if not way.is_api or way.method == "GET":
            continue
        takes = _takes_json(way, world)
        count += takes
        for what, body in [*NEVER.items(), *NOWHERE.items()]:
            response = _send(anybody, way, world, body)
            status = response.status_code
            right = status == 422 if takes else status < 500
            said = response.text
            if not right or (takes and f"{SECRET}" in json.dumps(_without_names(response))):
                wrong.append(f"{way}, {what}: {status} {said[:200]}")
            if takes and body in NEVER.values():
                (one,) = response.json()["errors"]
                if (one["field"], one["code"]) != ("", "json_invalid"):
                    wrong.append(f"{way}, {what}: {one}")
    assert count > 30
    assert not wrong, "\n".join(wrong)


def _without_names(response: Response) -> Any:
    """An answer without the names of fields, which are said again so that they can be found."""
    told = response.json()
    return {**told, "errors": [{**e, "field": ""} for e in told.get("errors", [])]}
