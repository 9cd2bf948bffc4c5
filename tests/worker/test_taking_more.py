"""While a few mails of a large batch are left, more are taken, so that none waits for the look."""

import threading
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app.db import Database
from app.services.links import Links
from app.worker import batch, claims, loop
from app.worker.loop import Worker
from tests.worker.test_worker import LATER, SENDER, Fake, queue, rows

MAILS = 10


class Claims:
    """How many mails were out whenever more were taken; the second time may fail."""

    def __init__(self, transport: Fake, *, fails: bool = False) -> None:
        self.after: list[int] = []
        self._transport = transport
        self._fails = fails
        self._claim = claims.claim

    def __call__(self, *args: Any, **kwargs: Any) -> claims.Claim:
        self.after.append(len(self._transport.sent))
        if self._fails and len(self.after) == 2:
            raise OperationalError("claim", None, Exception("database is locked"))
        return self._claim(*args, **kwargs)


@pytest.fixture
def transport(monkeypatch: pytest.MonkeyPatch) -> Fake:
    monkeypatch.setattr(loop, "BATCH", 4)
    monkeypatch.setattr(loop, "MOST", 4)
    monkeypatch.setattr(batch, "_FEW", 2)
    return Fake()


def send(
    database: Database, links: Links, transport: Fake, found: Claims, patch: pytest.MonkeyPatch
) -> None:
    patch.setattr(claims, "claim", found)
    queue(database, MAILS)
    assert Worker(database, links, transport, SENDER).run_once(LATER) == MAILS
    assert [to for to, _ in transport.sent] == [f"p{n}@example.org" for n in range(MAILS)]


def test_more_are_taken_while_some_are_left(
    database: Database, links: Links, transport: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Claims(transport)
    send(database, links, transport, found, monkeypatch)
    assert found.after == [0, 2, 6, 8]


def test_a_batch_that_takes_long_only_ends(
    database: Database, links: Links, transport: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_FOR_MORE", -1.0)
    found = Claims(transport)
    send(database, links, transport, found, monkeypatch)
    assert found.after == [0, 4, 8]


def test_of_a_small_batch_all_go_first(
    database: Database, links: Links, transport: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "MOST", 500)
    found = Claims(transport)
    send(database, links, transport, found, monkeypatch)
    assert found.after == [0, 4]


def test_what_was_taken_goes_out_even_if_no_more_can_be(
    database: Database, links: Links, transport: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Claims(transport, fails=True)
    send(database, links, transport, found, monkeypatch)
    assert found.after == [0, 2, 4, 6, 8]


def test_told_to_stop_it_gives_back_what_else_it_took(
    database: Database, links: Links, transport: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(database, MAILS)
    worker, stop = Worker(database, links, transport, SENDER), threading.Event()
    worker._stop = stop
    transport.before = lambda to: stop.set() if to == "p2@example.org" else None
    assert worker.run_once(LATER) == 3
    states = [(m.status, m.leased_by, m.leased_until) for m in rows(database)]
    assert states == [("sent", "", None)] * 3 + [("queued", "", None)] * 7
