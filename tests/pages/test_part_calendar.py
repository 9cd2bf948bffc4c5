"""How somebody with parts subscribes to their calendar."""

import re

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Guest, Message, Person
from app.services import guests
from app.services.links import Links, Purpose
from tests.factories import Make
from tests.pages.published import Published, make_published


@pytest.fixture
def there(database: Database, links: Links) -> Published:
    return make_published(database, links)


@pytest.fixture
def guest_id(database: Database, there: Published) -> str:
    with database.begin(writes=True) as db:
        return guests.guest_of(db, there.cycle_id, there.person_id).id


@pytest.fixture
def path(links: Links, guest_id: str) -> str:
    return f"/part/{links.token(Purpose.PART, guest_id, 1)}/calendar"


def feed_on(client: TestClient, path: str) -> str:
    answer = client.get(f"{path}?lang=en")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-robots-tag"] == "noindex"
    (feed,) = re.findall(r'value="http://testserver(/feed/[^"]+\.ics)"', answer.text)
    assert f'href="webcal://testserver{feed}"' in answer.text
    return str(feed)


def test_to_end_it_ends_the_link_that_stands_in_it(
    client: TestClient, database: Database, links: Links, path: str, guest_id: str
) -> None:
    feed, own = feed_on(client, path), path.removesuffix("/calendar")
    assert f"{own}/sessions/1/join" in client.get(feed).text.replace("\r\n ", "")
    with database.begin(writes=False) as db:
        assert db.get_one(Guest, guest_id).feed_generation == 1  # to look changes nothing
    answer = client.post(f"{path}/renew?lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{own}?lang=en")
    assert [client.get(each).status_code for each in (feed, path)] == [410, 410]
    answer = client.get(f"{own}?lang=en")
    assert answer.status_code == 410
    assert "Ask the organizers for it: clusters@example.org." in answer.text
    new = f"/part/{links.token(Purpose.PART, guest_id, 2)}"
    assert new not in answer.text
    assert client.get(feed_on(client, f"{new}/calendar")).status_code == 200
    with database.begin(writes=False) as db:
        assert db.exec(select(Message.kind)).all() == []


def test_that_it_has_ended_is_said_in_their_language(
    client: TestClient, database: Database, there: Published, path: str
) -> None:
    with database.begin(writes=True) as db:
        db.get_one(Person, there.person_id).language = "pt"
    client.headers["accept-language"] = "en"
    page = client.post(f"{path}/renew", follow_redirects=True)
    assert (page.status_code, re.findall(r'<html lang="(\w+)"', page.text)) == (410, ["pt"])


def test_their_page_leads_to_it(client: TestClient, path: str) -> None:
    assert f'href="{path}"' in client.get(path.removesuffix("/calendar")).text


def test_a_participant_has_another_address(client: TestClient, there: Published, path: str) -> None:
    assert feed_on(client, path) != there.feed


@pytest.mark.parametrize("alter", ["x", "-", "%00"])
def test_only_their_own_link_opens_it(
    client: TestClient, links: Links, there: Published, path: str, guest_id: str, alter: str
) -> None:
    for method in ("GET", "POST"):
        end = "" if method == "GET" else "/renew"
        assert client.request(method, path.replace("/calendar", f"{alter}/calendar") + end).status_code == 404  # noqa: E501 # fmt: skip
        token = links.token(Purpose.MY, there.enrolment_id, 1)
        assert client.request(method, f"/part/{token}/calendar{end}").status_code == 404
        ended = links.token(Purpose.PART, guest_id, 2)
        assert client.request(method, f"/part/{ended}/calendar{end}").status_code == 410


def test_before_anything_is_published(client: TestClient, database: Database, links: Links) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        guest = guests.guest_of(db, make.cycle().id, make.person(language="en").id)
        token = links.token(Purpose.PART, guest.id, 1)
    answer = client.get(f"/part/{token}/calendar")
    assert answer.status_code == 200
    assert "You can subscribe as soon as the programme is published." in answer.text
    assert "/feed/" not in answer.text
