"""Pages that are live, in a real browser: numbers that change, a line that is cut, a button that
appears when it is time."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlmodel import col, select

from app.db import Database
from app.domain.attendance import Status
from app.models import Cycle, Enrolment, Session
from app.services import check_in
from app.services.attendance_counts import attendance_counts
from app.services.links import Links
from tests.browser.conftest import Person, Site
from tests.command.test_start import free_port, started

pytestmark = pytest.mark.browser
LIVE = "/organize/c/cluster-leaders/sessions/3"
PATIENCE = 30_000
"""Milliseconds after which something has not come about: the machine may be busy."""


def now() -> datetime:
    """By the machine's clock, as the program that was started has it; see `tests.clock`."""
    return datetime.now(UTC)


def _database(data: Path) -> Database:
    return Database(f"sqlite:///{data}/convoca.db")


def _somebody_checks_in(data: Path) -> None:
    """The next of the demonstration's participants who has not."""
    database = _database(data)
    with database.begin(writes=True) as db:
        session = db.exec(select(Session).where(Session.number == 3)).one()
        for row in db.exec(select(Enrolment).order_by(col(Enrolment.id))):
            if row.status == "confirmed" and not check_in.checked_in_at(db, row, session):
                check_in.check_in(db, row, 3, now(), "personal-page")
                break
        else:
            pytest.fail("all have checked in")
    database.close()


def _checked_in(data: Path) -> int:
    database = _database(data)
    with database.begin(writes=False) as db:
        session = db.exec(select(Session).where(Session.number == 3)).one()
        count = attendance_counts(db, [session], 0)[session.id][Status.PRESENT]
    database.close()
    return count


def test_the_number_changes_and_the_page_says_when_it_is_not_live(
    browser: Browser, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    context = browser.new_context(locale="en-GB", timezone_id="America/Bogota")
    desk, screen = context.new_page(), context.new_page()
    with started(tmp_path, port) as printed:
        desk.goto(printed.split("Sign in with")[1].split()[0])
        desk.get_by_role("main").get_by_role("button").click()
        before = _checked_in(tmp_path)
        number = desk.locator("[data-live-text=checked_in]")
        shown = screen.locator(".screen-number")
        states = [page.locator("[data-live-status]") for page in (desk, screen)]
        desk.goto(f"{url}{LIVE}/live")
        screen.goto(f"{url}{LIVE}/room")
        for page in (desk, screen):
            page.evaluate("window.sameDocument = true")
        for state in states:
            expect(state).to_have_text("Live", timeout=PATIENCE)
        expect(number).to_have_text(str(before))
        _somebody_checks_in(tmp_path)
        expect(number).to_have_text(str(before + 1), timeout=PATIENCE)
        expect(shown).to_have_text(str(before + 1), timeout=PATIENCE)
        arrivals = desk.locator("[data-live-list=arrivals] > li")
        expect(arrivals).to_have_count(min(before + 1, 8))

    cut = re.compile(r"Not live since \d\d:\d\d\. Trying again\.")
    for state in states:
        expect(state).to_have_text(cut, timeout=PATIENCE)
    expect(number).to_have_text(str(before + 1))  # what was known last stays
    _somebody_checks_in(tmp_path)

    with started(tmp_path, port):
        for state in states:
            expect(state).to_have_text("Live", timeout=PATIENCE)
        expect(number).to_have_text(str(before + 2), timeout=PATIENCE)
        expect(shown).to_have_text(str(before + 2), timeout=PATIENCE)
        for page in (desk, screen):
            assert page.evaluate("window.sameDocument") is True  # nothing was loaded anew
    context.close()


def test_the_button_appears_when_it_is_time(participant: Person, site: Site) -> None:
    database = _database(site.data)
    key = (site.data / "secret.key").read_text().strip()
    with database.begin(writes=False) as db:
        cycle = db.exec(select(Cycle).where(Cycle.slug == "cluster-leaders")).one()
        row = db.exec(
            select(Enrolment).where(Enrolment.cycle_id == cycle.id, Enrolment.status == "confirmed")
        ).first()
        assert row is not None
        link = Links(key, site.url).my(row.id, row.link_generation, "/sessions/4/join?lang=en")
        starts = db.exec(select(Session.starts_at).where(Session.number == 4)).one()
    database.close()
    phone = participant.page
    # A first visit fetches <main> anew in the reader's zone, which would undo what the clock did.
    phone.context.add_cookies([{"name": "zone", "value": "America/Santiago", "url": site.url}])
    phone.clock.install()
    participant.go(link)
    left = phone.locator("[data-countdown]")
    expect(left).to_have_text("in 14 days")
    button = phone.locator("main form button")
    expect(button).to_have_count(0)

    until = starts - timedelta(minutes=15) - now()
    phone.clock.fast_forward(int((until - timedelta(minutes=10)).total_seconds() * 1000))
    expect(left).to_have_text(re.compile("in (10|11) minutes"))
    phone.evaluate("window.sameDocument = true")
    phone.clock.fast_forward(11 * 60 * 1000)
    expect(button).to_have_text("Join")
    expect(phone.get_by_role("status").filter(has_text="You can join now.")).to_have_count(1)
    assert phone.evaluate("window.sameDocument") is True
    # The server goes by its own clock, and says so in words.
    button.click()
    expect(phone.get_by_text("Come back 15 minutes before the start.")).to_be_visible()
