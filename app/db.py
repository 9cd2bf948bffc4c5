"""The engine, how a connection is set up, and the one way to open a database session.

SQLite: WAL, synchronous=FULL, foreign keys, secure_delete, a busy timeout; a transaction that will
write begins with BEGIN IMMEDIATE, so that it waits for its turn at the start instead of failing
half-way.
A transaction opened for reading cannot write, in SQLite and in PostgreSQL alike.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Connection,
    Engine,
    Transaction,
    Update,
    create_engine,
    event,
    func,
    make_url,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm import SessionTransaction, sessionmaker
from sqlmodel import Session as DbSession

from app.change_mark import ChangeMark
from app.models.revisions import raise_revisions
from app.models.trail import keep_trail
from app.prepared import Jot, Prepared
from app.turns import TookTooLong, Turn, Turns, patiently
from app.upserts import (
    insert_or_change,
    insert_unless_there,
    insert_unless_there_in,
    write_anew,
)

__all__ = [
    "Database",
    "DbSession",
    "Jot",
    "Prepared",
    "insert_or_change",
    "insert_unless_there",
    "insert_unless_there_in",
    "make_engine",
    "make_sessions",
    "sqlite_module",
    "write_anew",
]

BUSY_TIMEOUT_MS = 5_000
"""For so long one waits: for SQLite's lock, for a lock of PostgreSQL's, for a connection."""
_turns: WeakKeyDictionary[Engine, Turns] = WeakKeyDictionary()  # of SQLite's
_LONGEST_IDLE_MS = 60_000
_CONNECTIONS = 48
"""More than threads that answer requests (40), for those that do something else meanwhile."""
_WAL_RESET_FIXED_IN = (3, 51, 3)


def sqlite_module() -> ModuleType:
    """The system's SQLite, or the wheel's where the system's is older than the repair of the
    WAL-reset bug (3.7.0 to 3.51.2)."""
    if sqlite3.sqlite_version_info < _WAL_RESET_FIXED_IN:
        try:
            import pysqlite3  # type: ignore[import-untyped]
        except ImportError:
            return sqlite3
        newer: ModuleType = pysqlite3
        return newer
    return sqlite3


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    # What is erased is to be gone from the file too, not only from the pages that are in use.
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    writes = options.get("convoca_writes", True)
    if writes:
        durable = options.get("convoca_durable", True)
        _set_pragma(connection, "synchronous", "FULL" if durable else "NORMAL")
    _set_pragma(connection, "query_only", "OFF" if writes else "ON")
    if not writes:
        connection.exec_driver_sql("BEGIN")
        return
    turn: Turn | None = options.get("convoca_turn")
    if turn is not None:  # again, if it was given back
        with _as_locked():
            turn.take()
    driver: Any = connection.connection.driver_connection
    with _looking_ourselves(driver):
        _once_unlocked(lambda: driver.execute("BEGIN IMMEDIATE"))


@contextmanager
def _looking_ourselves(driver: Any) -> Iterator[None]:
    """SQLite does not wait for a lock (see `turns`); other statements may have to, in between."""
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _once_unlocked(do: Callable[[], object]) -> None:
    """Raises OperationalError, also where it is locked for longer than `BUSY_TIMEOUT_MS`."""
    driver_error = sqlite_module().Error
    try:
        patiently(do, lambda error: "is locked" in str(error), BUSY_TIMEOUT_MS / 1000)
    except driver_error as error:
        raise OperationalError(None, None, error) from error


@contextmanager
def _as_locked() -> Iterator[None]:
    try:
        yield
    except TookTooLong as error:
        raise OperationalError(None, None, Exception("database is locked")) from error


def _give_turn_back(db: OrmSession, over: SessionTransaction) -> None:
    """SQLAlchemy's ``after_soft_rollback``: what is rolled back keeps nobody else from writing."""
    turn: Turn | None = db.info.get("turn")
    if turn is not None and over.parent is None:
        turn.give_back()


def _set_pragma(connection: Connection, name: str, value: str) -> None:
    """Unless this connection, which is used again and again, has that value from before."""
    if connection.info.get(name) != value:
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA {name} = {value}")
        connection.info[name] = value


def make_engine(url: str) -> Engine:
    """An engine for ``sqlite:///…`` or ``postgresql+psycopg://…``."""
    if url.startswith("sqlite"):
        path = make_url(url).database
        if path and path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            url,
            module=sqlite_module(),
            hide_parameters=True,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=BUSY_TIMEOUT_MS / 1000,
        )
        _turns[engine] = Turns()
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    # prepare_threshold=None: prepared statements do not survive PgBouncer's transaction mode.
    # hide_parameters: what somebody typed does not belong into a log.
    # The rest of what is given to the driver: a server that has vanished is not waited for.
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=20,
        max_overflow=_CONNECTIONS - 20,
        pool_timeout=BUSY_TIMEOUT_MS / 1000,
        pool_pre_ping=True,
        connect_args={
            "prepare_threshold": None,
            "connect_timeout": 5,
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,  # milliseconds
        },
    )
    event.listen(engine, "connect", _set_up_postgres)
    return engine


def _set_up_postgres(connection: Any, _record: object) -> None:
    """Nobody waits for a lock for ever; and whoever was stopped in the middle of a transaction lets
    go of what it holds."""
    connection.autocommit = True
    connection.execute(
        f"SET lock_timeout = {BUSY_TIMEOUT_MS}; "
        f"SET idle_in_transaction_session_timeout = {_LONGEST_IDLE_MS}"
    )
    connection.autocommit = False


