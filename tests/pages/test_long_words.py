"""A name that is one word of 190 letters, on a telephone: nothing is wider than the screen."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Route
from starlette.testclient import TestClient

from app.db import Database
from app.models import Person
from app.services.links import Links
from tests.browser.conftest import browser as browser
from tests.services.certificate_world import Certified

pytestmark = pytest.mark.browser
NAME = "W" * 190
BASE = "http://testserver"
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def pages(database: Database, links: Links) -> dict[str, str]:
    with database.begin(writes=True) as db:
        world = Certified(db)
        world.ana.name = db.get_one(Person, world.ana.person_id).name = NAME
        row = world.issue(world.ana)
        cycle = f"/organize/c/{world.cycle.slug}"
        return {
            "verify": f"/verify/{row.code}",
            "my": links.my(world.ana.id, 1).removeprefix(BASE),
            "certificate": f"{cycle}/certificates/{row.code}",
            "revoke": f"{cycle}/certificates/{row.code}/revoke",
            "supersede": f"{cycle}/certificates/{row.code}/supersede",
            "certificates": f"{cycle}/certificates",
            "participant": f"{cycle}/participants/{world.ana.id}",
        }


@pytest.mark.parametrize("width", [390, 1280])
def test_a_name_that_is_one_long_word(
    browser: Browser, organizer_client: TestClient, pages: dict[str, str], width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844})

    def served(route: Route) -> None:
        answer = organizer_client.get(route.request.url.removeprefix(BASE))
        headers: dict[str, Any] = {"content-type": answer.headers["content-type"]}
        route.fulfill(status=answer.status_code, headers=headers, body=answer.content)

    context.route("**/*", served)
    page = context.new_page()
    wider = {}
    for name, path in pages.items():
        answer = page.goto(f"{BASE}{path}")
        assert answer is not None
        assert (answer.status, NAME in page.content()) == (200, True)
        wider[name] = page.evaluate(WIDER)
    context.close()
    assert wider == dict.fromkeys(pages, 0)
