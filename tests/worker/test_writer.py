"""Invitations that a second process writes: the same bytes, and nothing lost when it fails."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from app.db import Database
from app.mail.failures import Reason, SendError
from app.mail.values import Mail
from app.models import Message
from app.services.links import Links
from app.worker import loop
from app.worker import writer as other
from app.worker.composer import Composer
from app.worker.loop import Worker
from app.worker.writer import Start, Writer
from tests.conftest import BASE_URL
from tests.factories import NOW, Make
from tests.worker.test_compose_invitation import guest, release
from tests.worker.test_compose_invitation import queue as queue_invitation
from tests.worker.test_worker import LATER, SENDER, Fake, rows

MAILS = 30
PATIENCE = 60.0


@pytest.fixture
def messages(real_database: Database) -> list[Message]:
    """Invitations in two languages."""
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
def writer(real_database: Database) -> Iterator[Writer]:
    found = Writer(
        Start(
            database_url=real_database.engine.url.render_as_string(hide_password=False),
            key="a key for tests",
            base_url=BASE_URL,
            sender_address=SENDER.address,
            sender_name=SENDER.name,
        )
    )
    yield found
    found.end()


def ask(writer: Writer, messages: list[Message]) -> None:
    """As soon as the process is there."""
    if writer.may_begin:
        writer.begin([m.id for m in messages])
    deadline = time.monotonic() + PATIENCE
    while not writer.ask_for(messages):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def address(mail: Mail | None) -> str:
    assert mail is not None
    return str(
        message_from_bytes(mail.raw, EmailMessage, policy=default)["To"].addresses[0].addr_spec
    )


def pid(writer: Writer) -> int:
    assert writer._process is not None
    return writer._process.pid


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
    real_database: Database, links: Links, writer: Writer, messages: list[Message]
) -> None:
    composer = Composer(real_database, links, SENDER)
    here = [composer.compose(m, LATER) for m in messages]
    composer.close()
    ask(writer, messages)
    assert [writer.take(m.id) for m in messages] == here


@pytest.mark.one_database
@pytest.mark.parametrize(("many", "begun"), [(MAILS - 20, 1), (MAILS - 19, 0)])
def test_it_is_begun_where_many_wait_once_the_server_was_quick(
    real_database: Database,
    links: Links,
    writer: Writer,
    messages: list[Message],
    monkeypatch: pytest.MonkeyPatch,
    many: int,
    begun: int,
) -> None:
    monkeypatch.setattr(loop, "MANY", many)
    calls: list[list[str]] = []
    monkeypatch.setattr(writer, "begin", calls.append)
    assert Worker(real_database, links, Fake(), SENDER, writer=writer).run_once(LATER) == MAILS
    assert calls == [[m.id for m in messages[20:]]] * begun


@pytest.mark.one_database
def test_what_cannot_be_written_is_the_same_error(
    real_database: Database, writer: Writer, messages: list[Message]
) -> None:
    with real_database.begin(writes=True) as db:
        row = db.get_one(Message, messages[1].id)
        row.context = {**row.context, "session_id": "gone"}
    ask(writer, messages)
    assert writer.take(messages[0].id) is not None
    with pytest.raises(SendError) as raised:
        writer.take(messages[1].id)
    assert (raised.value.reason, raised.value.final) == (Reason.GONE, True)
    assert writer.take(messages[2].id) is not None


@pytest.mark.one_database
def test_what_it_knows_nothing_of_is_written_here(
    real_database: Database, writer: Writer, messages: list[Message]
) -> None:
    with real_database.begin(writes=True) as db:
        db.delete(db.get_one(Message, messages[0].id))
        db.get_one(Message, messages[1].id).context = {}  # a mistake of ours
    ask(writer, messages)
    assert [writer.take(m.id) for m in messages[:2]] == [None, None]
    assert writer.take(messages[2].id) is not None


@pytest.mark.one_database
def test_each_in_its_turn(writer: Writer, messages: list[Message]) -> None:
    ask(writer, messages[:15])
    assert writer.take(messages[2].id) is None
    assert writer.ask_for(messages[15:])
    taken = [writer.take(m.id) for m in messages]
    assert [address(mail) for mail in taken] == [m.to_address for m in messages]


@pytest.mark.one_database
def test_a_mail_that_is_not_the_one_in_turn_is_not_taken(
    writer: Writer, messages: list[Message], caplog: pytest.LogCaptureFixture
) -> None:
    ask(writer, messages)
    writer._asked.popleft()
    assert writer.take(messages[1].id) is None
    assert writer._process is None
    assert "another mail" in caplog.text


@pytest.mark.one_database
def test_what_was_read_a_while_ago_is_written_here(
    writer: Writer, messages: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(writer, messages)
    monkeypatch.setattr(other, "LOOK", -1.0)
    assert writer.take(messages[0].id) is None
    monkeypatch.undo()
    assert address(writer.take(messages[1].id)) == messages[1].to_address


@pytest.mark.one_database
def test_a_batch_that_was_given_up_leaves_nothing_for_the_next(
    writer: Writer, messages: list[Message]
) -> None:
    ask(writer, messages)
    writer.take(messages[0].id)
    writer.forget()
    ask(writer, messages[10:])
    mail = writer.take(messages[10].id)
    assert mail is not None
    assert b"p10@example.org" in mail.raw


@pytest.mark.one_database
def test_one_that_ends_in_the_middle_is_done_without(
    writer: Writer, messages: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other, "_PIPE", 4096)
    ask(writer, messages)
    writer.take(messages[0].id)
    os.kill(pid(writer), signal.SIGKILL)
    found = [writer.take(m.id) for m in messages[1:]]
    assert found[-1] is None
    assert writer._process is None
    assert not writer.may_begin  # not again and again
    assert not writer.ask_for(messages)
    writer.end()
    ask(writer, messages)
    assert address(writer.take(messages[0].id)) == messages[0].to_address


@pytest.mark.one_database
def test_one_that_does_not_answer_is_not_waited_for(
    writer: Writer, messages: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other, "_PATIENCE", 0.2)
    monkeypatch.setattr(other, "_PIPE", 4096)
    ask(writer, messages)
    os.kill(pid(writer), signal.SIGSTOP)
    process = pid(writer)
    assert [writer.take(m.id) for m in messages][-1] is None
    assert not is_there(process)


@pytest.mark.one_database
def test_one_that_cannot_begin_is_done_without(
    writer: Writer, messages: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    writer.begin([m.id for m in messages])
    assert not writer.ask_for(messages)
    assert writer._process is None


@pytest.mark.one_database
def test_one_that_does_not_listen_is_not_waited_for(
    writer: Writer, messages: list[Message]
) -> None:
    ask(writer, messages)
    process = pid(writer)
    os.kill(process, signal.SIGSTOP)
    assert not writer.ask_for(messages * 100)
    assert not is_there(process)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a busy machine what the second process has written is taken."""
    monkeypatch.setattr(other, "LOOK", PATIENCE)
    monkeypatch.setattr(other, "_PATIENCE", PATIENCE)


