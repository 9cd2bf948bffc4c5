"""The page of people with parts, where something is published and the draft has moved on."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Part, Segment, Session, now
from app.services.actor import SYSTEM
from app.services.guests import guest_of
from app.services.links import Links, Purpose
from app.services.publishing import publish
from tests.factories import Make
from tests.pages.reading import Page

NOTE = "not published yet."


@dataclass(frozen=True)
class There:
    """Ana speaks in a published session of ten days from now, at 09:00 in Bogotá."""

    cycle_id: str
    page: str
    part: str


@pytest.fixture
def there(database: Database, links: Links) -> There:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(title={"en": "Clusters"}, language="en")
        first = (now() + timedelta(days=10)).replace(hour=9, minute=0, second=0, microsecond=0)
        session = make.session(
            cycle, title={"en": "Opening day"}, wall_start=first.replace(tzinfo=None)
        )
        ana = make.person(name="Ana Ruiz", zone="America/Bogota", language="en")
        part = make.part(make.segment(session, title="Needs"), ana)
        guest = guest_of(db, cycle.id, ana.id)
        publish(db, SYSTEM, cycle.id, accept_warnings=True, now=now())
        return There(cycle.id, f"/part/{links.token(Purpose.PART, guest.id, 1)}", part.id)


def change(database: Database, hours: int = 0, status: str = "", *, out: bool = False) -> None:
    """In the draft; `out`: published too."""
    with database.begin(writes=True) as db:
        session = db.exec(select(Session)).one()
        session.wall_start += timedelta(hours=hours)
        session.starts_at += timedelta(hours=hours)
        session.ends_at += timedelta(hours=hours)
        session.status = status or session.status
        db.flush()
        if out:
            publish(db, SYSTEM, session.cycle_id, accept_warnings=True, now=now())


def shown(client: TestClient, there: There) -> Page:
    answer = client.get(there.page)
    assert answer.status_code == 200
    return Page(answer.text)


def hours(page: Page) -> list[str]:
    """All hours in the order of the page, session first."""
    return page.text(".when-hours")[:4]


def notes(page: Page) -> list[str]:
    return [words for words in page.text(".quiet") if NOTE in words]


def test_as_published_nothing_more_is_said(client: TestClient, there: There) -> None:
    page = shown(client, there)
    assert (hours(page), notes(page)) == (["09:00–10:30", "09:00–09:30"], [])


def test_what_is_planned_stands_beside_what_is_published(
    client: TestClient, database: Database, there: There
) -> None:
    change(database, 2)
    page = shown(client, there)
    assert hours(page) == ["09:00–10:30", "11:00–12:30", "09:00–09:30", "11:00–11:30"]
    assert [words.split()[:2] for words in notes(page)] == [["Planned", "now:"]] * 2
    with database.begin(writes=False) as db:
        planned = db.exec(select(Session.starts_at)).one()
    assert page.fields["starts"] == f"{planned:%Y-%m-%dT%H:%M:%SZ}"  # what is answered
    change(database, out=True)
    page = shown(client, there)
    assert (hours(page), notes(page)) == (["11:00–12:30", "11:00–11:30"], [])


def test_what_is_cancelled_in_the_draft_is_as_published(
    client: TestClient, database: Database, there: There
) -> None:
    change(database, 2, "cancelled")
    page = shown(client, there)
    assert (hours(page), notes(page)) == (["09:00–10:30", "09:00–09:30"], [])
    assert page.text(".status") == []
    sent = {"answer": "confirm", "comment": "", "starts": page.fields["starts"]}
    assert client.post(f"{there.page}/parts/{there.part}/answer", data=sent).status_code == 303


def test_what_was_cancelled_stays_and_says_so(
    client: TestClient, database: Database, there: There
) -> None:
    change(database, status="cancelled", out=True)
    page = shown(client, there)
    assert (page.text("s"), page.text(".status")) == (["1. Opening day"], ["Cancelled"])
    assert "starts" not in page.fields
    change(database, 2, "scheduled")  # it is to take place after all
    page = shown(client, there)
    assert (page.text("s"), page.text(".status")) == (["1. Opening day"], ["Cancelled"])
    assert [words.split()[:2] for words in notes(page)] == [["Planned", "now:"]] * 2
    assert "starts" in page.fields


def test_a_part_that_is_taken_away_in_the_draft_stands_as_published(
    client: TestClient, database: Database, there: There
) -> None:
    with database.begin(writes=True) as db:
        db.delete(db.get_one(Part, there.part))
    page = shown(client, there)
    assert page.text("h3") == ["Needs"]
    assert notes(page) == ["Planned now: without you, not published yet."]
    assert "starts" not in page.fields
    change(database, out=True)
    assert shown(client, there).text("h3") == ["You have no part at the moment"]


def test_a_part_that_is_new_in_the_draft_says_so(
    client: TestClient, database: Database, there: There
) -> None:
    with database.begin(writes=True) as db:
        person = db.get_one(Part, there.part).person_id
        session = db.exec(select(Session)).one()
        segment: Segment = Make(db).segment(session, 1, title="More")
        db.add(Part(session_id=session.id, segment_id=segment.id, person_id=person, role="host"))
    page = shown(client, there)
    assert page.text("h3") == ["Needs", "More"]
    assert page.text(".quiet").count("Not published yet.") == 1
