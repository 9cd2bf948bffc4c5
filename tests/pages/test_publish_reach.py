"""Who is concerned by a release, who is left out of it, and who cannot be told."""

from typing import Any

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database, DbSession
from app.domain.errors import Invalid
from app.models import Cycle, Message, Person, Release, Session, now
from app.services import publishing
from app.services.actor import SYSTEM
from tests.factories import Make
from tests.pages.reading import Page
from tests.services.mailing_world import world_ahead

READ = {"warnings-read": "1"}


@pytest.fixture
def url(database: Database) -> str:
    """Of a cycle that is not published yet: Hugo hosts, Ana and Beto take part."""
    with database.begin(writes=True) as db:
        return f"/organize/c/{world_ahead(db).cycle.slug}/publish"


def fields(client: TestClient, url: str) -> dict[str, str]:
    return Page(client.get(url).text).fields | READ


def enrol(database: Database, *names: str, email: str = "") -> None:
    with database.begin(writes=True) as db:
        make, cycle = Make(db), db.exec(select(Cycle)).one()
        for name in names:
            make.enrolment(cycle, make.person(name=name, email=email or f"{name}@example.org"))


def written_to(database: Database) -> list[str]:
    with database.begin(writes=False) as db:
        query = select(Message.to_address).where(Message.status == "queued")
        return sorted(address.removesuffix("@example.org") for address in db.exec(query))


def deliver(database: Database) -> None:
    with database.begin(writes=True) as db:
        for message in db.exec(select(Message)):
            message.status, message.sent_at = "sent", now()


def retitle(database: Database) -> None:
    with database.begin(writes=True) as db:
        db.exec(select(Session)).one().title = {"en": "Another"}


def test_all_of_many_addresses_are_left_out(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    names = [f"p{n:03}" for n in range(502)]
    enrol(database, *names)
    typed = "\n".join(f"{name}@example.org" for name in names)

    organizer_client.post(url, data=fields(organizer_client, url) | {"leave_out": typed})

    assert written_to(database) == ["ana", "beto", "hugo"]


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("ANA@example.org beto@example.org", {"Ana", "Beto"}),
        ("Ana <ana@example.org>", {"Ana"}),
        ("Díaz, Ana < ana@example.org >; Beto <beto@example.org>", {"Ana", "Beto"}),
        ("Ana <ana@example.org>, beto@example.org\nhugo@example.org", {"Ana", "Beto", "Hugo"}),
        (" ,;\n", set()),
    ],
)
def test_addresses_as_they_are_typed(db: DbSession, typed: str, left: set[str]) -> None:
    cycle = world_ahead(db).cycle
    found = publishing.people_with(db, SYSTEM, cycle.id, typed)
    names = db.exec(select(Person.name).where(col(Person.id).in_(found)))
    assert set(names) == left


def test_an_address_that_is_none(db: DbSession) -> None:
    cycle = world_ahead(db).cycle
    with pytest.raises(Invalid) as raised:
        publishing.people_with(db, SYSTEM, cycle.id, "Ana ana@example.org")
    assert [(f.field, f.code, f.params) for f in raised.value.fields] == [
        ("leave_out", "unknown_address", {"email": "Ana"})
    ]


