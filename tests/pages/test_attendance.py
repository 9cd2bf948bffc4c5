"""The organizers' pages of attendance."""

import csv
import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import openpyxl
import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, Evidence, Session
from app.services import check_in
from app.services.actor import SYSTEM
from app.services.publishing import publish
from tests.factories import NOW, Make

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")
SESSION = "/organize/c/leaders/sessions/1/attendance"
CYCLE = "/organize/c/leaders/attendance"
Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def ids(database: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Three participants, of whom Ana checked in to session 1 of 2, which has just begun."""
    monkeypatch.setattr("app.routers.pages.attendance.now", lambda: START)
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="leaders")
        make.session(cycle, title={"en": "Points & starts"})
        make.session(cycle, 2)
        publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
        rows = [make.enrolment(cycle, make.person(name=n)) for n in ("Ana", "Bruno", "Celia")]
        check_in.check_in(db, rows[0], 1, START, "room")
        return {row.name: row.id for row in rows}


def table(html: str) -> list[list[str]]:
    """The cells of the page's table in words."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html.split("<tbody>")[1], re.S)
    return [
        [
            " ".join(re.sub(r"<[^>]+>", " ", cell).split())
            for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)
        ]
        for row in rows
    ]


def evidence(database: Database) -> list[tuple[str, str, str, str]]:
    with database.begin(writes=False) as db:
        rows = db.exec(select(Evidence).order_by(col(Evidence.at), col(Evidence.id)))
        return [(e.kind, e.status, e.reason, e.recorded_by) for e in rows if e.kind != "check_in"]


def test_of_a_session(organizer_client: TestClient, ids: dict[str, str]) -> None:
    found = table(organizer_client.get(SESSION).text)
    assert [[row[0].split()[0], *row[1:5]] for row in found] == [
        ["Ana", "Present", "Checked in", "09:00", "–"],
        ["Bruno", "Not known", "–", "–", "–"],
        ["Celia", "Not known", "–", "–", "–"],
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?status=present", ["Ana"]),
        ("?status=unknown&q=cel", ["Celia"]),
        ("?status=nonsense&page=x", ["Ana", "Bruno", "Celia"]),
    ],
)
def test_filters(
    organizer_client: TestClient, ids: dict[str, str], query: str, names: list[str]
) -> None:
    found = table(organizer_client.get(SESSION + query).text)
    assert [row[0].split()[0] for row in found] == names


def test_marking_and_taking_back(
    organizer_client: TestClient, database: Database, ids: dict[str, str]
) -> None:
    path = f"{SESSION}/{ids['Bruno']}"
    assert organizer_client.get(path).status_code == 200
    typed = {"act": "mark", "status": "late", "reason": "Line broke"}
    answer = organizer_client.post(path, data=typed)
    assert (answer.status_code, answer.headers["location"]) == (303, SESSION)
    row = table(organizer_client.get(SESSION).text)[1]
    assert [row[1], row[2], row[4]] == ["Late", "Marked by Olga Organizer", "Line broke"]
    back = organizer_client.post(path, data={"act": "retract", "retract_reason": "Wrong one"})
    assert back.status_code == 303
    assert table(organizer_client.get(SESSION).text)[1][1] == "Not known"
    known = table(organizer_client.get(path).text)
    assert [row[1:5] for row in known] == [
        ["Mark taken back", "organizers’ page", "Olga Organizer", "Wrong one"],
        [
            "Marked by hand: Late (taken back)",
            "organizers’ page",
            "Olga Organizer",
            "Line broke",
        ],
    ]
    assert evidence(database) == [
        ("mark", "late", "Line broke", "Olga Organizer"),
        ("retraction", "", "Wrong one", "Olga Organizer"),
    ]


@pytest.mark.parametrize(
    ("typed", "wrong", "status"),
    [
        ({"act": "mark", "status": "late", "reason": " "}, ["reason"], 422),
        ({"act": "mark", "status": "", "reason": "Kept"}, ["status"], 422),
        ({"act": "mark", "status": "unknown", "reason": "Kept"}, ["status"], 422),
        ({"act": "mark", "reason": "x" * 501}, ["status", "reason"], 422),
        ({}, ["status", "reason"], 422),
        ({"act": "retract", "retract_reason": ""}, ["retract_reason"], 422),
        ({"act": "retract", "retract_reason": "Why"}, [], 409),
    ],
)
def test_a_mark_needs_a_reason(
    organizer_client: TestClient,
    database: Database,
    ids: dict[str, str],
    typed: dict[str, str],
    wrong: list[str],
    status: int,
) -> None:
    path = f"{SESSION}/{ids['Bruno']}"
    if wrong == ["retract_reason"]:
        organizer_client.post(path, data={"act": "mark", "status": "late", "reason": "r"})
    before = evidence(database)
    answer = organizer_client.post(path, data=typed)
    assert answer.status_code == status
    summary = answer.text.split('class="error-summary"')[1:]
    assert re.findall(r'href="#(\w+)"', summary[0].split("</div>")[0] if summary else "") == wrong
    kept = re.findall(r'name="reason" type="text" value="([^"]*)"', answer.text)
    assert kept == [typed.get("reason", "").strip()]
    assert evidence(database) == before