@pytest.mark.one_database
@pytest.mark.usefixtures("unhurried")
def test_what_it_rehearses_need_not_be_there(writer: Writer, messages: list[Message]) -> None:
    writer.begin(["gone"])
    ask(writer, messages)
    assert address(writer.take(messages[0].id)) == messages[0].to_address


@pytest.mark.one_database
def test_what_else_is_printed_and_every_pause_do_no_harm(
    writer: Writer, messages: list[Message], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Something of the installation speaks where it should not, and the machine is suspended."""
    (tmp_path / "sitecustomize.py").write_text("print('{}', flush=True)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    monkeypatch.setattr(other, "_PIPE", 4096)
    ask(writer, messages)
    taken = []
    for message in messages:
        # With a pipe that is full it is in the middle of a mail.
        os.kill(pid(writer), signal.SIGSTOP)
        os.kill(pid(writer), signal.SIGCONT)
        taken.append(address(writer.take(message.id)))
    assert taken == [m.to_address for m in messages]


@pytest.mark.one_database
def test_nothing_of_the_working_folder_is_run(
    writer: Writer, messages: list[Message], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mark = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
    (tmp_path / "app").mkdir()
    for name in ("app/__init__.py", "json.py", "struct.py"):
        (tmp_path / name).write_text(mark)
    monkeypatch.chdir(tmp_path)
    ask(writer, messages)
    assert address(writer.take(messages[0].id)) == messages[0].to_address
    assert list(tmp_path.rglob("*.ran")) == []


@pytest.mark.one_database
def test_in_a_process_with_many_connections(writer: Writer, messages: list[Message]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    try:
        with ExitStack() as opened:
            for _ in range(1100):
                opened.enter_context(Path(os.devnull).open("rb"))
            ask(writer, messages)
            assert writer._from > 1024
            assert address(writer.take(messages[0].id)) == messages[0].to_address
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


ASKS = """
import os, signal, sys, time, json
from app.worker import writer
from app.models import Message

found = writer.Writer(writer.Start(**json.loads(sys.argv[1])))
rows = [Message(id=each, kind="invitation", intent=each) for each in sys.argv[2:]]
found.begin([])
while not found.ask_for(rows):
    time.sleep(0.01)
found.take(rows[0].id)
print(found._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.one_database
def test_it_ends_with_us(writer: Writer, messages: list[Message]) -> None:
    command = [
        sys.executable,
        "-c",
        ASKS,
        json.dumps(asdict(writer._start)),
        *(m.id for m in messages),
    ]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    process = int(done.stdout)
    eventually(lambda: not is_there(process))


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("dies_after", [None, 12])
def test_a_worker_sends_each_once(
    real_database: Database,
    links: Links,
    writer: Writer,
    messages: list[Message],
    dies_after: int | None,
) -> None:
    ask(writer, messages)
    writer.forget()
    writer.begin([])
    eventually(writer._is_ready)
    process = pid(writer)
    transport = Fake()

    def before(_recipient: str) -> None:
        if len(transport.sent) == dies_after:
            os.kill(process, signal.SIGKILL)

    transport.before = before
    taken: list[str] = []
    take = writer.take

    def taking(message_id: str) -> object:
        mail = take(message_id)
        taken.extend([message_id] if mail else [])
        return mail

    writer.take = taking  # type: ignore[method-assign, assignment]
    worker = Worker(real_database, links, transport, SENDER, writer=writer)
    assert worker.run_once(LATER) == MAILS
    found = rows(real_database)
    assert Counter(m.status for m in found) == {"sent": MAILS}
    times = Counter(recipient for recipient, _ in transport.sent)
    assert times == {f"p{n}@example.org": 1 for n in range(MAILS)}
    assert len(taken) == MAILS if dies_after is None else 12 <= len(taken) < MAILS
    assert writer._process is None
