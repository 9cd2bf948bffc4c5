"""The organizers' pages of participants."""

import csv
import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import ClassVar

import openpyxl
import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.errors import Gone
from app.models import Enrolment, Message
from app.services import enrolments
from app.services.links import Links, Purpose
from tests.factories import NOW, Make

BASE = "/organize/c/leaders/participants"
Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def ids(database: Database) -> dict[str, str]:
    """Four participants of a cycle with three places, by name."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="leaders", capacity=3)
        rows = [
            make.enrolment(
                cycle,
                make.person(name=name, email=f"{name.lower()}@example.org"),
                status=status,
                country=country,
                created_at=NOW + timedelta(minutes=n),
            )
            for n, (name, status, country) in enumerate(
                [
                    ("Ana", "confirmed", "CL"),
                    ("Bruno", "pending", "BR"),
                    ("Celia", "confirmed", "AR"),
                    ("Diego", "waitlisted", "PE"),
                ]
            )
        ]
        make.enrolment(make.cycle(slug="other"), make.person(name="Elsewhere"))
        return {row.name: row.id for row in rows}


def names(html: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)</a>', html)


def statuses(database: Database) -> dict[str, str]:
    with database.begin(writes=False) as db:
        rows = db.exec(select(Enrolment)).all()
        return {e.name: e.status for e in rows if e.name != "Elsewhere"}


def mails(database: Database) -> list[tuple[str, str]]:
    with database.begin(writes=False) as db:
        return [(m.kind, m.to_name) for m in db.exec(select(Message))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Ana", "Bruno", "Celia", "Diego"]),
        ("?sort=-name", ["Diego", "Celia", "Bruno", "Ana"]),
        ("?sort=country", ["Celia", "Bruno", "Ana", "Diego"]),
        ("?sort=-enrolled&status=confirmed", ["Celia", "Ana"]),
        ("?q=IEG", ["Diego"]),
        ("?q=nobody", []),
        ("?q=%00&status=bad&sort=bad&page=bad", ["Ana", "Bruno", "Celia", "Diego"]),
        ("?page=99999999999999999999", ["Ana", "Bruno", "Celia", "Diego"]),
    ],
)
def test_list(
    organizer_client: TestClient, ids: dict[str, str], query: str, expected: list[str]
) -> None:
    answer = organizer_client.get(BASE + query)
    assert answer.status_code == 200
    assert names(answer.text) == expected


def test_list_pages(organizer_client: TestClient, database: Database, ids: dict[str, str]) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="large")
        for n in range(51):
            make.enrolment(cycle, make.person(name=f"P{n:02}", email=f"p{n}@example.org"))
    first = organizer_client.get("/organize/c/large/participants?sort=-name")
    assert (len(names(first.text)), names(first.text)[0]) == (50, "P50")
    (onwards,) = re.findall(r'href="([^"]*)" rel="next"', first.text)
    second = organizer_client.get(onwards.replace("&amp;", "&"))
    assert names(second.text) == ["P00"]


def test_queries_do_not_grow(
    organizer_client: TestClient, database: Database, ids: dict[str, str], count_queries: Counting
) -> None:
    with count_queries() as few:
        organizer_client.get(BASE)
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle_id = db.exec(select(Enrolment.cycle_id).where(Enrolment.id == ids["Ana"])).one()
        for n in range(30):
            person = make.person(name=f"P{n}", email=f"p{n}@example.org")
            db.add(
                Enrolment(cycle_id=cycle_id, person_id=person.id, status="confirmed",
                          name=person.name, language="es", zone="America/Bogota")
            )  # fmt: skip
    with count_queries() as many:
        organizer_client.get(BASE)
    assert len(many) == len(few)


def test_files(organizer_client: TestClient, ids: dict[str, str]) -> None:
    as_csv = organizer_client.get(f"{BASE}.csv?status=confirmed")
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert as_csv.headers["content-disposition"] == (
        'attachment; filename="leaders-participants.csv"'
    )
    table = list(csv.reader(io.StringIO(as_csv.content.decode("utf-8-sig"))))
    assert [row[0] for row in table] == ["Name", "Ana", "Celia"]
    as_xlsx = organizer_client.get(f"{BASE}.xlsx")
    assert as_xlsx.headers["content-disposition"] == (
        'attachment; filename="leaders-participants.xlsx"'
    )
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx.content)).active
    assert sheet is not None
    column = [cell.value for cell in sheet["A"]]
    assert column == ["Name", "Ana", "Bruno", "Celia", "Diego"]


class TestAdd:
    def test_adds_and_says_so(
        self, organizer_client: TestClient, database: Database, ids: dict[str, str]
    ) -> None:
        typed = {"name": "Eva", "email": "eva@example.org", "country": "", "institution": "",
                 "initiative": "", "language": "pt", "zone": "America/Sao_Paulo"}  # fmt: skip
        answer = organizer_client.post(f"{BASE}/new", data=typed)
        assert (answer.status_code, answer.headers["location"]) == (303, BASE)
        assert statuses(database)["Eva"] == "waitlisted"
        assert mails(database) == [("enrolment-waitlisted", "Eva")]

    def test_keeps_what_was_typed(
        self, organizer_client: TestClient, database: Database, ids: dict[str, str]
    ) -> None:
        typed = {"name": "", "email": "eva", "institution": "Kept & so", "country": "ZZ",
                 "initiative": "", "language": "es", "zone": "Mars/Olympus"}  # fmt: skip
        answer = organizer_client.post(f"{BASE}/new", data=typed)
        assert answer.status_code == 422
        assert re.findall(r'id="(\w+)-error"', answer.text) == ["name", "email", "country", "zone"]
        assert re.findall(r'name="institution" type="text" value="([^"]*)"', answer.text) == [
            "Kept &amp; so"
        ]
        assert len(statuses(database)) == 4

    def test_who_is_in_already(
        self, organizer_client: TestClient, database: Database, ids: dict[str, str]
    ) -> None:
        typed = {"name": "Eva", "email": "ANA@example.org", "country": "", "institution": "",
                 "initiative": "", "language": "es", "zone": "America/Bogota"}  # fmt: skip
        answer = organizer_client.post(f"{BASE}/new", data=typed)
        assert answer.status_code == 409
        assert re.findall(rf'href="({BASE}/{ids["Ana"]})"', answer.text) == [f"{BASE}/{ids['Ana']}"]
        assert len(statuses(database)) == 4


class TestChange:
    TYPED: ClassVar = {
        "name": "Ana María",
        "country": "UY",
        "institution": "I",
        "initiative": "Lácteos",
        "language": "es",
        "zone": "America/Montevideo",
    }

    def test_saves(
        self, organizer_client: TestClient, database: Database, ids: dict[str, str]
    ) -> None:
        path = f"{BASE}/{ids['Ana']}"
        assert organizer_client.get(path).status_code == 200
        answer = organizer_client.post(path, data={**self.TYPED, "revision": "1"})
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        with database.begin(writes=False) as db:
            row = db.get_one(Enrolment, ids["Ana"])
            assert (row.name, row.country, row.institution, row.zone) == (
                "Ana María", "UY", "I", "America/Montevideo",
            )  # fmt: skip
        html = organizer_client.get(path).text
        assert re.findall(r'name="initiative" type="text" value="([^"]*)"', html) == ["Lácteos"]

    def test_two_at_once_see_both_versions(
        self, organizer_client: TestClient, ids: dict[str, str]
    ) -> None:
        path = f"{BASE}/{ids['Ana']}"
        organizer_client.post(path, data={**self.TYPED, "revision": "1"})
        late = {**self.TYPED, "name": "Ana Later", "revision": "1"}
        answer = organizer_client.post(path, data=late)
        assert answer.status_code == 412
        assert re.findall(r'name="name" type="text" value="([^"]*)"', answer.text) == ["Ana Later"]
        assert re.findall(r"<dd>([^<]*)</dd>", answer.text)[0] == "Ana María"
        (revision,) = re.findall(r'name="revision" value="(\d+)"', answer.text)
        again = organizer_client.post(path, data={**late, "revision": revision})
        assert again.status_code == 303

    @pytest.mark.parametrize("path", ["nobody", "%00", "nobody/withdrawn"])
    def test_nobody(self, organizer_client: TestClient, ids: dict[str, str], path: str) -> None:
        assert organizer_client.get(f"{BASE}/{path}").status_code == 404

    def test_somebody_of_another_cycle(
        self, organizer_client: TestClient, ids: dict[str, str]
    ) -> None:
        path = f"/organize/c/other/participants/{ids['Ana']}"
        assert organizer_client.get(path).status_code == 404
        assert organizer_client.post(path, data=self.TYPED).status_code == 404
        assert organizer_client.post(f"{path}/withdrawn").status_code == 404


class TestStatus:
    def test_withdrawing_tells_the_consequence_first(
        self, organizer_client: TestClient, database: Database, ids: dict[str, str]
    ) -> None:
        path = f"{BASE}/{ids['Ana']}/withdrawn"
        html = organizer_client.get(path).text
        assert re.findall(r"<li>([^<]*)</li>", html)[-1] == (
            "The place goes to Diego, first on the waiting list, who gets a mail."
        )
        assert statuses(database)["Ana"] == "confirmed"
        assert organizer_client.post(path).status_code == 303
        assert statuses(database) == {
            "Ana": "withdrawn",
            "Bruno": "pending",
            "Celia": "confirmed",
            "Diego": "confirmed",
        }
        assert mails(database) == [("enrolment-confirmed", "Diego")]

    def test_confirming(
        self, organizer_client: TestClient, database: Database, ids: dict[str, str]
    ) -> None:
        answer = organizer_client.post(f"{BASE}/{ids['Bruno']}/confirmed")
        assert answer.status_code == 303
        assert statuses(database)["Bruno"] == "confirmed"
        assert mails(database) == [("enrolment-confirmed", "Bruno")]

    def test_no_place_left(
        self, organizer_client: TestClient, database: Database, ids: dict[str, str]
    ) -> None:
        answer = organizer_client.post(f"{BASE}/{ids['Diego']}/confirmed")
        assert answer.status_code == 409
        assert statuses(database)["Diego"] == "waitlisted"

    def test_pending_and_nonsense_are_no_decisions(
        self, organizer_client: TestClient, ids: dict[str, str]
    ) -> None:
        for status in ("pending", "nonsense"):
            path = f"{BASE}/{ids['Ana']}/{status}"
            assert organizer_client.get(path).status_code == 404
            assert organizer_client.post(path).status_code == 404

    def test_sending_the_link(
        self, organizer_client: TestClient, database: Database, ids: dict[str, str]
    ) -> None:
        for _ in range(2):
            assert organizer_client.post(f"{BASE}/{ids['Ana']}/link").status_code == 303
        assert mails(database) == [("enrolment-link", "Ana")]

    def test_a_new_link(
        self,
        organizer_client: TestClient,
        database: Database,
        links: Links,
        ids: dict[str, str],
    ) -> None:
        path = f"{BASE}/{ids['Ana']}"
        html = organizer_client.get(f"{path}/new-link").text
        assert re.findall(r"<li>([^<]*)</li>", html)[-2] == "Ana gets a mail at ana@example.org."
        assert mails(database) == []
        assert organizer_client.post(f"{path}/new-link").status_code == 412
        assert mails(database) == []
        answer = organizer_client.post(f"{path}/new-link", data={"generation": "1"})
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        with database.begin(writes=False) as db:
            new = enrolments.enrolment_of_link(db, links, links.token(Purpose.MY, ids["Ana"], 2))
            assert new.id == ids["Ana"]
            with pytest.raises(Gone):
                enrolments.enrolment_of_link(db, links, links.token(Purpose.MY, ids["Ana"], 1))
        assert mails(database) == [("enrolment-link", "Ana")]

    def test_who_has_left_is_sent_none(
        self, organizer_client: TestClient, database: Database, ids: dict[str, str]
    ) -> None:
        path = f"{BASE}/{ids['Ana']}"
        button = f'action="{path}/link"'
        assert organizer_client.get(path).text.count(button) == 1
        organizer_client.post(f"{path}/withdrawn")
        assert organizer_client.get(path).text.count(button) == 0
        html = organizer_client.get(f"{path}/new-link").text
        said = re.findall(r"<li>([^<]*)</li>", html)[-2]
        assert said == "No mail goes out: Ana has left the cycle."
        answer = organizer_client.post(f"{path}/new-link", data={"generation": "1"})
        assert answer.status_code == 303
        # From a page of before: it says the same.
        page = organizer_client.post(f"{path}/link", follow_redirects=True).text
        assert "No mail goes out: Ana has left the cycle." in page
        assert mails(database) == [("enrolment-confirmed", "Diego")]  # who had waited


def test_all_of_it_is_for_organizers(client: TestClient, ids: dict[str, str]) -> None:
    row = f"{BASE}/{ids['Ana']}"
    for path in (BASE, f"{BASE}.csv", f"{BASE}.xlsx", f"{BASE}/new", row, f"{row}/withdrawn"):
        assert client.get(path).status_code == 303
    for path in (
        f"{BASE}/new",
        row,
        *(f"{row}/{act}" for act in ("withdrawn", "link", "new-link")),
    ):
        assert client.post(path).status_code == 401


def test_empty(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="leaders")
    html = organizer_client.get(BASE).text
    assert re.findall(r"<h3>([^<]*)</h3>", html) == ["Nobody has enrolled yet"]
