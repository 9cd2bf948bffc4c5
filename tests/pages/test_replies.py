"""The pages of mails that came in."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Guest, InboundMail, Invitation, Person
from app.services.inbound import receive
from tests.mail import inbound_corpus as corpus
from tests.pages.reading import Page
from tests.services.test_inbound import RECEIVED, invite

CountQueries = Callable[[], AbstractContextManager[list[str]]]
URL = "/organize/replies"


@dataclass
class Case:
    """A mail that waits, sent by a stranger; Ana and Eva were invited to what it answers."""

    mail_id: str
    ana: str
    eva: str
    slug: str


@pytest.fixture
def case(database: Database) -> Case:
    with database.begin(writes=True) as db:
        ana = invite(db)
        eva = invite(db, "eva@example.org", ana.session)
        ana.person.name, ana.person.search_key = "Ana <i>Ruiz</i>", "ana ruiz ana@example.org"
        eva.person.name, eva.person.search_key = "Eva Sol", "eva sol eva@example.org"
        raw = ana.mail(
            corpus.alias, sender="Eve <eve@evil.example>", subject="<script>x</script> yes"
        )
        row = receive(db, raw, RECEIVED)
        assert (row.status, row.reason) == ("open", "stranger")
        return Case(row.id, ana.guest.id, eva.guest.id, "c-ana")


def take(database: Database, *mails: bytes) -> list[str]:
    with database.begin(writes=True) as db:
        return [receive(db, raw, RECEIVED).id for raw in mails]


def held(database: Database) -> dict[str, str]:
    with database.begin(writes=False) as db:
        return {row.guest_id: row.answer for row in db.exec(select(Invitation))}


def state(database: Database, mail_id: str) -> tuple[str, str]:
    with database.begin(writes=False) as db:
        row = db.get_one(InboundMail, mail_id)
        return row.status, row.settled_by


def titles(client: TestClient, query: str = "") -> list[str]:
    page = client.get(URL + query)
    assert page.status_code == 200
    return re.findall(rf'<th scope="row"><a href="{URL}/[^"]+">([^<]*)</a>', page.text)


def test_they_need_a_sign_in(client: TestClient, case: Case) -> None:
    for path in ("", f"/{case.mail_id}", f"/{case.mail_id}/file"):
        assert client.get(URL + path).status_code == 303
    for act in ("place", "settle"):
        assert client.post(f"{URL}/{case.mail_id}/{act}").status_code == 401


def test_an_empty_list_says_so_and_the_mail_page_leads_there(organizer_client: TestClient) -> None:
    assert "Nothing waits for you" in organizer_client.get(URL).text
    assert f'href="{URL}"' in organizer_client.get("/organize/mail").text


def test_what_waits_is_listed_with_the_reason(organizer_client: TestClient, case: Case) -> None:
    page = organizer_client.get(URL).text
    assert titles(organizer_client) == ["&lt;script&gt;x&lt;/script&gt; yes"]
    assert "<script>x" not in page
    assert "It was not sent from an address of the person who was invited." in page
    assert "Ana &lt;i&gt;Ruiz" in page
    assert "eve@evil.example" in page


def test_filters(organizer_client: TestClient, database: Database, case: Case) -> None:
    late = corpus.notification(action="delayed", status="4.4.1", message_id="<late@x>")
    take(database, corpus.out_of_office(), corpus.letter(), late)
    counts = {
        status: len(titles(organizer_client, f"?status={status}"))
        for status in ("open", "placed", "ignored", "settled", "all", "nonsense")
    }
    # The mail that is late is nobody's business.
    assert counts == {
        "open": 2,
        "placed": 0,
        "ignored": 1,
        "settled": 0,
        "all": 3,
        "nonsense": 2,
    }
    assert len(titles(organizer_client, f"?cycle={case.slug}")) == 1
    assert organizer_client.get(f"{URL}?cycle=none").status_code == 404
    assert organizer_client.get(f"{URL}?after=nonsense").status_code == 422


def test_stretches(organizer_client: TestClient, database: Database) -> None:
    take(database, *(corpus.letter(message_id=f"<{n}@x>") for n in range(60)))
    first = organizer_client.get(URL).text
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following is not None
    rest = titles(organizer_client, following[1].replace("&amp;", "&").removeprefix(URL))
    assert (len(titles(organizer_client)), len(rest)) == (50, 10)


def test_queries_do_not_grow(
    organizer_client: TestClient, database: Database, case: Case, count_queries: CountQueries
) -> None:
    def count(path: str) -> int:
        with count_queries() as queries:
            assert organizer_client.get(URL + path).status_code == 200
        return len(queries)

    before = count(""), count(f"/{case.mail_id}")
    with database.begin(writes=True) as db:
        for number in range(2):
            other = invite(db, f"x{number}@example.org")
            raw = other.mail(corpus.alias, sender="e@evil.example", message_id=f"<{number}@y>")
            receive(db, raw, RECEIVED)
    assert (before, count(""), count(f"/{case.mail_id}")) == ((5, 7), 5, 7)


def test_one_shows_what_was_read_and_all_of_it(organizer_client: TestClient, case: Case) -> None:
    html = organizer_client.get(f"{URL}/{case.mail_id}").text
    assert "1 · Session 1" in html
    assert "ana.ruiz@mail.example.org" in html
    assert "&lt;script&gt;x&lt;/script&gt; yes" in html
    assert "<script>x" not in html
    assert "Content-Type: multipart/alternative" in html
    assert "BEGIN:VCALENDAR\nVERSION:2.0" in html  # decoded


def test_it_is_not_read_anew_at_every_look(
    organizer_client: TestClient, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("app.mail.inbound.read", refuse)
    monkeypatch.setattr("app.services.inbound_lists.read", refuse)
    assert "May I" not in organizer_client.get(f"{URL}/{case.mail_id}").text


def test_the_likely_guest_is_one_button_that_says_what_it_overwrites(
    organizer_client: TestClient, database: Database, case: Case
) -> None:
    with database.begin(writes=True) as db:
        invitation = db.exec(select(Invitation).where(Invitation.guest_id == case.ana)).one()
        invitation.answer, invitation.answered_at = "declined", RECEIVED - timedelta(days=9)
        invitation.answer_source = "page"
    html = organizer_client.get(f"{URL}/{case.mail_id}").text
    assert "Yes, this is Ana &lt;i&gt;Ruiz" in html
    assert "Session 1: “Coming” replaces “Not coming”, unless that was said later." in html
    assert "answers that come from eve@evil.example count as theirs" in html
    assert Page(html).buttons == [f"guest={case.ana}"]
    organizer_client.post(f"{URL}/{case.mail_id}/place", data={"guest": case.ana})
    assert held(database) == {case.ana: "accepted", case.eva: ""}
    with database.begin(writes=False) as db:
        assert db.get_one(Guest, case.ana).aliases == ["eve@evil.example"]


def test_somebody_else_is_confirmed_on_a_page_of_its_own(
    organizer_client: TestClient, case: Case
) -> None:
    html = organizer_client.get(f"{URL}/{case.mail_id}/whose?guest={case.eva}").text
    assert "Session 1: “Coming”. Nothing was answered so far." in html
    assert Page(html).buttons == [f"guest={case.eva}"]
    for guest in ("nothing", "", "a%00b"):
        assert organizer_client.get(f"{URL}/{case.mail_id}/whose?guest={guest}").status_code == 404


def test_an_answer_that_a_letter_gives_is_noted(
    organizer_client: TestClient, database: Database, case: Case
) -> None:
    [mail_id] = take(database, corpus.letter(to="convoca@example.org"))
    page = Page(organizer_client.get(f"{URL}/{mail_id}").text)
    assert page.buttons == ["answer=accepted", "answer=tentative", "answer=declined"]
    with database.begin(writes=False) as db:
        query = select(Invitation.session_id).where(Invitation.guest_id == case.ana)
        session_id = db.exec(query).one()
    data = {"guest": case.ana, "session": session_id}
    organizer_client.post(f"{URL}/{mail_id}/note", data=data)
    assert state(database, mail_id) == ("open", "")
    done = organizer_client.post(f"{URL}/{mail_id}/note", data=data | {"answer": "declined"})
    assert done.headers["location"] == URL
    assert "Noted as the answer of Ana &lt;i&gt;Ruiz" in organizer_client.get(URL).text
    assert held(database) == {case.ana: "declined", case.eva: ""}
    assert state(database, mail_id) == ("settled", "Olga Organizer")


def test_many_are_put_away_at_once(organizer_client: TestClient, database: Database) -> None:
    first, second, third = take(database, *(corpus.letter(message_id=f"<{n}@x>") for n in range(3)))
    chosen = {f"mail-{first}": "on", f"mail-{second}": "on", "mail-nothing": "on"}
    organizer_client.post(f"{URL}/settle", data=chosen)
    assert "2 mails were put away." in organizer_client.get(URL).text
    states = [state(database, each)[0] for each in (first, second, third)]
    assert states == ["settled", "settled", "open"]
    organizer_client.post(f"{URL}/settle", data={})
    assert "Nothing was chosen." in organizer_client.get(URL).text


def test_how_many_wait_stands_at_the_way_there(
    organizer_client: TestClient, database: Database, case: Case
) -> None:
    take(database, corpus.letter(sender="nobody@example.net", to="convoca@example.org"))
    assert "Replies (2)" in organizer_client.get("/organize/mail").text


def test_an_address_is_tried_again(
    organizer_client: TestClient, database: Database, case: Case
) -> None:
    def mark() -> datetime | None:
        with database.begin(writes=False) as db:
            return db.get_one(Person, db.get_one(Guest, case.ana).person_id).bounced_at

    with database.begin(writes=True) as db:
        person = db.get_one(Person, db.get_one(Guest, case.ana).person_id)
        person.bounced_at, person.bounce = RECEIVED, "550 no such user"
        here = f"/organize/people/{person.id}"
    assert "Try this address again" in organizer_client.get(here).text
    done = organizer_client.post(f"{here}/try-again")
    assert (done.headers["location"], mark()) == (here, None)
    assert "Try this address again" not in organizer_client.get(here).text


@pytest.mark.parametrize(("query", "names"), [("eva", ["Eva Sol"]), ("ANA@", ["Ana"]), ("zz", [])])
def test_who_it_may_be_is_searched(
    organizer_client: TestClient, case: Case, query: str, names: list[str]
) -> None:
    html = organizer_client.get(f"{URL}/{case.mail_id}?q={query}").text
    found = re.findall(r">This is (Eva Sol|Ana)", html)
    assert found == names


def test_an_organizer_says_whose_it_is(
    organizer_client: TestClient, database: Database, case: Case
) -> None:
    url = f"{URL}/{case.mail_id}/place"
    done = organizer_client.post(url, data={"guest": case.eva})
    assert (done.status_code, done.headers["location"]) == (303, URL)
    assert "It counts as the answer of Eva Sol." in organizer_client.get(URL).text
    assert held(database) == {case.ana: "", case.eva: "accepted"}
    assert state(database, case.mail_id) == ("placed", "Olga Organizer")
    again = organizer_client.post(url, data={"guest": case.ana})
    assert again.headers["location"] == f"{URL}/{case.mail_id}"
    page = organizer_client.get(again.headers["location"])
    assert "Somebody has dealt with this mail already." in page.text
    assert held(database) == {case.ana: "", case.eva: "accepted"}


def test_somebody_of_another_cycle_or_not_invited_is_refused(
    organizer_client: TestClient, database: Database, case: Case
) -> None:
    with database.begin(writes=True) as db:
        elsewhere = invite(db, "zoe@example.org").guest.id
        invitation = db.exec(select(Invitation).where(Invitation.guest_id == case.eva)).one()
        invitation.uid = "another"
    url = f"{URL}/{case.mail_id}/place"
    for guest in (elsewhere, "nothing", "", "a\0b"):
        assert organizer_client.post(url, data={"guest": guest}).status_code == 404
    refused = organizer_client.post(url, data={"guest": case.eva})
    page = organizer_client.get(refused.headers["location"]).text
    assert "There is no answer in this mail to an invitation of Eva Sol." in page
    assert state(database, case.mail_id) == ("open", "")
    assert set(held(database).values()) == {""}


def test_there_is_nothing_to_do(
    organizer_client: TestClient, database: Database, case: Case
) -> None:
    done = organizer_client.post(f"{URL}/{case.mail_id}/settle")
    assert done.headers["location"] == URL
    assert state(database, case.mail_id) == ("settled", "Olga Organizer")
    html = organizer_client.get(f"{URL}/{case.mail_id}").text
    assert "Nothing to do" not in html
    assert "This is the answer of" not in html
    again = organizer_client.post(f"{URL}/{case.mail_id}/settle")
    assert again.headers["location"] == f"{URL}/{case.mail_id}"


@pytest.mark.parametrize(
    "raw",
    [
        corpus.letter(),
        corpus.notification(),
        corpus.notification(original="<other@x>"),
        corpus.out_of_office(),
        b"\0\xff<script>",
        b"",
        b"Subject: a\r\n\r\n" + b"x" * 3_000_000,
    ],
)
def test_every_mail_can_be_looked_at(
    organizer_client: TestClient, database: Database, raw: bytes
) -> None:
    [mail_id] = take(database, raw)
    page = organizer_client.get(f"{URL}/{mail_id}")
    assert page.status_code == 200
    assert "<script>" not in page.text.replace('<script type="module"', "")
    assert "\0" not in page.text
    file = organizer_client.get(f"{URL}/{mail_id}/file")
    assert file.headers["content-type"] == "message/rfc822"
    assert file.headers["content-disposition"] == f'attachment; filename="{mail_id}.eml"'
    assert raw.startswith(file.content)


@pytest.mark.parametrize("path", ["nothing", "a%00b", "..%2f..%2fsecret", "x" * 300])
def test_unknown_mails_are_not_found(organizer_client: TestClient, path: str) -> None:
    for address in (path, f"{path}/file"):
        assert organizer_client.get(f"{URL}/{address}").status_code == 404
    for act in ("place", "settle"):
        assert organizer_client.post(f"{URL}/{path}/{act}", data={"guest": "x"}).status_code == 404


def test_looking_changes_nothing(
    organizer_client: TestClient, database: Database, case: Case
) -> None:
    before: Any = held(database), state(database, case.mail_id)
    fields = Page(organizer_client.get(f"{URL}/{case.mail_id}").text).buttons
    assert fields == [f"guest={case.ana}"]
    for path in (f"{case.mail_id}/place?guest={case.ana}", f"{case.mail_id}/settle"):
        assert organizer_client.get(f"{URL}/{path}").status_code == 405
    assert (held(database), state(database, case.mail_id)) == before
