"""A server that hangs holds up nobody but the mail that it hangs with; what is over expires."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app.db import Database
from app.mail.failures import Reason, SendError
from app.mail.transport import SmtpTransport
from app.mail.values import Mail
from app.models import Message, now
from app.services import outbox
from app.services.links import Links
from app.worker import claims
from app.worker.composer import Composer
from app.worker.loop import Worker
from tests.factories import NOW
from tests.mail.smtp_peer import Behaviour, smtp_peer
from tests.worker.test_worker import LATER, SENDER, Fake, queue, rows

HANGS = "p3@example.org"


def test_one_hang_costs_the_others_one_timeout(real_database: Database, links: Links) -> None:
    queue(real_database, 40)
    with smtp_peer(Behaviour(hang_in_data=frozenset({HANGS}))) as peer:
        transport = SmtpTransport(f"smtp://127.0.0.1:{peer.port}", timeout=1)
        begun = time.monotonic()
        assert Worker(real_database, links, transport, SENDER).run_once(LATER) == 40
        assert time.monotonic() - begun < 20  # of 40
    assert sorted(peer.recipients) == sorted(
        f"p{n}@example.org" for n in range(40) if f"p{n}@example.org" != HANGS
    )
    found = {m.to_address: m for m in rows(real_database)}
    assert (found[HANGS].status, found[HANGS].attempts, found[HANGS].last_error) == (
        "queued",
        1,
        "timeout: ",
    )
    assert {m.status for to, m in found.items() if to != HANGS} == {"sent"}
    assert {m.leased_by for m in found.values()} == {""}


def test_another_worker_takes_what_the_hanging_one_holds(
    real_database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not have to wait for the end of the hang, which is half a minute here."""
    monkeypatch.setattr("app.mail.transport._PATIENCE", 0.3)
    queue(real_database, 15)
    with smtp_peer(Behaviour(hang_in_data=frozenset({"p0@example.org"}))) as peer:
        url = f"smtp://127.0.0.1:{peer.port}"
        stuck = Worker(real_database, links, SmtpTransport(url, timeout=9), SENDER)
        thread = threading.Thread(target=stuck.run_once, args=(LATER,))
        begun = time.monotonic()
        thread.start()
        other = Worker(real_database, links, SmtpTransport(url, timeout=9), SENDER)
        while other.run_once(LATER) == 0 and time.monotonic() - begun < 8:
            time.sleep(0.02)
        assert len(peer.recipients) == 14
        assert time.monotonic() - begun < 8
        assert thread.is_alive()
        thread.join()
    assert [(m.status, m.attempts) for m in rows(real_database)] == [
        ("queued", 1),
        *[("sent", 1)] * 14,
    ]


def test_a_server_that_hangs_with_everybody_costs_each_worker_two_mails(
    real_database: Database, links: Links
) -> None:
    queue(real_database, 10)
    everybody = frozenset(f"p{n}@example.org" for n in range(10))
    with smtp_peer(Behaviour(hang_in_data=everybody)) as peer:
        transport = SmtpTransport(f"smtp://127.0.0.1:{peer.port}", timeout=0.3)
        worker = Worker(real_database, links, transport, SENDER)
        assert worker.run_once(LATER) == 2
        assert worker._server_down
    assert [(m.status, m.attempts, m.leased_by) for m in rows(real_database)] == [
        *[("queued", 1, "")] * 2,
        *[("queued", 0, "")] * 8,
    ]


