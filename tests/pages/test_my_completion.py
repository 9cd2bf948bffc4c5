"""A participant sees how far they are, and is warned while they can still meet the rule."""

from datetime import timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, Session
from app.services.links import Links
from tests.factories import Make
from tests.pages.test_evidence import words
from tests.services.attendance_world import RULE, Attended


class Participant:
    """Ana was at the first session of four and missed the second, which is closed."""

    def __init__(self, database: Database, links: Links, warn: bool = True) -> None:
        with database.begin(writes=True) as db:
            world = Attended(db, rule={**RULE, "warn": warn})
            ana = world.participant("Ana")
            world.there(ana, 1)
            world.sessions[1].closed_at = world.sessions[1].ends_at
            self.after_two = world.sessions[1].ends_at + timedelta(hours=1)
            self.after_three = world.sessions[2].ends_at + timedelta(hours=1)
            self.ana, self.third = ana.id, world.sessions[2].id
            self.first = world.sessions[0].id
        self.path = f"/my/{links.my(ana.id, 1).rsplit('/', 1)[1]}"


def section(client: TestClient, who: Participant) -> str:
    html = client.get(f"{who.path}?lang=en").text
    return words(html.split('id="completion">')[1].split("<details>")[0])


def test_warned_while_it_can_still_be_met(
    client: TestClient, database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = Participant(database, links)
    monkeypatch.setattr("app.routers.pages.my.now", lambda: who.after_two)
    assert section(client, who) == (
        "Completing the cycle You may miss nothing more "
        "To complete the cycle you need sessions 3, 4. "
        "1 of 3 sessions that are needed · You still need: 2 sessions"
    )


def test_not_warned_where_nobody_is_to_be(
    client: TestClient, database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = Participant(database, links, warn=False)
    monkeypatch.setattr("app.routers.pages.my.now", lambda: who.after_two)
    assert section(client, who) == (
        "Completing the cycle 1 of 3 sessions that are needed · You still need: 2 sessions"
    )


def test_told_when_it_is_out_of_reach(
    client: TestClient, database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = Participant(database, links)
    with database.begin(writes=True) as db:
        db.get_one(Session, who.third).closed_at = who.after_three
    monkeypatch.setattr("app.routers.pages.my.now", lambda: who.after_three)
    assert "cannot be completed any more" in section(client, who)


def test_a_cycle_without_a_rule_says_nothing(
    client: TestClient, database: Database, links: Links
) -> None:
    with database.begin(writes=True) as db:
        ana = Attended(db, rule={}).participant("Ana")
        token = links.my(ana.id, 1).rsplit("/", 1)[1]
    assert 'id="completion"' not in client.get(f"/my/{token}").text


def test_a_session_that_is_not_published_is_still_needed(
    client: TestClient, database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = Participant(database, links)
    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle)).one()
        exam = Make(db).session(cycle, 5)
        cycle.completion_rule = {"min_sessions": 1, "of": 4, "mandatory": [exam.id]}
    monkeypatch.setattr("app.routers.pages.my.now", lambda: who.after_two)
    assert section(client, who) == (
        "Completing the cycle 1 of 1 sessions that are needed · You still need: session 5"
    )
    with database.begin(writes=True) as db:  # and now its number is that of a published one
        exam, first = db.get_one(Session, exam.id), db.get_one(Session, who.first)
        first.number = 6
        db.flush()
        exam.number = 1
    assert section(client, who) == (
        "Completing the cycle 1 of 1 sessions that are needed · "
        "You still need: a session that is not published yet"
    )


def test_a_session_that_is_needed_is_named(
    client: TestClient, database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = Participant(database, links)
    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle)).one()
        cycle.completion_rule = {"min_sessions": 1, "of": 4, "mandatory": [who.third]}
        title = db.get_one(Session, who.third).title["en"]
    monkeypatch.setattr("app.routers.pages.my.now", lambda: who.after_two)
    assert section(client, who) == (
        "Completing the cycle 1 of 1 sessions that are needed · "
        f"You still need: session 3 “{title}”"
    )
