"""Invitations written in a second process, while this one sends them.

Writing a mail takes longer than sending it, and Python does one thing at a time: a release of a
large cycle is ten thousand mails, so where many wait a process of its own writes the next ones. It
is told the ids of the rows, and gives back each mail in its turn; the pipe between holds some
dozens, so it is never far ahead. What it cannot do, or does not do in time, is done here as if
there were no such process. It ends when nobody can ask it any more, so also with us, however we
end.

See docs/adr/0021.
"""

import fcntl
import json
import logging
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import app
from app.db import Database
from app.domain.zones import use_packaged_zone_data
from app.logs import start_logging
from app.mail.failures import Reason, SendError
from app.mail.values import Mail, Sender
from app.models import Message, now
from app.services.links import Links
from app.services.outbox import INVITATION_KINDS
from app.worker.composer import LOOK, Composer

logger = logging.getLogger("convoca.worker")

_REHEARSAL = 20  # mails that it writes for nobody, before it says that it is ready
_PATIENCE = 3.0  # seconds without a sign of it, after which it is not waited for any more
_AT_ONCE = 100  # rows that are read together
_PIPE = 1 << 20  # bytes; for as many mails as are sent while the next rows are taken
_SIZE = struct.Struct(">I")
# Nothing of the working folder may be taken for a part of Python or of ours: the key is sent there.
_COMMAND = (
    "import sys; sys.argv[1] in sys.path or sys.path.insert(0, sys.argv[1]); "
    "from app.worker.writer import main; main(*map(int, sys.argv[2:]))"
)
_PACKAGES = str(Path(app.__file__).resolve().parents[1])


@dataclass(frozen=True, slots=True)
class Start:
    """What a process needs to write the mails of an installation."""

    database_url: str
    key: str
    base_url: str
    sender_address: str
    sender_name: str


class _Answer(NamedTuple):
    """A mail, or why it cannot be sent (reason, detail, final). Neither: something unexpected has
    gone wrong, so whoever asked writes it and sees for themselves. `looked`: when the database was
    read for it, by the clock that counts from when the machine was started."""

    message_id: str
    looked: float
    mail: Mail | None = None
    error: tuple[str, str, bool] | None = None

    def __bytes__(self) -> bytes:
        size = None if self.mail is None else [self.mail.utf8, len(self.mail.raw)]
        head = json.dumps([self.message_id, self.looked, size, self.error]).encode()
        return head + b"\n" + (self.mail.raw if self.mail else b"")

    @classmethod
    def read(cls, told: bytes) -> "_Answer":
        """Raises ValueError where that is no answer."""
        head, _, raw = told.partition(b"\n")
        message_id, looked, size, error = json.loads(head)
        if size is not None and size[1] != len(raw):
            raise ValueError("the mail is not whole")
        return cls(message_id, looked, None if size is None else Mail(raw, size[0]), error)


