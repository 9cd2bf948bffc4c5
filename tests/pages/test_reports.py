"""Providers' reports in the browser: read, looked at, answered, decided, applied, undone."""

import re
from html import unescape
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.ids import new_id
from app.models import Cycle, Enrolment, Evidence, ReportImport, ReportRow
from tests.factories import Make
from tests.pages.test_evidence import words
from tests.services.attendance_world import OVER, Attended
from tests.services.reports_world import row, zoom

SESSION = "/organize/c/leaders/sessions/1/attendance"
PATH = f"{SESSION}/reports"


@pytest.fixture
def people(database: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for module in ("report_preview", "report_use", "attendance"):
        monkeypatch.setattr(f"app.routers.pages.{module}.now", lambda: OVER)
    with database.begin(writes=True) as db:
        world = Attended(db)
        world.cycle.slug = "leaders"
        names = ("Ana Ruiz", "Juan Pérez", "Pérez Juan", "Eva María Díaz")
        return {name: world.participant(name).id for name in names}


def send(client: TestClient, *files: tuple[str, bytes]) -> str:
    """Uploads files; the address of the report, or the page where there are several."""
    parts = [("file", (name, data, "text/csv")) for name, data in files]
    answer = client.post(f"{PATH}/upload", files=parts)
    return answer.headers.get("location", "") or answer.text


def answered(client: TestClient, *rows: str) -> str:
    """A report of which the zone is answered."""
    path = send(client, ("report.csv", zoom(*rows)))
    answer = client.post(f"{path}/answers", data={"zone": "America/Bogota"})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    return path


def section(html: str, state: str) -> str:
    """The words under a heading."""
    return words(html.split(f'<section id="{state}">')[1].split("</section>")[0])


def test_from_the_attendance_to_a_report_that_is_applied(
    organizer_client: TestClient, database: Database, people: dict[str, str]
) -> None:
    assert f'href="{PATH}"' in organizer_client.get(SESSION).text
    assert "Nothing counts" not in organizer_client.get(PATH).text
    path = send(
        organizer_client,
        ("meeting.csv", zoom(row("ana ruiz"), row("Juan Perez"), row("Eva Díaz"), row("Zoe Q"))),
    )
    html = organizer_client.get(path).text
    assert "Whose clock does the file show?" in html
    assert re.findall(r'name="zone" value="([^"]+)"[^>]* checked', html) == ["America/Bogota"]
    assert "/apply" not in html
    assert organizer_client.post(f"{path}/answers", data={"zone": "America/Bogota"}).is_redirect
    html = organizer_client.get(path).text
    assert section(html, "ambiguous").count("Juan") == 4
    assert "Eva María Díaz" in section(html, "suggested")
    assert "Zoe Q row 5: 09:00 – 11:00 Choose" in section(html, "unmatched")
    assert "Bogotá time (you said so)" in words(html)
    assert "Apply: 1 participant" in words(html)
    said = organizer_client.post(f"{path}/apply")
    assert said.headers["location"] == path
    html = organizer_client.get(path).text
    assert "Applied. The attendance says what it comes to." in html
    one = organizer_client.get(f"{SESSION}/{people['Ana Ruiz']}").text
    (link,) = re.findall(r'href="([^"]+/reports/[^"]+)"', one)
    assert link == f"{path}?row=2#row-2"
    marked = organizer_client.get(link.partition("#")[0]).text
    assert marked.count('id="row-2"') == 1
    with database.begin(writes=False) as db:
        assert db.exec(select(Evidence.enrolment_id)).all() == [people["Ana Ruiz"]]


def test_several_files_each_with_its_own_answer(
    organizer_client: TestClient, database: Database, people: dict[str, str]
) -> None:
    html = send(
        organizer_client,
        ("one.csv", zoom(row("Ana Ruiz"))),
        ("setup.exe", b"MZ\x90\x00\x03\x00\x00\x00\x04\x00"),
        ("two.csv", zoom(row("Juan Pérez", end="10:00"))),
        ("large.csv", b"x" * 10_485_761),
    )
    told = re.findall(r'<span class="notice-word">([^<]+)</span>', html)
    assert told == ["setup.exe.", "large.csv."]
    assert "larger than 10 MB" in html
    with database.begin(writes=False) as db:
        names = db.exec(select(ReportImport.filename).order_by(ReportImport.filename)).all()
        assert names == ["one.csv", "two.csv"]


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "Choose a file."),
        ([("file", (f"{n}.csv", b"a", "text/csv")) for n in range(11)], "at most 10 files"),
        ([("file", ("a.csv", b"", "text/csv"))], "The file is empty."),
    ],
)
def test_what_cannot_be_read_is_said(
    organizer_client: TestClient, people: dict[str, str], files: list[Any], sentence: str
) -> None:
    answer = organizer_client.post(f"{PATH}/upload", files=files or [("other", ("", b""))])
    assert answer.status_code == 422
    assert sentence in unescape(answer.text)


