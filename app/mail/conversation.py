"""The part of SMTP that is repeated for each mail (RFC 5321, pipelined after RFC 2920).

smtplib connects, greets, encrypts and signs in. From there on it would wait three times for each
mail, and could not say that it waits; so what follows is spoken here.
"""

import contextlib
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence

from app.mail.values import Mail

_LONGEST_LINE = 8192
_MOST_LINES = 100  # of one reply
_SERVICE_ENDS = 421
_GO_ON = 354
_LINE_END = re.compile(rb"\r\n|\r|\n")

Hook = Callable[[], None]


def _nothing() -> None:
    pass


class Refusal(Exception):
    """The server said no. `sender`: to our own address rather than to this mail."""

    def __init__(self, code: int, text: bytes, *, sender: bool = False) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.sender = sender


class Ended(OSError):
    """The server has gone, or says what nobody can understand."""


class Conversation:
    """One connection that is ready for mails. `timeout`: seconds for each answer; `together`:
    seconds for all of one mail."""

    def __init__(
        self,
        sock: socket.socket,
        *,
        extensions: frozenset[str],
        timeout: float,
        together: float,
        patience: float,
    ) -> None:
        sock.setblocking(False)  # waiting is done here, so that it can be told
        self._sock = sock
        self._tls = isinstance(sock, ssl.SSLSocket)
        # Not select(), which knows a highest number of a file.
        self._can_read, self._can_write = select.poll(), select.poll()
        self._can_read.register(sock, select.POLLIN)
        self._can_write.register(sock, select.POLLOUT)
        self._pipelining = "pipelining" in extensions
        self._size = "size" in extensions
        self._eight_bit = "8bitmime" in extensions
        self.smtputf8 = "smtputf8" in extensions
        self._timeout = timeout
        self._together = together
        self._patience = min(patience, timeout)
        self._buffer = b""
        self._half_done = False  # a mail was begun and not ended
        self.announced: tuple[Mail, str, str] | None = None
        self._announced_body = b""
        self._deadline = 0.0
        self._slow: Hook = _nothing
        self.open = True

    def deliver(
        self,
        mail: Mail,
        sender: str,
        recipient: str,
        *,
        meanwhile: Hook = _nothing,
        slow: Hook = _nothing,
    ) -> None:
        """Hands over one mail; the addresses as they go over the wire.

        `meanwhile` is called once, when all has been said and the answer is awaited; `slow` where
        an answer takes longer than patience lasts. Neither may raise.

        Raises:
            Refusal: what the server said.
            OSError: the connection is of no use any more; TimeoutError: for want of an answer.
        """
        self._deadline = time.monotonic() + self._together
        self._slow = slow
        try:
            self._deliver(mail, sender, recipient, meanwhile)
        except Refusal as refusal:
            if refusal.code == _SERVICE_ENDS:
                self.open = False
            raise
        except OSError:
            self.open = False
            raise

    def _deliver(self, mail: Mail, sender: str, recipient: str, meanwhile: Hook) -> None:
        body = self._announced_body or on_the_wire(mail.raw)
        replies = self._say(self._envelope(mail, sender, recipient, len(body)))
        for step, (code, text) in enumerate(replies):
            if code != _GO_ON if step == 2 else not _fine(code):
                if step < 2 and replies[-1][0] == _GO_ON:
                    self._take_back()
                raise Refusal(code, text, sender=step == 0)
        self._write(body)
        meanwhile()
        code, text = self._reply()
        self._half_done = False
        if not _fine(code):
            raise Refusal(code, text)

    def announce(self, mail: Mail, sender: str, recipient: str) -> None:
        """Says who the next mail is from and for, without waiting for an answer, where the server
        lets us; `deliver` of the same goes on from there. Until its text comes, and it comes
        whole or not at all, there is nothing that the server could take for a mail."""
        if self._pipelining and not self._half_done:
            self._deadline = time.monotonic() + self._together
            self._announced_body = body = on_the_wire(mail.raw)
            with contextlib.suppress(OSError):  # whoever reads will notice
                self._write(b"".join(self._envelope(mail, sender, recipient, len(body))))
            self.announced = (mail, sender, recipient)

    def _envelope(self, mail: Mail, sender: str, recipient: str, size: int) -> list[bytes]:
        return [
            f"MAIL FROM:<{sender}>{self._options(mail, recipient, size)}\r\n".encode(),
            f"RCPT TO:<{recipient}>\r\n".encode(),
            b"DATA\r\n",
        ]

    def _options(self, mail: Mail, recipient: str, size: int) -> str:
        options = f" SIZE={size}" if self._size else ""
        if self.smtputf8 and (mail.utf8 or not recipient.isascii()):
            return options + " BODY=8BITMIME SMTPUTF8"
        return options + (" BODY=8BITMIME" if self._eight_bit and not mail.raw.isascii() else "")

    def _say(self, commands: Sequence[bytes]) -> list[tuple[int, bytes]]:
        """The replies, one for each command; without pipelining up to the first refusal."""
        announced, self.announced, self._announced_body = self.announced, None, b""
        ahead = [b"RSET\r\n"] if self._half_done else []
        self._half_done = True
        if self._pipelining:
            if announced is None:
                self._write(b"".join([*ahead, *commands]))
            # To RSET there is nothing that can be wrong with it.
            return [self._reply() for _ in (*ahead, *commands)][len(ahead) :]
        replies = []
        for command in (*ahead, *commands):
            self._write(command)
            replies.append(self._reply())
            if replies[-1][0] >= 400:
                break
        return replies[len(ahead) :] or replies

    def _take_back(self) -> None:
        """Nobody is to get it, but the server waits for a mail: an empty one (RFC 2920, 3.1)."""
        self._write(b".\r\n")
        self._reply()
        self._half_done = False

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(self._can_write)
            except ssl.SSLWantReadError:
                self._wait(self._can_read)

    def _reply(self) -> tuple[int, bytes]:
        lines: list[bytes] = []
        while len(lines) < _MOST_LINES:
            line = self._line()
            if not line[:3].isdigit():
                break
            lines.append(line[4:].strip())
            if line[3:4] != b"-":
                return int(line[:3]), b" ".join(lines)
        raise Ended("not an answer")

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise Ended("an endless answer")
            self._read()
        line, self._buffer = self._buffer[: end + 1], self._buffer[end + 1 :]
        return line

    def _read(self) -> None:
        if not self._tls:
            self._wait(self._can_read)
        while True:
            try:
                data = self._sock.recv(16_384)
                break
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(self._can_read)
            except ssl.SSLWantWriteError:
                self._wait(self._can_write)
        if not data:
            raise Ended("closed")
        self._buffer += data

    def _wait(self, ready: select.poll) -> None:
        left = self._left()
        if ready.poll(min(self._patience, left) * 1000):
            return
        self._slow()
        if not ready.poll(max(0.0, left - self._patience) * 1000):
            raise TimeoutError

    def _left(self) -> float:
        left = min(self._timeout, self._deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError
        return left

    def quit(self) -> None:
        """Says goodbye, if there is somebody to say it to."""
        try:
            if self.open and self.announced is None:
                self._deadline = time.monotonic() + min(2.0, self._timeout)
                self._slow = _nothing
                self._write(b"QUIT\r\n")
                self._reply()
        except OSError:
            pass
        finally:
            self.open = False
            self._sock.close()

    def idle(self) -> bool:
        """Whether nothing has come in that nobody asked for: a goodbye, or the end."""
        if not self.open or self._buffer:
            return False
        try:
            self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            pass
        return False


def _fine(code: int) -> bool:
    return 200 <= code < 300


def on_the_wire(raw: bytes) -> bytes:
    """A mail as DATA takes it: every line ends in CRLF and nothing else, so that no part of it can
    pass for its end (RFC 5321, 4.1.1.4); a leading dot is doubled; a line with a dot ends it."""
    if not raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n"):
        raw = _LINE_END.sub(b"\r\n", raw)
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    if raw.startswith(b"."):
        raw = b"." + raw
    return raw.replace(b"\r\n.", b"\r\n..") + b".\r\n"
