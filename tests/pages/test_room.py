"""The room's pages: on the screen, and on the phones of those who look at it."""

import re
from datetime import datetime, timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.limits import WRONG
from app.models import Enrolment, Evidence, Session
from app.routers.pages import room
from app.schemas.enrolment import RetractIn
from app.services.actor import SYSTEM
from app.services.marks import retract
from tests.factories import Make

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")  # 09:00 in Bogotá, for 90 minutes
ENGLISH = {"accept-language": "en"}  # the cycle speaks Spanish


class Clock:
    """What time the pages take it to be."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(room, "now", clock)
    return clock


@pytest.fixture
def path(database: Database, clock: Clock) -> str:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="leaders", language="es", title={"es": "Líderes"})
        make.session(
            cycle, title={"es": "Puntos de partida"}, room_code="ab01cdef", check_in_word="Volcán"
        )
        make.session(cycle, 2, status="draft", room_code="draft234")
        make.enrolment(cycle, make.person(email="ana@example.org", name="Ana Secret"))
        make.enrolment(cycle, make.person(email="wait@example.org"), status="waitlisted")
    return "/in/ab01cdef"


def words(html: str) -> str:
    """What a page says, without tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def evidence(database: Database) -> list[tuple[str, str]]:
    with database.begin(writes=False) as db:
        return [(e.kind, e.source) for e in db.exec(select(Evidence))]


def test_looking_changes_nothing(client: TestClient, database: Database, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert evidence(database) == []
    assert re.findall(r'<input class="input" id="(\w+)"', answer.text) == ["word", "email"]
    assert answer.headers["cache-control"] == "private, no-store"
    assert "Ana Secret" not in answer.text
    assert "Volcán" not in answer.text


def test_checks_in_and_twice_is_once(client: TestClient, database: Database, path: str) -> None:
    typed = {"email": " Ana@Example.org", "word": "volcan"}
    first, second = (client.post(path, data=typed, headers=ENGLISH) for _ in range(2))
    for answer, word in ((first, "Checked in"), (second, "Already checked in")):
        assert answer.status_code == 200
        assert re.findall(r"<h1>(.*)</h1>", answer.text) == ["You're checked in"]
        assert re.findall(r'<span class="notice-word">([^<]*)</span>', answer.text) == [word]
        assert "Ana Secret" not in answer.text
    assert evidence(database) == [("check_in", "room")]


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"email": "ana@example.org", "word": "lava"}, ["word"]),
        ({"email": "nobody@example.org", "word": "volcan"}, ["email"]),
        ({"email": "ana", "word": "volcan"}, ["email"]),
        ({"email": "", "word": ""}, ["email"]),
        ({}, ["email"]),
        ({"email": "a\x01@example.org", "word": "\x01"}, ["word", "email"]),
        ({"email": "ana@example.org", "word": "x" * 41}, ["word"]),
    ],
)
def test_says_what_is_wrong_and_keeps_what_was_typed(
    client: TestClient, database: Database, path: str, typed: dict[str, str], wrong: list[str]
) -> None:
    answer = client.post(path, data=typed)
    assert answer.status_code == 422
    assert re.findall(r'id="(\w+)-error"', answer.text) == wrong
    assert re.findall(r'id="(\w+)"[^>]* autofocus', answer.text) == wrong[:1]
    if "\x01" not in typed.get("email", ""):
        kept = re.findall(r'name="email" type="email" value="([^"]*)"', answer.text)
        assert kept == [typed.get("email", "")]
    assert evidence(database) == []


def from_(address: str) -> dict[str, str]:
    """Headers as a proxy adds them."""
    return {**ENGLISH, "x-forwarded-for": f"203.0.113.99, {address}"}


def test_the_word_cannot_be_found_by_trying(
    client: TestClient, database: Database, path: str
) -> None:
    address = from_("198.51.100.7")
    guesses = [*(f"word{n}" for n in range(WRONG)), "volcan", "volcan"]
    found = [
        client.post(path, data={"email": "ana@example.org", "word": word}, headers=address)
        for word in guesses
    ]
    assert [each.status_code for each in found] == [422] * WRONG + [429] * 2
    assert 0 < int(found[-1].headers["retry-after"]) <= 600
    assert "Too many wrong words came from your network. Try again in 10 min" in found[-1].text
    assert 'value="ana@example.org"' in found[-1].text
    assert evidence(database) == []
    elsewhere = from_("198.51.100.8")
    typed = {"email": "ana@example.org", "word": "volcan"}
    assert client.post(path, data=typed, headers=elsewhere).status_code == 200


