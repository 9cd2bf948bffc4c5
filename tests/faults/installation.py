"""An installation whose processes are begun, killed, stopped and starved: `convoca serve` and
`convoca worker` as they are run, on the database of a test."""

import contextlib
import http.client
import os
import re
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.db import Database
from tests.forks import ROOT, Process, fork

KEY = "a key for tests, long enough for one"
PATIENCE = 60.0
"""Seconds after which something that should have happened has not: the machine may be busy."""
_OF_THE_POOL = re.compile(
    r"^.* ERROR sqlalchemy\.pool.*\n(?:(?!\d{4}-\d\d-\d\d ).*\n)*", re.MULTILINE
)
SHARE = float(os.environ.get("CONVOCA_TEST_EXAMPLES", "0.25"))


def of(number: int) -> int:
    """The share of so many that this run does (see `tests.examples`): one at the least."""
    return max(1, round(number * SHARE))


def until(
    true: Callable[[], Any], what: str, seconds: float = PATIENCE, every: float = 0.005
) -> None:
    """Waits for a condition, which is looked at every so many seconds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"it did not come about: {what}"
        time.sleep(every)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(arguments: tuple[str, ...], env: Mapping[str, str], log: Path, files: int) -> None:
    """In the process: the command, in this environment."""
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(env)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    if files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    from app.cli import main

    main(arguments, prog_name="convoca")


class Program:
    """A command that runs until it is ended."""

    def __init__(self, *arguments: str, env: Mapping[str, str], log: Path, files: int = 0) -> None:
        self.name = " ".join(arguments)
        self._process: Process = fork(_run, arguments, dict(env), log, files)
        self._code: int | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        pid: int = self._process.pid
        return pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self._code is None and bool(self._process.is_alive())

    def signal(self, number: int) -> None:
        """Sends it one."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it with SIGKILL, and waits until it is gone."""
        self.signal(signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL

    def ended(self, seconds: float = PATIENCE) -> int:
        """Waits for its end; its exit status, or the signal with a minus."""
        if self._code is None:
            self._process.join(seconds)
            assert self._process.exitcode is not None, f"convoca {self.name} did not end"
            self._code = int(self._process.exitcode)
            self._process.close()
        return self._code


@dataclass
class Installation:
    """Settings, and the processes that were begun with them."""

    database: Database
    data: Path
    env: dict[str, str] = field(default_factory=dict)
    programs: list[Program] = field(default_factory=list)
    ports: dict[int, Program] = field(default_factory=dict)
    log: Path = Path()  # what all of its processes say

    def __post_init__(self) -> None:
        if self.log == Path():
            self.log = self.data.parent / "log"

    @contextlib.contextmanager
    def open(self) -> Iterator["Installation"]:
        """Until this is left; then whatever still runs is killed."""
        self.data.mkdir(parents=True, exist_ok=True)
        try:
            yield self
        finally:
            for program in self.programs:
                if program.runs:
                    program.signal(signal.SIGCONT)
                    program.signal(signal.SIGKILL)
                    program.ended()

    @property
    def sqlite(self) -> bool:
        """Whether it is on SQLite."""
        return self.database.engine.dialect.name == "sqlite"

    def said(self) -> str:
        """What they said so far."""
        return self.log.read_text() if self.log.exists() else ""

    def environment(self) -> dict[str, str]:
        """What a process of it is given."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("CONVOCA_")}
        return clean | {
            "CONVOCA_DATA_DIR": str(self.data),
            "CONVOCA_DATABASE_URL": self.url,
            "CONVOCA_SECRET_KEY": KEY,
            "CONVOCA_BASE_URL": "http://127.0.0.1:8000",
            "CONVOCA_MAIL_FROM": "convoca@example.org",
            "CONVOCA_API_PER_MINUTE": "0",  # it is about faults, not about who asks too often
            **self.env,
        }

    @property
    def url(self) -> str:
        """The database's address."""
        return self.database.engine.url.render_as_string(hide_password=False)

    def program(
        self, *arguments: str, files: int = 0, env: Mapping[str, str] | None = None
    ) -> Program:
        """Begins a command. `files`: so many may it have open."""
        environment = self.environment() | dict(env or {})
        begun = Program(*arguments, env=environment, log=self.log, files=files)
        self.programs.append(begun)
        return begun

    def worker(self) -> Program:
        """Begins a worker."""
        return self.program("worker")

    def web(self, port: int = 0, *, files: int = 0) -> int:
        """Begins a server and waits until it answers; its port. Several are begun one by one."""
        port = port or free_port()
        program = self.program("serve", files=files, env={"PORT": str(port)})
        self.ports[port] = program
        until(lambda: self._answers(port, program), f"a server on {port}; {self.said()[-2000:]}")
        return port

    def _answers(self, port: int, program: Program) -> bool:
        assert program.runs, f"it has ended: {self.said()[-2000:]}"
        return status_of(port, "/healthz") == 200

    def untroubled(self) -> None:
        """Nothing that nobody had thought of was met with, by any of the processes."""
        # The pool tells at length of each connection that was lost while it was used.
        said = _OF_THE_POOL.sub("", self.said())
        for word in ("Traceback", "unhandled error", "broke off", "never retrieved"):
            assert word not in said, said[-6000:]

    def is_sound(self) -> None:
        """The database itself finds nothing wrong with it."""
        with self.database.begin(writes=False) as db:
            if self.sqlite:
                assert db.connection().execute(text("PRAGMA integrity_check")).all() == [("ok",)]
                assert db.connection().execute(text("PRAGMA foreign_key_check")).all() == []


def status_of(port: int, path: str, seconds: float = 10.0) -> int:
    """The status of a page; 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
