"""Closing a session in the browser: what is open first, then the button, and the way back."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.attendance import Kind
from app.models import Enrolment, Evidence, Session
from tests.pages.test_attendance import table
from tests.pages.test_evidence import words
from tests.services.attendance_world import OVER, WEEK, Attended

SESSION = "/organize/c/leaders/sessions/1/attendance"


@pytest.fixture
def session_id(database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    for module in ("closing", "attendance"):
        monkeypatch.setattr(f"app.routers.pages.{module}.now", lambda: OVER)
    with database.begin(writes=True) as db:
        world = Attended(db)
        world.cycle.slug = "leaders"
        ana, _, leo = (world.participant(name) for name in ("Ana", "Eva", "Leo"))
        world.there(ana, 1)
        world.checked_in(leo, 1)
        world.row(world.report(1))
        return world.sessions[0].id


def test_what_is_open_comes_first(organizer_client: TestClient, session_id: str) -> None:
    html = organizer_client.get(f"{SESSION}/close").text
    section = words(html.split("What is still open")[1].split("</section>")[0])
    assert section == (
        "1 row of a report matches nobody. Say whose they are "
        "Of 1 participant nothing is known: absent when you close. Show them Eva "
        "1 participant checked in and stands in no report: present, minutes not verified. Leo"
    )


def test_whom_reports_do_not_show_in_the_session_and_whom_they_contradict(
    organizer_client: TestClient, database: Database, session_id: str
) -> None:
    with database.begin(writes=True) as db:
        session = db.get_one(Session, session_id)
        start, second = session.starts_at, timedelta(seconds=1)
        ana, eva, leo = db.exec(select(Enrolment.id).order_by(col(Enrolment.search_key)))
        stay = db.exec(select(Evidence.id).where(Evidence.enrolment_id == ana)).one()
        before = {"joined_at": start - 9 * second, "left_at": start - second}
        values: list[tuple[str, Kind, dict[str, Any]]] = [
            (eva, Kind.INTERVAL, {**before}),
            (leo, Kind.INTERVAL, {**before}),
            (ana, Kind.RETRACTION, {"retracts_id": stay}),
            (ana, Kind.INTERVAL, {"joined_at": start, "left_at": start + second}),
            (ana, Kind.TOTAL, {"seconds": 3_000}),
        ]
        for n, (whose, kind, more) in enumerate(values):
            more |= {"kind": kind, "at": OVER, "source": "zoom", "key": f"k{n}"}
            db.add(Evidence(enrolment_id=whose, session_id=session_id, **more))
    html = organizer_client.get(f"{SESSION}/close").text
    section = words(html.split("What is still open")[1].split("</section>")[0])
    assert section == (
        "1 row of a report matches nobody. Say whose they are "
        "2 participants are in reports, but at no moment of the session: absent when you close. "
        "A report counts before a check-in. If somebody was there all the same, take the stay back "
        "or mark them present. Leo (checked in) Eva "
        "One report shows when 1 participant was there, and another one tells of more "
        "minutes. The times count, and the minutes do not. If the times are wrong, take them back. "
        "Ana"
    )


def test_closing_and_opening_again(
    organizer_client: TestClient, database: Database, session_id: str
) -> None:
    assert "Close the session" in organizer_client.get(SESSION).text
    done = organizer_client.post(f"{SESSION}/close", data={"note": "All read"})
    assert (done.status_code, done.headers["location"]) == (303, SESSION)
    html = organizer_client.get(SESSION).text
    assert "Session 1 is closed. Absent: 1." in html
    assert [row[1] for row in table(html)] == ["Present", "Absent", "Present"]
    page = organizer_client.get(f"{SESSION}/close").text
    assert "Session 1 is closed" in page
    assert [row[1:] for row in table(page)] == [
        ["Closed Present 2 · Absent 1", "Olga Organizer", "All read"]
    ]
    kept = organizer_client.post(f"{SESSION}/reopen", data={"reason": " "})
    assert (kept.status_code, "Fill this in." in kept.text) == (422, True)
    back = organizer_client.post(f"{SESSION}/reopen", data={"reason": "A second file"})
    assert back.status_code == 303
    assert [row[1] for row in table(organizer_client.get(SESSION).text)][1] == "Not known"
    with database.begin(writes=False) as db:
        assert db.get_one(Session, session_id).closed_at is None


def test_looking_closes_nothing(
    organizer_client: TestClient, database: Database, session_id: str
) -> None:
    assert organizer_client.get(f"{SESSION}/close").status_code == 200
    assert organizer_client.get(f"{SESSION}/reopen").status_code == 404
    with database.begin(writes=False) as db:
        assert db.get_one(Session, session_id).closed_at is None


def test_a_session_that_is_not_over_says_so_and_keeps_the_note(
    organizer_client: TestClient, session_id: str
) -> None:
    path = SESSION.replace("/1/", "/4/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.routers.pages.closing.now", lambda: OVER.replace(day=1))
        answer = organizer_client.post(f"{path}/close", data={"note": "Kept"})
    assert answer.status_code == 409
    assert "This session is not over yet." in answer.text
    assert re.search(r'name="note"[^>]*value="Kept"', answer.text)


def test_only_organizers(client: TestClient, session_id: str) -> None:
    assert client.get(f"{SESSION}/close").status_code == 303
    assert client.post(f"{SESSION}/close", data={}).status_code in (303, 401, 403)


def test_publishing_says_that_it_opens_a_closed_session(
    organizer_client: TestClient,
    database: Database,
    session_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.routers.pages.publishing.now", lambda: OVER)
    assert organizer_client.post(f"{SESSION}/close", data={"note": ""}).status_code == 303
    publish = "/organize/c/leaders/publish"
    with database.begin(writes=True) as db:
        session = db.get_one(Session, session_id)
        session.title = {"en": "New"}
    assert "opens it again" not in organizer_client.get(publish).text
    with database.begin(writes=True) as db:
        session = db.get_one(Session, session_id)
        for name in ("wall_start", "starts_at", "ends_at"):
            setattr(session, name, getattr(session, name) + 9 * WEEK)
    assert (
        "Session 1 is closed, and by this release it ends only after it was closed. "
        "Publishing opens it again; 2 people attended."
    ) in organizer_client.get(publish).text
