"""Fetching answers from a real IMAP server."""

import contextlib
import dataclasses
import logging
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from app.cli import _worker_beside
from app.db import Database, DbSession
from app.doctor import examine
from app.mail.inbound import LIMIT, Incoming
from app.mail.inbound import read as parsed
from app.mail.mailbox import Mailbox, MailboxError
from app.models import InboundMail, Invitation
from app.services import inbound
from app.settings import Settings
from app.worker import mailbox as module
from app.worker.mailbox import MailboxReader, reading_mailbox
from tests.mail import inbound_corpus as corpus
from tests.services.test_inbound import RECEIVED, invite
from tests.worker.dovecot import BINARY, PASSWORD, Dovecot, dovecot

pytestmark = pytest.mark.skipif(
    BINARY is None, reason="the IMAP server: Dovecot is missing (apt-get install dovecot-imapd)"
)


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Dovecot]]:
    with dovecot() as server:
        yield [server]


@pytest.fixture
def server(servers: list[Dovecot]) -> Dovecot:
    """With a mailbox of its own for each test."""
    servers.append(servers[-1].another())
    return servers[-1]


def reader(database: Database, server: Dovecot, **values: str) -> MailboxReader:
    return MailboxReader(
        database, lambda: Mailbox(server.url(**values), timeout=10), clock=lambda: RECEIVED
    )


def rows(database: Database) -> list[tuple[str, str, str]]:
    with database.begin(writes=False) as db:
        query = select(InboundMail).order_by(InboundMail.id)
        return [(row.kind, row.status, row.reason) for row in db.exec(query)]


def answers(database: Database) -> list[str]:
    with database.begin(writes=False) as db:
        return [row.answer for row in db.exec(select(Invitation))]


def test_unseen_mails_are_taken_in_the_oldest_first_and_stay(
    real_database: Database, server: Dovecot
) -> None:
    with real_database.begin(writes=True) as db:
        invited = invite(db)
    server.deliver(invited.mail(corpus.exchange))
    server.deliver(corpus.out_of_office())
    later = b"DTSTAMP:20261124T160000Z"
    raw = invited.mail(corpus.outlook_com_root, message_id="<2@x>")
    server.deliver(raw.replace(b"DTSTAMP:20261124T150000Z", later))
    fetching = reader(real_database, server)
    assert (fetching.run_once(), fetching.run_once()) == (3, 0)
    assert rows(real_database) == [
        ("reply", "placed", ""),
        ("automatic", "ignored", "automatic"),
        ("reply", "placed", ""),
    ]
    assert answers(real_database) == ["accepted"]
    assert server.seen() == [True, True, True]


def test_a_mail_that_is_too_large_is_listed_and_not_fetched(
    real_database: Database, server: Dovecot
) -> None:
    large = corpus.letter() + b"x" * LIMIT
    server.deliver(large)
    server.deliver(corpus.letter(message_id="<small@x>"))
    assert reader(real_database, server).run_once() == 2
    assert rows(real_database) == [("other", "open", "too-large"), ("other", "open", "letter")]
    with real_database.begin(writes=False) as db:
        row = db.exec(select(InboundMail).order_by(InboundMail.id)).first()
        assert row is not None
        assert (row.details, len(row.raw) < 1000) == ({"size": len(large)}, True)


SCRIPT = """
import os, signal, sys
from datetime import datetime
from app.db import Database
from app.mail.mailbox import Mailbox
from app.worker.mailbox import MailboxReader

class Deadly(Mailbox):
    def mark_seen(self, uid):
        os.kill(os.getpid(), signal.SIGKILL)

url, mailbox, now = sys.argv[1:]
at = datetime.fromisoformat(now)
MailboxReader(Database(url), lambda: Deadly(mailbox), clock=lambda: at).run_once()
"""


