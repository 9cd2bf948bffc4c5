"""Answering an invitation from the mail's links: a page, then POST."""

from datetime import timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Enrolment, Guest, Invitation, Part, Session, now
from app.services import publishing
from app.services.actor import SYSTEM
from app.services.links import Links
from tests.factories import Make
from tests.pages.reading import Page


class World:
    """A cycle with two sessions to come, a participant and a host of the first; all invited."""

    my: str
    part: str
    cycle: str


@pytest.fixture
def world(database: Database, links: Links) -> World:
    found = World()
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="lideres", language="en")
        start = (now() + timedelta(days=9)).replace(tzinfo=None, second=0, microsecond=0)
        first = make.session(cycle, 1, minutes=60, wall_start=start)
        make.session(cycle, 2, minutes=60, wall_start=start + timedelta(days=1))
        host = make.person(name="Ana Ruiz", language="en")
        make.part(make.segment(first, minutes=60), host, "host")
        enrolment = make.enrolment(cycle, make.person(name="Beto Díaz"))
        publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=now(), invite=True)
        guest = db.exec(select(Guest).where(Guest.person_id == host.id)).one()
        base = links.base_url
        found.my = links.my(enrolment.id, 1).removeprefix(base)
        found.part = links.part(guest.id, 1).removeprefix(base)
        found.cycle = cycle.id
    return found


def given(database: Database) -> list[tuple[str, str, str]]:
    with database.begin(writes=False) as db:
        rows = db.exec(select(Invitation).where(Invitation.answer != ""))
        return [(row.answer, row.answer_source, row.comment) for row in rows]


def test_opening_the_link_changes_nothing(
    client: TestClient, database: Database, world: World
) -> None:
    answer = client.get(f"{world.my}/sessions/1/answer?answer=declined")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-store"
    page = Page(answer.text)
    assert page.text("h1") == ["Will you come?"]
    assert page.buttons[:3] == ["answer=accepted", "answer=tentative", "answer=declined"]
    assert page.text(".button-primary") == ["I cannot come"]
    assert given(database) == []


def test_the_newest_answer_counts(client: TestClient, database: Database, world: World) -> None:
    url = f"{world.my}/sessions/1/answer"
    said = client.post(url, data={"answer": "declined", "from": "mail", "comment": " Sorry "})
    assert (said.status_code, said.headers["location"]) == (303, world.my)
    assert given(database) == [("declined", "link", "Sorry")]
    client.post(url, data={"answer": "accepted"})
    assert given(database) == [("accepted", "page", "")]
    mine = Page(client.get(world.my).text)
    assert mine.text(".flashes") == ["Done. Thank you. We expect you."]
    assert mine.text(".programme")[0].count("Coming") == 1


def test_somebody_with_a_part_answers_on_their_page(
    client: TestClient, database: Database, world: World
) -> None:
    url = f"{world.part}/sessions/1/answer"
    assert client.get(url).status_code == 200
    assert client.post(url, data={"answer": "tentative"}).headers["location"] == world.part
    assert given(database) == [("tentative", "page", "")]


def test_a_session_that_does_not_concern_them_is_not_found(
    client: TestClient, database: Database, world: World
) -> None:
    for url in (f"{world.part}/sessions/2/answer", f"{world.my}/sessions/9/answer"):
        assert client.get(url).status_code == 404
        assert client.post(url, data={"answer": "accepted"}).status_code == 404
    with database.begin(writes=True) as db:
        db.exec(select(Part)).one().status = "declined"
        db.exec(select(Enrolment)).one().status = "withdrawn"
    for path in (world.part, world.my):
        answer = client.post(f"{path}/sessions/1/answer", data={"answer": "accepted"})
        assert answer.status_code == 404
    assert given(database) == []


def test_no_choice_shows_the_page_again(
    client: TestClient, database: Database, world: World
) -> None:
    for typed in ({}, {"answer": "perhaps"}):
        assert client.post(f"{world.my}/sessions/1/answer", data=typed).status_code == 200
    assert given(database) == []


def test_altered_tokens_and_those_of_another_kind_open_nothing(
    client: TestClient, world: World
) -> None:
    token = world.my.rpartition("/")[2]
    for path in (f"/part/{token}", f"/my/{token[:-1]}", f"/my/{world.part.rpartition('/')[2]}"):
        assert client.get(f"{path}/sessions/1/answer").status_code == 404
        assert client.post(f"{path}/sessions/1/answer").status_code == 404


def test_a_cancelled_session_takes_no_answer(
    client: TestClient, database: Database, world: World
) -> None:
    with database.begin(writes=True) as db:
        db.exec(select(Session).where(Session.number == 1)).one().status = "cancelled"
        publishing.publish(db, SYSTEM, world.cycle, accept_warnings=True, now=now())
    answer = client.post(f"{world.my}/sessions/1/answer", data={"answer": "accepted"})
    assert answer.status_code == 409
    assert Page(answer.text).text(".notice-warning") == [
        "Check this. This session will not take place."
    ]


def test_whoever_answered_another_time_is_asked_again(
    client: TestClient, database: Database, world: World
) -> None:
    url = f"{world.my}/sessions/1/answer"
    client.post(url, data={"answer": "accepted"})
    with database.begin(writes=True) as db:
        row = db.exec(select(Session).where(Session.number == 1)).one()
        row.wall_start += timedelta(hours=1)
        row.starts_at += timedelta(hours=1)
        row.ends_at += timedelta(hours=1)
        publishing.publish(db, SYSTEM, world.cycle, accept_warnings=True, now=now())
    page = Page(client.get(url).text)
    assert page.text(".notice-warning") == [
        "The time has changed since you answered Coming Please say once more whether you come."
    ]
    client.post(url, data={"answer": "accepted"})
    assert Page(client.get(url).text).text(".notice-warning") == []
