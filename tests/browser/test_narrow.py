"""Pages about releases on a telephone: nothing is wider than the screen."""

import pytest

from tests.browser.conftest import Person

pytestmark = pytest.mark.browser
CYCLE = "/organize/c/cluster-leaders"
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

# How much lower the date begins than the word before it.
FALLS = """() => {
    const meta = document.querySelector('.page-header-meta > span:not(.status)');
    const word = document.createRange();
    word.selectNodeContents(meta.firstChild);
    const date = meta.querySelector('.when-main').getClientRects()[0];
    return [word.toString().trim(), date.top - word.getClientRects()[0].top];
}"""


def test_until_stands_beside_its_date(organizer: Person) -> None:
    organizer.page.set_viewport_size({"width": 390, "height": 844})
    for zone in ("America/Bogota", "Asia/Kathmandu"):  # the second adds the hours at home
        organizer.context.add_cookies([{"name": "zone", "value": zone, "url": organizer.site.url}])
        page = organizer.go(f"{CYCLE}/sessions/2/feedback?lang=en")
        word, falls = page.evaluate(FALLS)
        assert (word, abs(falls) < 4) == ("until", True), (zone, falls)


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
