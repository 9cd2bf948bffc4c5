"""What comes round by the clock: reminders, questions to people with parts, tidying up."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.services import part_requests, reminders
from app.services.files import FileStore, files_in_use
from app.worker.tidy import tidy

logger = logging.getLogger("convoca.worker")


class Chores:
    """Does each chore when its time has come round; called often, and cheap when nothing is due.

    Several workers may do the same at once: what is queued is queued once. A chore that fails is
    logged and tried when its time comes round again; mail goes out meanwhile.
    """

    def __init__(self, database: Database, files: FileStore | None = None) -> None:
        self._database = database
        self._files = files
        self._meetings = reminders.Meetings()
        self._next: dict[str, datetime] = {}
        self._chores: tuple[tuple[str, timedelta, Callable[[datetime], None]], ...] = (
            ("reminders", timedelta(seconds=20), self._remind),
            ("parts", timedelta(minutes=15), self._ask),
            ("tidy", timedelta(hours=1), self._tidy),
        )

    def look(self, now: datetime) -> None:
        """Does what is due at the aware instant `now`."""
        for name, every, do in self._chores:
            if now < self._next.get(name, now):
                continue
            self._next[name] = now + every
            try:
                do(now)
            except Exception as error:
                known = isinstance(error, SQLAlchemyError)
                logger.error("%s: %s", name, type(error).__name__, exc_info=not known)

    def _remind(self, now: datetime) -> None:
        with self._database.begin(writes=False) as db:
            if not reminders.anything_due(db, now, self._meetings):
                return
        with self._database.begin(writes=True) as db:
            reminders.run_due(db, now, self._meetings)

    def _ask(self, now: datetime) -> None:
        with self._database.begin(writes=True) as db:
            part_requests.remind_parts(db, now)

    def _tidy(self, now: datetime) -> None:
        with self._database.begin(writes=True) as db:
            tidy(db, now)
        if self._files is not None:
            with self._database.begin(writes=False) as db:
                in_use = files_in_use(db)
            self._files.remove_unused(in_use, now)  # nobody waits for the disk
