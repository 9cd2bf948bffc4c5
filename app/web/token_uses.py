"""When tokens were last used, to the hour: written beside the requests, never by them."""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Lock

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.services.tokens import hour_of, note_use

REMEMBERED = 20_000
"""So many tokens a process keeps in mind; those heard of longest ago are forgotten first."""
_WAITING = 100
"""So many notes at most wait for a database that is locked; the others are made another time."""


class TokenUses:
    """What this process has noted. A request only looks into memory: one thread writes, and where
    it cannot, a later request of the same token has it tried again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._noted: OrderedDict[str, datetime] = OrderedDict()
        self._waiting = 0
        self._writer: ThreadPoolExecutor | None = None
        self._closed = False

    def note(self, token_digest: str, now: datetime) -> None:
        """The token with this digest was let in. Takes microseconds, and never fails."""
        hour = hour_of(now)
        with self._lock:
            if self._noted.get(token_digest) == hour:
                return
            if self._closed or self._waiting >= _WAITING:
                return
            self._noted[token_digest] = hour
            self._noted.move_to_end(token_digest)
            while len(self._noted) > REMEMBERED:
                self._noted.popitem(last=False)
            self._waiting += 1
            if self._writer is None:
                self._writer = ThreadPoolExecutor(1, thread_name_prefix="token-uses")
            self._writer.submit(self._write, token_digest, hour)

    def _write(self, token_digest: str, hour: datetime) -> None:
        try:
            with self._database.jotting() as jot:
                note_use(jot, token_digest, hour)
        except (SQLAlchemyError, OSError):
            with self._lock:
                self._noted.pop(token_digest, None)
        finally:
            with self._lock:
                self._waiting -= 1

    def close(self) -> None:
        """Waits for what is being written; nothing is noted any more."""
        with self._lock:
            self._closed = True
            writer = self._writer
        if writer is not None:
            writer.shutdown()
