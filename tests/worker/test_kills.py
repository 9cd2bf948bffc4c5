"""Workers that are killed at any moment: no mail is lost, and each kill repeats one at most."""

import random
import signal
import time
from collections import Counter
from datetime import datetime, timedelta
from multiprocessing.connection import Connection

import pytest
from sqlalchemy import text

from app.db import Database
from app.mail.transport import SmtpTransport
from app.services.links import Links
from app.worker import claims
from app.worker.loop import Worker
from tests.forks import Process, fork, pipe
from tests.mail.smtp_peer import Behaviour, Peer, smtp_peer
from tests.worker.test_worker import LATER, SENDER, queue, rows

MAILS = 300
KILLS = 10


def _work(database_url: str, port: int, now: datetime, turn: Connection) -> None:
    worker = Worker(
        Database(database_url),
        Links("a key for tests", "http://testserver"),
        SmtpTransport(f"smtp://127.0.0.1:{port}", timeout=20),
        SENDER,
    )
    turn.recv()
    worker.run_once(now)


def _worker(database: Database, peer: Peer, turn: int) -> tuple[Process, Connection]:
    """A worker that waits for its turn, when the leases of those before have run out."""
    url = database.engine.url.render_as_string(hide_password=False)
    now = LATER + turn * (claims.LEASE + timedelta(minutes=1))
    here, there = pipe()
    return fork(_work, url, peer.port, now, there), here


def _end(worker: Process) -> int | None:
    worker.join(120)
    code: int | None = worker.exitcode
    worker.close()
    return code


def test_ten_kills(real_database: Database) -> None:
    queue(real_database, MAILS)
    chance = random.Random(7)
    with smtp_peer(Behaviour(pipelining=True)) as peer:
        worker, go = _worker(real_database, peer, 0)
        for turn in range(KILLS):
            go.send(None)
            following = _worker(real_database, peer, turn + 1)
            until = len(peer.mails) + chance.randint(1, MAILS // KILLS - 4)
            deadline = time.monotonic() + 60
            while len(peer.mails) < until and time.monotonic() < deadline:
                time.sleep(0.0005)
            time.sleep(chance.random() * 0.004)
            worker.kill()
            assert _end(worker) == -signal.SIGKILL
            worker, go = following
        go.send(None)
        assert _end(worker) == 0
        found = rows(real_database)
    assert Counter(m.status for m in found) == {"sent": MAILS}
    times = Counter(peer.recipients)
    assert set(times) == {f"p{n}@example.org" for n in range(MAILS)}
    assert sum(times.values()) - MAILS <= KILLS
    identities = {m.to_address: m.message_id for m in found}
    raw: dict[str, set[bytes]] = {}
    for recipient, mail, source in zip(peer.recipients, peer.mails, peer.raw, strict=True):
        assert mail["Message-ID"] == identities[recipient]
        raw.setdefault(recipient, set()).add(source)
    assert {len(different) for different in raw.values()} == {1}


@pytest.mark.parametrize("durable", [True, False])
def test_how_hard_a_note_is_written(real_database: Database, durable: bool) -> None:
    """What stands in ADR 0017: only such a note does without the disk, and the next write on the
    same connection waits for it again."""
    ask = (
        "PRAGMA synchronous"
        if real_database.engine.dialect.name == "sqlite"
        else ("SHOW synchronous_commit")
    )
    with real_database.engine.connect() as connection:
        usual = connection.execute(text(ask)).scalar_one()
    with real_database.jotting() as jot:
        claims.record_sent(jot, "nobody", LATER)
    with real_database.begin(writes=True, durable=durable) as db:
        found = db.connection().execute(text(ask)).scalar_one()
    lax = 1 if real_database.engine.dialect.name == "sqlite" else "off"
    assert found == (usual if durable else lax)
    with real_database.begin(writes=True) as db:
        assert db.connection().execute(text(ask)).scalar_one() == usual
