"""The page of a cycle in numbers: every number leads to what it rests on, and its files agree."""

import csv
import io
import re

import openpyxl
import pypdfium2
import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.attendance import Status
from app.models import Cycle, Session
from tests.factories import Make
from tests.pages.test_evidence import words
from tests.services.attendance_world import OVER, Attended

PATH = "/organize/c/leaders/report"


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Ana (CO) was at three sessions, Eva (CO) checked in at one, Leo (BR) was at one and left.
    Session 1 is closed."""
    monkeypatch.setattr("app.routers.pages.report.now", lambda: OVER)
    with database.begin(writes=True) as db:
        world = Attended(db)
        world.cycle.slug = "leaders"
        world.cycle.asks_gender = True
        ana = world.participant("Ana", country="CO", institution="=1+1", gender="female")
        eva = world.participant("Eva", country="CO", institution="Cámara")
        leo = world.participant("Leo", country="BR", status="withdrawn", gender="male")
        for number in (1, 2, 3):
            world.there(ana, number)
        world.checked_in(eva, 1)
        world.marked(eva, 2, Status.EXCUSED)
        world.there(leo, 1, 0, 40)
        world.report(2, status="preview")
        world.sessions[0].closed_at = OVER
        return {"cycle": world.cycle.id}


def rows_of(html: str, caption: str) -> list[list[str]]:
    plain = re.sub(r"<details.*?</details>", "", html, flags=re.DOTALL)  # the plots' own tables
    tables = re.findall(r"<table.*?</table>", plain, re.DOTALL)
    table = next(each for each in tables if f">{caption}</caption>" in each)
    rows = re.findall(r"<tr.*?</tr>", table.partition("<tbody>")[2], re.DOTALL)
    return [
        [words(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows
    ]


def test_the_numbers_and_where_they_lead(
    organizer_client: TestClient, world: dict[str, str]
) -> None:
    html = organizer_client.get(PATH).text
    first, second, _, fourth = rows_of(html, "Attendance by session")
    assert first[1:-1] == ["2", "2", "0", "1", "0", "0", "0", "final"]
    assert second[1:-1] == ["2", "1", "0", "0", "1", "0", "0", "provisional: not closed"]
    assert fourth[1:-1] == ["2", "0", "0", "0", "0", "0", "2", "provisional: not closed"]
    assert rows_of(html, "By country") == [
        ["Colombia", "2", "2", "4", "315", "105", "1", "0", "0", "0", "1"],
        ["Brazil", "0 + 1", "1", "1", "40", "40", "0", "0", "0", "0", "0"],
        ["Altogether", "2 + 1", "3", "5", "355", "89", "1", "0", "0", "0", "1"],
    ]
    assert [row[0] for row in rows_of(html, "By gender")] == [
        "Female",
        "Male",
        "Not said",
        "Altogether",
    ]
    base = "/organize/c/leaders"
    for address in (
        f"{base}/sessions/1/attendance?status=present",
        f"{base}/sessions/2/attendance?status=excused",
        f"{base}/participants?country=CO",
        f"{base}/participants?gender=female",
        f"{base}/participants?q=C%C3%A1mara",
        f"{base}/completion",
    ):
        assert f'href="{address}"' in html
        assert organizer_client.get(address).status_code == 200


def test_what_is_provisional_is_said_on_top(
    organizer_client: TestClient, world: dict[str, str]
) -> None:
    html = organizer_client.get(PATH).text
    notice = re.search(r'<ul class="report-open">(.*?)</ul>', html, re.DOTALL)
    assert notice is not None
    items = re.findall(r"<li>.*?</li>", notice[1], re.DOTALL)
    assert [words(item).replace(" ,", ",") for item in items] == [
        "Over and not closed, so nobody counts as absent there: Session 2, Session 3, Session 4",
        "With reports that are not applied, or with rows that are nobody’s: Session 2",
        "One attendance without verified minutes, which is in no sum of minutes: Session 1",
    ]


def test_the_filtered_list_has_those_who_gave_it(
    organizer_client: TestClient, world: dict[str, str]
) -> None:
    base = "/organize/c/leaders/participants"
    shown = {
        query: re.findall(r">(Ana|Eva|Leo)</a>", organizer_client.get(f"{base}?{query}").text)
        for query in ("country=CO", "gender=male", "country=BR&gender=female", "country=XX")
    }
    assert shown == {
        "country=CO": ["Ana", "Eva"],
        "gender=male": ["Leo"],
        "country=BR&gender=female": [],
        "country=XX": ["Ana", "Eva", "Leo"],
    }


def test_the_files_say_the_same(organizer_client: TestClient, world: dict[str, str]) -> None:
    data = organizer_client.get(f"{PATH}.csv").content.decode("utf-8-sig")
    head, *rows = csv.reader(io.StringIO(data, newline=""))
    found = {(row[0], row[1]): dict(zip(head, row, strict=True)) for row in rows}
    whole = found["Whole cycle", "Whole cycle"]
    assert (whole["Enrolled"], whole["Left the cycle"], whole["Verified minutes"]) == (
        "2",
        "1",
        "355",
    )
    assert found["By country", "Colombia"]["Attendances"] == "4"
    assert found["By institution", "'=1+1"]["Minutes on average"] == "105.0"
    assert found["By session", "1. Session 1"]["State of the numbers"] == "final"
    book = openpyxl.load_workbook(io.BytesIO(organizer_client.get(f"{PATH}.xlsx").content))
    assert book.sheetnames == [
        "Whole cycle",
        "By session",
        "By country",
        "By institution",
        "By initiative",
        "By gender",
        "Everybody",
    ]
    everybody = list(book["Everybody"].iter_rows(values_only=True))
    assert everybody[1][3:10] == (
        "=1+1",
        None,
        "Female",
        "yes",
        "Present",
        105,
        "Report of the meeting, with times",
    )
    assert book["Everybody"]["D2"].data_type == "s"
    assert [row[0] for row in everybody[1:]] == ["Ana", "Eva", "Leo"]
    assert everybody[3][6:10] == ("no", "Part of it", 40, "Report of the meeting, with times")


def test_a_session_on_paper(
    organizer_client: TestClient, world: dict[str, str], database: Database
) -> None:
    base = "/organize/c/leaders/sessions"
    answer = organizer_client.get(f"{base}/1/brief.pdf?lang=pt")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["content-disposition"].endswith('"leaders-session-1-pt.pdf"')
    document = pypdfium2.PdfDocument(answer.content)
    text = " ".join(document[0].get_textpage().get_text_range().split())
    assert (len(document), "Sessão 1" in text) == (1, True)
    assert [name for name in ("Ana", "Eva", "Leo", "Colômbia", "Brasil") if name in text] == []
    assert organizer_client.get(f"{base}/9/brief.pdf").status_code == 404
    with database.begin(writes=True) as db:
        session = db.exec(select(Session).where(Session.number == 2)).one()
        Make(db).session(db.get_one(Cycle, session.cycle_id), 5)
    assert organizer_client.get(f"{base}/5/brief.pdf").status_code == 404


def test_an_empty_cycle_says_what_comes_first(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        Attended(db).cycle.slug = "leaders"
        db.flush()
    html = organizer_client.get(PATH).text
    assert "Nobody has a place yet" in html
    assert organizer_client.get("/organize/c/nothing/report").status_code == 404