def test_a_mail_that_is_not_handed_over_holds_up_nobody(
    real_database: Database, server: Dovecot, caplog: pytest.LogCaptureFixture
) -> None:
    """One file that the server may not read, one whose name lies about its size."""
    server.deliver(corpus.letter(message_id="<locked@x>"))
    server.deliver(corpus.letter(message_id="<liar@x>"))
    locked, liar = sorted((server.maildir / "new").iterdir())
    os.chown(locked, 0, 0) if os.getuid() == 0 else None
    locked.chmod(0)
    liar.rename(liar.with_name(f"{liar.name},S=99999"))
    server.deliver(corpus.letter(message_id="<good@x>"))
    fetching = reader(real_database, server)
    for _ in range(8):
        with contextlib.suppress(MailboxError):  # Dovecot may hang up on the second one
            fetching.run_once()
    with real_database.begin(writes=False) as db:
        found = db.exec(select(InboundMail)).all()
        letters = [row.key for row in found if row.reason == "letter"]
        waiting = [(row.details["uid"], row.status) for row in found if row.reason == "unfetched"]
    assert "<good@x>" in letters
    assert (1, "open") in waiting
    assert len(letters) + len(waiting) == 3
    assert 3 <= caplog.text.count("could not be fetched") <= 6
    before = len(caplog.records)
    assert fetching.run_once() == 0
    assert len(caplog.records) == before


def test_a_mail_that_cannot_be_marked_is_taken_once(
    real_database: Database, server: Dovecot, caplog: pytest.LogCaptureFixture
) -> None:
    class Stubborn(Mailbox):
        def mark_seen(self, uid: int) -> None:
            self._do(lambda imap: imap.uid("STORE", str(uid), "NONSENSE"))

    server.deliver(corpus.letter(message_id="<1@x>"))
    server.deliver(corpus.letter(message_id="<2@x>"))
    fetching = MailboxReader(real_database, lambda: Stubborn(server.url(), timeout=10))
    assert (fetching.run_once(), fetching.run_once()) == (2, 0)
    assert caplog.text.count("cannot be marked as read") == 2


def test_a_mail_that_somebody_has_opened_is_taken_all_the_same(
    real_database: Database, server: Dovecot
) -> None:
    server.deliver(corpus.letter())
    [path] = (server.maildir / "new").iterdir()
    path.rename(server.maildir / "cur" / f"{path.name}:2,S")
    fetching = reader(real_database, server)
    assert (fetching.run_once(), fetching.run_once()) == (1, 0)
    assert reader(real_database, server).run_once() == 0  # the mark is in the mailbox


