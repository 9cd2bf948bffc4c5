"""Lines to an SMTP server and its replies, never waiting for longer than is said.

Several limits hold at once: for each answer, and for all that is done until a deadline. A server
that sends its answer byte by byte keeps within the first and not within the second.
"""

import os
import select
import socket
import ssl
import time
from collections.abc import Callable

_LONGEST_LINE = 8192
_MOST_LINES = 100  # of one reply
_LOOK = 0.25  # seconds after which whoever waits looks whether it is to stop

Hook = Callable[[], None]


def nothing() -> None:
    """For hooks that are not needed."""


def never() -> bool:
    """Nobody stops it."""
    return False


class Ended(OSError):
    """The server has gone, or says what nobody can understand."""


class Stopped(OSError):
    """Whoever waits was told to stop."""


class Wire:
    """A socket to a server. `timeout`: seconds for each wait; `begin` sets the deadline for all of
    them together. `stopped` is asked while it waits, unless it is `never`.

    Raises OSError: TimeoutError for want of an answer, Stopped, Ended, or what the socket raises.
    """

    def __init__(self, sock: socket.socket, *, timeout: float) -> None:
        sock.setblocking(False)  # waiting is done here, so that it can be told and ended
        self._timeout = timeout
        self._patience = timeout
        self._deadline = 0.0
        self._slow: Hook = nothing
        self._stopped: Callable[[], bool] = never
        self._buffer = b""
        self._take(sock)

    def _take(self, sock: socket.socket) -> None:
        self._sock = sock
        self._tls = isinstance(sock, ssl.SSLSocket)
        # Not select(), which knows a highest number of a file.
        self._can_read, self._can_write = select.poll(), select.poll()
        self._can_read.register(sock, select.POLLIN)
        self._can_write.register(sock, select.POLLOUT)

    def begin(
        self,
        seconds: float,
        *,
        patience: float | None = None,
        slow: Hook = nothing,
        stopped: Callable[[], bool] = never,
    ) -> None:
        """All that follows has to be done in so many seconds. `slow` is called where an answer
        takes longer than `patience`."""
        self._deadline = time.monotonic() + seconds
        self._patience = self._timeout if patience is None else min(patience, self._timeout)
        self._slow, self._stopped = slow, stopped

    def connected(self) -> None:
        """Waits until the socket, which is connecting, is connected."""
        self._wait(self._can_write)
        if code := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """From here on over TLS. Raises ssl.SSLError too."""
        if self._buffer:
            # Not encrypted, so anybody may have said it; it must not count as said afterwards.
            raise Ended("said before its time")
        sock = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
        self._take(sock)
        while True:
            try:
                sock.do_handshake()
            except ssl.SSLWantReadError:
                self._wait(self._can_read)
            except ssl.SSLWantWriteError:
                self._wait(self._can_write)
            else:
                return

    @property
    def encrypted(self) -> bool:
        """Whether nobody on the way can read along."""
        return self._tls

    def write(self, data: bytes) -> None:
        """Says something."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(self._can_write)
            except ssl.SSLWantReadError:
                self._wait(self._can_read)

    def reply(self) -> tuple[int, list[bytes]]:
        """The code of the next reply, and its lines."""
        lines: list[bytes] = []
        while len(lines) < _MOST_LINES:
            line = self._line()
            if not line[:3].isdigit():
                break
            lines.append(line[4:].strip())
            if line[3:4] != b"-":
                return int(line[:3]), lines
        raise Ended("not an answer")

    def idle(self) -> bool:
        """Whether nothing has come in that nobody asked for: a goodbye, or the end."""
        if self._buffer:
            return False
        try:
            self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """Ends it without a word."""
        self._sock.close()

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
        # First, however late it is: the process may have been suspended, and the answer be there.
        if ready.poll(0):
            return
        left = min(self._timeout, self._deadline - time.monotonic())
        if self._poll(ready, min(self._patience, left)):
            return
        if left > self._patience:
            self._slow()
            if self._poll(ready, left - self._patience):
                return
        raise TimeoutError

    def _poll(self, ready: select.poll, seconds: float) -> bool:
        if self._stopped is never:
            return bool(ready.poll(max(0.0, seconds) * 1000))
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            if self._stopped():
                raise Stopped
            if ready.poll(min(left, _LOOK) * 1000):
                return True
        return bool(ready.poll(0))