def test_the_same_file_leads_to_the_one_that_waits_and_says_who_applied_it(
    organizer_client: TestClient, people: dict[str, str]
) -> None:
    path = answered(organizer_client, row("Ana Ruiz"))
    assert send(organizer_client, ("again.csv", zoom(row("Ana Ruiz")))) == path
    organizer_client.post(f"{path}/apply")
    html = send(organizer_client, ("again.csv", zoom(row("Ana Ruiz"))))
    assert "was applied already, by Olga Organizer" in html
    assert f'href="{path}"' in html


def test_choosing_one_by_one_searching_and_nobody(
    organizer_client: TestClient, database: Database, people: dict[str, str]
) -> None:
    path = answered(organizer_client, row("Juan Perez"), row("A N Onymous"), row("Note X"))
    with database.begin(writes=False) as db:
        ids = dict(db.exec(select(ReportRow.number, ReportRow.id)).all())
    data = {"row": ids[2], "whose": people["Juan Pérez"], "remember": "yes"}
    assert organizer_client.post(f"{path}/decide", data=data).is_redirect
    page = organizer_client.get(f"{path}/rows/{ids[3]}", params={"q": "eva"}).text
    assert re.findall(r'name="whose" value="([^"]+)"', page) == [people["Eva María Díaz"], "nobody"]
    missing = organizer_client.post(f"{path}/decide", data={"row": ids[3]})
    assert (missing.status_code, "Choose somebody" in missing.text) == (422, True)
    data = {"row": ids[3], "whose": people["Eva María Díaz"]}
    assert organizer_client.post(f"{path}/decide", data=data).is_redirect
    assert organizer_client.post(
        f"{path}/decide", data={"row": ids[4], "whose": "nobody"}
    ).is_redirect
    html = organizer_client.get(path).text
    assert "by hand" in section(html, "matched")
    assert "Note X" in section(html, "nobody")
    assert "Apply: 2 participants" in words(html)


def test_accepting_all_and_undoing_with_a_reason(
    organizer_client: TestClient, database: Database, people: dict[str, str]
) -> None:
    path = answered(organizer_client, row("Eva Díaz"))
    organizer_client.post(f"{path}/accept", data={"remember": "yes"})
    assert "Suggestions accepted: 1." in organizer_client.get(path).text
    organizer_client.post(f"{path}/apply")
    assert "What it says of 1 participant" in organizer_client.get(f"{path}/undo").text
    empty = organizer_client.post(f"{path}/undo", data={"reason": ""})
    assert (empty.status_code, "Fill this in." in empty.text) == (422, True)
    organizer_client.post(f"{path}/undo", data={"reason": "Wrong meeting."})
    html = organizer_client.get(path).text
    assert "Olga Organizer undid it: Wrong meeting." in html
    assert "Undone" in words(organizer_client.get(PATH).text)


def test_throwing_a_preview_away(
    organizer_client: TestClient, database: Database, people: dict[str, str]
) -> None:
    path = answered(organizer_client, row("Ana Ruiz"))
    said = organizer_client.post(f"{path}/discard")
    assert said.headers["location"] == PATH
    assert organizer_client.get(path).status_code == 404
    with database.begin(writes=False) as db:
        assert db.exec(select(ReportImport)).all() == []


