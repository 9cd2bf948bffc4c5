"""Who may come where: every route, for nine kinds of visitor."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.services.links import Links
from app.settings import Settings
from app.web.security import COOKIE
from tests.access.world import VISITORS, Way, World, build_world, forgetful, ways_of
from tests.api.test_routes import CALLS, sent
from tests.conftest import BASE_URL
from tests.routes import with_known_routes

# What becomes of whom. + is let in; s has to sign in; 3 is told that they may not (403); 4 that
# there is no such thing (404). The order is that of VISITORS: nobody, participant, speaker,
# stranger, viewer, desk, editor, owner, administrator.
EXPECTED = {
    "public": "+++ + ++++ +",
    "link": "+++ + ++++ +",
    "account": "sss + ++++ +",
    "directory.read": "sss + ++++ +",
    "directory.edit": "sss + 33++ +",
    "cycle.create": "sss + 3333 +",
    "cycle.read": "sss 4 ++++ +",
    "schedule.edit": "sss 4 33++ +",
    "publish": "sss 4 33++ +",
    "people.read": "sss 4 +3++ +",
    "people.edit": "sss 4 33++ +",
    "people.export": "sss 4 33++ +",
    "mail.read": "sss 4 33++ +",
    "mail.edit": "sss 4 33++ +",
    "attendance.read": "sss 4 ++++ +",
    "attendance.edit": "sss 4 3+++ +",
    "report.read": "sss 4 +3++ +",
    "completion.edit": "sss 4 33++ +",
    "certificates.read": "sss 4 +3++ +",
    "certificates.edit": "sss 4 33++ +",
    "webhooks": "sss 4 333+ +",
    "audit.read": "sss 4 33++ +",
    "team": "sss 4 333+ +",
    "privacy": "sss 4 333+ +",
    "cycle.end": "sss 4 333+ +",
    "installation": "sss 3 3333 +",
}
TABLE = Path(__file__).with_name("routes.txt")

# Of what is in no cycle's address, the owner of another one has a list, and a form; the list has
# nothing in it that is not theirs.
OF_ALL_CYCLES = {
    "GET /api/v1/cycles",
    "GET /api/v1/people",
    "GET /organize/mail",
    "GET /organize/people",
    "GET /organize/people/new",
    "GET /organize/replies",
    "POST /api/v1/people",
    "POST /organize/people/new",
    "POST /organize/replies/settle",
}
# Members may begin no cycle, so they cannot clone one, though its schedule is theirs to edit.
MEMBERS_MAY_NOT = {"POST /api/v1/cycles/{cycle_id}/clone", "POST /organize/c/{slug}/clone"}
# Everybody may leave a team; others are taken out by whoever sees to it.
OTHERS = {
    "GET /organize/c/{slug}/team/{user_id}/remove",
    "POST /organize/c/{slug}/team/{user_id}/remove",
}
# What the world has none of, or what is refused for another reason than who asks.
NOTHING_THERE = {
    "GET /metrics",
    "GET /organize/c/{slug}/certificates/design/picture/{file}",
    "GET /organize/c/{slug}/parts/{person_id}/photo",
    "GET /organize/c/{slug}/parts/{person_id}/slides/{material_id}",
    "GET /organize/c/{slug}/sessions/{number}/attendance/{enrolment_id}/take-back/{evidence_id}",
    "GET /organize/c/{slug}/sessions/{number}/materials/{material_id}/file",
    "GET /organize/mail/{message_id}/file",
    "GET /organize/replies/{mail_id}/whose",
    "POST /organize/account/outside/{identity_id}/end",
    "POST /organize/account/second-step/confirm",
    "POST /organize/account/tokens/{token_id}/revoke",
    "POST /organize/c/{slug}/sessions/{number}/attendance/{enrolment_id}/take-back/{evidence_id}",
}
# What is typed where an empty form would be no answer to who may.
FORMS: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "/organize/institutions/{row_id}": lambda s: {"name": "Another name", "revision": "1"},
    "/organize/initiatives/{row_id}": lambda s: {"name": "Another name", "revision": "1"},
    "/organize/accounts/{user_id}/standing": lambda s: {"standing": "organizer"},
    "/organize/c/{slug}/clone": lambda s: {"slug": "copy", "title-en": "Copy", "shift": "0"},
    "/organize/c/{slug}/publish/mail": lambda s: {"mail": f"{s['person_id']}:{s['session_id']}"},
    "/organize/c/{slug}/sessions/{number}/attendance/reports/{import_id}/decide": lambda s: {
        "row": s["row_id"],
        "whose": s["enrolment_id"],
    },
    "/organize/c/{slug}/team/{user_id}/role": lambda s: {"role": "viewer"},
    "/organize/mail/again": lambda s: {"cycle": s["cycle_id"]},
    "/organize/replies/{mail_id}/place": lambda s: {"guest": s["guest_id"]},
    "/organize/replies/{mail_id}/note": lambda s: {
        "answer": "accepted",
        "guest": s["guest_id"],
        "session": s["session_id"],
    },
}

FILLED = {
    "/organize/institutions/{row_id}": {"row_id": "institution_id"},
    "/organize/initiatives/{row_id}": {"row_id": "initiative_id"},
    "/organize/c/{slug}/team/invitations/{invitation_id}": {"invitation_id": "team_invitation_id"},
    "/organize/accounts/invitations/{invitation_id}": {"invitation_id": "account_invitation_id"},
    "/organize/join/": {"token": "join_token"},
    "/part/": {"token": "part_token"},
    "/feed/": {"token": "feed_token"},
    "/organize/c/{slug}/certificates.": {"kind": "file_kind"},
    "/organize/c/{slug}/participants/{enrolment_id}/{status}": {"status": "status"},
}


@cache
def table() -> dict[str, str]:
    """The permission of each route, as it is meant to be."""
    rows = (line.split() for line in TABLE.read_text().splitlines())
    return {f"{method} {path}": permission for permission, method, path in rows}


@pytest.fixture
def world(real_database: Database, links: Links) -> World:
    """Two cycles."""
    return build_world(real_database, links)


@pytest.fixture
def asked(settings: Settings, world: World, real_database: Database) -> Iterator[FastAPI]:
    """The application, which keeps nothing of what it is told."""
    url = real_database.engine.url.render_as_string(hide_password=False)
    with forgetful(url) as database:
        yield with_known_routes(create_app(settings, database=database))


def address(way: Way, values: dict[str, str]) -> str:
    """The path of a route with these in it."""
    named = {}
    for prefix, names in FILLED.items():
        if way.path.startswith(prefix):
            named = {name: values[other] for name, other in names.items()}
    fields = {name for _, name, _, _ in Formatter().parse(way.path) if name}
    return way.path.format(**{name: named.get(name, values.get(name, "x")) for name in fields})


def ask(client: TestClient, way: Way, path: str, values: World, visitor: str) -> Response:
    """As this visitor would."""
    body: dict[str, Any] = {}
    headers = {"sec-fetch-site": "same-origin"}
    client.cookies.clear()
    if way.is_api:
        if bearer := values.bearers.get(visitor):
            headers["authorization"] = f"Bearer {bearer}"
        if way.name in CALLS:
            body = sent(CALLS[way.name][0](values.mine))
        headers |= body.pop("headers", {})
    elif cookie := values.cookies.get(visitor):
        client.cookies.set(COOKIE, cookie)
    if way.method == "POST" and not way.is_api and not way.path.endswith("/upload"):
        body = {"data": FORMS[way.path](values.values()) if way.path in FORMS else {}}
        headers["content-type"] = "application/x-www-form-urlencoded"
    if way.path.endswith("/upload") and way.method == "POST":
        body = {"files": {"file": ("x.csv", b"Name,Minutes\n")}}
    return client.request(way.method, path, headers=headers, **body)


def outcome(way: Way, response: Response) -> str:
    """In the signs of EXPECTED."""
    location = response.headers.get("location", "")
    if response.status_code == 401 or location.startswith("/organize/sign-in?"):
        return "s"
    if response.status_code >= 500:
        return str(response.status_code)
    return {403: "3", 404: "4"}.get(response.status_code, "+")


def expected(way: Way, visitor: str) -> str:
    """What becomes of a visitor."""
    (permission,) = way.permissions
    sign = EXPECTED[permission].replace(" ", "")[VISITORS.index(visitor)]
    if visitor == "stranger" and str(way) in OF_ALL_CYCLES:
        return "+"
    if visitor == "stranger" and permission == "directory.edit" and "{" in way.path:
        return "3"  # what is used in another team's cycle
    if visitor in ("editor", "owner") and str(way) in MEMBERS_MAY_NOT:
        return "3"
    if visitor in ("viewer", "desk", "editor") and str(way) in OTHERS:
        return "3"
    return sign


def test_every_route_declares_one_permission(app: FastAPI) -> None:
    ways = ways_of(app)
    found = {str(way): " ".join(way.permissions) for way in ways}
    assert found == table()
    assert {permission for way in ways for permission in way.permissions} <= set(EXPECTED)


@pytest.mark.one_database
@pytest.mark.parametrize("visitor", VISITORS)
def test_every_route_lets_in_whom_it_should(asked: FastAPI, world: World, visitor: str) -> None:
    wrong = []
    with TestClient(
        asked, base_url=BASE_URL, follow_redirects=False, raise_server_exceptions=False
    ) as client:
        for way in ways_of(asked):
            if not way.permissions or way.path.endswith("/events"):
                continue
            path = address(way, world.values())
            response = ask(client, way, path, world, visitor)
            found, wanted = outcome(way, response), expected(way, visitor)
            free = way.permissions[0] in ("public", "link")
            if (free or str(way) in NOTHING_THERE) and wanted == "+" and found == "4":
                continue
            if found != wanted:
                wrong.append(f"{way} ({path}): {found} {response.status_code}, not {wanted}")
    assert not wrong, "\n".join(wrong)


IDS = re.compile(r"\{(\w+)(?::\w+)?\}")


@pytest.mark.one_database
def test_what_is_of_another_cycle_is_not_there(asked: FastAPI, world: World) -> None:
    """For the owner of a cycle every id in every address, in turn, is one of another cycle."""
    mine, other = world.values(), world.values(other=True)
    wrong, count = [], 0
    with TestClient(
        asked, base_url=BASE_URL, follow_redirects=False, raise_server_exceptions=False
    ) as client:
        for way in ways_of(asked):
            if way.permissions[0] in ("public", "link", "installation", "account"):
                continue
            for name in IDS.findall(way.path):
                if name in ("number", "language", "kind", "status"):
                    continue
                values = {**mine, name: other.get(name, "x")}
                for prefix, names in FILLED.items():
                    if way.path.startswith(prefix) and name in names:
                        values[names[name]] = other[names[name]]
                response = ask(client, way, address(way, values), world, "owner")
                count += 1
                fine = {404} | ({403} if way.permissions[0].startswith("directory") else set())
                if way.permissions[0] == "directory.read":
                    fine = {200, 404}
                if response.status_code not in fine:
                    wrong.append(f"{way} with another {name}: {response.status_code}")
    assert count > 250
    assert not wrong, "\n".join(wrong)
