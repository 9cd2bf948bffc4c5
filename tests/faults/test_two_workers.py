"""Two workers, one of which is stopped in the midst of a mail until its lease is over, and goes on.

They have leases of seconds here; everything else is as it is, and the clock is the real one.
"""

import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, func, select

from app.db import Database
from app.mail.transport import SmtpTransport
from app.models import Message
from app.services.links import Links
from app.worker.loop import Worker
from tests.faults.installation import KEY, until
from tests.faults.test_worker_killed import _publish
from tests.faults.world import make_world
from tests.forks import Process, fork
from tests.mail.smtp_peer import Behaviour, Peer, smtp_peer
from tests.worker.test_worker import SENDER, queue, rows

LEASE = timedelta(seconds=4)
MAILS = 12
P0 = "p0@example.org"


def _work(database_url: str, port: int) -> None:
    from app.worker import batch, claims

    claims.LEASE = LEASE
    batch._MARGIN = timedelta(seconds=1)
    transport = SmtpTransport(f"smtp://127.0.0.1:{port}", timeout=30)
    links = Links(KEY, "http://127.0.0.1:8000")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Worker(Database(database_url), links, transport, SENDER).run(stop)


@contextmanager
def _worker(database: Database, peer: Peer) -> Iterator[Process]:
    url = database.engine.url.render_as_string(hide_password=False)
    process = fork(_work, url, peer.port)
    try:
        yield process
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.terminate()
        process.join(60)
        assert process.exitcode == 0
        process.close()


def _leased(database: Database) -> int:
    with database.begin(writes=False) as db:
        query = select(func.count()).select_from(Message)
        return db.exec(query.where(col(Message.leased_until) > datetime.now(UTC))).one()


def _sent(database: Database) -> int:
    with database.begin(writes=False) as db:
        query = select(func.count()).select_from(Message)
        return db.exec(query.where(Message.status == "sent")).one()


@pytest.mark.parametrize("reply", ["550 5.1.1 nobody of that name", "451 4.7.1 later", ""])
def test_what_the_stopped_one_learns_overwrites_nothing(
    real_database: Database, did: Callable[[str], None], reply: str
) -> None:
    """The server answers it at last; meanwhile another has sent the mail."""
    queue(real_database, MAILS, datetime.now(UTC) - timedelta(minutes=10))
    answers = threading.Event()
    with smtp_peer(Behaviour(held={P0: (answers, reply)})) as peer:  # noqa: SIM117
        with _worker(real_database, peer) as stopped:
            until(peer.holding.is_set, "a mail in the midst of which it can be stopped")
            os.kill(stopped.pid, signal.SIGSTOP)
            until(lambda: not _leased(real_database), "the end of the leases")
            with _worker(real_database, peer):
                until(lambda: _sent(real_database) == MAILS, "all mails, by the other")
                before = {m.id: (m.status, m.attempts, m.sent_at) for m in rows(real_database)}
                answers.set()
                os.kill(stopped.pid, signal.SIGCONT)
                # Of what it had taken besides it begins nothing, and it goes on working.
                extra = _one_more(real_database)
                until(lambda: _sent(real_database) == MAILS + 1, "one more mail")
    found = rows(real_database)
    assert {m.status for m in found} == {"sent"}
    after = {m.id: (m.status, m.attempts, m.sent_at) for m in found if m.to_address != extra}
    if reply:
        assert after == before
    times = Counter(peer.recipients)
    twice = {P0: 2} if not reply else {}
    names = [f"p{n}@example.org" for n in range(MAILS)] + [extra]
    assert times == dict.fromkeys(names, 1) | twice
    raw = [source for source, to in zip(peer.raw, peer.recipients, strict=True) if to == P0]
    assert len(set(raw)) == 1
    learned = reply[:3] or "250"
    did(
        f"stopped past its lease, then answered {learned}: {MAILS} mails came, {len(raw)} times "
        "the one that was held"
    )


def _one_more(database: Database) -> str:
    from app.services import outbox

    with database.begin(writes=True) as db:
        last = db.exec(select(Message).order_by(col(Message.created_at).desc())).first()
        assert last is not None
        values = {
            k: getattr(last, k) for k in ("kind", "to_name", "language", "context", "cycle_id")
        }
        address = "extra@example.org"
        at = datetime.now(UTC)
        outbox.enqueue(db, intent="extra", to_address=address, now=at, **values)
        return address


def test_a_newer_invitation_is_sent_by_the_other_one(
    real_database: Database, did: Callable[[str], None]
) -> None:
    """The session moves while an invitation to it is held: the other sends what holds now; and what
    the stopped one had taken besides the mail at hand it does not send any more."""
    world = make_world(real_database, MAILS, open_now=False)
    _publish(real_database, world, 0)
    answers = threading.Event()
    held = {each.email: (answers, "451 4.3.0 too late") for each in world.people}
    with smtp_peer(Behaviour(held=held)) as peer:  # noqa: SIM117
        with _worker(real_database, peer) as stopped:
            until(peer.holding.is_set, "a mail in the midst of which it can be stopped")
            os.kill(stopped.pid, signal.SIGSTOP)
            peer.behaviour.held.clear()
            until(lambda: not _leased(real_database), "the end of the leases")
            _publish(real_database, world, 1)
            with _worker(real_database, peer):
                until(lambda: not _queued(real_database), "all that is to be sent")
                answers.set()
                os.kill(stopped.pid, signal.SIGCONT)
                _one_more(real_database)
                until(lambda: not _queued(real_database), "one more mail")
    heard: dict[tuple[str, bytes], list[int]] = {}
    for to, mail in zip(peer.recipients, peer.mails, strict=True):
        for part in mail.walk():
            if part.get_content_type() == "text/calendar":
                body = bytes(part.get_payload(decode=True))
                uid = re.search(rb"\nUID:(\S+)", body)
                number = re.search(rb"\nSEQUENCE:(\d+)", body)
                assert uid is not None
                assert number is not None
                heard.setdefault((to, uid[1]), []).append(int(number[1]))
    assert {to for to, _ in heard} == {each.email for each in world.people} | {"extra@example.org"}
    assert all(len(set(each)) == len(each) and each == sorted(each) for each in heard.values())
    did(f"stopped with older invitations: {len(heard)} calendar entries, SEQUENCE never went back")


def _queued(database: Database) -> int:
    with database.begin(writes=False) as db:
        query = select(func.count()).select_from(Message).where(Message.status == "queued")
        return db.exec(query).one()
