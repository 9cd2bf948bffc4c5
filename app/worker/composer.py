"""Mails from rows, several from one look at the database."""

import time
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import col

from app.db import Database, DbSession
from app.mail.values import Mail, Sender
from app.models import Message
from app.services.links import Links
from app.worker.compose import compose
from app.worker.compose_invitation import read_ahead
from app.worker.kept import Kept

# Plain rows: they are only read.
_ROWS = select(Message.__table__).where(  # type: ignore[attr-defined]
    col(Message.id).in_(bindparam("ids", expanding=True))
)
LOOK = 1.0
"""Seconds for which what was read is taken for the present."""


class Composer:
    """Used by one thread. Between two mails it keeps its session, for a second at most. `looked`:
    when that was begun, in seconds of `time.monotonic`."""

    def __init__(self, database: Database, links: Links, sender: Sender) -> None:
        self._database = database
        self._links = links
        self._sender = sender
        self._kept = Kept()
        self._opened = ExitStack()
        self._db: DbSession | None = None
        self.looked = 0.0

    def compose(self, message: Message, at: datetime) -> Mail:
        """As `compose.compose`, and raises what that raises."""
        try:
            return compose(self._session(), self._links, self._sender, message, at, self._kept)
        except BaseException:
            self.close()
            raise

    def look_up(self, ids: Collection[str]) -> dict[str, Message]:
        """Rows by their ids, with what their mails need. It holds until `close`."""
        rows: Any = self._session().connection().execute(_ROWS, {"ids": list(ids)}).all()
        self.read_ahead(rows)
        return {row.id: row for row in rows}

    def read_ahead(self, messages: Iterable[Message]) -> None:
        """Reads at once what these mails need, which are made next. It holds until `close`."""
        read_ahead(self._session(), messages, self._kept)

    def _session(self) -> DbSession:
        if self._db is None or time.monotonic() - self.looked > LOOK:
            self.close()
            self.looked = time.monotonic()
            self._db = self._opened.enter_context(self._database.begin(writes=False))
        return self._db

    def close(self) -> None:
        """Ends the transaction; the next mail begins another."""
        self._kept.readers.clear()
        self._db = None
        self._opened.close()