def test_with_another_word_the_room_begins_anew(
    client: TestClient, database: Database, path: str
) -> None:
    address = from_("198.51.100.7")
    typed = {"email": "ana@example.org", "word": "cordillera"}
    found = [client.post(path, data=typed, headers=address) for _ in range(WRONG + 1)]
    assert [each.status_code for each in found] == [422] * WRONG + [429]
    with database.begin(writes=True) as db:
        for session in db.exec(select(Session)):
            session.check_in_word = "Cordillera"
    assert client.post(path, data=typed, headers=address).status_code == 200


def test_a_word_that_nobody_typed_is_no_guess(client: TestClient, path: str) -> None:
    typed = {"email": "ana@example.org", "word": " "}
    found = {client.post(path, data=typed).status_code for _ in range(2 * WRONG)}
    assert found == {422}


def test_who_was_taken_back_is_told(client: TestClient, database: Database, path: str) -> None:
    typed = {"email": "ana@example.org", "word": "volcan"}
    client.post(path, data=typed)
    with database.begin(writes=True) as db:
        one = db.exec(select(Evidence)).one()
        command = RetractIn(enrolment_id=one.enrolment_id, evidence_id=one.id, reason="Not Ana.")
        retract(db, SYSTEM, one.session_id, command, START)
    answer = client.post(path, data=typed, headers=ENGLISH)
    assert answer.status_code == 409
    said = "Your check-in for this session was taken back by the organizers."
    assert words(answer.text).count(said) == 1


def test_who_waits_is_told(client: TestClient, database: Database, path: str) -> None:
    typed = {"email": "wait@example.org", "word": "volcan"}
    answer = client.post(path, data=typed, headers=ENGLISH)
    assert answer.status_code == 409
    found = re.findall(r'<div class="notice-body">\s*<p>(.*?)</p>', answer.text, re.S)
    assert [words(each) for each in found] == [
        "Check this. You are on the waiting list: this session is for those who have a place."
    ]
    assert evidence(database) == []


@pytest.mark.parametrize(
    ("minutes", "zone", "title", "time"),
    [
        (-16, "Europe/Madrid", "Check-in is not open yet", "14:45"),
        (-16, "", "Check-in is not open yet", "08:45"),
        (120, "Europe/Madrid", "Check-in is closed", "17:00"),
    ],
)
def test_outside_the_window_it_says_when(
    client: TestClient,
    database: Database,
    clock: Clock,
    path: str,
    minutes: int,
    zone: str,
    title: str,
    time: str,
) -> None:
    clock.at = START + timedelta(minutes=minutes)
    if zone:
        client.cookies.set("zone", zone)
    typed = {"email": "ana@example.org", "word": "volcan"}
    shown = client.get(path, headers=ENGLISH)
    tried = client.post(path, data=typed, headers=ENGLISH)
    assert (shown.status_code, tried.status_code) == (200, 409)
    place = "Madrid time" if zone else "Bogotá time"
    for answer in (shown, tried):
        assert re.findall(r'<span class="notice-word">([^<]*)</span>', answer.text) == [title]
        body = answer.text.split('<div class="notice-body">')[1]
        assert re.findall(r'<span class="when-hours">([^<]*)</span>', body)[0] == time
        assert re.findall(r'<span class="when-zone">([^<]*)</span>', body)[0] == place
        assert "<form" not in answer.text.split("<main")[1].split("</main")[0]
    assert evidence(database) == []


def test_speaks_the_cycle_s_language_unless_the_reader_s_is_known(
    client: TestClient, path: str
) -> None:
    client.headers["accept-language"] = ""
    assert re.findall(r'<html lang="(\w+)"', client.get(path).text) == ["es"]
    client.headers["accept-language"] = "pt-BR,pt;q=0.9"
    assert re.findall(r'<html lang="(\w+)"', client.get(path).text) == ["pt"]