def test_marking_somebody_beforehand(
    organizer_client: TestClient,
    database: Database,
    ids: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    early = START - timedelta(hours=1)
    monkeypatch.setattr("app.routers.pages.attendance.now", lambda: early)
    path = f"{SESSION}/{ids['Bruno']}"
    html = organizer_client.get(path).text
    assert re.findall(r'name="status"[^>]*value="(\w+)"', html) == ["excused", "absent"]
    assert "until then somebody can be excused" in html
    refused = organizer_client.post(path, data={"status": "present", "reason": "Promised"})
    assert refused.status_code == 409
    assert "Check-in of this session is not open yet, so nobody has been there." in refused.text
    excused = organizer_client.post(path, data={"status": "excused", "reason": "Ill"})
    assert excused.status_code == 303
    with database.begin(writes=True) as db:
        db.exec(select(Session).where(Session.number == 1)).one().status = "cancelled"
    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle)).one()
        publish(db, SYSTEM, cycle.id, accept_warnings=True, now=early)
    html = organizer_client.get(path).text
    assert "This session was cancelled, so nobody can be marked." in html
    assert "Take the mark back" in html


def test_files(organizer_client: TestClient, ids: dict[str, str]) -> None:
    as_csv = organizer_client.get(f"{SESSION}.csv")
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert as_csv.headers["content-disposition"] == (
        'attachment; filename="leaders-session-1-attendance.csv"'
    )
    rows = list(csv.reader(io.StringIO(as_csv.content.decode("utf-8-sig"))))
    assert [(row[0], row[5], row[8]) for row in rows] == [
        ("Name", "Attendance", "Checked in at (America/Bogota)"),
        ("Ana", "Present", "2026-12-01 09:00:00"),
        ("Bruno", "Not known", ""),
        ("Celia", "Not known", ""),
    ]
    as_xlsx = organizer_client.get(f"{SESSION}.xlsx")
    assert as_xlsx.headers["content-disposition"] == (
        'attachment; filename="leaders-session-1-attendance.xlsx"'
    )
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx.content)).active
    assert sheet is not None
    assert [cell.value for cell in sheet["F"]] == [
        "Attendance",
        "Present",
        "Not known",
        "Not known",
    ]


def test_of_a_cycle(
    organizer_client: TestClient, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.routers.pages.attendance.now", lambda: START)
    assert table(organizer_client.get(CYCLE).text) == [
        ["All 3 participants", "1 of 3", "0 of 3", ""],
        ["Ana", "Present", "To come", "1"],
        ["Bruno", "Not known", "To come", "0"],
        ["Celia", "Not known", "To come", "0"],
    ]
    found = table(organizer_client.get(f"{CYCLE}?q=BRU").text)
    assert [row[0] for row in found] == ["All 3 participants", "Bruno"]


def test_queries_do_not_grow(
    organizer_client: TestClient, database: Database, ids: dict[str, str], count_queries: Counting
) -> None:
    def measured() -> list[int]:
        found = []
        for path in (SESSION, CYCLE, f"{SESSION}.csv", f"{SESSION}/{ids['Ana']}"):
            with count_queries() as queries:
                assert organizer_client.get(path).status_code == 200
            found.append(len(queries))
        return found

    few = measured()
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = db.exec(select(Cycle).where(Cycle.slug == "leaders")).one()
        for n in range(20):
            person = make.person(name=f"P{n}", email=f"p{n}@example.org")
            check_in.check_in(db, make.enrolment(cycle, person), 1, START, "room")
    assert measured() == few


def test_no_such_thing(organizer_client: TestClient, ids: dict[str, str]) -> None:
    for path in (
        "/organize/c/leaders/sessions/9/attendance",
        "/organize/c/leaders/sessions/9/attendance.csv",
        "/organize/c/nobody/attendance",
        f"{SESSION}/nobody",
        f"{SESSION}/%00",
    ):
        assert organizer_client.get(path).status_code == 404, path
    typed = {"act": "mark", "status": "late", "reason": "r"}
    for enrolment_id in ("nobody", "%00", "a" * 40):
        answer = organizer_client.post(f"{SESSION}/{enrolment_id}", data=typed)
        assert answer.status_code == 404, enrolment_id


def test_all_of_it_is_for_organizers(client: TestClient, ids: dict[str, str]) -> None:
    row = f"{SESSION}/{ids['Ana']}"
    for path in (CYCLE, SESSION, f"{SESSION}.csv", f"{SESSION}.xlsx", row):
        assert client.get(path).status_code == 303
    assert client.post(row).status_code == 401


def test_nothing_yet(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        make.cycle(slug="leaders")
        quiet = make.cycle(slug="quiet")
        make.session(quiet)
        publish(db, SYSTEM, quiet.id, accept_warnings=True, now=NOW)
    for slug, title in (("leaders", "No sessions yet"), ("quiet", "Nobody has a place yet")):
        html = organizer_client.get(f"/organize/c/{slug}/attendance").text
        assert re.findall(r"<h3>([^<]*)</h3>", html) == [title]
    html = organizer_client.get("/organize/c/quiet/sessions/1/attendance").text
    assert re.findall(r"<h3>([^<]*)</h3>", html) == ["Nobody has a place yet"]
