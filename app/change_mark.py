"""Whether anything was written since: what answers that are kept hang on."""

from collections.abc import Hashable
from contextlib import suppress
from threading import Lock
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError


class ChangeMark:
    """A value that is equal at two moments only if nothing was committed in between.

    SQLite: ``PRAGMA data_version`` of a connection that never writes. PostgreSQL: the text of
    ``pg_current_snapshot()``, in which every commit of a writing transaction moves something.
    Cached answers are served on the strength of it, so it is asked for each request, never aged.
    """

    def __init__(self, engine: Engine) -> None:
        self._sqlite = engine.dialect.name == "sqlite"
        self._engine = engine
        self._connection: Any = None  # the driver's own, kept: a mark is asked for each request
        self._lock = Lock()  # one connection, several threads

    @property
    def instant(self) -> bool:
        """Whether asking takes microseconds, so that it need not leave the event loop."""
        return self._sqlite

    def current(self) -> Hashable:
        """The mark of this moment; it may block for a round trip to PostgreSQL.

        Raises OperationalError (SQLAlchemy's) if the database cannot be reached.
        """
        with self._lock:
            if self._connection is not None:
                try:
                    return self._ask()
                except self._engine.dialect.loaded_dbapi.Error:
                    # The server was started anew, or has cut what was idle: once more from the
                    # start. Another connection's answer is as good, it names transactions.
                    self._drop()
            self._connection = self._connect()
            try:
                return self._ask()
            except self._engine.dialect.loaded_dbapi.Error as error:
                self._drop()
                raise OperationalError(None, None, error) from error

    def _ask(self) -> Hashable:
        question = "PRAGMA data_version" if self._sqlite else "SELECT pg_current_snapshot()::text"
        found: Hashable = self._connection.execute(question).fetchone()[0]
        return found

    def _connect(self) -> Any:
        if self._sqlite:
            dbapi: Any = self._engine.dialect.loaded_dbapi
            connection = dbapi.connect(self._engine.url.database, check_same_thread=False)
            connection.isolation_level = None
            return connection
        # Made by the pool, which knows how to reach the server, then taken out of it for good.
        made = self._engine.connect()
        driver: Any = made.connection.driver_connection
        made.detach()
        driver.autocommit = True
        return driver

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(self._engine.dialect.loaded_dbapi.Error):
                connection.close()

    def close(self) -> None:
        """Lets go of the connection."""
        with self._lock:
            self._drop()