def test_mails_that_cannot_be_given_back_come_back_by_themselves(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(database, 3)

    def away(*_: Any) -> None:
        raise OperationalError("", None, Exception())

    monkeypatch.setattr(claims, "release", away)
    lost = SendError(Reason.TIMEOUT, connection=True)
    transport = Fake({"p0@example.org": lost})
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == 1
    assert [bool(m.leased_by) for m in rows(database)] == [False, True, True]
    monkeypatch.undo()
    assert worker.run_once(LATER + claims.LEASE + timedelta(seconds=1)) == 3


def test_they_are_given_back_when_the_database_is_there_again(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not only when their leases end."""
    queue(database, 3)

    def away(*_: Any) -> None:
        raise OperationalError("", None, Exception())

    monkeypatch.setattr(claims, "release", away)
    transport = Fake({"p0@example.org": SendError(Reason.TIMEOUT, connection=True)})
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == 1
    monkeypatch.undo()
    assert worker.run_once(LATER + timedelta(seconds=5)) == 2
    assert [m.status for m in rows(database)] == ["queued", "sent", "sent"]


def _expiring(database: Database, name: str, minutes: float, **values: Any) -> None:
    with database.begin(writes=True) as db:
        outbox.enqueue(
            db,
            kind="invitation",
            intent=name,
            to_name="Ana",
            to_address=f"{name}@example.org",
            language="es",
            context={},
            expires_at=LATER + timedelta(minutes=minutes),
            now=NOW,
            **values,
        )


def _ends(database: Database) -> dict[str, tuple[str, int, str, str]]:
    return {m.intent: (m.status, m.attempts, m.last_error, m.leased_by) for m in rows(database)}


OVER = ("expired", 0, "over: ", "")


@pytest.fixture
def any_text(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail(b"Message-ID: <x>\r\n\r\nx\r\n")
    monkeypatch.setattr(Composer, "compose", lambda *_: mail)


@pytest.mark.usefixtures("any_text")
def test_what_is_over_is_not_sent(database: Database, links: Links) -> None:
    _expiring(database, "over", 0)
    _expiring(database, "coming", 1)
    _expiring(database, "scheduled", -1, due_at=LATER + timedelta(hours=3))
    transport = Fake()
    assert Worker(database, links, transport, SENDER).run_once(LATER) == 1
    assert [to for to, _ in transport.sent] == ["coming@example.org"]
    assert _ends(database) == {
        "over": OVER,
        "coming": ("sent", 1, "", ""),
        "scheduled": OVER,
    }


@pytest.mark.usefixtures("any_text")
def test_what_ends_while_it_is_tried_again(database: Database, links: Links) -> None:
    _expiring(database, "late", 10)
    transport = Fake({"late@example.org": SendError(Reason.DELAYED, "451 later")})
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == 1
    transport.failures.clear()
    # Said at once, and not only when it would have been its turn.
    with database.begin(writes=True) as db:
        row = db.get(Message, rows(database)[0].id)
        assert row is not None
        row.due_at = LATER + timedelta(hours=4)
    assert worker.run_once(LATER + timedelta(minutes=10)) == 0
    assert _ends(database) == {"late": ("expired", 1, "over: ", "")}


@pytest.mark.usefixtures("any_text")
def test_what_ends_while_the_batch_is_sent(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = [0.0]
    monkeypatch.setattr("app.worker.loop.time.monotonic", lambda: ticks[0])
    monkeypatch.setattr("app.worker.batch.ENOUGH", 1_000)
    _expiring(database, "a", 0.5)
    _expiring(database, "b", 1)
    transport = Fake()

    def pass_time(_: str) -> None:
        ticks[0] += 60

    transport.before = pass_time
    assert Worker(database, links, transport, SENDER).run_once(LATER) == 2
    assert _ends(database) == {"a": ("sent", 1, "", ""), "b": OVER}


def test_a_composer_may_find_out_that_it_is_over(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(*_: object) -> Mail:
        raise SendError(Reason.OVER, final=True)

    monkeypatch.setattr(Composer, "compose", too_late)
    _expiring(database, "a", 5)
    assert Worker(database, links, Fake(), SENDER).run_once(LATER) == 1
    assert _ends(database) == {"a": OVER}


def test_only_one_expires_where_two_workers_look(real_database: Database) -> None:
    for n in range(30):
        _expiring(real_database, f"{n}", -1)
    found: list[int] = []

    def work() -> None:
        with real_database.begin(writes=True) as db:
            found.append(len(claims.expire(db, now())))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(found) == 30
