"""The organizers' page of a session that goes on, as a browser without script shows it."""

import re
from datetime import datetime, timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.room_words import words_taken
from app.models import Cycle, Person, Session
from app.routers.pages import live, room
from app.services import check_in, part_join
from app.services.actor import SYSTEM
from app.services.guests import guest_of
from app.services.links import Links, Purpose
from app.services.publishing import publish
from tests.factories import Make

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")  # 09:00 in Bogotá, for 90 minutes
DESK = "/organize/c/leaders/sessions/1/live"
SCREEN = "/organize/c/leaders/sessions/1/room"


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(live, "now", clock)
    monkeypatch.setattr(room, "now", clock)
    return clock


@pytest.fixture
def session_id(database: Database, clock: Clock) -> str:
    """Two of three came; Hugo is here, Eva is not."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="leaders", language="es")
        session = make.session(
            cycle,
            id="wordsthatdiffer",  # they follow from it
            meeting_url="https://meet.example.org/1",
            check_in_word_rotates=True,
        )
        panel = make.segment(session, title="El <panel>", kind="panel")
        make.part(panel, make.person(name="Hugo Host", email="hugo@example.org"), role="host")
        make.part(panel, make.person(name="Eva Luz", email="eva@example.org"), role="moderator")
        for minutes, (name, country) in enumerate(
            [("Ana <b>", "CO"), ("Beto", "CL"), ("Carla", "")]
        ):
            row = make.enrolment(cycle, name=name, country=country)
            if minutes < 2:
                check_in.check_in(db, row, 1, START + timedelta(minutes=minutes), "room")
        publish(db, SYSTEM, cycle.id, accept_warnings=True, now=START - timedelta(days=9))
        hugo = db.exec(select(Person).where(Person.name == "Hugo Host")).one()
        part_join.join(db, guest_of(db, cycle.id, hugo.id), 1, START - timedelta(minutes=9))
        return session.id


def texts(html: str, pattern: str) -> list[str]:
    """What stands in what the pattern finds, templates left out."""
    html = re.sub(r"<template>.*?</template>", "", html, flags=re.S)
    found = re.findall(pattern, html, re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in found]


def test_says_it_all_without_script(organizer_client: TestClient, session_id: str) -> None:
    html = organizer_client.get(DESK).text
    assert texts(html, r'<span data-live-text="checked_in">(.*?)</dd>') == ["2 of 3"]
    assert texts(html, r'<li class="here">(.*?)</li>') == [
        "Eva Luz 09:00 El &lt;panel&gt;, moderator Not here yet Write to them",
        "Hugo Host 09:00 El &lt;panel&gt;, host Here since 08:51 Write to them",
    ]
    mails = re.findall(r'<a data-field-mail="email"( hidden)? href="([^"]*)"', html)
    assert mails[:2] == [("", "mailto:eva@example.org"), (" hidden", "mailto:hugo@example.org")]
    assert texts(html, r'<p class="quiet" data-live-text="here">(.*?)</p>') == ["1 of 2 are here"]
    assert texts(html, r'<ul [^>]*data-live-list="arrivals">(.*?)</ul>') == [
        "09:01 Beto Chile 09:00 Ana &lt;b&gt; Colombia"
    ]
    assert texts(html, r'<ul [^>]*data-live-list="countries">(.*?)</ul>') == [
        "Chile 1 of 1 Colombia 1 of 1 Country not given 0 of 1"
    ]
    again = re.findall(r"<noscript>(<meta[^>]*>)</noscript>", html)
    assert again == ['<meta http-equiv="refresh" content="20">']


def test_the_word_of_the_moment_opens_the_room(
    organizer_client: TestClient, clock: Clock, links: Links, database: Database, session_id: str
) -> None:
    (word,) = re.findall(r'class="screen-word">([^<]*)<', organizer_client.get(SCREEN).text)
    key = links.key(Purpose.ROOM_WORD)
    assert word == words_taken(key, session_id, START, "es")[0]
    assert texts(organizer_client.get(DESK).text, r'<dd data-live-text="word">(.*?)</dd>') == [word]
    with database.begin(writes=True) as db:
        session = db.get_one(Session, session_id)
        code, cycle = session.room_code, db.get_one(Cycle, session.cycle_id)
        make = Make(db)
        make.enrolment(cycle, make.person(email="dora@example.org"))
    form = organizer_client.get(f"/in/{code}").text
    assert re.findall(r'<input class="input" id="(\w+)"', form) == ["word", "email"]
    assert word not in form
    typed = {"email": "dora@example.org", "word": word.upper()}
    clock.at = START + timedelta(minutes=10)
    assert organizer_client.post(f"/in/{code}", data=typed).status_code == 422
    clock.at = START + timedelta(minutes=9, seconds=59)
    assert organizer_client.post(f"/in/{code}", data=typed).status_code == 200


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(-16, ["Check-in is not open yet"]), (0, []), (95, []), (121, ["Check-in is closed"])],
)
def test_before_and_after(
    organizer_client: TestClient, clock: Clock, session_id: str, minutes: int, said: list[str]
) -> None:
    clock.at = START + timedelta(minutes=minutes)
    html = organizer_client.get(DESK).text
    assert re.findall(r'<span class="notice-word">([^<]*)</span>', html) == said
    assert ('data-live-text="word"' in html) == (not said)


def test_is_for_organizers(client: TestClient, session_id: str) -> None:
    for path in (DESK, f"{DESK}/events", f"{SCREEN}/events"):
        answer = client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/organize/sign-in?next={path}"


def test_no_such_session(organizer_client: TestClient, session_id: str) -> None:
    for wrong in ("leaders/sessions/9", "nobody/sessions/1", "leaders/sessions/99999999999999"):
        for end in ("live", "live/events", "room/events"):
            assert organizer_client.get(f"/organize/c/{wrong}/{end}").status_code == 404


def test_it_is_found(organizer_client: TestClient, session_id: str) -> None:
    for path in (SCREEN, "/organize/c/leaders/sessions/1", f"{DESK[:-5]}/attendance"):
        assert f'href="{DESK}"' in organizer_client.get(path).text