def test_what_no_longer_holds_is_not_applied_and_can_be_matched_again(
    organizer_client: TestClient, database: Database, people: dict[str, str]
) -> None:
    path = answered(organizer_client, row("Ana Ruiz"), row("Zoe Q"))

    def enrol(name: str) -> None:
        with database.begin(writes=True) as db:
            cycle = db.get_one(Cycle, db.get_one(Enrolment, people["Ana Ruiz"]).cycle_id)
            make = Make(db)
            make.enrolment(cycle, make.person(name=name, email=f"{new_id()}@example.org"))

    enrol("Zoe Q")
    answer = organizer_client.post(f"{path}/apply")
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    html = organizer_client.get(path).text
    said = "Since this was read, people enrolled (1), and rows are matched otherwise now."
    assert words(html).count(said) == 1
    assert "Zoe Q" in section(html, "matched")
    assert "Apply: 2 participants" in words(html)
    enrol("ana ruiz")
    assert f'<form method="post" action="{path}/match">' in html
    answer = organizer_client.post(f"{path}/match")
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    html = organizer_client.get(path).text
    assert "Matched again." in html
    assert "Ana Ruiz" in section(html, "ambiguous")
    organizer_client.post(f"{path}/apply")
    with database.begin(writes=False) as db:
        assert len(db.exec(select(Evidence)).all()) == 1
    assert f"{path}/match" not in organizer_client.get(path).text
    late = organizer_client.post(f"{path}/match")
    assert late.status_code == 409
    assert "applied already" in late.text


def test_an_answer_that_is_none_keeps_the_report(
    organizer_client: TestClient, people: dict[str, str]
) -> None:
    path = send(organizer_client, ("report.csv", zoom(row("Ana Ruiz"))))
    for data in ({}, {"zone": "Mars/Base"}):
        answer = organizer_client.post(f"{path}/answers", data=data)
        assert answer.status_code == 422
    assert "This time zone is not known." in answer.text
    assert organizer_client.get(path).status_code == 200


def test_who_stands_in_a_row_that_could_not_be_read_and_leaving_it_out(
    organizer_client: TestClient, people: dict[str, str]
) -> None:
    wrong = row("Eva María Díaz").replace("09:00:00", "25:61:00")
    path = answered(organizer_client, row("Ana Ruiz"), wrong)
    html = organizer_client.get(path).text
    assert "Row 3Eva María Díaz" in section(html, "unreadable").replace(" Eva", "Eva")
    row_id = re.findall(r'name="row" value="(\w+)"', html.split('<section id="unreadable">')[1])[0]
    organizer_client.post(f"{path}/decide", data={"row": row_id, "whose": "nobody"})
    html = organizer_client.get(path).text
    assert '<section id="unreadable">' not in html
    assert "Eva María Díaz" in section(html, "nobody")
    assert f"{path}/rows/{row_id}" not in html


def test_zones_are_not_told_to_fit_while_the_day_is_open(
    organizer_client: TestClient, people: dict[str, str]
) -> None:
    data = b"Name,Join time,Leave time\nAna Ruiz,11/12/2026 09:00,11/12/2026 10:00\n"
    html = organizer_client.get(send(organizer_client, ("report.csv", data))).text
    assert "Which day is 11/12/2026?" in words(html)
    assert "Whose clock does the file show?" in html
    assert "So 0 of 0" not in html
    assert 'aria-describedby="zone-America/Bogota-hint"' not in html


def test_columns_that_nobody_knows_are_asked_for(
    organizer_client: TestClient, people: dict[str, str]
) -> None:
    path = send(organizer_client, ("list.csv", b"Kto,Ile\nAna Ruiz,40\nJuan P,20\n"))
    html = organizer_client.get(path).text
    assert "Which column is what?" in html
    data = {"header": "1", "sheet": "", "column-0": "name", "column-1": "minutes"}
    answer = organizer_client.post(f"{path}/answers", data=data)
    assert answer.is_redirect, answer.text
    assert "40 minutes" in section(organizer_client.get(path).text, "matched")


def test_many_names_are_shown_page_by_page(
    organizer_client: TestClient, people: dict[str, str]
) -> None:
    path = answered(organizer_client, *(row(f"Nobody {n:03}") for n in range(120)))
    html = organizer_client.get(path).text
    assert html.count("Nobody 0") - html.count("Nobody 00") <= 150
    assert "Show all 120" in words(html)
    last = organizer_client.get(path, params={"state": "unmatched", "page": "3"}).text
    assert "101 to 120 of 120" in words(last)
    assert "Nobody 119" in last


def test_only_organizers(client: TestClient, database: Database, people: dict[str, str]) -> None:
    for method, path in (("GET", PATH), ("POST", f"{PATH}/upload"), ("POST", f"{PATH}/x/answers")):
        answer = client.request(method, path)
        assert answer.status_code == (303 if method == "GET" else 401), path
    with database.begin(writes=False) as db:
        assert len(db.exec(select(Enrolment)).all()) == 4