def make_sessions() -> sessionmaker[DbSession]:
    """What makes sessions, with all that happens in each."""
    sessions = sessionmaker(class_=DbSession, expire_on_commit=False, autoflush=True)
    event.listen(sessions, "after_flush", raise_revisions)
    event.listen(sessions, "after_soft_rollback", _give_turn_back)
    keep_trail(sessions)
    return sessions


class Database:
    """The engine and the one way to open a session on it."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self.mark = ChangeMark(self.engine)
        self._prepared: dict[Update, Prepared] = {}
        self._sessions = make_sessions()

    @contextmanager
    def begin(self, *, writes: bool, durable: bool = True) -> Iterator[DbSession]:
        """A session in a transaction: a return commits, an exception rolls back.

        Not `durable`: the commit does not wait for the disk. It outlives this process, however
        that ends, but a power cut may undo the last of such commits; nothing is ever torn.
        """
        with self._turn(writes) as turn, self.engine.connect() as connection:
            self._begin(connection, writes, durable, turn)
            with self._sessions(bind=connection, info={"turn": turn}) as db:
                if writes and not durable and connection.dialect.name == "postgresql":
                    db.connection().exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield db
                if writes:
                    self._commit(db, connection)

    @contextmanager
    def _turn(self, writes: bool) -> Iterator[Turn | None]:
        turns = _turns.get(self.engine) if writes else None
        with ExitStack() as held:
            turn = None
            if turns is not None:
                with _as_locked():
                    turn = held.enter_context(turns.turn(BUSY_TIMEOUT_MS / 1000))
            yield turn

    @staticmethod
    def _commit(transaction: DbSession | Transaction, connection: Connection) -> None:
        try:
            transaction.commit()
        except BaseException:
            # To SQLAlchemy it is over now, so it would give the connection back as it is; but an
            # SQLite that could not commit may still be in it, and keep everybody from writing.
            connection.invalidate()
            raise

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """`begin` for a few statements that are done all the time: only the connection, which costs
        a third of a session. What revisions hang on is not written so."""
        with self._turn(True) as turn, self.engine.connect() as connection:
            self._begin(connection, writes=True, durable=True, turn=turn)
            transaction = connection.begin()
            try:
                yield connection
            except BaseException:
                transaction.rollback()
                raise
            self._commit(transaction, connection)

    def session_on(self, connection: Connection) -> DbSession:
        """A session for what is seldom to be done within `writing`; it commits nothing."""
        return self._sessions(bind=connection, join_transaction_mode="rollback_only")

    def forget(self) -> bool:
        """Writes SQLite's log into the database and cuts it off, so that it has no page of before.
        False while somebody reads what was before: then it is to be tried again. Elsewhere there is
        nothing to do. To be called outside of any transaction."""
        if self.engine.dialect.name != "sqlite":
            return True
        with self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy

    @contextmanager
    def jotting(self) -> Iterator[Jot]:
        """For short notes in quick succession: each statement is a transaction of its own, which is
        not `durable` (see `begin`). It takes a twentieth of what a session takes."""
        with self.engine.connect() as connection:
            sqlite = connection.dialect.name == "sqlite"
            if not sqlite:
                connection.execution_options(isolation_level="AUTOCOMMIT")
            driver: Any = connection.connection.driver_connection
            cursor = connection.connection.cursor()
            try:
                if sqlite:
                    _set_pragma(connection, "synchronous", "NORMAL")
                    _set_pragma(connection, "query_only", "OFF")
                with _looking_ourselves(driver) if sqlite else nullcontext():
                    yield partial(self._jot, cursor)
            finally:
                cursor.close()

    def _jot(self, cursor: Any, statement: Update, values: Mapping[str, Any]) -> datetime | None:
        prepared = self._prepared.get(statement)
        if prepared is None:
            prepared = self._prepared[statement] = self._prepare(statement)
        if self.engine in _turns:
            with self._turn(True):
                _once_unlocked(lambda: cursor.execute(prepared.text, prepared.parameters(values)))
            return None
        try:
            cursor.execute(prepared.text, prepared.parameters(values))
            row = cursor.fetchone() if cursor.description else None
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise OperationalError(prepared.text, None, error) from error
        return row[0] if row else None

    def _prepare(self, statement: Update) -> Prepared:
        dialect = self.engine.dialect
        if dialect.name == "postgresql":
            # It holds for the transaction, which is this statement.
            statement = statement.where(func.set_config("synchronous_commit", "off", True) == "off")
            statement = statement.returning(func.clock_timestamp())
        return Prepared(statement, dialect)

    @staticmethod
    def _begin(connection: Connection, writes: bool, durable: bool, turn: Turn | None) -> None:
        if connection.dialect.name == "sqlite":
            connection.execution_options(
                convoca_writes=writes, convoca_durable=durable, convoca_turn=turn
            )
        else:
            # A reader sees one moment: a revision is never older or newer than what it vouches for.
            level = "READ COMMITTED" if writes else "REPEATABLE READ"
            connection.execution_options(isolation_level=level, postgresql_readonly=not writes)

    def close(self) -> None:
        """Closes every connection."""
        self.mark.close()
        self.engine.dispose()
