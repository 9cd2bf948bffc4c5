"""docs/api.md: every route stands there and nothing else, and its examples run."""

import re
import shlex
from pathlib import Path
from string import Template

from starlette.testclient import TestClient

from app.db import Database
from app.models import Session
from tests.api.document import operations

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
_ROUTE = re.compile(r"^\| `([A-Z]+) (/api/v1/\S*)` \| (.+) \|$", re.MULTILINE)
_EXAMPLE = re.compile(r"^```sh\n(.+?)\n```$", re.MULTILINE | re.DOTALL)
_TAKEN = re.compile(r"^([A-Z]+)=\$\((curl .+) \| jq -r \.([\w.\[\]]+)\)$", re.DOTALL)


def test_every_route_is_in_the_docs_and_no_other() -> None:
    documented = _ROUTE.findall(DOCS.read_text())
    assert sorted(documented) == sorted((m, p, o["summary"]) for m, p, o in operations())


def _curl(client: TestClient, command: str, variables: dict[str, str]) -> dict[str, object]:
    """Does what curl would do with the few options that the examples use."""
    words = shlex.split(_filled(command, variables))
    assert words.pop(0) == "curl"
    method, url, body, headers = "", "", None, {}
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = words.pop(0)
        elif word != "-sf":
            assert not word.startswith("-"), word
            url = word
    method = method or ("POST" if body else "GET")
    response = client.request(method, url, content=body, headers=headers)
    assert response.is_success, (command, response.text)
    answer: dict[str, object] = response.json()
    return answer


def _filled(command: str, variables: dict[str, str]) -> str:
    """Variables as a shell puts them in, but not between single quotes."""
    parts = command.split("'")
    return "'".join(
        part if n % 2 else Template(part).substitute(variables) for n, part in enumerate(parts)
    )


def _found(answer: object, path: str) -> object:
    """What jq finds at a path of names and places."""
    for step in re.findall(r"\w+", path):
        assert isinstance(answer, (dict, list))
        answer = answer[int(step)] if isinstance(answer, list) else answer[step]
    return answer


def test_the_examples_run(api: TestClient, database: Database) -> None:
    secret = api.headers["authorization"].removeprefix("Bearer ")
    variables = {"CONVOCA": "http://testserver", "TOKEN": secret}
    examples = _EXAMPLE.findall(DOCS.read_text())
    for example in examples:
        taken = _TAKEN.match(example)
        answer = _curl(api, taken[2] if taken else example, variables)
        if taken:
            variables[taken[1]] = str(_found(answer, taken[3]))
    assert len(examples) == 13
    with database.begin(writes=False) as db:
        session = db.get_one(Session, variables["SESSION"])
        assert session.starts_at.isoformat() == "2027-03-04T14:00:00+00:00"
