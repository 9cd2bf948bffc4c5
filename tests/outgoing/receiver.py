"""A receiver of ours on 127.0.0.1, which does what a test asks of it; and the guard that leads
there, which only a test can make."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from app.outgoing.guard import Guard

Step = bytes | float
"""What is sent, or for how many seconds nothing is."""


@dataclass(frozen=True, slots=True)
class Got:
    """A request as it came. `sni`: the name that TLS was asked for by."""

    line: str
    headers: dict[str, str]
    body: bytes
    sni: str | None = None


Behave = Callable[[Got], Iterable[Step]]


def says(status: int, *headers: str, body: bytes = b"") -> Behave:
    """Answers so."""
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}", *headers, "", ""]
    return lambda _: ["\r\n".join(lines).encode() + body]


@dataclass
class Receiver:
    """What came, and what is answered: `behave` may be set at any time."""

    port: int
    behave: Behave
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def guard(self) -> Guard:
        """Every name leads here."""
        return Guard(resolve=lambda _host, _port: ["127.0.0.1"], allows=lambda _address: True)


def _request(stream: socket.socket) -> Got | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        more = stream.recv(65536)
        if not more:
            return None
        raw += more
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = {n.lower(): v for n, v in (each.split(": ", 1) for each in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += stream.recv(65536)
    return Got(line, headers, body, getattr(stream, "asked_for", None))


@contextmanager
def receiver(behave: Behave | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver in threads of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    ours = Receiver(listener.getsockname()[1], behave or says(204))
    threads: list[threading.Thread] = []

    def serve_one(stream: socket.socket) -> None:
        with suppress(OSError), stream:
            if tls is not None:
                stream = tls.wrap_socket(stream, server_side=True)
            with stream:
                got = _request(stream)
                if got is None:
                    return
                ours.got.append(got)
                for step in ours.behave(got):
                    if isinstance(step, bytes):
                        stream.sendall(step)
                    elif ours.ended.wait(step):
                        return

    def serve() -> None:
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            ours.connections += 1
            thread = threading.Thread(target=serve_one, args=(stream,), daemon=True)
            thread.start()
            threads.append(thread)

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    try:
        yield ours
    finally:
        ours.ended.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        serving.join(10)
        for thread in threads:
            thread.join(10)
