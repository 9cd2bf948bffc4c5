"""Why no mail goes is noted for pages and logged once; the first that goes ends it."""

import logging
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.mail.failures import Reason, SendError
from app.mail.values import Mail
from app.models import MailPace, Message
from app.services.links import Links
from app.services.mail_progress import Pause, progress
from app.worker import loop, pauses
from app.worker.composer import Composer
from app.worker.loop import Worker
from app.worker.pace import Limits
from tests.worker.test_worker import LATER, SENDER, Fake, queue, rows

SERVER = Limits("mail.example.org:25")
AWAY = SendError(Reason.UNREACHABLE, "Connection refused", connection=True)
MINUTE = timedelta(minutes=1)


def _pause(database: Database) -> tuple[str, str, object, object]:
    with database.begin(writes=False) as db:
        row = db.exec(select(MailPace)).one()
        return row.pause, row.detail, row.since, row.until


def test_a_server_that_is_away(
    database: Database,
    links: Links,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(loop, "_PAUSE", 30.0)
    queue(database, 3)
    stop, transport = threading.Event(), Fake()
    transport.away = AWAY
    note = pauses.note

    def note_and_stop(*what: Any) -> None:
        note(*what)
        stop.set()

    monkeypatch.setattr(pauses, "note", note_and_stop)
    worker = Worker(database, links, transport, SENDER, limits=SERVER, clock=lambda: LATER)
    with caplog.at_level(logging.WARNING, "convoca.worker"):
        worker.run(stop)
    assert caplog.messages == ["worker: no mail goes for 30 s: unreachable"]
    until = LATER + timedelta(seconds=30)
    assert _pause(database) == ("unreachable", "Connection refused", LATER, until)
    with database.begin(writes=False) as db:
        cycle = db.exec(select(Message.cycle_id)).first() or ""
        found = progress(db, cycle, None, LATER, SERVER)
        assert found.pause == Pause("unreachable", "Connection refused", LATER, until)
        assert (found.waiting, found.ends_at) == (3, None)
        # It was, and nobody has said anything since: it is not said any longer.
        assert progress(db, cycle, None, until + 3 * MINUTE, SERVER).pause != found.pause


def test_the_first_that_goes_ends_it_and_nobody_waits_for_their_turn(
    database: Database, links: Links
) -> None:
    queue(database, 6)
    transport = Fake()
    transport.away = AWAY
    worker = Worker(database, links, transport, SENDER, limits=SERVER)
    assert worker.run_once(LATER) == 6
    with database.begin(writes=True) as db:
        pauses.note(db, SERVER.server, AWAY.reason, AWAY.detail, LATER, LATER + MINUTE)
        last = {m.to_address: m for m in db.exec(select(Message))}
        for message in last.values():
            message.due_at = LATER + timedelta(hours=4)
        last["p0@example.org"].due_at = LATER
        last["p4@example.org"].last_error = "delayed: 451 greylisted"
        last["p5@example.org"].last_error = "held: 550 5.4.5 quota"
    transport.away = None
    assert worker.run_once(LATER + MINUTE) == 4
    assert [to for to, _ in transport.sent] == [f"p{n}@example.org" for n in range(4)]
    assert _pause(database) == ("", "", None, None)
    assert [m.due_at for m in rows(database)[4:]] == [LATER + timedelta(hours=4)] * 2


def test_a_time_limit_that_was_reached_while_connecting_is_the_servers(
    database: Database, links: Links
) -> None:
    queue(database, 2)
    transport = Fake()
    transport.away = SendError(Reason.TIMEOUT, connection=True)
    Worker(database, links, transport, SENDER, limits=SERVER).run_once(LATER)
    assert {m.last_error for m in rows(database)} == {"unreachable: no answer"}


def test_since_when(db: DbSession) -> None:
    def note(minutes: float, why: str = "unreachable") -> object:
        now = LATER + minutes * MINUTE
        pauses.note(db, "x:25", why, "", now, now + MINUTE)
        return db.exec(select(MailPace.since)).one()

    assert [note(0), note(2), note(12)] == [LATER] * 3
    assert note(13, "login") == LATER + 13 * MINUTE
    assert note(30, "login") == LATER + 30 * MINUTE  # another time


def test_an_hour_that_is_full_is_said(
    database: Database,
    links: Links,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Composer, "compose", lambda *_: Mail(b"Message-ID: <x>\r\n\r\nx\r\n"))
    limits = Limits("mail.example.org:25", None, 20)
    queue(database, 60)
    worker = Worker(database, links, Fake(), SENDER, limits=limits)
    with caplog.at_level(logging.WARNING, "convoca.worker"):
        assert worker.run_once(LATER) == 19
        assert worker.run_once(LATER + MINUTE) == 0
    [said] = caplog.messages
    assert said.startswith("worker: no mail goes for 36")
    why, _, since, until = _pause(database)
    assert why == pauses.HOUR
    with database.begin(writes=False) as db:
        cycle = db.exec(select(Message.cycle_id)).first() or ""
        found = progress(db, cycle, None, LATER + 2 * MINUTE, limits)
    assert found.pause is not None
    assert found.pause.until is not None
    assert (found.pause.since, found.pause.until) == (since, until)
    # 41 wait, 19 go in each hour from then on: they go at once, an hour later, two hours later.
    assert found.ends_at == found.pause.until + timedelta(hours=2)
    assert found.per_minute > 5


def test_it_is_said_for_as_long_as_all_that_waits_is_put_off(
    database: Database, links: Links
) -> None:
    """Between two attempts that are hours apart, and since when it has been so."""
    queue(database, 1)
    transport = Fake()
    transport.away = AWAY
    worker = Worker(database, links, transport, SENDER, limits=SERVER)
    moment = LATER
    for _ in range(6):  # the last of them 31 minutes after the first
        assert worker.run_once(moment) == 1
        with database.begin(writes=True) as db:
            pauses.note(db, SERVER.server, AWAY.reason, AWAY.detail, moment, moment + MINUTE)
        following = rows(database)[0].due_at
        with database.begin(writes=False) as db:
            cycle = db.exec(select(Message.cycle_id)).first() or ""
            found = progress(db, cycle, None, following - MINUTE / 2, SERVER).pause
        assert found is not None
        assert (found.why, found.since) == ("unreachable", LATER)
        assert found.until in (following, moment + MINUTE)
        moment = following
    assert 63 * MINUTE <= moment - LATER < 64 * MINUTE