@pytest.mark.parametrize("code", ["nothing", "draft234", "%00", "ab01cdeff", "a" * 300])
def test_no_such_room(client: TestClient, path: str, code: str) -> None:
    assert client.get(f"/in/{code}").status_code == 404
    assert client.post(f"/in/{code}", data={"email": "ana@example.org"}).status_code == 404


def test_the_code_as_people_type_it(client: TestClient, path: str) -> None:
    assert client.get("/in/ABOLCDEF").status_code == 200


def test_no_word_no_field(client: TestClient, database: Database, path: str) -> None:
    with database.begin(writes=True) as db:
        row = db.exec(select(Session).where(Session.number == 1)).one()
        row.check_in_word = ""
    answer = client.get(path)
    assert re.findall(r'<input class="input" id="(\w+)"', answer.text) == ["email"]
    assert client.post(path, data={"email": "ana@example.org"}).status_code == 200
    assert evidence(database) == [("check_in", "room")]


class TestScreen:
    SCREEN = "/organize/c/leaders/sessions/1/room"

    def test_shows_code_word_and_number(
        self, organizer_client: TestClient, database: Database, path: str
    ) -> None:
        organizer_client.post(path, data={"email": "ana@example.org", "word": "volcan"})
        answer = organizer_client.get(self.SCREEN)
        assert answer.status_code == 200
        html = answer.text
        assert re.findall(r'class="screen-word">([^<]*)<', html) == ["Volcán"]
        assert re.findall(r'class="screen-number">([^<]*)<', html) == ["1"]
        address = re.findall(r'class="screen-address">(.*?)</p>', html)
        assert [words(a.replace("<wbr>", "")) for a in address] == ["testserver/in/ab01cdef"]
        assert len(re.findall(r'<svg viewBox="0 0 \d+ \d+" class="segno">', html)) == 1
        again = re.findall(r"<noscript>(<meta[^>]*>)</noscript>", answer.text)
        assert again == ['<meta http-equiv="refresh" content="20">']
        assert "refresh" not in answer.headers

    def test_is_for_organizers(self, client: TestClient, path: str) -> None:
        answer = client.get(self.SCREEN)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/organize/sign-in")

    def test_before_it_opens(self, organizer_client: TestClient, clock: Clock, path: str) -> None:
        clock.at = START - timedelta(hours=1)
        html = organizer_client.get(self.SCREEN).text
        assert 'class="screen-word"' not in html
        assert re.findall(r'<span class="when-hours">([^<]*)</span>', html)[0] == "08:45"

    @pytest.mark.parametrize(
        ("window", "scans"),
        [("before", 1), ("open", 1), ("closed", 0), ("cancelled", 0), ("draft", 0)],
    )
    def test_nobody_is_asked_to_scan_where_nobody_can_check_in(
        self,
        organizer_client: TestClient,
        database: Database,
        clock: Clock,
        path: str,
        window: str,
        scans: int,
    ) -> None:
        if window in ("before", "closed"):
            clock.at = START + timedelta(hours=-1 if window == "before" else 3)
        elif window != "open":
            with database.begin(writes=True) as db:
                db.exec(select(Session).where(Session.number == 1)).one().status = window
        html = organizer_client.get(f"{self.SCREEN}?lang=en").text
        assert (html.count("Scan to check in"), html.count('class="segno"')) == (scans, scans)

    def test_no_such_session(self, organizer_client: TestClient, path: str) -> None:
        for wrong in ("leaders/sessions/9", "nobody/sessions/1"):
            assert organizer_client.get(f"/organize/c/{wrong}/room").status_code == 404


def test_nothing_is_told_of_who_is_enrolled_before_the_word(
    client: TestClient, database: Database, path: str
) -> None:
    with database.begin(writes=False) as db:
        assert len(db.exec(select(Enrolment)).all()) == 2
    known = client.post(path, data={"email": "ana@example.org", "word": "lava"})
    stranger = client.post(path, data={"email": "abc@example.org", "word": "lava"})
    assert known.text.replace("ana@", "abc@") == stranger.text
