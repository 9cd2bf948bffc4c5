"""The tour in the README, step by step, in real browsers."""

import csv
import email
import email.policy
import io
import re
import time
from email.message import EmailMessage
from pathlib import Path

import httpx2
import icalendar
import pytest
import vobject
from playwright.sync_api import expect

from tests.browser.conftest import Person

pytestmark = pytest.mark.browser
CYCLE = "/organize/c/cluster-leaders"


def mail_to(folder: Path, address: str) -> EmailMessage:
    """The mail to an address, as soon as the worker has written it."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for path in folder.glob("*.eml"):
            found = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if address in str(found["To"]):
                return found
        time.sleep(0.1)  # until the worker has looked; the deadline above ends it
    pytest.fail(f"no mail to {address}")


def test_the_tour(organizer: Person, participant: Person) -> None:
    desk = organizer.page

    # Two overlapping parts for one speaker: told so, and not published.
    organizer.go(f"{CYCLE}/sessions/3")
    desk.locator("#segment-2-offset").fill("10")
    desk.get_by_role("button", name="Save", exact=True).last.click()
    said = re.compile("Marco Dini is in “.*” and “.*” at the same time")
    expect(desk.locator(".conflict-error", has_text=said).first).to_be_visible()
    organizer.go(f"{CYCLE}/publish")
    expect(desk.locator(".conflict-error", has_text=said).first).to_be_visible()
    expect(desk.locator("main button:enabled", has_text="Publish")).to_have_count(0)

    # Mended, with another title, and published.
    organizer.go(f"{CYCLE}/sessions/3")
    desk.locator("#segment-2-offset").fill("")
    desk.locator("#segment-2-title").fill("The platform of cluster initiatives")
    desk.get_by_role("button", name="Save", exact=True).last.click()
    expect(desk.locator(".conflict-error")).to_have_count(0)
    organizer.go(f"{CYCLE}/publish")
    expect(desk.get_by_text("is now called “The platform of cluster initiatives”")).to_be_visible()
    box = desk.locator("main input[name=warnings-read]")
    if box.count():  # in the evening in Bogotá there are warnings
        box.check()
    desk.get_by_role("button", name=re.compile("^Publish")).click()

    # Enrols in another browser.
    phone = participant.page
    participant.go("/c/cluster-leaders/3")
    expect(phone.get_by_text("The platform of cluster initiatives")).to_be_visible()
    participant.go("/c/cluster-leaders/enrol")
    phone.locator("#name").fill("Rocío Núñez <b>")
    phone.locator("#email").fill("rocio@example.org")
    phone.locator("#country").select_option("CL")
    phone.locator("#consent").check()
    expect(phone.locator("#zone")).to_have_value("America/Santiago")
    phone.locator("main form button.button-primary").click()
    mail = mail_to(organizer.site.data / "mail", "rocio@example.org")
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    link = re.search(rf"{organizer.site.url}/my/[\w.-]+", text)
    assert link is not None

    # Her calendar, in two calendar programs' parsers.
    my = participant.go(link[0])
    expect(my.get_by_text("Rocío Núñez <b>").first).to_be_visible()
    feed = re.search(r"/feed/[\w.-]+\.ics", participant.go(f"{link[0]}/calendar").content())
    assert feed is not None
    answer = httpx2.get(organizer.site.url + feed[0])
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert [event["SEQUENCE"] for event in events] == [0, 0, 1, 0]
    read = vobject.readOne(answer.text)
    assert len(read.vevent_list) == 4
    assert {e.dtstart.value for e in read.vevent_list} == {e.decoded("DTSTART") for e in events}

    # Checks in from the mail's link.
    participant.go(link[0])
    phone.get_by_role("link", name=re.compile("Registrar|Check in")).first.click()
    phone.locator("main form button").first.click()
    expect(phone.get_by_text(re.compile("registrad|checked in", re.I)).first).to_be_visible()

    # And the row is in the attendance sheet.
    organizer.go(f"{CYCLE}/sessions/3/attendance?q=rocio")
    expect(desk.get_by_role("row", name=re.compile("Rocío Núñez <b>.*Present"))).to_be_visible()
    cookies = {str(c.get("name")): str(c.get("value")) for c in organizer.context.cookies()}
    sheet = httpx2.get(f"{organizer.site.url}{CYCLE}/sessions/3/attendance.csv", cookies=cookies)
    rows = list(csv.reader(io.StringIO(sheet.text.lstrip("﻿"))))
    (row,) = [row for row in rows if "rocio@example.org" in row]
    assert "Rocío Núñez <b>" in row
