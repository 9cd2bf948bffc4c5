"""What stands on the organizers' pages is for whoever reads them: no link and no form on them leads
where the reader may not come."""

from collections import deque
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Match
from starlette.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.services.links import Links
from app.settings import Settings
from app.web.security import COOKIE
from tests.access.test_routes import (
    EXPECTED,
    MEMBERS_MAY_NOT,
    NOTHING_THERE,
    OTHERS,
    address,
    table,
)
from tests.access.world import VISITORS, World, build_world, forgetful, ways_of
from tests.conftest import BASE_URL
from tests.routes import with_known_routes

READERS = ("viewer", "desk", "editor", "owner")
_ENDLESS = ("/events",)
# Not in every installation.
_NOT_WALKED = ("/organize/_components", "/organize/sign-in/outside/back")


class Step(NamedTuple):
    """Where an element of a page leads."""

    method: str
    path: str
    seen_on: str


class _Steps(HTMLParser):
    """Collects the links and the forms of a page."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at = at
        self.found: list[Step] = []
        self._method = "GET"
        self._action = at
        self._disabled = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._method = given.get("method", "get").upper()
            self._action = given.get("action", self.at)
            self._add(self._method, self._action)
        elif tag in ("button", "input") and "formaction" in given:
            self._add(given.get("formmethod", self._method).upper(), given["formaction"])
        for name in ("href", "src", "data-poll", "data-src"):
            if tag != "link" and given.get(name):
                self._add("GET", given[name])

    def _add(self, method: str, target: str) -> None:
        whole = urldefrag(urljoin(BASE_URL + self.at, target)).url
        parts = urlsplit(whole)
        if f"{parts.scheme}://{parts.netloc}" != BASE_URL or not parts.path.startswith("/organize"):
            return
        query = f"?{parts.query}" if method == "GET" and parts.query else ""
        self.found.append(Step(method, parts.path + query, self.at))


def steps(html: str, at: str) -> list[Step]:
    """Where a page leads within the organizers' side."""
    parser = _Steps(at)
    parser.feed(html)
    return parser.found


class Ways:
    """The routes, found by an address; and whom they let in."""

    def __init__(self, app: FastAPI) -> None:
        routes = iter_route_contexts(app.routes)
        self._routes = [each for each in routes if str(each.path).startswith("/organize")]

    def of(self, step: Step) -> str:
        """The route that a step leads to, as the table of permissions names it."""
        scope = {"type": "http", "method": step.method, "path": urlsplit(step.path).path}
        for route in self._routes:
            if route.matches(scope)[0] is Match.FULL:
                path = str(route.path).replace(":slug}", "}").replace(":number}", "}")
                return f"{step.method} {path}"
        return ""


def may(route: str, visitor: str) -> bool:
    """Whether the table lets in this visitor."""
    sign = EXPECTED[table()[route]].replace(" ", "")[VISITORS.index(visitor)]
    if route in MEMBERS_MAY_NOT and visitor != "administrator":
        return False
    return sign == "+"


@pytest.fixture
def world(real_database: Database, links: Links) -> World:
    """Two cycles."""
    return build_world(real_database, links)


@pytest.mark.one_database
@pytest.mark.parametrize("visitor", READERS)
def test_no_page_leads_where_its_reader_may_not_come(
    settings: Settings, world: World, real_database: Database, visitor: str
) -> None:
    url = real_database.engine.url.render_as_string(hide_password=False)
    with forgetful(url) as database:
        app = with_known_routes(create_app(settings, database=database))
        with TestClient(app, base_url=BASE_URL, raise_server_exceptions=False) as client:
            client.cookies.set(COOKIE, world.cookies[visitor])
            found = walked(client, app, world, visitor)
    assert not found.wrong, "\n".join(sorted(found.wrong))
    # A page that shows nothing passes too: these are the least that each has to walk over.
    least = {"viewer": 30, "desk": 20, "editor": 70, "owner": 80}
    assert found.pages >= least[visitor], found.pages
    assert found.forms >= {"viewer": 3, "desk": 5, "editor": 60, "owner": 65}[visitor], found.forms


class Walk(NamedTuple):
    """What came of it."""

    wrong: set[str]
    pages: int
    forms: int


def walked(client: TestClient, app: FastAPI, world: World, visitor: str) -> Walk:
    """Over every page that the visitor may see, and every link on them."""
    ways = Ways(app)
    todo = deque(_first_steps(app, world, visitor))
    seen: set[tuple[str, str]] = set()
    wrong: set[str] = set()
    pages, forms = 0, set()
    shapes: dict[str, int] = {}
    while todo:
        step = todo.popleft()
        if (step.method, step.path) in seen:
            continue
        seen.add((step.method, step.path))
        route = ways.of(step)
        if not route:
            wrong.add(f"{step.seen_on}: {step.method} {step.path} is no route")
            continue
        if not may(route, visitor):
            wrong.add(f"{step.seen_on}: {step.method} {step.path} is not theirs ({table()[route]})")
            continue
        if step.method != "GET":
            forms.add(route)
            continue
        shapes[route] = shapes.get(route, 0) + 1
        if shapes[route] > 2 or route.endswith(_ENDLESS):  # sorted and filtered every way
            continue
        answer = client.get(step.path)
        if answer.status_code >= 400 and not (step.seen_on == "table" and route in NOTHING_THERE):
            wrong.add(f"{step.seen_on}: {step.path} answers {answer.status_code}")
        elif answer.headers.get("content-type", "").startswith("text/html"):
            pages += 1
            todo.extend(steps(answer.text, answer.url.path))
    return Walk(wrong, pages, len(forms))


def _first_steps(app: FastAPI, world: World, visitor: str) -> list[Step]:
    """Each page of the table that the visitor may see, whether or not anything leads there."""
    first = [Step("GET", "/organize", "start")]
    for way in ways_of(app):
        if way.method != "GET" or not way.path.startswith("/organize"):
            continue
        if "{token}" in way.path or way.path in _NOT_WALKED:
            continue
        if may(str(way), visitor) and str(way) not in NOTHING_THERE | OTHERS:
            first.append(Step("GET", address(way, world.values()), "table"))
    return first
