"""A mail that is out is written down as out, also when the database is locked for a while."""

import threading
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app import db as app_db
from app.db import Database, Jot
from app.services.links import Links
from app.worker import claims
from app.worker.loop import Worker
from tests.worker.test_worker import LATER, SENDER, Fake, queue, rows

AFTER = LATER + claims.LEASE + timedelta(minutes=1)


def _fail(monkeypatch: pytest.MonkeyPatch, times: int, of: int = 2) -> list[str]:
    """The note of the mail that is the `of`-th to go fails so often; all that were tried."""
    note, tried = claims.record_sent, list[str]()

    def record_sent(jot: Jot, message_id: str, now: datetime) -> datetime | None:
        tried.append(message_id)
        if of <= len(tried) < of + times:
            raise OperationalError("", None, Exception("database is locked"))
        return note(jot, message_id, now)

    monkeypatch.setattr(claims, "record_sent", record_sent)
    return tried


def test_a_note_is_tried_until_it_is_written(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.batch._BETWEEN_NOTES", 0)
    ids = queue(database, 4)
    tried = _fail(monkeypatch, times=3)
    transport = Fake()
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == 4
    assert tried == [ids[0], *[ids[1]] * 4, ids[2], ids[3]]
    assert worker.run_once(AFTER) == 0
    assert [to for to, _ in transport.sent] == [f"p{n}@example.org" for n in range(4)]
    assert [(m.status, m.attempts, m.leased_by) for m in rows(database)] == [("sent", 1, "")] * 4


def test_the_line_is_not_kept_waiting_for_a_note(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has been told of the next mail and would give up on it."""
    monkeypatch.setattr("app.worker.batch._BETWEEN_NOTES", 0)
    queue(database, 4)
    _fail(monkeypatch, times=1)
    closed: list[tuple[str, int]] = []
    transport = Fake()
    transport.before = lambda to: closed.append((to, transport.closed))
    assert Worker(database, links, transport, SENDER).run_once(LATER) == 4
    assert closed == [(f"p{n}@example.org", 0 if n < 2 else 1) for n in range(4)]


def test_it_is_tried_no_longer_than_the_lease_lasts(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.batch._BETWEEN_NOTES", 0)
    queue(database, 2)
    clock, tried = [LATER], list[str]()

    def record_sent(_jot: Jot, message_id: str, _now: datetime) -> None:
        tried.append(message_id)
        clock[0] += claims.LEASE / 3
        raise OperationalError("", None, Exception("database is locked"))

    monkeypatch.setattr(claims, "record_sent", record_sent)
    with pytest.raises(OperationalError):
        Worker(database, links, Fake(), SENDER, clock=lambda: clock[0]).run_once()
    assert len(tried) == 3


def test_who_is_told_to_stop_tries_once_more(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(database, 3)
    tried = _fail(monkeypatch, times=1)
    stop = threading.Event()
    transport = Fake()
    transport.before = lambda to: stop.set() if to == "p1@example.org" else None
    Worker(database, links, transport, SENDER, clock=lambda: LATER).run(stop)
    assert len(tried) == 3
    assert [(m.status, m.leased_by) for m in rows(database)] == [
        ("sent", ""),
        ("sent", ""),
        ("queued", ""),
    ]


# In PostgreSQL nobody locks the whole database.
@pytest.mark.parametrize("real_database", ["sqlite"], indirect=True)
def test_somebody_else_writes_for_longer_than_one_waits(
    real_database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_db, "BUSY_TIMEOUT_MS", 20)
    real_database.engine.dispose()
    queue(real_database, 3)
    holder: Any = app_db.sqlite_module().connect(
        real_database.engine.url.database, isolation_level=None, check_same_thread=False
    )
    failed: list[str] = []
    note = claims.record_sent

    def record_sent(jot: Jot, message_id: str, now: datetime) -> datetime | None:
        try:
            return note(jot, message_id, now)
        except OperationalError as error:
            failed.append(str(error.orig))
            if len(failed) == 2:
                holder.execute("ROLLBACK")
            raise

    monkeypatch.setattr(claims, "record_sent", record_sent)
    transport = Fake()
    transport.before = lambda to: holder.execute("BEGIN IMMEDIATE") if to[1] == "1" else None
    worker = Worker(real_database, links, transport, SENDER)
    assert worker.run_once(LATER) == 3
    holder.close()
    assert failed == ["database is locked"] * 2
    assert worker.run_once(AFTER) == 0
    assert Counter(to for to, _ in transport.sent) == {f"p{n}@example.org": 1 for n in range(3)}
