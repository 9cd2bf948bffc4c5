"""Organizers' pages: the people on the programme."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, Guest, Message, Part, Person
from app.services.guests import guest_of
from app.services.links import Links
from tests.factories import Make
from tests.pages.reading import Page

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
URL = "/organize/c/lideres/parts"


@dataclass(frozen=True)
class There:
    cycle_id: str
    ana: str
    luis: str
    part: str  # Ana's
    foreign: str  # Luis'


@pytest.fixture
def there(database: Database, monkeypatch: pytest.MonkeyPatch) -> There:
    monkeypatch.setattr("app.routers.pages.parts.now", lambda: NOW)
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="lideres", language="en")
        segment = make.segment(make.session(cycle), kind="panel", title="The <panel>")
        ana = make.person(name="Ana Ruiz", email="ana@example.org")
        luis = make.person(name="Luis Paz", email=None)
        first = make.part(segment, ana, role="panelist")
        second = make.part(segment, luis, role="moderator")
        make.part(segment, make.person(name="Zoe Diaz"), role="host", status="confirmed")
        make.person(name="Nobody")
        return There(cycle.id, ana.id, luis.id, first.id, second.id)


def part(database: Database, part_id: str) -> tuple[str, str]:
    with database.begin(writes=False) as db:
        row = db.get_one(Part, part_id)
        return row.status, row.comment


def mails(database: Database) -> list[tuple[str, str]]:
    with database.begin(writes=False) as db:
        return [(m.kind, m.to_address) for m in db.exec(select(Message).order_by("id"))]


@pytest.mark.parametrize("url", [URL, "/organize/people"])
def test_that_mail_comes_back_is_said_with_the_server_s_words(
    organizer_client: TestClient, database: Database, there: There, url: str
) -> None:
    with database.begin(writes=True) as db:
        ana = db.get_one(Person, there.ana)
        ana.bounced_at, ana.bounce = NOW, "550 5.1.1 <no> such user"
    (said,) = Page(organizer_client.get(f"{url}/{there.ana}").text).text(".notice-warning")
    day = {
        URL: "Monday 23 November 2026, 10:00",
        "/organize/people": "Monday 23 November 2026, 15:00",
    }
    assert said == (
        f"Mail to this address comes back Since: {day[url]} "
        "The mail server said: “550 5.1.1 <no> such user” "
        "No reminders go there. With another address they go again."
    )
    assert Page(organizer_client.get(f"{url}/{there.luis}").text).text(".notice-warning") == []


def test_everybody_with_a_part_and_where_it_stands(
    organizer_client: TestClient, there: There
) -> None:
    text = organizer_client.get(URL).text
    page = Page(text)
    order = [text.index(name) for name in ("Ana Ruiz", "Luis Paz", "Zoe Diaz")]
    assert order == sorted(order)
    found = [word for word in page.text(".status") if word != "Draft"]
    assert found == ["Not asked yet", "Not asked yet", "Confirmed"]
    assert "The &lt;panel&gt;" in text
    assert "Ask 1 person" in text
    assert "1 person has no address: no mail can go there." in text


@pytest.mark.parametrize("number", [1, 3])
def test_the_queries_do_not_grow(
    organizer_client: TestClient,
    database: Database,
    there: There,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
    number: int,
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        segment_id = db.get_one(Part, there.part).segment_id
        for _ in range(number):
            person = make.person()
            part = db.get_one(Part, there.part)
            db.add(
                Part(
                    session_id=part.session_id,
                    segment_id=segment_id,
                    person_id=person.id,
                    role="speaker",
                )
            )
            guest_of(db, there.cycle_id, person.id)
    with count_queries() as queries:
        organizer_client.get(URL)
    assert len(queries) == 8


def test_the_consequence_stands_before_the_act(
    organizer_client: TestClient, database: Database, there: There
) -> None:
    text = organizer_client.get(f"{URL}/ask").text
    assert "1 person gets a mail with all their parts and a personal link." in text
    assert "No mail goes to these, who have no address: Luis Paz." in text
    assert mails(database) == []
    answer = organizer_client.post(f"{URL}/ask")
    assert (answer.status_code, answer.headers["location"]) == (303, URL)
    organizer_client.post(f"{URL}/ask")
    assert mails(database) == [("part-request", "ana@example.org")]
    assert part(database, there.part) == ("invited", "")
    assert "There is nobody to ask now." in organizer_client.get(f"{URL}/ask").text
    assert "Ask 1 person" not in organizer_client.get(URL).text


def test_reminding(
    organizer_client: TestClient,
    database: Database,
    there: There,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    organizer_client.post(f"{URL}/{there.ana}/ask")
    assert "There is nobody to remind now" in organizer_client.get(f"{URL}/remind").text
    organizer_client.post(f"{URL}/{there.ana}/remind")
    monkeypatch.setattr("app.routers.pages.parts.now", lambda: NOW + timedelta(days=1))
    assert "Remind 1 person" in organizer_client.get(URL).text
    organizer_client.post(f"{URL}/remind")
    organizer_client.post(f"{URL}/remind")
    assert [kind for kind, _ in mails(database)] == ["part-request", "part-reminder"]


def test_an_organizer_notes_it_by_hand(
    organizer_client: TestClient, database: Database, there: There
) -> None:
    url = f"{URL}/{there.luis}/{there.foreign}"
    sent = {"status": "confirmed", "comment": "By <telephone>"}
    answer = organizer_client.post(url, data=sent)
    assert answer.headers["location"] == f"{URL}/{there.luis}#{there.foreign}"
    assert part(database, there.foreign) == ("confirmed", "By <telephone>")
    assert "By &lt;telephone&gt;" in organizer_client.get(f"{URL}/{there.luis}").text
    wrong = organizer_client.post(url, data={"status": "perhaps", "comment": "kept words"})
    assert (wrong.status_code, "kept words" in wrong.text) == (422, True)
    mixed = organizer_client.post(f"{URL}/{there.luis}/{there.part}", data=sent)
    assert mixed.status_code == 404


def test_the_personal_link_is_made_shown_and_renewed(
    organizer_client: TestClient, client: TestClient, database: Database, there: There, links: Links
) -> None:
    url = f"{URL}/{there.ana}"
    assert "/part/" not in organizer_client.get(url).text
    organizer_client.post(f"{url}/link")
    with database.begin(writes=False) as db:
        guest = db.exec(select(Guest)).one()
    old = links.part(guest.id, 1)
    assert f'value="{old}"' in organizer_client.get(url).text
    fields = Page(organizer_client.get(f"{url}/new-link").text).fields
    for _ in range(2):  # twice is once
        organizer_client.post(f"{url}/new-link", data=fields)
    assert f'value="{links.part(guest.id, 2)}"' in organizer_client.get(url).text
    path = old.removeprefix(links.base_url)
    assert client.get(path).status_code == 410
    stale = organizer_client.post(f"{url}/new-link", data={"generation": "7"})
    assert stale.status_code == 412


def test_what_they_said_of_themselves(
    organizer_client: TestClient, database: Database, there: There
) -> None:
    with database.begin(writes=True) as db:
        guest = guest_of(db, there.cycle_id, there.ana)
        guest.biography = "Born <here>."
        guest.unavailable = [["2026-12-01T08:00:00Z", "2026-12-01T11:00:00Z"]]
    text = organizer_client.get(f"{URL}/{there.ana}").text
    assert "Born &lt;here&gt;." in text
    assert "03:00" in text  # in the cycle's zone
    assert organizer_client.get(f"{URL}/{there.ana}/photo").status_code == 404


def test_who_has_no_part_is_not_there(organizer_client: TestClient, there: There) -> None:
    paths = ("nobody", "%00", "nobody/new-link", "nobody/photo", "nobody/slides/x")
    assert {organizer_client.get(f"{URL}/{path}").status_code for path in paths} == {404}
    posts = ("nobody/ask", "nobody/remind", "nobody/link", "nobody/new-link", "nobody/x")
    assert {organizer_client.post(f"{URL}/{path}").status_code for path in posts} == {404}
    assert organizer_client.get("/organize/c/nothing/parts").status_code == 404


def test_the_link_of_who_has_no_part_any_more_can_be_ended(
    organizer_client: TestClient, client: TestClient, database: Database, there: There, links: Links
) -> None:
    with database.begin(writes=True) as db:
        guest = guest_of(db, there.cycle_id, there.ana)
        participant = Make(db).person(name="Paula Participant")
        Make(db).enrolment(db.get_one(Cycle, there.cycle_id), participant)
        participant_id = guest_of(db, there.cycle_id, participant.id).person_id
        db.delete(db.get_one(Part, there.part))
    page = links.part(guest.id, 1).removeprefix(links.base_url)
    assert client.get(page).status_code == 200
    (shown,) = [t for t in Page(organizer_client.get(URL).text).text("section") if "Formerly" in t]
    assert ("Ana Ruiz" in shown, "Luis" in shown, "Paula" in shown) == (True, False, False)
    url = f"{URL}/{there.ana}"
    text = organizer_client.get(url).text
    assert ("They have no part any more." in text, "/part/" in text) == (True, False)
    assert "/part/" not in organizer_client.get(f"{URL}/{participant_id}").text
    fields = Page(organizer_client.get(f"{url}/new-link").text).fields
    assert organizer_client.post(f"{url}/new-link", data=fields).status_code == 303
    assert client.get(page).status_code == 410
    assert "/part/" not in organizer_client.get(url).text
    assert organizer_client.post(f"{url}/ask").status_code == 303
    assert mails(database) == []


def test_what_is_over_comes_last_and_says_so(
    organizer_client: TestClient, database: Database, there: There
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        past = make.session(
            db.get_one(Cycle, there.cycle_id), 2, wall_start=datetime(2026, 11, 2, 9)
        )
        make.part(make.segment(past, title="Long ago"), db.get_one(Person, there.ana))
    text = organizer_client.get(URL).text
    found = [word for word in Page(text).text(".status") if word != "Draft"]
    assert found == ["Not asked yet", "Over", "Not asked yet", "Confirmed"]
    assert text.index("The &lt;panel&gt;") < text.index("Long ago")
    assert "ana<wbr>@example.<wbr>org" in text


def test_an_empty_programme(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres")
    assert "Nobody has a part yet" in organizer_client.get(URL).text


def test_organizers_only(client: TestClient, there: There) -> None:
    for path in ("", "/ask", "/remind", f"/{there.ana}", f"/{there.ana}/photo"):
        assert client.get(URL + path).status_code == 303
    assert client.post(f"{URL}/ask").status_code == 401
