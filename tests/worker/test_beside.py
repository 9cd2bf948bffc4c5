"""Invitations that a second process writes: the same bytes, and nothing lost when it fails."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.db import Database
from app.mail.failures import Reason, SendError
from app.models import Message
from app.services.links import Links
from app.worker import beside as other
from app.worker.beside import Beside
from app.worker.composer import Composer
from app.worker.loop import Worker
from tests.conftest import BASE_URL
from tests.factories import NOW, Make
from tests.worker.test_compose_invitation import guest, release
from tests.worker.test_compose_invitation import queue as queue_invitation
from tests.worker.test_worker import LATER, SENDER, Fake, rows

MAILS = 30
PATIENCE = 60.0


@pytest.fixture
def messages(real_database: Database, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """Invitations in two languages. So many are enough for another process."""
    monkeypatch.setattr(other, "MANY", 10)
    with real_database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        session = make.session(cycle)
        release(db, cycle)
        found = []
        for n in range(MAILS):
            person = make.person()
            make.enrolment(cycle, person)
            to = guest(db, cycle, person)
            address = f"p{n}@example.org"
            language = ("es", "en")[n % 2]
            row = queue_invitation(db, cycle, to, session, language=language, to_address=address)
            row.due_at = NOW
            found.append(row)
        return found


@pytest.fixture
def beside(real_database: Database) -> Iterator[Beside]:
    found = Beside(
        {
            "database_url": real_database.engine.url.render_as_string(hide_password=False),
            "key": "a key for tests",
            "base_url": BASE_URL,
            "sender": [SENDER.address, SENDER.name],
        }
    )
    yield found
    found.end()


def ask(beside: Beside, messages: list[Message]) -> None:
    """As soon as the process is there."""
    deadline = time.monotonic() + PATIENCE
    while not beside.ask_for(messages):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def pid(beside: Beside) -> int:
    assert beside._process is not None
    return beside._process.pid


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # What has ended and was not waited for is no process any more either.
    return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def eventually(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_same_bytes(
    real_database: Database, links: Links, beside: Beside, messages: list[Message]
) -> None:
    composer = Composer(real_database, links, SENDER)
    here = [composer.compose(m, LATER) for m in messages]
    composer.close()
    ask(beside, messages)
    assert [beside.take(m.id) for m in messages] == here


@pytest.mark.one_database
def test_few_are_written_here(beside: Beside, messages: list[Message]) -> None:
    assert not beside.ask_for(messages[:9])
    assert beside._process is None
    assert beside.take(messages[0].id) is None


@pytest.mark.one_database
def test_what_cannot_be_written_is_the_same_error(
    real_database: Database, beside: Beside, messages: list[Message]
) -> None:
    with real_database.begin(writes=True) as db:
        row = db.get_one(Message, messages[1].id)
        row.context = {**row.context, "session_id": "gone"}
    ask(beside, messages)
    assert beside.take(messages[0].id) is not None
    with pytest.raises(SendError) as raised:
        beside.take(messages[1].id)
    assert (raised.value.reason, raised.value.final) == (Reason.GONE, True)
    assert beside.take(messages[2].id) is not None


@pytest.mark.one_database
def test_what_it_knows_nothing_of_is_written_here(
    real_database: Database, beside: Beside, messages: list[Message]
) -> None:
    with real_database.begin(writes=True) as db:
        db.delete(db.get_one(Message, messages[0].id))
        db.get_one(Message, messages[1].id).context = {}  # a mistake of ours
    ask(beside, messages)
    assert [beside.take(m.id) for m in messages[:2]] == [None, None]
    assert beside.take(messages[2].id) is not None


@pytest.mark.one_database
def test_what_was_not_tried_is_passed_over(beside: Beside, messages: list[Message]) -> None:
    ask(beside, messages)
    first, fifth = beside.take(messages[0].id), beside.take(messages[4].id)
    assert first is not None
    assert fifth is not None
    assert b"p4@example.org" in fifth.raw
    assert beside.take(messages[2].id) is None


@pytest.mark.one_database
def test_a_batch_that_was_given_up_leaves_nothing_for_the_next(
    beside: Beside, messages: list[Message]
) -> None:
    ask(beside, messages)
    beside.take(messages[0].id)
    beside.forget()
    ask(beside, messages[10:])
    mail = beside.take(messages[10].id)
    assert mail is not None
    assert b"p10@example.org" in mail.raw


@pytest.mark.one_database
def test_one_that_ends_in_the_middle_is_done_without(
    beside: Beside, messages: list[Message]
) -> None:
    ask(beside, messages)
    beside.take(messages[0].id)
    os.kill(pid(beside), signal.SIGKILL)
    eventually(lambda: beside.take(messages[-1].id) is None)
    assert beside._process is None


@pytest.mark.one_database
def test_one_that_does_not_answer_is_not_waited_for(
    beside: Beside, messages: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other, "_PATIENCE", 0.2)
    ask(beside, messages)
    os.kill(pid(beside), signal.SIGSTOP)
    process = pid(beside)
    eventually(lambda: beside._process is None or beside.take(next(iter(beside._asked))) is None)
    assert not is_there(process)


@pytest.mark.one_database
def test_one_that_cannot_begin_is_done_without(
    beside: Beside, messages: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert not beside.ask_for(messages)
    assert beside._process is None


ASKS = """
import os, signal, sys, time, json
from app.worker import beside
from app.models import Message

beside.MANY = 1
found = beside.Beside(json.loads(sys.argv[1]))
rows = [Message(id=each, kind="invitation", intent=each) for each in sys.argv[2:]]
while not found.ask_for(rows):
    time.sleep(0.01)
found.take(rows[0].id)
print(found._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.one_database
def test_it_ends_with_us(beside: Beside, messages: list[Message]) -> None:
    command = [sys.executable, "-c", ASKS, json.dumps(beside._start), *(m.id for m in messages)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    process = int(done.stdout)
    eventually(lambda: not is_there(process))


@pytest.mark.parametrize("dies_after", [None, 12])
def test_a_worker_sends_each_once(
    real_database: Database,
    links: Links,
    beside: Beside,
    messages: list[Message],
    dies_after: int | None,
) -> None:
    ask(beside, messages)
    beside.forget()
    beside._begin()
    eventually(beside._is_ready)
    process = pid(beside)
    transport = Fake()

    def before(_recipient: str) -> None:
        if len(transport.sent) == dies_after:
            os.kill(process, signal.SIGKILL)

    transport.before = before
    taken: list[str] = []
    take = beside.take

    def taking(message_id: str) -> object:
        mail = take(message_id)
        taken.extend([message_id] if mail else [])
        return mail

    beside.take = taking  # type: ignore[method-assign, assignment]
    worker = Worker(real_database, links, transport, SENDER, beside=beside)
    assert worker.run_once(LATER) == MAILS
    found = rows(real_database)
    assert Counter(m.status for m in found) == {"sent": MAILS}
    times = Counter(recipient for recipient, _ in transport.sent)
    assert times == {f"p{n}@example.org": 1 for n in range(MAILS)}
    assert len(taken) == MAILS if dies_after is None else 12 <= len(taken) < MAILS
    assert beside._process is None
