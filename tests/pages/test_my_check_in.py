"""The button that everybody presses at once, as browsers see it."""

import asyncio
import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.attendance import Status
from app.models import Cycle, Enrolment, Evidence, Session
from app.schemas.enrolment import MarkIn, RetractIn
from app.services.actor import SYSTEM
from app.services.links import Links, Purpose
from app.services.marks import mark, retract
from tests.pages.published import Published, make_published

BUTTON = re.compile(r'<form method="post" [^>]*action="([^"]*)"><button[^>]*><span>([^<]*)<')


@pytest.fixture
def there(database: Database, links: Links, monkeypatch: pytest.MonkeyPatch) -> Published:
    there = make_published(database, links)
    with database.begin(writes=False) as db:
        starts = db.exec(select(Session.starts_at).where(Session.number == 1)).one()
    monkeypatch.setattr("app.routers.pages.my.now", lambda: starts)
    return there


@pytest.fixture
def button(there: Published) -> str:
    return f"{there.my}/sessions/1/check-in"


def evidence(database: Database) -> list[tuple[str, str]]:
    with database.begin(writes=False) as db:
        return [(e.enrolment_id, e.source) for e in db.exec(select(Evidence))]


@contextmanager
def failing(database: Database, *statements: str) -> Iterator[list[str]]:
    """What the database is asked that contains one of these fails, and is in the list."""
    failed: list[str] = []

    def fail(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if any(part in statement for part in statements):
            failed.append(statement)
            raise OperationalError(statement, None, Exception("database is locked"))

    event.listen(database.engine, "before_cursor_execute", fail)
    try:
        yield failed
    finally:
        event.remove(database.engine, "before_cursor_execute", fail)


@pytest.mark.parametrize(
    ("query", "cookie", "said"),
    [
        ("", "", "Su asistencia está registrada."),
        ("?lang=pt", "", "Sua presença está registrada."),
        ("", "en", "You're checked in."),
        ("?lang=pt", "en", "Sua presença está registrada."),
        ("?lang=xx", "xx", "Su asistencia está registrada."),
    ],
)
def test_leads_back_and_says_it_in_the_reader_s_language(
    client: TestClient, links: Links, there: Published, button: str,
    query: str, cookie: str, said: str,
) -> None:  # fmt: skip
    client.headers["accept-language"] = "en"  # the person's own language is known
    if cookie:
        client.cookies.set("lang", cookie)
    for _ in range(2):  # made, and kept
        answer = client.post(button + query)
        assert (answer.status_code, answer.content) == (303, b"")
        assert answer.headers["location"] == there.my
        assert answer.headers["content-length"] == "0"
        assert answer.headers["cache-control"] == "no-store"
        flash, _, attributes = answer.headers["set-cookie"].partition(";")
        assert attributes == " HttpOnly; Max-Age=60; Path=/; SameSite=lax"
        text = links.unsign(Purpose.FLASH, flash.removeprefix("flash="))
        assert json.loads(bytes.fromhex(text)) == ["success", said, "", ""]
    shown = client.get(there.my + query).text
    assert html.unescape(shown).count(f"</span> {said}") == 1


@pytest.mark.parametrize(
    ("contact", "said"),
    [
        ("help@example.org", "If you were there, write to them: help@example.org."),
        ("", "If you were there, tell them."),
    ],
)
def test_who_was_taken_back_is_told_so_in_place_of_the_button(
    client: TestClient, database: Database, there: Published, button: str,
    contact: str, said: str,
) -> None:  # fmt: skip
    client.headers["accept-language"] = "en"
    client.cookies.set("lang", "en")
    client.post(button)
    client.get(there.my)  # which says what was done, once
    with database.begin(writes=True) as db:
        db.get_one(Cycle, there.cycle_id).contact_email = contact
        one = db.exec(select(Evidence)).one()
        command = RetractIn(enrolment_id=one.enrolment_id, evidence_id=one.id, reason="Not her.")
        retract(db, SYSTEM, one.session_id, command, one.at)
    said = f"Your check-in for this session was taken back by the organizers. {said}"
    answer = client.post(button)
    assert (answer.status_code, html.unescape(answer.text).count(said)) == (409, 1)
    assert "checked in" not in answer.text
    for path, times in ((button, 1), (f"{there.my}/sessions/1/join", 1), (there.my, 2)):
        shown = client.get(path).text
        assert html.unescape(shown).count(said) == times
        assert f'action="{button}"' not in shown
        assert f'href="{button}"' not in shown
        assert "to check in" not in shown
    with database.begin(writes=True) as db:
        mark(
            db,
            SYSTEM,
            one.session_id,
            MarkIn(enrolment_id=one.enrolment_id, status=Status.PRESENT, reason="Seen."),
            one.at,
        )
    shown = client.get(there.my).text
    assert html.unescape(shown).count(said) == 0
    assert f'"{button}"' not in shown
    assert f'{there.my}/sessions/1/join"' in shown
    assert shown.count("Opens the meeting.") == 1
    assert "Come back to this page to check in" not in shown  # they cannot
    shown = client.get(f"{there.my}/sessions/1/join").text
    assert shown.count("Opens the meeting.") == 1
    assert "Come back to your page to check in" not in shown


def test_a_full_queue_keeps_the_button(
    app: FastAPI, client: TestClient, database: Database, there: Published, button: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    client.headers["accept-language"] = "es"
    with monkeypatch.context() as full:
        full.setattr(app.state.desk, "_waiting", 0)
        full.delattr("app.routers.pages.my_check_in.run_in_threadpool")  # all of it may be taken
        answer = client.post(button)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert re.findall(r'<html lang="(\w+)"', answer.text) == ["es"]
    assert BUTTON.findall(answer.text) == [(button, "Registrar asistencia")]
    assert evidence(database) == []
    assert client.post(button).status_code == 303
    assert evidence(database) == [(there.enrolment_id, "personal-page")]


def test_a_database_that_is_busy_is_not_asked_again(
    client: TestClient, database: Database, there: Published, button: str
) -> None:
    with failing(database, "SELECT", "INSERT") as asked:
        answer = client.post(button, headers={"accept-language": "en"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert BUTTON.findall(answer.text) == [(button, "Check in")]
    assert len(asked) == 1
    assert evidence(database) == []


def test_a_cycle_that_is_no_longer_published(
    client: TestClient, database: Database, there: Published, button: str
) -> None:
    with database.begin(writes=True) as db:
        db.get_one(Cycle, there.cycle_id).status = "draft"
    assert (client.get(button).status_code, client.post(button).status_code) == (404, 404)
    assert evidence(database) == []


def test_wrong_and_replaced_links(
    client: TestClient, database: Database, links: Links, there: Published, button: str
) -> None:
    assert client.post(button.replace("/sessions", "x/sessions")).status_code == 404
    other = links.token(Purpose.FEED, there.enrolment_id, 1)
    assert client.post(f"/my/{other}/sessions/1/check-in").status_code == 404
    with database.begin(writes=True) as db:
        db.get_one(Enrolment, there.enrolment_id).link_generation += 1
    answer = client.post(button, headers={"accept-language": "en"})
    assert answer.status_code == 410
    assert "Ask the organizers for it: clusters@example.org." in answer.text
    assert evidence(database) == []


def test_whoever_does_not_send_all_of_it_has_not_pressed(
    app: FastAPI, database: Database, there: Published, button: str
) -> None:
    pieces: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"a=1", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return pieces.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": button,
        "raw_path": button.encode(),
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    assert sent == []
    assert evidence(database) == []


def test_works_where_nothing_was_started(
    app: FastAPI, database: Database, there: Published, button: str
) -> None:
    """Without the lifespan, as some ways of serving have it."""
    client = TestClient(app, follow_redirects=False)
    assert client.post(button).status_code == 303
    assert evidence(database) == [(there.enrolment_id, "personal-page")]