def test_somebody_whom_it_does_not_concern(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    with database.begin(writes=True) as db:
        Make(db).person(name="Ana at home", email="home@example.org")
    typed = "home@example.org"

    answer = organizer_client.post(url, data=fields(organizer_client, url) | {"leave_out": typed})

    assert (answer.status_code, Page(answer.text).text(".error-summary")) == (
        422,
        [
            "One thing needs a change This release does not concern home@example.org: "
            "nothing is sent there. Take it out."
        ],
    )
    assert written_to(database) == []


def test_what_was_typed_stays_though_few_are_concerned(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    data = fields(organizer_client, url) | {"leave_out": "nobody@example.com"}
    answer = Page(organizer_client.post(url, data=data).text)
    assert answer.fields["leave_out"] == "nobody@example.com"
    assert answer.text("#leave_out-error") == [
        "Error: Nobody in the directory has the address nobody@example.com."
    ]


def test_those_without_an_address_are_named(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    page = Page(organizer_client.get(url).text)
    assert page.text("#without-address") == []
    with database.begin(writes=True) as db:
        db.exec(select(Person).where(Person.name == "Beto")).one().email = None
    page = Page(organizer_client.get(url).text)
    assert page.text("#without-address") == ["One person has no address and cannot be told: Beto"]
    with database.begin(writes=True) as db:
        db.exec(select(Person).where(Person.name == "Ana")).one().email = None
    page = Page(organizer_client.get(url).text)
    assert page.text("#without-address") == ["2 people have no address and cannot be told Ana Beto"]


def test_those_whose_calendar_would_be_wrong_come_first_and_all_are_found(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    organizer_client.post(url, data=fields(organizer_client, url))
    deliver(database)
    retitle(database)
    enrol(database, *(f"Áa{n:03}" for n in range(110)))

    page = Page(organizer_client.get(url).text)
    rows = page.text("tbody")[0]
    assert rows.startswith(
        "Ana ana@example.org Calendar wrong without it Session 1: update "
        "Beto beto@example.org Calendar wrong without it Session 1: update "
        "Hugo hugo@example.org Calendar wrong without it Session 1: update "
        "Áa000 Áa000@example.org Session 1: invitation Áa001"
    )
    html = organizer_client.get(url).text
    assert f'<a href="{url}/people" target="_blank">And 13 more</a>' in html

    names = []
    for query in ("", "?page=2", "?q=aa10", "?q=beto%40EXAMPLE&page=9", "?q=nobody"):
        heads = Page(organizer_client.get(f"{url}/people{query}").text).text("th")
        names.append([head.split()[0] for head in heads][3:])
    everybody = ["Ana", "Beto", "Hugo", *(f"Áa{n:03}" for n in range(110))]
    assert names == [
        everybody[:100],
        everybody[100:],
        [f"Áa{n}" for n in range(100, 110)],
        ["Beto"],
        [],
    ]
    answer = Page(organizer_client.get(url + "/people?q=beto").text)
    assert answer.text("td") == ["Calendar wrong without it", "Session 1: update"]
    assert len(answer.buttons) == 1


def test_the_page_of_all_takes_as_many_queries(
    organizer_client: TestClient, database: Database, url: str, count_queries: Any
) -> None:
    with count_queries() as few:
        organizer_client.get(url + "/people")
    enrol(database, "carla", "diego")
    with count_queries() as more:
        organizer_client.get(url + "/people")
    assert len(few) == len(more)
    assert len(more) <= 19


def test_one_mail_is_told_in_the_singular(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    with database.begin(writes=True) as db:
        ids = {p.name: p.id for p in db.exec(select(Person))}
    left = {f"leave-{ids[name]}": "1" for name in ("Ana", "Beto")}
    organizer_client.post(url, data=fields(organizer_client, url) | left)
    deliver(database)
    with database.begin(writes=True) as db:
        for person in db.exec(select(Person).where(col(Person.name).in_(("Ana", "Beto")))):
            person.email = None
    retitle(database)

    page = Page(organizer_client.get(url).text)

    assert page.text(".publish-act")[0].startswith(
        "What happens when you publish The public page and its calendar show it at once. "
    )
    assert [t for t in page.text("h3") if "mail" in t] == ["One mail goes out"]
    assert page.text(".publish-reach")[1] == (
        "Updates: 1 (Español 1) Without it the calendar of one person would be wrong."
    )


NOTE = ("a" * 98 + "\r\n\r\n") * 20
"""Of 2,000 characters, as a browser counts and sends them."""
TURNED = "\u202e\u2066"
"""Turns the direction of what follows; nobody types it, and it is dropped."""


@pytest.mark.parametrize("path", ["", "/mail", "/send"])
def test_a_note_is_cleaned_wherever_it_is_typed(
    organizer_client: TestClient, database: Database, url: str, path: str
) -> None:
    data = fields(organizer_client, url)
    if path == "/send":
        organizer_client.post(url, data={k: v for k, v in data.items() if k != "invite"})
        url, path = url.removesuffix("publish") + "invitations", "/send"
    if path == "/mail":
        (button, *_) = Page(organizer_client.get(url).text).buttons
        data |= {"mail": button.removeprefix("mail=")}
    refused = {
        "x" * 2001: "This is too long: at most 2000 characters.",
        "a\vb": "Take out the invisible control characters.",
        "a\u2028b": "Take out the invisible control characters.",
    }
    for note, said in refused.items():
        answer = organizer_client.post(url + path, data=data | {"note": note})
        page = Page(answer.text)
        assert (answer.status_code, page.text("#note-error")) == (422, [f"Error: {said}"])
        assert page.fields["note"] == note
    assert written_to(database) == []

    answer = organizer_client.post(url + path, data=data | {"note": TURNED + NOTE})

    assert answer.status_code == (200 if path == "/mail" else 303)
    with database.begin(writes=False) as db:
        kept = {m.context["note"] for m in db.exec(select(Message))}
        kept |= {r.note for r in db.exec(select(Release)) if not path}
    wanted = NOTE.replace("\r\n", "\n").strip()
    assert kept == (set() if path == "/mail" else {wanted})
