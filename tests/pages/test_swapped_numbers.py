"""Two sessions have changed their numbers in the draft: links lead to the session that is meant,
and say the number that people know."""

import re
from datetime import timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Session
from app.services.actor import SYSTEM
from app.services.publishing import publish
from tests.factories import NOW
from tests.services.attendance_world import OVER, Attended

BASE = "/organize/c/leaders"


@pytest.fixture
def ana(database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ana was at the session that was published as the first, and is the second in the draft."""
    for module in ("report", "completion", "certificates", "attendance"):
        monkeypatch.setattr(f"app.routers.pages.{module}.now", lambda: OVER)
    with database.begin(writes=True) as db:
        world = Attended(db)
        world.cycle.slug = "leaders"
        ana = world.participant("Ana")
        world.there(ana, 1)
        one, two = world.sessions[:2]
        for session, number in ((one, 99), (two, 1), (one, 2)):
            session.number = number
            db.flush()
        for session in world.sessions[1:]:
            session.closed_at = OVER
        return ana.id


@pytest.mark.parametrize(
    ("page", "link", "label"),
    [
        ("/report", "/sessions/2/attendance/close", "Session 1"),
        ("/report", "/sessions/2/attendance", "1. Session 1"),
        ("/report", "/sessions/2/brief.pdf?lang=en", "Brief of session 1, English EN"),
        ("/report", "/sessions/2/attendance?status=present", "1"),
        ("/completion", "/sessions/2/attendance/close", "Session 1"),
        ("/completion", "/sessions/2/attendance", "Session 1"),
        ("/completion", "/sessions/2/attendance/{ana}", "Counts, 105 min"),
        ("/certificates/issue", "/sessions/2/attendance/close", "Session 1"),
        ("/attendance", "/sessions/2/attendance", "Session 1"),
        ("/attendance", "/sessions/2/attendance/{ana}", "Present"),
    ],
)
def test_links(organizer_client: TestClient, ana: str, page: str, link: str, label: str) -> None:
    html = organizer_client.get(BASE + page).text
    href = re.escape(BASE + link.format(ana=ana))
    found = re.findall(rf'<a [^>]*href="{href}"[^>]*>(.*?)</a>', html, re.S)
    assert label in [" ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in found]
    there = organizer_client.get(BASE + link.format(ana=ana))
    assert there.status_code == 200


def test_its_pages_say_the_number_that_people_know(
    organizer_client: TestClient, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.routers.pages.closing.now", lambda: OVER)
    path = f"{BASE}/sessions/2/attendance"
    sheet = organizer_client.get(path).text
    assert re.findall(rf'href="{BASE}/sessions/2"[^>]*>([^<]*)<', sheet) == ["Session 1"]
    assert "Close session 1?" in organizer_client.get(f"{path}/close").text
    done = organizer_client.post(f"{path}/close", data={"note": ""})
    assert done.headers["location"] == path
    assert "Session 1 is closed. Absent: 0." in organizer_client.get(path).text


def test_a_cancelled_session_says_why_there_is_nothing_to_do(
    organizer_client: TestClient, database: Database, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.routers.pages.closing.now", lambda: OVER)
    path = f"{BASE}/sessions/2/attendance"
    html = organizer_client.get(path).text
    assert ("Close the session" in html, "Read a report" in html) == (True, True)
    with database.begin(writes=True) as db:
        session = db.exec(select(Session).where(Session.number == 2)).one()
        session.status = "cancelled"
        cycle_id = session.cycle_id
        db.flush()
        publish(db, SYSTEM, cycle_id, accept_warnings=True, now=NOW + timedelta(days=1))
    why = "This session was cancelled, and that is published: nobody can have been there"
    html = organizer_client.get(path).text
    assert (">Close the session<" in html, ">Read a report<" in html, why in html) == (
        False,
        False,
        True,
    )
    html = organizer_client.get(f"{path}/close").text
    assert (f'action="{path}/close"' in html, why in html) == (False, True)
    assert organizer_client.post(f"{path}/close", data={"note": ""}).status_code == 409
