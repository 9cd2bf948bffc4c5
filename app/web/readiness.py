"""Whether this process can do its work: asked again and again by whatever sends people to it."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from time import monotonic

from sqlalchemy import text

from app import schema_version
from app.db import Database
from app.services.desk import Desk
from app.services.files import RESERVE, free_space

WITHIN = 2.0
"""Seconds within which the database has to answer."""
_KEPT = 1.0  # seconds for which an answer is as good as another look

Failing = tuple[str, ...]


class Readiness:
    """What is looked at. Anybody may ask, so several at once share one look, and whoever asks in
    quick succession is told what the last one was."""

    def __init__(self, database: Database, desk: "Desk[object, object]", folder: Path) -> None:
        self._database = database
        self._desk = desk
        self._folder = folder
        self._wanted = schema_version.wanted()
        self._lock = Lock()
        self._looks = ThreadPoolExecutor(1, thread_name_prefix="readiness")
        self._waiting: Future[Failing] | None = None  # for a database that has not answered yet
        self._known: tuple[float, Failing] | None = None
        self.stopping = False

    def failing(self) -> Failing:
        """The names of what is not as it must be: ``stopping``, ``desk``, ``disk``, ``space``,
        ``database``, ``schema``. May take `WITHIN` seconds."""
        if self.stopping:
            return ("stopping",)
        with self._lock:
            if self._known is None or monotonic() - self._known[0] > _KEPT:
                self._known = (monotonic(), self._look())
            return self._known[1]

    def close(self) -> None:
        """Looks no more."""
        self.stopping = True
        self._looks.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> Failing:
        desk = () if self._desk.is_open else ("desk",)
        return (*desk, *self._disk(), *self._asked())

    def _disk(self) -> Failing:
        if not _writable(self._folder):
            return ("disk",)
        return () if free_space(self._folder) > RESERVE else ("space",)

    def _asked(self) -> Failing:
        """Of one that hangs only one thread learns, and no other is begun."""
        if self._waiting is None:
            self._waiting = self._looks.submit(self._ask)
        try:
            found = self._waiting.result(WITHIN)
        except TooLong:
            return ("database",)
        self._waiting = None
        return found

    def _ask(self) -> Failing:
        try:
            with self._database.begin(writes=False) as db:
                found = db.connection().execute(text("SELECT version_num FROM alembic_version"))
                versions = list(found.scalars())
        except Exception:
            return ("database",)
        return () if versions == [self._wanted] else ("schema",)


def _writable(folder: Path) -> bool:
    if not folder.exists():  # it is made when the first file comes
        there = next(each for each in folder.resolve().parents if each.exists())
        return os.access(there, os.W_OK)
    try:
        with TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
            probe.flush()
    except OSError:
        return False
    return True
