"""Organizers' pages about certificates."""

import csv
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.certificates import new_certificate_code
from app.models import Certificate, CertificateDesign, Evidence, IssueRun, Message, now
from app.schemas.certificate import IssueIn
from app.services import certificate_issuing, certificate_lists
from app.services.completion_rules import set_rule
from app.worker.chores import Chores
from tests.clock import TODAY, Clock
from tests.factories import Make
from tests.services.attendance_world import OVER
from tests.services.certificate_world import OLGA, Certified


@dataclass
class There:
    base: str
    cycle: str
    ids: dict[str, str]
    code: str  # of Ana's


@pytest.fixture(autouse=True)
def over(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sessions are over."""
    monkeypatch.setattr(Clock, "ahead", OVER + timedelta(hours=1) - TODAY)


@pytest.fixture
def there(database: Database) -> There:
    with database.begin(writes=True) as db:
        world = Certified(db)
        row = world.issue(world.ana)
        ids = {who.name: who.id for who in (world.ana, world.eva, world.leo)}
        base = f"/organize/c/{world.cycle.slug}/certificates"
        return There(base, world.cycle.id, ids, row.code)


def change_records(database: Database, there: There) -> None:
    with database.begin(writes=True) as db:
        mine = select(Evidence).where(Evidence.enrolment_id == there.ids["Ana"])
        row = db.exec(mine.order_by(col(Evidence.id))).first()
        assert row is not None
        row.left_at = row.joined_at


def test_strangers_are_sent_away(client: TestClient, there: There) -> None:
    for path in ("", "/issue", "/progress", f"/{there.code}", f"/{there.code}/certificate.pdf"):
        assert client.get(there.base + path).status_code in (303, 401)


def test_the_list(organizer_client: TestClient, database: Database, there: There) -> None:
    page = organizer_client.get(there.base).text
    assert f'href="{there.base}/{there.code}"' in page
    assert "rests on something that has changed" not in page
    change_records(database, there)
    page = organizer_client.get(there.base).text
    assert "One certificate rests on something that has changed" in page
    assert "the minutes, the sessions, the attendance records" in page
    for query, found in (("state=flagged", True), ("state=live", False), ("q=ana", True)):
        page = organizer_client.get(f"{there.base}?{query}").text
        assert (f'href="{there.base}/{there.code}"' in page) is found


def test_of_many_only_the_page_is_looked_through(
    organizer_client: TestClient,
    database: Database,
    there: There,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(certificate_lists, "MANY", 0)
    change_records(database, there)
    page = organizer_client.get(there.base).text
    assert "Look for changes in all of them" in page
    assert "the minutes, the sessions, the attendance records" in page
    for query, found in (("state=flagged", 1), ("state=live", 1), ("q=ana", 1), ("q=eva", 0)):
        page = organizer_client.get(f"{there.base}?{query}").text
        assert page.count(f'href="{there.base}/{there.code}"') == found


def test_nobody_has_one_yet(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        slug = Certified(db).cycle.slug
    page = organizer_client.get(f"/organize/c/{slug}/certificates")
    assert "No certificates yet" in page.text
    assert "/certificates" in organizer_client.get(f"/organize/c/{slug}/completion").text


@pytest.mark.parametrize("more", [0, 2])
def test_queries_do_not_grow(
    organizer_client: TestClient,
    database: Database,
    there: There,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
    more: int,
) -> None:
    with database.begin(writes=True) as db:
        for name in ("Eva", "Leo")[:more]:
            kept = db.exec(select(Evidence).where(Evidence.enrolment_id == there.ids["Ana"])).all()
            for row in kept:
                values = row.model_dump(exclude={"id", "key", "enrolment_id"})
                key = f"{name}:{row.key}"
                db.add(Evidence(**values, key=key, enrolment_id=there.ids[name]))
            db.flush()
            command = IssueIn(enrolment_id=there.ids[name])
            certificate_issuing.issue_to(db, OLGA, there.cycle, command, OVER)
    with count_queries() as queries:
        assert organizer_client.get(there.base).status_code == 200
    assert len(queries) == 15


def test_issuing_to_all(organizer_client: TestClient, database: Database, there: There) -> None:
    page = organizer_client.get(f"{there.base}/issue").text
    assert "Issue one certificate" in page
    assert "2 sessions" in page  # that Leo lacks
    answer = organizer_client.post(f"{there.base}/issue")
    assert (answer.status_code, answer.headers["location"]) == (303, there.base)
    page = organizer_client.get(there.base).text
    assert "0 of 3 participants have been looked at." in page
    assert "progress.js" in page
    assert "being issued at this moment" in organizer_client.get(f"{there.base}/issue").text
    Chores(database).look(now())
    page = organizer_client.get(f"{there.base}/progress").text
    assert "3 of 3 participants have been looked at. One certificate has been issued." in page
    assert "<progress" not in page
    with database.begin(writes=False) as db:
        assert sorted(db.exec(select(Certificate.holder)).all()) == ["Ana", "Eva"]
        assert len(db.exec(select(IssueRun)).all()) == 1


def test_a_text_that_cannot_be_printed_is_listed_and_ends_a_run(
    organizer_client: TestClient, database: Database, there: There
) -> None:
    assert organizer_client.post(f"{there.base}/issue").status_code == 303
    with database.begin(writes=True) as db:
        newest = db.exec(select(CertificateDesign)).one()
        newest.statement = dict.fromkeys(("en", "es", "pt"), "was there \U0001f680")
    Chores(database).look(now())
    page = organizer_client.get(there.base).text
    assert "Not everybody was looked at" in page
    assert "No typeface on this server has some of what the certificates say." in page
    page = organizer_client.get(f"{there.base}/issue").text
    assert "Texts that cannot be printed" in page
    assert page.count("\U0001f680") == 1
    assert "Issue one certificate" not in page
    with database.begin(writes=False) as db:
        assert db.exec(select(Certificate.holder)).all() == ["Ana"]


def test_a_run_that_lost_its_rule_says_so(
    organizer_client: TestClient, database: Database, there: There
) -> None:
    assert organizer_client.post(f"{there.base}/issue").status_code == 303
    with database.begin(writes=True) as db:
        set_rule(db, OLGA, there.cycle, None, OVER)
    Chores(database).look(now())
    page = organizer_client.get(there.base).text
    assert "Not everybody was looked at" in page
    assert "The cycle had no completion rule any more" in page


def test_without_a_rule(organizer_client: TestClient, database: Database, there: There) -> None:
    with database.begin(writes=True) as db:
        set_rule(db, OLGA, there.cycle, None, OVER)
    page = organizer_client.get(f"{there.base}/issue").text
    assert "Nobody can complete the cycle yet" in page
    assert organizer_client.post(f"{there.base}/issue").status_code == 409
    assert organizer_client.get(there.base).status_code == 200
    assert organizer_client.get(f"{there.base}/{there.code}").status_code == 200


def test_issuing_to_one(organizer_client: TestClient, database: Database, there: There) -> None:
    eva, leo, ana = (f"{there.base}/for/{there.ids[name]}" for name in ("Eva", "Leo", "Ana"))
    assert "Issue a certificate to Eva?" in organizer_client.get(eva).text
    answer = organizer_client.post(eva)
    assert answer.status_code == 303
    assert "The certificate is issued." in organizer_client.get(answer.headers["location"]).text
    assert organizer_client.post(eva).headers["location"] == answer.headers["location"]
    assert "Still missing: 2 sessions" in organizer_client.get(leo).text
    refused = organizer_client.post(leo)
    assert (refused.status_code, "Still missing: 2 sessions" in refused.text) == (409, True)
    assert organizer_client.get(ana).headers["location"] == f"{there.base}/{there.code}"
    for method in ("get", "post"):
        assert getattr(organizer_client, method)(f"{there.base}/for/x").status_code == 404


def test_one_with_all_behind_it(organizer_client: TestClient, there: There) -> None:
    page = organizer_client.get(f"{there.base}/{there.code}").text
    ana = there.ids["Ana"]
    path = there.base.removesuffix("/certificates")
    for number in (1, 2, 3, 4):
        assert f'href="{path}/sessions/{number}/attendance/{ana}"' in page
    assert "Issued by Olga, under version 1 of the rule." in page
    assert page.count("/revoke") == 1
    answer = organizer_client.get(f"{there.base}/{there.code}/certificate.pdf")
    assert answer.content.startswith(b"%PDF-")
    assert organizer_client.get(f"{there.base}/{new_certificate_code()}").status_code == 404


def test_of_another_cycle(organizer_client: TestClient, database: Database, there: There) -> None:
    with database.begin(writes=True) as db:
        other = Make(db).cycle(slug="other").slug
    assert organizer_client.get(f"/organize/c/{other}/certificates/{there.code}").status_code == 404


def test_revoking(organizer_client: TestClient, there: There) -> None:
    here = f"{there.base}/{there.code}"
    assert "Revoke the certificate of Ana?" in organizer_client.get(f"{here}/revoke").text
    refused = organizer_client.post(f"{here}/revoke", data={"reason": " "})
    assert (refused.status_code, "Fill this in." in refused.text) == (422, True)
    assert organizer_client.post(f"{here}/revoke", data={"reason": "Wrong."}).status_code == 303
    page = organizer_client.get(here).text
    assert "Wrong." in page
    assert f"{there.base}/for/{there.ids['Ana']}" in page
    assert "/supersede" not in page
    refused = organizer_client.post(f"{here}/supersede", data={"holder": "Eva"})
    assert (refused.status_code, "This certificate was revoked." in refused.text) == (409, True)


def test_superseding(organizer_client: TestClient, database: Database, there: There) -> None:
    change_records(database, there)
    here = f"{there.base}/{there.code}"
    assert "Issued today it would say something else" in organizer_client.get(here).text
    assert 'value="Ana"' in organizer_client.get(f"{here}/supersede").text
    form = {"holder": "Ana María", "reason": "Misspelt."}
    answer = organizer_client.post(f"{here}/supersede", data=form)
    assert answer.status_code == 303
    page = organizer_client.get(answer.headers["location"]).text
    assert "Ana María" in page
    assert here in page
    assert answer.headers["location"] in organizer_client.get(here).text


def test_the_mail_again(organizer_client: TestClient, database: Database, there: There) -> None:
    said = []
    for _ in range(3):
        answer = organizer_client.post(f"{there.base}/{there.code}/mail")
        assert answer.status_code == 303
        page = organizer_client.get(answer.headers["location"]).text
        said.append("The mail is on its way." in page)
        assert ("This mail was sent less than a minute ago." in page) is not said[-1]
    assert said == [True, False, False]
    with database.begin(writes=False) as db:
        rows = db.exec(select(Message).where(Message.kind == "certificate")).all()
    assert len(rows) == 2


def test_files(organizer_client: TestClient, there: There) -> None:
    data = organizer_client.get(f"{there.base}.csv").content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(data)))
    assert rows[1][0] == "Ana"
    assert rows[1][2:5] == ["Valid", "420", "4"]
    xlsx = organizer_client.get(f"{there.base}.xlsx?state=revoked")
    assert xlsx.content.startswith(b"PK")
    assert organizer_client.get(f"{there.base}.pdf").status_code == 404
