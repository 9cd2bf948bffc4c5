"""A worker that is killed between handing a mail over and writing that down."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from app.db import Database
from app.mail.transport import SmtpTransport
from app.services.links import Links
from app.worker import claims
from app.worker.loop import Worker
from tests.mail.smtp_peer import smtp_peer
from tests.worker.test_worker import LATER, SENDER, queue, rows

SCRIPT = """
import os, signal, sys
from datetime import datetime
from app.db import Database
from app.mail.transport import SmtpTransport
from app.mail.values import Sender
from app.services.links import Links
from app.worker.loop import Worker

database_url, port, fatal, now = sys.argv[1:]

class Deadly(SmtpTransport):
    def send(self, mail, *, recipient, **how):
        super().send(mail, recipient=recipient, **how)
        if recipient == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

worker = Worker(
    Database(database_url),
    Links("a key for tests", "http://testserver"),
    Deadly(f"smtp://127.0.0.1:{port}", timeout=10),
    Sender("convoca@example.org", "Convoca"),
)
worker.run_once(datetime.fromisoformat(now))
"""


def test_at_most_one_repeats_and_says_that_it_is_the_same(
    real_database: Database, links: Links
) -> None:
    queue(real_database, 4)
    url = real_database.engine.url.render_as_string(hide_password=False)
    with smtp_peer() as peer:
        killed = subprocess.run(
            [sys.executable, "-c", SCRIPT, url, str(peer.port), "p1@example.org", f"{LATER}"],
            cwd=Path(__file__).parents[2],
            timeout=60,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
        assert peer.recipients == ["p0@example.org", "p1@example.org"]
        assert [m.status for m in rows(real_database)] == ["sent", "queued", "queued", "queued"]
        transport = SmtpTransport(f"smtp://127.0.0.1:{peer.port}", timeout=10)
        worker = Worker(real_database, links, transport, SENDER)
        assert worker.run_once(LATER + timedelta(minutes=1)) == 0  # its lease holds
        assert worker.run_once(LATER + claims.LEASE + timedelta(minutes=1)) == 3
    assert peer.recipients == [f"p{n}@example.org" for n in (0, 1, 1, 2, 3)]
    assert peer.mails[1]["Message-ID"] == peer.mails[2]["Message-ID"]
    assert len({mail["Message-ID"] for mail in peer.mails}) == 4
    assert {m.status for m in rows(real_database)} == {"sent"}
