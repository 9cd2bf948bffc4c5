"""A form that is refused shows again what was typed, but no secret."""

import re

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.paths import TEMPLATES
from app.web.security import COOKIE
from tests.access.test_routes import FORMS, address
from tests.access.world import World, ways_of

SECRET = "hunter2-Hunter2-hunter2"
_NAMES = re.compile(
    r"""(?:name="|field\(')([\w-]*(?:pass|word|code|secret|token|totp|key)[\w-]*)"""
)
# What organizers set for others is theirs to read: the words of a room and of a meeting.
SHOWN = {"check_in_word", "meeting_passcode"}


def secret_names() -> set[str]:
    """Of fields that are called like secrets, in any form."""
    found: set[str] = set()
    for path in TEMPLATES.rglob("*.html"):
        found |= set(_NAMES.findall(path.read_text("utf-8")))
    return found


def test_they_are_found() -> None:
    assert secret_names() >= {"password", "word", *SHOWN}


@pytest.mark.one_database
@pytest.mark.parametrize("visitor", ["administrator", "nobody"])
def test_no_secret_is_shown_again(
    asked: FastAPI, anybody: TestClient, world: World, visitor: str
) -> None:
    wrong = []
    names = sorted((secret_names() | {"password", "token", "code"}) - SHOWN)
    for way in ways_of(asked):
        if way.method != "POST" or way.is_api or way.path.endswith("/upload"):
            continue
        shown = {"word"} if way.path.endswith("/data/erase") else set()  # "erase", to be sure
        given = FORMS[way.path](world.values()) if way.path in FORMS else {}
        anybody.cookies.clear()
        if visitor in world.cookies:
            anybody.cookies.set(COOKIE, world.cookies[visitor])
        response = anybody.post(
            address(way, world.values()),
            data={**{name: SECRET for name in names if name not in shown}, **given},
            headers={"sec-fetch-site": "same-origin"},
        )
        if response.status_code >= 500 or SECRET in response.text + str(response.headers):
            at = response.text.find(SECRET)
            wrong.append(f"{way} {response.status_code}: …{response.text[at - 120 : at]}")
    assert not wrong, "\n".join(wrong)
