"""Connections to public hosts only, each within a time.

A name is looked up once for each connection, all that it leads to is looked at, and the connection
goes to one of the very addresses that were looked at: a name that leads elsewhere the next time it
is asked (rebinding) gains nothing. If any of them is not public, none is gone to: whoever answers
with one of each is up to something. TLS goes by the name, as always.
"""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import httpcore

from app.outgoing.failures import PostError, Reason
from app.outgoing.networks import Address, is_public, read

logger = logging.getLogger("convoca.outgoing")

Resolve = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host. Raises OSError where it has none."""

_MOST_ADDRESSES = 4  # of a host, that are tried
_FIRST_SHARE = 0.5  # of the time that is left, for one address while there are others


def resolve(host: str, port: int) -> list[str]:
    """As the system does."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for _, _, _, _, sockaddr in found))


@dataclass(frozen=True, slots=True)
class Guard:
    """Which hosts may be asked. Tests give one of their own; no setting does."""

    resolve: Resolve = resolve
    allows: Callable[[Address], bool] = is_public

    def addresses(self, host: str, port: int, seconds: float) -> list[Address]:
        """The addresses of a host, all of them allowed.

        Raises PostError: NAME, TIMEOUT, NOT_PUBLIC.
        """
        found = [read(each.split("%")[0]) for each in self._looked_up(host, port, seconds)]
        if not found:
            raise PostError(Reason.NAME)
        allowed = [each for each in found if each is not None and self.allows(each)]
        if len(allowed) < len(found):
            raise PostError(Reason.NOT_PUBLIC)
        return allowed

    def _looked_up(self, host: str, port: int, seconds: float) -> Sequence[str]:
        """In a thread, as the system's resolver cannot be told how long to take."""
        if read(host) is not None:
            return [host]
        outcome: list[Sequence[str] | Exception] = []

        def look_up() -> None:
            try:
                outcome.append(self.resolve(host, port))
            except Exception as error:
                outcome.append(error)

        thread = threading.Thread(target=look_up, name="resolver", daemon=True)
        thread.start()
        thread.join(max(0.0, seconds))
        if not outcome:
            raise PostError(Reason.TIMEOUT)
        found = outcome[0]
        if isinstance(found, (OSError, UnicodeError)):
            raise PostError(Reason.NAME) from found
        if isinstance(found, Exception):
            raise found
        return found


class Deadline:
    """When something has to be over, by the clock that nobody sets."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds. Raises PostError, TIMEOUT, where there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise PostError(Reason.TIMEOUT)
        return left


class GuardedBackend(httpcore.NetworkBackend):
    """Makes the connections of `httpcore`: to whom the guard allows, until the deadline, and with
    no more than so many bytes coming in."""

    def __init__(self, guard: Guard, deadline: Deadline, most_bytes: int) -> None:
        self._guard = guard
        self._deadline = deadline
        self._most_bytes = most_bytes

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline holds for everything
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Raises PostError."""
        found = self._guard.addresses(host, port, self._deadline.left())[:_MOST_ADDRESSES]
        failed: OSError | None = None
        for place, address in enumerate(found):
            left = self._deadline.left()
            share = left if place == len(found) - 1 else left * _FIRST_SHARE
            try:
                sock = socket.create_connection((str(address), port), timeout=share)
            except OSError as error:
                failed = error
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Stream(sock, self._deadline, self._most_bytes)
        late = isinstance(failed, TimeoutError)
        raise PostError(Reason.TIMEOUT if late else Reason.UNREACHABLE) from failed

    def connect_unix_socket(self, *_args: object, **_more: object) -> httpcore.NetworkStream:
        """Never."""
        raise PostError(Reason.NOT_PUBLIC)


class _Stream(httpcore.NetworkStream):
    """A connection that ends at a deadline, however much or little comes on it."""

    def __init__(self, sock: socket.socket, deadline: Deadline, most_bytes: int) -> None:
        self._sock = sock
        self._deadline = deadline
        self._left = most_bytes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        if self._left <= 0:
            raise PostError(Reason.NO_HTTP)
        try:
            self._sock.settimeout(self._deadline.left())
            found = self._sock.recv(min(max_bytes, self._left))
        except TimeoutError as error:
            raise PostError(Reason.TIMEOUT) from error
        except OSError as error:
            raise PostError(Reason.DROPPED) from error
        self._left -= len(found)
        return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        try:
            while buffer:
                self._sock.settimeout(self._deadline.left())
                buffer = buffer[self._sock.send(buffer) :]
        except TimeoutError as error:
            raise PostError(Reason.TIMEOUT) from error
        except OSError as error:
            # It may have answered before it heard us out.
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """The handshake as a whole has what is left of the time."""
        try:
            self._sock.settimeout(self._deadline.left())
            sock = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
        except TimeoutError as error:
            self.close()
            raise PostError(Reason.TIMEOUT) from error
        except OSError as error:
            self.close()
            tls = isinstance(error, ssl.SSLError)
            raise PostError(Reason.TLS if tls else Reason.DROPPED) from error
        except BaseException:
            self.close()
            raise
        return _Stream(sock, self._deadline, self._left)

    def get_extra_info(self, info: str) -> object:
        """What `httpcore` asks: which protocol was agreed on."""
        if info == "ssl_object" and isinstance(self._sock, ssl.SSLSocket):
            return self._sock
        return None
