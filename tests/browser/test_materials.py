"""The form of a material, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Person

pytestmark = pytest.mark.browser
CYCLE = "/organize/c/cluster-leaders"


def test_typing_a_day_chooses_it(organizer: Person) -> None:
    desk = organizer.go(f"{CYCLE}/sessions/2/materials/link")
    day, hour = desk.locator("#date"), desk.locator("#time")
    now, later = desk.locator("#visible-now"), desk.locator("#visible-later")
    expect(now).to_be_checked()
    day.fill("2030-03-04")
    hour.fill("09:30")
    expect(later).to_be_checked()
    now.check()
    expect(day).to_have_value("")
    expect(hour).to_have_value("")
    later.check()
    expect(day).to_have_value("2030-03-04")
    expect(hour).to_have_value("09:30")