class Writer:
    """The other process, from where mails are sent. Used by one thread."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._process: subprocess.Popen[bytes] | None = None
        self._to, self._from = -1, -1  # descriptors
        self._ready = False
        self._lost = False
        self._asked: deque[str] = deque()
        self._came, self._at = b"", 0  # what has been read, and how far it was looked at

    @property
    def may_begin(self) -> bool:
        """Whether there is no process, and it was not of no use."""
        return self._process is None and not self._lost

    def begin(self, waiting: Sequence[str]) -> None:
        """Begins the process, which nobody waits for. `waiting`: the ids of invitations that will
        be asked for. It writes some of them for nobody, as the first of each language take a
        hundred times as long as the others."""
        try:
            self._begin()
            self._say({**asdict(self._start), "rehearsal": list(waiting[:_REHEARSAL])})
        except OSError as error:
            self._lose(error)

    def ask_for(self, messages: Sequence[Message]) -> bool:
        """Has the invitations among these rows, whose claim is committed, written in this order and
        after those that are asked for already. False where it does not: there is no process, or
        none that is ready."""
        wanted = [m.id for m in messages if m.kind in INVITATION_KINDS]
        try:
            if not wanted or not self._is_ready():
                return False
            self._say(wanted)
        except (OSError, EOFError) as error:
            self._lose(error)
            return False
        self._asked.extend(wanted)
        return True

    def take(self, message_id: str) -> Mail | None:
        """The mail of the first row that was asked for and not taken; None where it is another one,
        or has to be written here. Raises SendError, as writing it here would."""
        if not self._asked or self._asked[0] != message_id:
            return None
        self._asked.popleft()
        try:
            found = _Answer.read(self._frame())
            if found.message_id != message_id:
                raise ValueError("it gave another mail than the one that was its turn")
        except Exception as error:
            self._lose(error)
            return None
        if time.monotonic() - found.looked > LOOK:
            return None  # something may have changed since
        if found.error:
            reason, detail, final = found.error
            raise SendError(Reason(reason), detail, final=final)
        return found.mail

    def forget(self) -> None:
        """What was asked for and not taken is not wanted any more."""
        if self._asked:
            self._stop()  # it would come first, and to begin anew is quicker than to hear it out

    def end(self) -> None:
        """Ends the process, if there is one. Another may begin, even if this one was of no use."""
        self._stop()
        self._lost = False

    def _begin(self) -> None:
        listens, self._to = os.pipe()
        self._from, speaks = os.pipe()
        try:
            if sys.platform == "linux":
                with suppress(OSError):  # no more is granted to this user
                    fcntl.fcntl(self._from, fcntl.F_SETPIPE_SZ, _PIPE)
            os.set_blocking(self._to, False)  # should it not listen, we must not wait for it
            flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
            whence = [_PACKAGES, str(listens), str(speaks)]
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, *flags, "-P", "-c", _COMMAND, *whence],
                stdin=subprocess.DEVNULL,
                pass_fds=(listens, speaks),
            )
        finally:
            os.close(listens)
            os.close(speaks)

    def _lose(self, error: Exception) -> None:
        logger.warning("worker: the second process is of no use: %s", error or type(error).__name__)
        self._stop()
        self._lost = True

    def _stop(self) -> None:
        process, self._process = self._process, None
        ends, self._to, self._from = (self._to, self._from), -1, -1
        self._ready, self._came, self._at = False, b"", 0
        self._asked.clear()
        for each in ends:
            if each >= 0:
                os.close(each)
        if process is not None:
            process.kill()  # it only reads, so nothing is left half done
            process.wait()

    def _is_ready(self) -> bool:
        """Whether it has said that it is: nobody waits for a process to begin."""
        if not self._ready and self._process is not None and self._wait(0):
            self._frame()
            self._ready = True
        return self._ready

    def _say(self, what: object) -> None:
        line = json.dumps(what).encode() + b"\n"
        if os.write(self._to, line) != len(line):
            raise BlockingIOError("it does not listen")

    def _frame(self) -> bytes:
        (size,) = _SIZE.unpack(self._next(_SIZE.size))
        return self._next(size)

    def _next(self, count: int) -> bytes:
        while len(self._came) - self._at < count:
            self._read()
        found = self._came[self._at : self._at + count]
        self._at += count
        return found

    def _read(self) -> None:
        if not self._wait(_PATIENCE):
            raise TimeoutError("no answer in time")
        more = os.read(self._from, 1 << 20)
        if not more:
            raise EOFError("it has ended")
        self._came, self._at = self._came[self._at :] + more, 0

    def _wait(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._from, select.POLLIN)
        return bool(poll.poll(seconds * 1000))


def _answer(composer: Composer, message_id: str, message: Message | None) -> _Answer:
    try:
        mail = composer.compose(message, now()) if message is not None else None
    except SendError as error:
        return _Answer(message_id, composer.looked, error=(error.reason, error.detail, error.final))
    except Exception:
        mail = None
    return _Answer(message_id, composer.looked, mail)


def _answers(composer: Composer, ids: Sequence[str]) -> Iterator[_Answer]:
    for place in range(0, len(ids), _AT_ONCE):
        some = ids[place : place + _AT_ONCE]
        try:
            rows = composer.look_up(some)
        except Exception:
            composer.close()
            rows = {}
        for message_id in some:
            yield _answer(composer, message_id, rows.get(message_id))
    composer.close()


def main(listen: int, speak: int) -> None:
    """The second process, with its two ends of the pipes: until nobody asks any more."""
    start_logging(os.environ.get("CONVOCA_LOG", ""))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal; the first one ends us
    use_packaged_zone_data()
    with open(listen, "rb") as asked, suppress(BrokenPipeError), closing(open(speak, "wb")) as out:

        def say(told: bytes) -> None:
            out.write(_SIZE.pack(len(told)) + told)
            out.flush()

        start = json.loads(asked.readline())
        rehearsal = start.pop("rehearsal")
        with_what = Start(**start)
        composer = Composer(
            Database(with_what.database_url),
            Links(with_what.key, with_what.base_url),
            Sender(with_what.sender_address, with_what.sender_name),
        )
        for _ in _answers(composer, rehearsal):
            pass
        say(b"ready")
        for line in asked:
            for answer in _answers(composer, json.loads(line)):
                say(bytes(answer))
    os._exit(0)  # what is left in the pipe nobody reads
