"""What every answer carries, and what it never repeats: all routes, all methods."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from app.domain.errors import TooOften
from app.web.security import COOKIE, policy
from tests.access.test_routes import address, ask
from tests.access.world import Way, World, ways_of
from tests.hardening.conftest import EVIL, FORWARDED, HOME

ALWAYS = {
    "content-security-policy": policy(),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "strict-transport-security": "max-age=31536000",
}
# Where something else is meant. Wallets and verifiers of any site read badges that are there; a
# mail is shown in a frame, with the styles that it has inline.
FROM_ANYWHERE = {"cross-origin-resource-policy": "cross-origin"}
OTHERWISE = {
    "GET /badges/keys 200": FROM_ANYWHERE,
    "GET /badges/{cycle_id}/issuer 200": FROM_ANYWHERE,
    "GET /badges/{cycle_id}/status/{number} 200": FROM_ANYWHERE,
    "GET /verify/{code}/badge.jwt 200": FROM_ANYWHERE,
    "POST /organize/c/{slug}/publish/mail 200": {
        "content-security-policy": policy(inline_styles=True)
    },
}
# What is behind a link or an account nobody keeps, but for calendars, which programs fetch anew all
# the time, and what a program asks for with the tag that it has.
KEPT = {
    "GET /feed/{token}.ics 200": "private, max-age=300",
    "GET /api/v1/sessions/{session_id} 200": "private, no-cache",
}
KEPT_BY_NOBODY = {"no-store", "private, no-store"}


def carried(response: Response) -> dict[str, str]:
    """Of the headers that are promised, those that came; each should come once."""
    found = {name: response.headers.get_list(name) for name in ALWAYS}
    return {name: " | ".join(values) for name, values in found.items() if values}


def different(name: str, response: Response) -> str:
    """What an answer carries otherwise than it should."""
    name = f"{name} {response.status_code}"
    wanted, found = ALWAYS | OTHERWISE.get(name, {}), carried(response)
    wrong = {k: found.get(k) for k in wanted if found.get(k) != wanted[k]}
    return f"{name}: {wrong}" if wrong else ""


def kept(way: Way, response: Response) -> str:
    """What of an answer somebody could keep who should not."""
    if way.permissions[0] == "public":
        return ""
    name, cache = f"{way} {response.status_code}", response.headers.get("cache-control", "")
    fine = cache == KEPT[name] if name in KEPT else cache in KEPT_BY_NOBODY
    return "" if fine else f"{name}: {cache!r}"


@pytest.mark.one_database
@pytest.mark.parametrize("visitor", ["administrator", "nobody"])
def test_every_route(asked: FastAPI, anybody: TestClient, world: World, visitor: str) -> None:
    """Headers, whole and once; nothing that a cache may keep; no word of the host that was named,
    which an answer that is kept would tell everybody; nothing that broke."""
    wrong, count = [], 0
    anybody.headers.update(FORWARDED)
    for way in ways_of(asked):
        if way.path.endswith("/events"):  # they end when nobody watches: see below
            continue
        response = ask(anybody, way, address(way, world.values()), world, visitor)
        count += 1
        said = str(response.headers).encode() + response.content
        wrong += [different(str(way), response), kept(way, response)]
        wrong += [f"{way}: 500"] if response.status_code == 500 else []
        wrong += [f"{way} {response.status_code}: says {EVIL}"] if EVIL.encode() in said else []
    assert count > 400
    assert not any(wrong), "\n".join(filter(None, wrong))


@pytest.mark.one_database
def test_every_form_and_call_of_another_site_is_refused(asked: FastAPI, world: World) -> None:
    """Before a route is looked for: with the word of the browser, with that of an older one, and
    where a cookie comes without either."""
    reached = []
    from_elsewhere: list[dict[str, str]] = [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": ""},
        {"sec-fetch-site": "cross-site", "origin": HOME},
        {"origin": f"https://{EVIL}"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": f"{HOME}.{EVIL}"},
        {"origin": HOME.replace("https", "http")},
        {"origin": f"{HOME}:8443"},
        {"referer": f"{HOME}/organize"},
        {"cookie": "a=b", "x-other": ""},
    ]
    cookie = f"{COOKIE}={world.cookies['administrator']}"
    with TestClient(asked, base_url=HOME, follow_redirects=False) as client:
        for way in ways_of(asked):
            if way.method == "GET":
                continue
            path = address(way, world.values())
            for headers in from_elsewhere:
                given = [("cookie", headers.get("cookie", "a=b")), ("cookie", cookie)]
                given += [(k, v) for k, v in headers.items() if k != "cookie"]
                response = client.request(way.method, path, headers=given, content=b"a=b")
                if response.status_code != 403 or "another site" not in response.text:
                    reached.append(f"{way} {headers}: {response.status_code}")
            wrong = different(str(way), response)
            reached += [wrong] if wrong else []
    assert not reached, "\n".join(reached)


def _odd() -> list[tuple[str, str, str, dict[str, Any], int]]:
    long = b"x" * (2 * 1024 * 1024 + 1)
    form = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    return [
        ("nothing there", "GET", "/nothing", {}, 404),
        ("nothing there for programs", "GET", "/api/v1/nothing", {}, 404),
        ("a link that is none", "GET", "/my/nonsense", {}, 404),
        ("a file that is none", "GET", "/static/nothing.css", {}, 404),
        ("a file", "GET", "/static/convoca.css", {}, 200),
        ("a file, its head", "HEAD", "/static/convoca.css", {}, 200),
        ("not this way", "DELETE", "/zone", {"headers": form}, 405),
        ("not this way for programs", "PUT", "/api/v1/cycles", {}, 405),
        ("the head of a page", "HEAD", "/organize/sign-in", {}, 200),
        ("options", "OPTIONS", "/organize", {}, 405),
        ("trace", "TRACE", "/organize", {"headers": form}, 405),
        ("made up", "BREW", "/organize", {"headers": form}, 405),
        ("too large", "POST", "/organize/sign-in", {"headers": form, "content": long}, 413),
        ("too large for programs", "POST", "/api/v1/cycles", {"content": long}, 413),
        ("to sign in", "GET", "/organize", {}, 303),
        ("a slash too many", "GET", "/organize/people/", {}, 307),
        ("not signed in", "GET", "/api/v1/cycles", {}, 401),
        ("alive", "GET", "/healthz", {}, 200),
        ("figures", "GET", "/metrics", {}, 404),
    ]


@pytest.mark.one_database
@pytest.mark.parametrize("odd", _odd(), ids=lambda odd: odd[0])
def test_whatever_else_is_answered(
    anybody: TestClient, odd: tuple[str, str, str, dict[str, Any], int]
) -> None:
    what, method, path, more, status = odd
    response = anybody.request(method, path, **more)
    assert (response.status_code, different(what, response)) == (status, "")
    if not path.startswith("/static/convoca"):
        assert response.headers["cache-control"] in KEPT_BY_NOBODY


BREAKS = "secret words of /srv/convoca/app/services/cycles.py SELECT * FROM users"
BROKEN: list[tuple[Exception, int]] = [
    (RuntimeError(BREAKS), 500),
    (KeyError(BREAKS), 500),
    (OperationalError(BREAKS, {"password": BREAKS}, Exception(BREAKS)), 503),
    (ProgrammingError(BREAKS, {"password": BREAKS}, Exception(BREAKS)), 500),
    (IntegrityError(BREAKS, {"password": BREAKS}, Exception(BREAKS)), 409),
    (OSError(28, BREAKS, "/srv/convoca/x"), 503),
    (OSError(13, BREAKS, "/srv/convoca/x"), 503),
    (OSError(2, BREAKS, "/srv/convoca/x"), 500),
    (TooOften(seconds=60), 429),
    (HTTPException(400, BREAKS), 400),
    (HTTPException(413, BREAKS), 413),
    (RecursionError(BREAKS), 500),
    (UnicodeEncodeError("utf-8", BREAKS, 0, 1, BREAKS), 500),
]


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["/broken", "/api/v1/broken"])
@pytest.mark.parametrize(("error", "status"), BROKEN, ids=lambda each: type(each).__name__)
def test_what_breaks_says_nothing_of_how(
    asked: FastAPI, anybody: TestClient, path: str, error: Exception, status: int
) -> None:
    """No path, no name of a class, no statement: what to do next, and on our side a reference."""

    def broken() -> None:
        raise error

    asked.add_api_route(path, broken)
    response = anybody.get(path)
    assert (response.status_code, different("broken", response)) == (status, "")
    assert response.headers["cache-control"] == "no-store"
    said = response.text + str(response.headers)
    for inside in ("secret", "/srv", ".py", "SELECT", "password", "Error", "Traceback", "sqlalch"):
        assert inside not in said, said
    if status >= 500:
        assert response.headers["x-request-id"] in response.text
