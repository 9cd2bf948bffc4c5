"""The page that shows what every minute of somebody's attendance rests on."""

import re
from datetime import timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.attendance import Status
from app.models import Cycle, Evidence, Session
from app.schemas.enrolment import EnrolmentChange
from app.services.actor import SYSTEM
from app.services.enrolments import change_enrolment
from app.services.links import Links
from tests.factories import Make
from tests.pages.test_attendance import table
from tests.services.attendance_world import OVER, Attended

SECOND = timedelta(seconds=1)
SESSION = "/organize/c/leaders/sessions/1/attendance"


@pytest.fixture
def ids(database: Database) -> dict[str, str]:
    with database.begin(writes=True) as db:
        world = Attended(db)
        world.cycle.slug = "leaders"
        ana = world.participant("Ana")
        report = world.report(1)
        first = {
            "import_id": report.id,
            "row_number": 3,
            "shown_as": "Ana R.",
            "matched_by": "name",
        }
        one = world.there(ana, 1, -5, 40, recorded_by="Olga", **first)
        world.there(ana, 1, 30, 70, import_id=report.id, row_number=9, matched_by="hand")
        world.marked(ana, 1, Status.LATE)
        here = world.checked_in(ana, 1, 2)
        return {"ana": ana.id, "one": one.id, "here": here.id, "report": report.id}


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_each_piece_with_its_origin(organizer_client: TestClient, ids: dict[str, str]) -> None:
    html = organizer_client.get(f"{SESSION}/{ids['ana']}").text
    known = [row[1:5] for row in table(html.split("</table>")[0])]
    assert known[:2] == [
        ["Marked by hand: Late", "organizers’ page", "Olga", "–"],
        ["Checked in", "room", "–", "–"],
    ]
    assert sorted(known[2:]) == [
        ["In the meeting: 08:55 – 09:40", "Zoom row 3, “Ana R.” , by the name", "Olga", "–"],
        ["In the meeting: 09:30 – 10:10", "Zoom row 9, “” , by hand", "–", "–"],
    ]
    links = re.findall(rf'href="{SESSION}/reports/{ids["report"]}([^"]*)"', html)
    assert sorted(links) == ["?row=3#row-3", "?row=9#row-9"]


def test_how_the_minutes_come_about(organizer_client: TestClient, ids: dict[str, str]) -> None:
    html = organizer_client.get(f"{SESSION}/{ids['ana']}").text
    section = html.split("How the minutes come about", 1)[1]
    assert table(section.split("</table>")[0]) == [
        ["09:00", "10:00", "60:00"],
        ["Together, in whole minutes", "", "60"],
    ]
    assert "09:00 to 11:00 : 105 minutes without the breaks" in words(section)


def test_taking_one_piece_back(
    organizer_client: TestClient, database: Database, ids: dict[str, str]
) -> None:
    own = f"{SESSION}/{ids['ana']}"
    page = organizer_client.get(f"{own}/take-back/{ids['one']}")
    assert "In the meeting: 08:55–09:40 , Zoom" in words(page.text)
    kept = organizer_client.post(f"{own}/take-back/{ids['one']}", data={"reason": " "})
    assert (kept.status_code, "Fill this in." in kept.text) == (422, True)
    data = {"reason": "Her son used it"}
    done = organizer_client.post(f"{own}/take-back/{ids['one']}", data=data)
    assert (done.status_code, done.headers["location"]) == (303, own)
    html = organizer_client.get(own).text
    assert table(html)[0][1:5] == [
        "Taken back: In the meeting",
        "organizers’ page",
        "Olga Organizer",
        "Her son used it",
    ]
    assert table(html.split("How the minutes come about", 1)[1])[0] == ["09:30", "10:00", "30:00"]
    twice = organizer_client.post(f"{own}/take-back/{ids['one']}", data=data)
    assert twice.status_code == 303
    with database.begin(writes=False) as db:
        rows = db.exec(select(Evidence).where(Evidence.kind == "retraction")).all()
        assert [row.retracts_id for row in rows] == [ids["one"]]


