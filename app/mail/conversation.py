"""The part of SMTP that is repeated for each mail (RFC 5321, pipelined after RFC 2920).

smtplib connects, greets, encrypts and signs in. From there on it would wait three times for each
mail, and could not say that it waits; so what follows is spoken here.
"""

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
        self._sock = sock
        self._pipelining = "pipelining" in extensions
        self._size = "size" in extensions
        self._eight_bit = "8bitmime" in extensions
        self.smtputf8 = "smtputf8" in extensions
        self._timeout = timeout
        self._together = together
        self._patience = min(patience, timeout)
        self._buffer = b""
        self._half_done = False  # a mail was begun and not ended
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
        body = on_the_wire(mail.raw)
        envelope = [
            f"MAIL FROM:<{sender}>{self._options(mail, recipient, len(body))}\r\n".encode(),
            f"RCPT TO:<{recipient}>\r\n".encode(),
            b"DATA\r\n",
        ]
        if self._half_done:
            envelope.insert(0, b"RSET\r\n")
        self._half_done = True
        replies = self._say(envelope)
        if len(envelope) > 3 and replies:
            replies = replies[1:]  # to RSET: there is nothing that can be wrong with it
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

    def _options(self, mail: Mail, recipient: str, size: int) -> str:
        options = f" SIZE={size}" if self._size else ""
        if self.smtputf8 and (mail.utf8 or not recipient.isascii()):
            return options + " BODY=8BITMIME SMTPUTF8"
        return options + (" BODY=8BITMIME" if self._eight_bit and not mail.raw.isascii() else "")

    def _say(self, commands: Sequence[bytes]) -> list[tuple[int, bytes]]:
        """The replies, one for each command; without pipelining up to the first refusal."""
        if self._pipelining:
            self._write(b"".join(commands))
            return [self._reply() for _ in commands]
        replies = []
        for command in commands:
            self._write(command)
            replies.append(self._reply())
            if replies[-1][0] >= 400:
                break
        return replies

    def _take_back(self) -> None:
        """Nobody is to get it, but the server waits for a mail: an empty one (RFC 2920, 3.1)."""
        self._write(b".\r\n")
        self._reply()
        self._half_done = False

    def _write(self, data: bytes) -> None:
        self._sock.settimeout(self._left())
        self._sock.sendall(data)

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
        until = time.monotonic() + self._left()
        if not self._readable(min(self._patience, self._left())):
            self._slow()
        self._sock.settimeout(max(0.001, until - time.monotonic()))
        data = self._sock.recv(16_384)
        if not data:
            raise Ended("closed")
        self._buffer += data

    def _readable(self, seconds: float) -> bool:
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            return True
        poll = select.poll()  # unlike select(), it knows no highest number of a file
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _left(self) -> float:
        left = min(self._timeout, self._deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError
        return left

    def quit(self) -> None:
        """Says goodbye, if there is somebody to say it to."""
        try:
            if self.open:
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
        if not self._readable(0):
            return True
        try:
            self._sock.settimeout(0)
            self._sock.recv(1)
        except ssl.SSLWantReadError:
            return True  # TLS has had something to say to itself
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
