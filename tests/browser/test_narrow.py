"""Pages about releases on a telephone: nothing is wider than the screen."""

import pytest

from tests.browser.conftest import Person

pytestmark = pytest.mark.browser
CYCLE = "/organize/c/cluster-leaders"
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_a_long_word_and_the_places_of_a_cycle(organizer: Person, participant: Person) -> None:
    desk = organizer.page
    organizer.go(f"{CYCLE}/settings")
    desk.locator("#title-en").fill("Leaders")
    desk.locator("main button.button-primary").first.click()
    organizer.go(f"{CYCLE}/publish")
    desk.locator("#note").fill("x" * 200)
    box = desk.locator("main input[name=warnings-read]")
    if box.count():  # in the evening in Bogotá there are warnings
        box.check()
    desk.locator(".publish-act .actions button").click()
    desk.set_viewport_size({"width": 390, "height": 844})

    wider = {}
    for path in ("releases", "publish", "invitations"):
        organizer.go(f"{CYCLE}/{path}")
        wider[path] = desk.evaluate(WIDER)
        tab = desk.locator(".cycle-nav [aria-current]").bounding_box()
        assert tab is not None
        assert 0 <= tab["x"] <= tab["x"] + tab["width"] <= 390
    phone = participant.go("/c/cluster-leaders/changes")
    assert phone.get_by_text("x" * 200).count() == 1
    wider["changes"] = phone.evaluate(WIDER)

    assert wider == dict.fromkeys(("releases", "publish", "invitations", "changes"), 0)