def test_what_was_taken_back_can_count_again(
    organizer_client: TestClient, database: Database, ids: dict[str, str]
) -> None:
    own = f"{SESSION}/{ids['ana']}"

    def take_back(piece: str) -> str:
        organizer_client.post(f"{own}/take-back/{piece}", data={"reason": "Why"})
        with database.begin(writes=False) as db:
            query = select(Evidence.id).where(Evidence.retracts_id == piece)
            return sorted(db.exec(query).all())[-1]

    minutes = []
    first = take_back(ids["here"])
    second = take_back(first)
    minutes.append(words(organizer_client.get(own).text).count("(taken back)"))
    take_back(ids["here"])
    minutes.append(words(organizer_client.get(own).text).count("(taken back)"))
    assert (minutes, second != first) == ([1, 2], True)


@pytest.mark.parametrize("piece", ["nothing", "../x"])
def test_of_no_such_piece(organizer_client: TestClient, ids: dict[str, str], piece: str) -> None:
    own = f"{SESSION}/{ids['ana']}/take-back/{piece}"
    answers = [
        organizer_client.get(own),
        organizer_client.post(own, data={"reason": "x"}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404]


def test_a_stay_on_another_day_says_which(
    organizer_client: TestClient, database: Database, ids: dict[str, str]
) -> None:
    with database.begin(writes=True) as db:
        row = db.get_one(Evidence, ids["one"])
        assert row.joined_at is not None
        assert row.left_at is not None
        row.joined_at -= timedelta(days=1)
    html = organizer_client.get(f"{SESSION}/{ids['ana']}").text
    known = [row[1] for row in table(html.split("</table>")[0])]
    assert sorted(known)[1:3] == [
        "In the meeting: 09:30 – 10:10",
        "In the meeting: 30 Nov, 08:55 – 1 Dec, 09:40",
    ]


DAY = "Tuesday 1 December 2026"


def test_who_has_had_a_place_only_since_it_was_over(
    organizer_client: TestClient,
    client: TestClient,
    database: Database,
    links: Links,
    ids: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Is absent as everybody who was not seen, and the pages say why that is."""
    for module in ("attendance", "my"):
        monkeypatch.setattr(f"app.routers.pages.{module}.now", lambda: OVER)
    with database.begin(writes=True) as db:
        make, cycle = Make(db), db.exec(select(Cycle)).one()
        session = db.exec(select(Session).where(Session.number == 1)).one()
        session.closed_at = OVER
        before = session.ends_at - SECOND
        names = {"Before": before, "Late": session.ends_at}
        people = {
            name: make.enrolment(cycle, make.person(name=name), status_at=at).id
            for name, at in names.items()
        }
        for name, status in (("Approved", "pending"), ("Returned", "withdrawn")):
            known = make.enrolment(cycle, make.person(name=name), status=status, status_at=before)
            change = EnrolmentChange(status="confirmed")
            change_enrolment(db, SYSTEM, known.id, change, now=session.ends_at)
            people[name] = known.id
    rows = {row[0].split()[0]: row[1:3] for row in table(organizer_client.get(SESSION).text)}
    assert rows["Before"] == ["Absent", "Not seen; the session is closed"]
    late = [rows[name] for name in ("Late", "Approved", "Returned")]
    said = f"Not seen; the session is closed has had a place only since {DAY}"
    assert late == [["Absent", said]] * 3
    said = f"Has had a place only since {DAY}, after this session, and counts as absent"
    own = [organizer_client.get(f"{SESSION}/{known}").text for known in people.values()]
    assert [said in html for html in own] == [False, True, True, True]
    urls = [f"/my/{token(links, known)}?lang=en" for known in people.values()]
    mine = [client.get(url).text for url in urls]
    assert [f"you have had a place only since {DAY}" in html for html in mine] == [
        False,
        True,
        True,
        True,
    ]


def token(links: Links, enrolment_id: str) -> str:
    return links.my(enrolment_id, 1).rsplit("/", 1)[1]
