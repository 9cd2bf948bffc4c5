"""Thousands who press the button, and the processes that serve them."""

import asyncio
import os
import re
import signal
import socket
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import col, func, select

from app.db import Database
from app.models import Evidence
from app.models import now as the_present
from app.services.actor import SYSTEM
from app.services.links import Links, Purpose
from app.services.publishing import publish
from app.settings import Settings
from bench.people import add_many
from tests.factories import Make
from tests.forks import Process, fork, pipe

KEY = "a key for tests"
PATIENCE = 60.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def make_crowd(database: Database, count: int) -> dict[str, str]:
    """A session that is open by the machine's clock, and so many who may check in: by the address
    of their button, the id of their enrolment."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        bogota = datetime.now(UTC).astimezone(ZoneInfo("America/Bogota"))
        make.session(cycle, wall_start=bogota.replace(tzinfo=None, microsecond=0))
        ids = add_many(db, cycle, count)
        publish(db, SYSTEM, cycle.id, accept_warnings=True, now=the_present())
    links = Links(KEY, "http://testserver")
    return {f"/my/{links.token(Purpose.MY, each)}/sessions/1/check-in": each for each in ids}


def checked_in(database: Database) -> Counter[str]:
    """How often each enrolment is checked in."""
    query = select(Evidence.enrolment_id, func.count()).group_by(col(Evidence.enrolment_id))
    with database.begin(writes=False) as db:
        return Counter(dict(db.exec(query).all()))


# The processes.


def _mother(database_url: str, listener: socket.socket, log: Path, parent: Any) -> None:
    """Has the application made, and forks a server of itself as often as it is asked to."""
    import uvicorn

    from app.main import create_app

    os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), 2)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder),
            database_url=database_url,
            base_url="http://testserver",
            secret_key=KEY,
            mail_from="convoca@example.org",
            slow_statement_ms=PATIENCE * 1000,  # tests have them wait for a lock; that is no fault
        )
        app = create_app(settings)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=20
        )
        config.load()
        parent.send("ready")
        while parent.recv() == "serve":
            pid = os.fork()
            if not pid:
                try:
                    uvicorn.Server(config).run(sockets=[listener])
                finally:
                    os._exit(0)
            parent.send(pid)
            parent.send(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


class Servers:
    """Servers on one socket, one after the other."""

    def __init__(self, database: Database, listener: socket.socket, log: Path) -> None:
        self._log = log
        self._mother, there = pipe()
        url = database.engine.url.render_as_string(hide_password=False)
        self._process: Process = fork(_mother, url, listener, log, there)
        there.close()
        assert self._mother.recv() == "ready"
        self._pid = 0

    def serve(self) -> None:
        """Begins another."""
        self._mother.send("serve")
        self._pid = self._mother.recv()

    def said(self) -> str:
        """What they complained of."""
        return self._log.read_text()

    def signal(self, number: int) -> None:
        """To the one that serves."""
        os.kill(self._pid, number)

    def ended(self) -> int:
        """How the one that served has ended."""
        assert self._mother.poll(PATIENCE)
        code: int = self._mother.recv()
        self._pid = 0
        return code

    def close(self) -> None:
        """No more of them."""
        if self._pid:  # a test has failed
            self.signal(signal.SIGKILL)
            self.ended()
        self._mother.send("enough")
        self._process.join(PATIENCE)
        self._process.close()
        self._mother.close()


@contextmanager
def servers(database: Database) -> Iterator[tuple[Servers, int]]:
    """Servers, and the port that they share."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=2048) as listener,
        tempfile.NamedTemporaryFile() as log,
    ):
        ours = Servers(database, listener, Path(log.name))
        try:
            yield ours, listener.getsockname()[1]
        finally:
            ours.close()


# Those who press.


@dataclass
class Crowd:
    """People at so many browsers. Whoever is not answered presses again."""

    port: int
    acknowledged: list[str] = field(default_factory=list)
    broken: int = 0
    _until: int = 0
    _reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def reaches(self, number: int) -> None:
        """Waits until so many have been answered."""
        self._until = number
        while len(self.acknowledged) < number:
            self._reached.clear()
            await self._reached.wait()

    async def press(self, paths: Iterable[str], browsers: int = 48) -> None:
        """Until each has been answered with 303."""
        waiting = iter(paths)
        await asyncio.gather(*(self._browser(waiting) for _ in range(browsers)))

    async def _browser(self, waiting: Iterator[str]) -> None:
        connection = None
        for path in waiting:
            while True:
                try:
                    connection = connection or await asyncio.open_connection("127.0.0.1", self.port)
                    ask(connection, "POST", path)
                    status = await answer(connection)
                    break
                except (ConnectionError, asyncio.IncompleteReadError):
                    self.broken += 1
                    if connection is not None:
                        connection[1].close()
                    connection = None
            assert status == 303, status
            self.acknowledged.append(path)
            if len(self.acknowledged) == self._until:
                self._reached.set()
        if connection is not None:
            connection[1].close()


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def ask(connection: Connection, method: str, path: str) -> None:
    """Sends a request without a body."""
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    connection[1].write(head.encode())


async def answer(connection: Connection) -> int:
    """The status; all of the answer is read."""
    reader, _ = connection
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length is not None:
        await reader.readexactly(int(length[1]))
    return int(head[9:12])
