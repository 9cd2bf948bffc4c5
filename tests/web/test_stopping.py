"""A server that is told to stop: it waits for answers, and not for requests that never come."""

import logging
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from app import server as ours
from app.db import Database
from app.services.actor import Actor
from app.services.tokens import create_token
from app.settings import Settings
from tests.factories import Make
from tests.web.test_live_streams import Server, serving, until

FORM = "application/x-www-form-urlencoded"


class Heard(logging.Handler):
    """What the server complains of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/c/lideres/enrol", FORM),
        ("/my/nobody/sessions/1/check-in", FORM),
        ("/api/v1/people", "application/json"),
    ],
)
def test_half_a_request_holds_nobody_up(
    settings: Settings,
    database: Database,
    organizer: Actor,
    path: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ours, "REST_WITHIN", 0.2)
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres", status="published")
        secret = create_token(db, organizer, "A test", ("read", "write"))[1]
    heard = Heard()
    with serving(settings, database) as running:
        for name in ("uvicorn.error", "convoca.web"):
            logging.getLogger(name).addHandler(heard)
        with socket.create_connection(("127.0.0.1", running.port)) as half:
            head = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: {kind}\r\n"
            head += f"Authorization: Bearer {secret}\r\n"  # of strangers' JSON none is read
            head += "Sec-Fetch-Site: same-origin\r\nContent-Length: 50\r\n\r\nname=A"
            half.sendall(head.encode())
            until(lambda: bool(running.server.server_state.tasks))
            time.sleep(0.1)  # it is read; were it not, it would be cut off all the same
            assert running.stop() < 5
            half.settimeout(5)
            assert half.recv(1) == b""
    for name in ("uvicorn.error", "convoca.web"):
        logging.getLogger(name).removeHandler(heard)
    assert heard.said == []


def answered(line: socket.socket) -> bool:
    """Whether the whole answer of /healthz comes; not, if the line ends before."""
    line.settimeout(10)
    read = b""
    while not read.endswith(b'"ok"}'):
        try:
            part = line.recv(1 << 16)
        except ConnectionResetError:
            return False
        if not part:
            return False
        read += part
    return read.startswith(b"HTTP/1.1 200")


def test_what_came_while_the_loop_was_busy_is_answered(
    settings: Settings, database: Database
) -> None:
    """On a line that is new, and on one that there was already; then the server is to stop."""
    ask = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
    busy, go_on = Event(), Event()

    def keep_busy() -> None:
        busy.set()
        assert go_on.wait(10)

    with serving(settings, database) as running:
        place = ("127.0.0.1", running.port)
        with socket.create_connection(place) as old, socket.socket() as new:
            old.sendall(ask)
            assert answered(old)
            running.server.servers[0].get_loop().call_soon_threadsafe(keep_busy)
            assert busy.wait(10)
            new.connect(place)
            for line in (old, new):
                line.sendall(ask)
            running.server.should_exit = True
            time.sleep(0.15)  # it looks whether it is to stop every tenth of a second
            go_on.set()
            assert (answered(old), answered(new)) == (True, True)


@contextmanager
def heard_of() -> Iterator[Heard]:
    heard = Heard()
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "convoca.web")]
    for logger in loggers:
        logger.addHandler(heard)
    try:
        yield heard
    finally:
        for logger in loggers:
            logger.removeHandler(heard)


@contextmanager
def asking_for_much(running: Server, times: int) -> Iterator[socket.socket]:
    """Somebody who asks for more than the lines between take, and has read nothing of it."""
    listener = running.server.servers[0].sockets[0]
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.settimeout(30)
        client.connect(("127.0.0.1", running.port))
        client.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * times)
        yield client


def unread(running: Server) -> bool:
    connections = list(running.server.server_state.connections)
    return any(each.transport.get_write_buffer_size() for each in connections)


def test_who_does_not_read_the_answer_holds_nobody_up(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "READ_WITHIN", 0.5)
    with serving(settings, database) as running, heard_of() as heard:
        with asking_for_much(running, 30):
            until(lambda: unread(running))
            assert running.stop() < 5
        assert heard.said == []


def test_who_reads_slowly_has_the_whole_answer(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More slowly altogether than an answer may lie there unread."""
    monkeypatch.setattr(ours, "READ_WITHIN", 0.6)
    with serving(settings, database) as running, heard_of() as heard:
        with asking_for_much(running, 2) as client:
            until(lambda: unread(running))
            stopping = Thread(target=running.stop)
            stopping.start()
            until(lambda: running.server.should_exit)
            slowly = time.monotonic() + 2
            read = b""
            while part := client.recv(1 << 16):
                read += part
                if time.monotonic() < slowly:
                    time.sleep(0.1)
            stopping.join(10)
        *_, (head, _, body) = (each.partition(b"\r\n\r\n") for each in read.split(b"HTTP/1.1 ")[1:])
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        assert len(body) == int(length[1])
        assert heard.said == []


def test_containers_are_given_more_time_than_the_server_takes() -> None:
    compose = (Path(__file__).parents[2] / "compose.yaml").read_text()
    grace = re.search(r"stop_grace_period: (\d+)s", compose)
    assert grace is not None
    assert int(grace[1]) > ours.STOPS_WITHIN + ours.REST_WITHIN
