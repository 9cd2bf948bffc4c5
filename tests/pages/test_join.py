"""The page to join a session, at every moment of it."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Enrolment, Evidence, Session
from app.paths import STATIC
from app.services.links import Links
from tests.factories import Make
from tests.pages.published import SLUG, Published, make_published
from tests.pages.reading import Page

Clock = Callable[[timedelta], datetime]


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.fixture
def there(database: Database, links: Links) -> Published:
    return make_published(database, links)


@pytest.fixture
def at(database: Database, there: Published, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the clock relative to the first session's start."""
    with database.begin(writes=False) as db:
        starts = db.exec(select(Session.starts_at).where(Session.number == 1)).one()

    def set_clock(offset: timedelta) -> datetime:
        monkeypatch.setattr("app.routers.pages.my.now", lambda: starts + offset)
        return starts + offset

    return set_clock


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.split("<main")[1].split("</main")[0]).split())


def shown(client: TestClient, there: Published) -> str:
    answer = client.get(f"{there.my}/sessions/1/join?lang=en")
    assert answer.status_code == 200
    return answer.text


def left(html: str) -> str:
    (found,) = re.findall(r'<p class="join-left">(.*?)</p>', html)
    return re.sub(r"<[^>]+>", "", found)


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        (timedelta(days=-3), "You can join in 3 days"),
        (minutes(-135), "You can join in 2 hours"),
        (minutes(-30), "You can join in 15 minutes"),
        (minutes(-10), "Begins in 10 minutes"),
        (minutes(5), "It began 5 minutes ago"),
    ],
)
def test_says_without_script_how_long_it_takes(
    client: TestClient, there: Published, at: Clock, offset: timedelta, said: str
) -> None:
    at(offset)
    assert left(shown(client, there)) == said


def test_in_the_reader_s_language(client: TestClient, there: Published, at: Clock) -> None:
    at(minutes(-135))
    html = client.get(f"{there.my}/sessions/1/join").text
    assert left(html).endswith("dentro de 2 horas")


def test_before_it_has_the_calendar_and_all_that_the_button_needs(
    client: TestClient, there: Published, at: Clock
) -> None:
    now = at(minutes(-60))
    answer = client.get(f"{there.my}/sessions/1/join?lang=en")
    html = answer.text
    assert re.findall(r'href="([^"]*\.ics)"', html) == [f"/c/{SLUG}/1.ics"]
    opens = now + minutes(45)
    (data,) = re.findall(r"<div [^>]*data-join [^>]*>", html)
    found = dict(re.findall(r'data-join-(\w+)="([^"]*)"', data))
    assert found == {
        "now": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "opens": f"{opens:%Y-%m-%dT%H:%M:%SZ}",
        "ends": f"{now + minutes(150):%Y-%m-%dT%H:%M:%SZ}",
        "action": f"{there.my}/sessions/1/join",
        "button": "Join",
        "note": "Opens the meeting. Come back to your page to check in.",
        "said": "You can join now.",
    }
    # Browsers hold the form that appears later to the policy of this answer.
    assert "form-action 'self' https:;" in answer.headers["content-security-policy"]
    assert "secret-1" not in html


@pytest.mark.parametrize(
    ("offset", "again"),
    [(minutes(-60), ["60"]), (timedelta(days=-3), []), (minutes(0), []), (minutes(100), [])],
)
def test_looks_again_without_script_when_it_is_soon(
    client: TestClient, there: Published, at: Clock, offset: timedelta, again: list[str]
) -> None:
    at(offset)
    html = shown(client, there)
    refresh = r'<noscript><meta http-equiv="refresh" content="(\d+)"></noscript>'
    assert re.findall(refresh, html) == again


def test_shows_who_speaks_and_what_there_is_to_read(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        session = db.get_one(Session, there.session_ids[0])
        make.material(session, title="To read before")
        make.material(session, title="For those enrolled", audience="participants")
        make.material(session, title="Slides", kind="slides", after_session=True)
        other = db.get_one(Session, there.session_ids[1])
        make.material(other, title="Of another")
    at(minutes(-60))
    text = words(shown(client, there))
    assert "Who speaks Marco Dini Economist, ECLAC Materials" in text
    materials = text.split("Materials ")[1].split(" My page")[0]
    assert materials.split(" Slides")[0] == "To read before Link For those enrolled Link"
    assert re.search(r"Slides Slides · opens \w+ \d+ \w+ \d{4}, 10:30$", materials)
    with database.begin(writes=True) as db:
        db.exec(select(Enrolment)).one().status = "waitlisted"
    text = words(shown(client, there))
    assert ("To read before" in text, "For those enrolled" in text) == (True, False)


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        (
            minutes(-60),
            "So that your attendance counts, check in on your page: it opens at 08:45.",
        ),
        (minutes(5), "Check-in is open until 11:00. Check in"),
        (minutes(130), ""),
    ],
)
def test_the_hint_to_check_in(
    client: TestClient, there: Published, at: Clock, offset: timedelta, said: str
) -> None:
    at(offset)
    (found,) = re.findall(r'<p class="join-check-in">(.*?)</p>', shown(client, there), re.S)
    assert " ".join(re.sub(r"<[^>]+>", " ", found).split()) == said


def test_when_it_is_over_one_may_still_check_in(
    client: TestClient, there: Published, at: Clock
) -> None:
    at(minutes(100))
    html = shown(client, there)
    links = re.findall(r'<a class="button button-primary[^"]*" href="([^"]*)"', html)
    assert links == [f"{there.my}/sessions/1/check-in"]
    assert "This session is over." in words(html)


def test_without_a_link_it_says_so_and_looks_again(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    with database.begin(writes=True) as db:
        db.get_one(Session, there.session_ids[0]).meeting_url = ""
    at(minutes(-5))
    html = shown(client, there)
    assert "This page looks again by itself." in words(html)
    assert re.findall(r'data-join-reload="(\d+)"', html) == ["30"]
    assert Page(html).buttons == []
    assert "<form" not in html.split("<main")[1].split("</main")[0]
    tried = client.post(f"{there.my}/sessions/1/join?lang=en")
    assert tried.status_code == 409
    assert words(tried.text).count("Please try again shortly.") == 1


@pytest.mark.parametrize("status", ["pending", "waitlisted", "withdrawn"])
def test_who_has_no_place_sees_no_countdown(
    client: TestClient, database: Database, there: Published, at: Clock, status: str
) -> None:
    with database.begin(writes=True) as db:
        db.exec(select(Enrolment)).one().status = status
    at(minutes(-60))
    html = shown(client, there)
    assert "Only those who have a place can join." in words(html)
    assert re.findall(r'data-join-(?:opens|action)="', html) == []
    assert "join-check-in" not in html


def test_looking_is_not_joining(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    at(minutes(0))
    shown(client, there)
    with database.begin(writes=False) as db:
        assert db.exec(select(Evidence)).all() == []
    assert client.post(f"{there.my}/sessions/1/join").status_code == 303
    with database.begin(writes=False) as db:
        assert db.exec(select(Evidence.kind).order_by(col(Evidence.at))).all() == ["join_click"]


def test_is_small(client: TestClient, there: Published, at: Clock) -> None:
    at(minutes(-60))
    answer = client.get(f"{there.my}/sessions/1/join")
    total = len(answer.content)
    for name in re.findall(r"/static/([^?\"]+)\?", answer.text):
        total += (STATIC / name).stat().st_size
    for module in ("js/zone.js", "js/relative.js"):  # which main.js loads
        total += (STATIC / module).stat().st_size
    assert total < 100_000
