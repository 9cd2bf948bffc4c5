"""The publish page, in a real browser: look at a mail, then publish."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Person

pytestmark = pytest.mark.browser
CYCLE = "/organize/c/cluster-leaders"


def test_a_mail_is_opened_beside_the_page_which_can_still_be_sent(organizer: Person) -> None:
    desk = organizer.go(f"{CYCLE}/sessions/4")
    desk.locator("input[name=title-es]").fill("Mirando adelante, juntos")
    desk.get_by_role("button", name="Save", exact=True).last.click()
    expect(desk.locator(".notice-success").first).to_be_visible()

    organizer.go(f"{CYCLE}/publish")
    desk.locator("textarea[name=note]").fill("Se acerca el final.")
    desk.locator("details.reach summary, details summary", has_text="Who is concerned").click()
    with desk.context.expect_page() as opened:
        desk.locator("button[name=mail]", has_text="Session 4").first.click()
    mail = opened.value
    shown = mail.frame_locator("iframe.mail-frame")
    expect(shown.get_by_text("Se acerca el final.")).to_be_visible()
    expect(shown.get_by_text("Mirando adelante, juntos").first).to_be_visible()
    mail.close()

    box = desk.locator("main input[name=warnings-read]")
    if box.count():  # in the evening in Bogotá there are warnings
        box.check()
    desk.get_by_role("button", name=re.compile("^Publish")).click()
    expect(desk.get_by_text("mails are on their way")).to_be_visible()
