"""Calendars as files: a session, a cycle."""

import gzip
from datetime import timedelta
from typing import Any

import icalendar
import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.schedule import SessionStatus
from app.models import Release, Session, now
from app.schemas.session import SessionChange
from app.services import sessions
from app.services.actor import SYSTEM
from app.services.links import Links
from app.services.publishing import publish
from tests.pages.published import SLUG, make_published

FILES = (f"/c/{SLUG}.ics", f"/c/{SLUG}/1.ics", f"/c/{SLUG}.ics?copy")


def _events(body: bytes) -> list[icalendar.Component]:
    return list(icalendar.Calendar.from_ical(body).walk("VEVENT"))


def test_a_session(client: TestClient, database: Database, links: Links) -> None:
    make_published(database, links)
    answer = client.get(f"/c/{SLUG}/1.ics")
    (event,) = _events(answer.content)
    url = f"http://testserver/c/{SLUG}/1"
    assert str(event["summary"]) == "Sesión 1"
    assert (str(event["location"]), str(event["url"])) == (url, url)
    assert "conference" not in event
    assert str(event["organizer"]) == "mailto:clusters@example.org"
    assert event["organizer"].params["cn"] == "Colombia Productiva"
    assert str(event["description"]).split("\n\n") == [
        "Ciclo 1",
        "Participan:\n– Marco Dini, Economist, ECLAC (ponente)",
        url,
    ]
    assert event.decoded("dtstart").strftime("%H:%M %Z") == "09:00 -05"


def test_without_a_contact_there_is_no_organizer(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links, contact_email="")
    (event,) = _events(client.get(f"/c/{SLUG}/1.ics").content)
    assert "organizer" not in event


def test_the_language_of_the_address(client: TestClient, database: Database, links: Links) -> None:
    make_published(database, links)
    for language, title in (("en", "Session 1"), ("pt", "Sesión 1"), ("xx", "Sesión 1")):
        (event,) = _events(client.get(f"/c/{SLUG}/1.ics?lang={language}").content)
        assert str(event["summary"]) == title


_OF_FEEDS = ("name", "x-wr-calname", "source", "refresh-interval", "x-published-ttl", "color")


@pytest.mark.parametrize(
    ("query", "name", "source"),
    [("", "Ciclo 1", ""), ("?lang=en", "Cycle 1", "?lang=en"), ("?lang=xx", "Ciclo 1", "")],
)
def test_a_cycle_is_a_feed(
    client: TestClient, database: Database, links: Links, query: str, name: str, source: str
) -> None:
    make_published(database, links, sessions=3, title={"es": "Ciclo 1", "en": "Cycle 1"})
    answer = client.get(f"/c/{SLUG}.ics{query}")
    assert [str(e["url"])[-1] for e in _events(answer.content)] == ["1", "2", "3"]
    calendar: Any = icalendar.Calendar.from_ical(answer.content)
    url = f"http://testserver/c/{SLUG}.ics{source}"
    assert [calendar[p].to_ical().decode() for p in _OF_FEEDS] == [
        name, name, url, "PT1H", "PT1H", "teal",
    ]  # fmt: skip
    assert answer.headers["content-disposition"] == f'inline; filename="{SLUG}.ics"'


@pytest.mark.parametrize("query", ["?copy", "?copy=1&lang=es", "?lang=xx&copy="])
def test_a_copy_of_a_cycle_has_every_session_and_no_name(
    client: TestClient, database: Database, links: Links, query: str
) -> None:
    make_published(database, links, sessions=3)
    answer = client.get(f"/c/{SLUG}.ics{query}")
    assert [str(e["url"])[-1] for e in _events(answer.content)] == ["1", "2", "3"]
    calendar = icalendar.Calendar.from_ical(answer.content)
    assert [p for p in _OF_FEEDS if p in calendar] == []
    assert answer.headers["content-disposition"] == f'attachment; filename="{SLUG}.ics"'
    assert _events(answer.content) == _events(client.get(f"/c/{SLUG}.ics").content)


def test_the_page_offers_the_feed_and_a_copy(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links)
    for lang, query in (("es", ""), ("en", "?lang=en")):
        text = client.get(f"/c/{SLUG}?lang={lang}").text
        address = f"testserver/c/{SLUG}.ics{query}"
        assert f'href="webcal://{address}"' in text
        assert f'value="http://{address}" readonly' in text
        assert f'href="/c/{SLUG}.ics?copy&amp;lang={lang}" download' in text


@pytest.mark.parametrize("path", FILES)
def test_headers(client: TestClient, database: Database, links: Links, path: str) -> None:
    make_published(database, links)
    with database.begin(writes=False) as db:
        released = db.exec(select(Release.published_at)).one()
    headers = client.get(path).headers
    assert headers["content-type"] == "text/calendar; charset=utf-8"
    assert headers["cache-control"] == "private, max-age=300"
    assert headers["last-modified"] == released.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", FILES)
def test_unchanged_is_304(client: TestClient, database: Database, links: Links, path: str) -> None:
    make_published(database, links)
    first = client.get(path, headers={"accept-encoding": "identity"})
    tag, since = first.headers["etag"], first.headers["last-modified"]
    for headers in (
        {"if-none-match": tag},
        {"if-none-match": "*"},
        {"if-none-match": tag, "if-modified-since": "Mon, 01 Jan 2001 00:00:00 GMT"},
    ):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.content) == (304, b""), headers
    for headers in (
        {"if-none-match": '"another"'},
        {"if-none-match": '"another"', "if-modified-since": since},
        {"if-modified-since": since},
        {"if-modified-since": "yesterday"},
    ):
        assert client.get(path, headers=headers).status_code == 200, headers


def test_compressed_where_it_is_taken(client: TestClient, database: Database, links: Links) -> None:
    make_published(database, links)
    path = FILES[0]
    plain = client.get(path, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", path, headers={"accept-encoding": "br, gzip;q=0.5"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    refused = client.get(path, headers={"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


def test_the_same_release_is_the_same_bytes(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links)
    first = client.get(FILES[0]).content
    with database.begin(writes=True) as db:  # moves the mark, and the cycle's revision
        db.exec(select(Session).where(Session.number == 1)).one().check_in_word = "word"
    assert client.get(FILES[0]).content == first


def test_a_cancelled_session_stays_for_a_month(
    client: TestClient, database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = make_published(database, links)
    with database.begin(writes=True) as db:
        sessions.change_session(
            db, SYSTEM, there.session_ids[0], SessionChange(status=SessionStatus.CANCELLED)
        )
        publish(db, SYSTEM, there.cycle_id, accept_warnings=True, now=now())
        starts = db.exec(select(Session.starts_at).where(Session.number == 1)).one()
    first, second = _events(client.get(FILES[0]).content)
    assert (str(first["status"]), str(second["status"])) == ("CANCELLED", "CONFIRMED")
    for later, shown in ((timedelta(days=30, seconds=-1), 2), (timedelta(days=30), 1)):
        moment = starts + later
        monkeypatch.setattr("app.routers.pages.calendars.now", lambda moment=moment: moment)
        client.app.state.representations._clock = moment.timestamp  # type: ignore[attr-defined]
        assert len(_events(client.get(FILES[0]).content)) == shown
    # The file of the session itself says what became of it.
    (event,) = _events(client.get(FILES[1]).content)
    assert str(event["status"]) == "CANCELLED"
