"""Invitations written in a second process, while this one sends them.

Writing a mail takes longer than sending it, and Python does one thing at a time: a release of a
large cycle is ten thousand mails, so where many wait a process of its own writes the next ones. It
gets the ids of the rows in a line on its standard input, and gives back each mail in its turn; the
pipe between holds a few, so it is never far ahead. What it cannot do, or does not do in time, is
done here as if there were no such process. It ends when its input does, so also with us, however we
end.
"""

import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.domain.zones import use_packaged_zone_data
from app.mail.failures import Reason, SendError
from app.mail.values import Mail, Sender
from app.models import Message, now
from app.services.links import Links
from app.services.outbox import INVITATION_KINDS
from app.worker.composer import Composer

logger = logging.getLogger("convoca.worker")

MANY = 20
"""From so many invitations in a batch on it is worth another process."""
_PATIENCE = 10.0  # seconds; if a mail takes longer, it is not waited for any more
_AT_ONCE = 100  # rows that are read together


class Beside:
    """The other process, from where mails are sent. Used by one thread. `start` says what a worker
    is made of: database_url, key, base_url, sender (address and name)."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        self._start = dict(start)
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._asked: deque[str] = deque()
        self._came, self._at = b"", 0  # what has been read, and how far it was looked at

    def ask_for(self, messages: Sequence[Message]) -> bool:
        """Has the invitations among these rows, whose claim is committed, written in this order.
        False where it does not: they are few, or the process is only being begun."""
        self.forget()
        wanted = [m.id for m in messages if m.kind in INVITATION_KINDS]
        try:
            if self._process is None and len(wanted) >= MANY:
                self._begin()
            if not wanted or not self._is_ready():
                return False
            self._say(wanted)
        except (OSError, EOFError) as error:
            self._lose(error)
            return False
        self._asked.extend(wanted)
        return True

    def take(self, message_id: str) -> Mail | None:
        """The mail of a row; None where it has to be written here. Raises SendError, as writing it
        here would."""
        if message_id not in self._asked:
            return None
        try:
            while self._asked.popleft() != message_id:  # one that was not tried
                self._next()
            found = self._next()
        except (OSError, EOFError, ValueError) as error:
            self._lose(error)
            return None
        if isinstance(found, SendError):
            raise found
        return found

    def forget(self) -> None:
        """What was asked for and not taken is not wanted any more."""
        if self._asked:
            self.end()  # it would come first, and to begin anew is quicker than to hear it out

    def end(self) -> None:
        """Ends the process, if there is one; the next `ask_for` may begin another."""
        process, self._process = self._process, None
        self._ready, self._came, self._at = False, b"", 0
        self._asked.clear()
        if process is None:
            return
        process.kill()  # it only reads, so nothing is left half done
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.wait()

    def _begin(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.worker.beside"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._say(self._start)

    def _lose(self, error: Exception) -> None:
        logger.warning("worker: the second process is of no use: %s", error or type(error).__name__)
        self.end()

    def _is_ready(self) -> bool:
        """Whether it has said that it is: nobody waits for a process to begin."""
        if not self._ready and self._process is not None and self._wait(0):
            self._line()
            self._ready = True
        return self._ready

    def _say(self, what: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    def _next(self) -> Mail | SendError | None:
        head = json.loads(self._line())
        if "error" in head:
            reason, detail, final = head["error"]
            return SendError(Reason(reason), detail, final=final)
        if "size" not in head:
            return None
        while len(self._came) - self._at < head["size"]:
            self._read()
        raw = self._came[self._at : self._at + head["size"]]
        self._at += head["size"]
        return Mail(raw, head["utf8"])

    def _line(self) -> bytes:
        while (end := self._came.find(b"\n", self._at)) < 0:
            self._read()
        line = self._came[self._at : end]
        self._at = end + 1
        return line

    def _read(self) -> None:
        if not self._wait(_PATIENCE):
            raise TimeoutError("no answer in time")
        more = os.read(self._pipe(), 1 << 20)
        if not more:
            raise EOFError("it has ended")
        self._came, self._at = self._came[self._at :] + more, 0

    def _wait(self, seconds: float) -> bool:
        return bool(select.select([self._pipe()], [], [], seconds)[0])

    def _pipe(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.fileno()


def _written(composer: Composer, message: Message | None) -> tuple[dict[str, Any], bytes]:
    """What is said of a mail, and the mail. Nothing of what has gone wrong unexpectedly: whoever
    asked writes it again, and sees for themselves."""
    try:
        if message is None:
            return {}, b""
        mail = composer.compose(message, now())
    except SendError as error:
        return {"error": [error.reason, error.detail, error.final]}, b""
    except Exception:
        return {}, b""
    return {"size": len(mail.raw), "utf8": mail.utf8}, mail.raw


def _answer(composer: Composer, ids: Sequence[str], out: IO[bytes]) -> None:
    for place in range(0, len(ids), _AT_ONCE):
        some = ids[place : place + _AT_ONCE]
        try:
            rows = composer.look_up(some)
        except SQLAlchemyError:
            composer.close()
            rows = {}
        for message_id in some:
            head, raw = _written(composer, rows.get(message_id))
            out.write(json.dumps(head).encode() + b"\n" + raw)
            out.flush()
    composer.close()


def main() -> None:
    """The second process: until its input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal; the first one ends us
    use_packaged_zone_data()
    asked, out = sys.stdin.buffer, sys.stdout.buffer
    start = json.loads(asked.readline())
    links = Links(start["key"], start["base_url"])
    composer = Composer(Database(start["database_url"]), links, Sender(*start["sender"]))
    with suppress(BrokenPipeError):
        out.write(b"{}\n")
        out.flush()
        for line in asked:
            _answer(composer, json.loads(line), out)
    os._exit(0)  # what is left in the pipe nobody reads


if __name__ == "__main__":
    main()
