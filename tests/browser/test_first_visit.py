"""The first visit from another time zone: the page is fetched anew, unless something was done."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Person

pytestmark = pytest.mark.browser
REPORTS = "/organize/c/cluster-leaders/sessions/1/attendance/reports"


def _choose_a_file(page: Page) -> None:
    page.locator("main input[type=file]").set_input_files(
        {"name": "report.csv", "mimeType": "text/csv", "buffer": b"Name\n"}
    )


def _nothing(page: Page) -> None:
    pass


@pytest.mark.parametrize(("act", "swapped"), [(_choose_a_file, False), (_nothing, True)])
def test_a_file_that_was_chosen_meanwhile_is_not_lost(
    browser: Browser, organizer: Person, act: Callable[[Page], None], swapped: bool
) -> None:
    state = organizer.context.storage_state()
    state["cookies"] = [each for each in state["cookies"] if each["name"] != "zone"]
    context = browser.new_context(timezone_id="Asia/Tokyo", storage_state=state)
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.resource_type == "fetch":
            held.append(route)
        else:
            route.continue_()

    try:
        page = context.new_page()
        page.route(f"**{REPORTS}", hold)
        with page.expect_request(lambda request: request.resource_type == "fetch"):
            page.goto(organizer.site.url + REPORTS)
        page.evaluate("document.querySelector('main').dataset.first = 'yes'")
        act(page)
        assert len(held) == 1
        with page.expect_response(lambda answer: answer.request.resource_type == "fetch"):
            held[0].continue_()
        expect(page.locator("main[data-first]")).to_have_count(0 if swapped else 1)
        if not swapped:
            # Later than the answer is all of it here, and what is done with it.
            page.evaluate("fetch('/healthz').then(() => new Promise((r) => setTimeout(r)))")
            expect(page.locator("main[data-first]")).to_have_count(1)
            assert page.locator("main input[type=file]").evaluate("each => each.files.length") == 1
    finally:
        context.close()
