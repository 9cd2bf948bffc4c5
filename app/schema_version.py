"""The database's schema: which one the program wants, which one there is, and bringing it up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from app.paths import MIGRATIONS

LONGEST_WAIT = 30
"""Seconds for which a migration waits for a table that somebody is working with; then nothing was
changed, and it can be run again."""


class StaleSchema(RuntimeError):
    """The database's schema is not the program's. The text says which command mends it."""


def alembic_config() -> Config:
    """Alembic's configuration; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def wanted() -> str:
    """The newest migration of this program."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert head is not None
    return head


def known() -> set[str]:
    """All migrations that this program has."""
    return {s.revision for s in ScriptDirectory.from_config(alembic_config()).walk_revisions()}


def present(engine: Engine) -> str | None:
    """The newest migration that the database has had; None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(
    engine: Engine,
    *,
    first: Callable[[Connection], None] | None = None,
    last: Callable[[Connection], None] | None = None,
) -> None:
    """Runs what is pending, in one transaction. Two at once: the second finds nothing to do.

    `first`, `last`: what else belongs into that transaction, before and after."""
    config = alembic_config()
    with engine.connect() as connection, _tables_replaceable(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            # Held to the end of the transaction, so that two starts do not migrate side by side;
            # the second waits for as long as the first one takes.
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7301998)")
            # Whoever comes after us for a table that we wait for would wait as well.
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LONGEST_WAIT}s'")
        config.attributes["connection"] = connection
        if first is not None:
            first(connection)
        before = MigrationContext.configure(connection).get_current_revision()
        command.upgrade(config, "head")
        if connection.dialect.name == "sqlite" and before not in (None, wanted()):
            lost = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if lost:
                raise RuntimeError(f"Rows refer to what is not there, nothing was changed: {lost}")
        if last is not None:
            last(connection)


@contextmanager
def _tables_replaceable(connection: Connection) -> Iterator[None]:
    """SQLite changes many a table by making it anew and dropping the old one. With foreign keys
    that would delete all rows that refer to it; within a transaction they cannot be switched."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def check(engine: Engine) -> None:
    """Refuses a schema that is not the program's.

    Raises:
        StaleSchema: older (migrate) or newer (a newer program was here).
    """
    have, want = present(engine), wanted()
    if have == want:
        return
    if have is None:
        raise StaleSchema("The database is empty. Run:  convoca migrate")
    if have in known():
        raise StaleSchema(
            f"The database's schema is of an older version ({have}, this one needs {want}). "
            "Run:  convoca migrate"
        )
    raise StaleSchema(
        f"The database's schema ({have}) is newer than this program knows. "
        "Install the newer Convoca that it belongs to."
    )