def test_a_folder_that_is_read_only_is_read_and_said_once(
    real_database: Database,
    settings: Settings,
    server: Dovecot,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.deliver(corpus.letter())
    (server.maildir / "cur").chmod(0o500)
    try:
        fetching = reader(real_database, server)
        assert (fetching.run_once(), fetching.run_once()) == (1, 0)
        url = f"sqlite:///{settings.data_dir}/convoca.db"
        looked_at = dataclasses.replace(settings, imap_url=server.url(), database_url=url)
        [finding] = [f for f in examine(looked_at) if f.topic == "answers"]
    finally:
        (server.maildir / "cur").chmod(0o700)
    assert caplog.text.count("the mailbox is read-only") == 1
    assert (finding.level, "is read-only for us" in finding.text) == ("look", True)


def test_killed_before_it_is_marked_it_counts_once(
    real_database: Database, server: Dovecot
) -> None:
    with real_database.begin(writes=True) as db:
        invited = invite(db)
    server.deliver(invited.mail())
    url = real_database.engine.url.render_as_string(hide_password=False)
    killed = subprocess.run(
        [sys.executable, "-c", SCRIPT, url, server.url(), RECEIVED.isoformat()],
        cwd=Path(__file__).parents[2],
        timeout=60,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert (rows(real_database), server.seen()) == ([("reply", "placed", "")], [False])
    assert reader(real_database, server).run_once() == 1
    assert (rows(real_database), server.seen()) == ([("reply", "placed", "")], [True])


def test_a_mail_that_trips_us_up_does_not_hold_up_the_others(
    real_database: Database,
    server: Dovecot,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def receive(db: DbSession, raw: bytes, *args: object, **kwargs: object) -> object:
        if b"poison" in raw:
            raise ValueError("tripped")
        return inbound.receive(db, raw, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "receive", receive)
    server.deliver(b"Subject: poison\r\n\r\n")
    server.deliver(corpus.letter())
    assert reader(real_database, server).run_once() == 1
    assert (rows(real_database), server.seen()) == ([("other", "open", "letter")], [False, True])
    assert "could not be taken in" in caplog.text


def test_nobody_waits_while_a_mail_is_read(
    real_database: Database, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two megabytes of line breaks, which anybody may send, take seconds."""

    def read(raw: bytes) -> Incoming:
        with real_database.begin(writes=True):  # another one's, who checks in meanwhile
            return parsed(raw)

    monkeypatch.setattr(inbound, "read", read)
    server.deliver(corpus.letter())
    assert reader(real_database, server).run_once() == 1
    assert rows(real_database) == [("other", "open", "letter")]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"password": "wrong"}, "it does not accept our user and password"),
        ({"folder": "None"}, "Mailbox doesn't exist: None"),
        ({"folder": 'Ñandú & "x"'}, "Mailbox doesn't exist"),
        ({"scheme": "imap+starttls"}, "it cannot be reached"),
    ],
)
def test_a_mailbox_that_cannot_be_read_is_said_without_secrets(
    server: Dovecot, values: dict[str, str], said: str
) -> None:
    with pytest.raises(MailboxError, match=re.escape(said)) as caught:
        Mailbox(server.url(**values), timeout=5).open()
    assert PASSWORD not in str(caught.value)


def test_a_server_that_is_away_is_tried_again(
    real_database: Database, server: Dovecot, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread goes on by itself once the mailbox is there."""
    caplog.set_level(logging.WARNING)
    urls = iter(["imap://x:y@127.0.0.1:1"])
    fetching = MailboxReader(
        real_database,
        lambda: Mailbox(next(urls, server.url()), timeout=5),
        every=0.05,
        clock=lambda: RECEIVED,
    )
    server.deliver(corpus.letter())
    stop = threading.Event()
    thread = threading.Thread(target=fetching.run, args=(stop,))
    thread.start()
    for _ in range(100):
        if rows(real_database):
            break
        time.sleep(0.1)
    stop.set()
    thread.join()
    assert rows(real_database) == [("other", "open", "letter")]
    assert "the mailbox cannot be read: it cannot be reached" in caplog.text


@pytest.mark.parametrize("scheme", ["imaps", "imap+starttls"])
def test_over_tls(tmp_path: Path, scheme: str) -> None:
    from tests.mail.smtp_peer import certificate

    _, client = certificate(tmp_path, "localhost")
    with dovecot((tmp_path / "cert.pem", tmp_path / "key.pem")) as server:
        server.deliver(corpus.letter())
        with Mailbox(server.url(scheme), tls=client, timeout=10) as mailbox:
            assert mailbox.unseen() == [1]
        with pytest.raises(MailboxError, match="its certificate is not right"):
            Mailbox(server.url(scheme), tls=ssl.create_default_context(), timeout=10).open()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_worker_reads_it_in_a_thread_of_its_own(
    settings: Settings, database: Database, server: Dovecot
) -> None:
    server.deliver(corpus.letter())
    with_mailbox = dataclasses.replace(settings, imap_url=server.url(), imap_every=5)
    with _worker_beside(with_mailbox, database):
        for _ in range(100):
            if rows(database):
                break
            time.sleep(0.1)
        names = {thread.name for thread in threading.enumerate()}
    assert rows(database) == [("other", "open", "letter")]
    assert {"worker", "mailbox"} <= names
    assert "mailbox" not in {thread.name for thread in threading.enumerate()}


def test_without_a_mailbox_nothing_is_read(settings: Settings, database: Database) -> None:
    with reading_mailbox(settings, database):
        assert "mailbox" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("password", "level", "said"),
    [
        (PASSWORD, "ok", "the mailbox at 127.0.0.1 can be read, unseen mails: 1"),
        ("wrong", "wrong", "the mailbox at 127.0.0.1 cannot be read: it does not accept"),
    ],
)
def test_the_doctor_looks_and_changes_nothing(
    settings: Settings, server: Dovecot, password: str, level: str, said: str
) -> None:
    server.deliver(corpus.letter())
    looked_at = dataclasses.replace(
        settings,
        imap_url=server.url(password=password),
        database_url=f"sqlite:///{settings.data_dir}/convoca.db",
    )
    findings = examine(looked_at)
    [finding] = [f for f in findings if f.topic == "answers"]
    assert (finding.level, finding.text[: len(said)]) == (level, said)
    assert server.seen() == [False]
