"""The mark by which kept answers are known to be true, over connections that break."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import OperationalError

from app.db import Database
from tests.databases import postgres_database
from tests.factories import Make

KILL = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = :name AND pid <> pg_backend_pid()"
)


def commit(database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).institution()


@pytest.fixture
def served(postgres: str, postgres_template: str) -> Iterator[Database]:
    """A database on a server, whose connections can break."""
    with postgres_database(postgres, postgres_template) as url:
        database = Database(url)
        yield database
        database.close()


@pytest.fixture
def admin(postgres: str) -> Iterator[Connection]:
    """Another way into the server."""
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_another_mark_after_every_commit_and_only_then(real_database: Database) -> None:
    mark = real_database.mark
    seen = []
    for _ in range(3):
        seen += [mark.current(), mark.current()]
        commit(real_database)
    assert seen[::2] == seen[1::2]
    assert len(set(seen)) == 3


def test_a_mark_takes_no_connection_of_the_pool(real_database: Database) -> None:
    executed: list[str] = []
    taken: list[object] = []
    real_database.mark.current()
    event.listen(
        real_database.engine, "before_cursor_execute", lambda *args: executed.append(args[2])
    )
    event.listen(real_database.engine, "checkout", lambda *args: taken.append(args))
    for _ in range(3):
        real_database.mark.current()
    assert (executed, taken) == ([], [])


def test_a_server_that_was_started_anew_is_asked_again(served: Database, admin: Connection) -> None:
    name = served.engine.url.database
    first = served.mark.current()
    killed = admin.scalar(KILL, {"name": name})
    second = served.mark.current()
    admin.scalar(KILL, {"name": name})
    commit(served)
    assert killed == 1
    assert (first == second, first == served.mark.current()) == (True, False)


def test_a_server_that_is_away_is_an_error_until_it_is_back(
    served: Database, admin: Connection
) -> None:
    name = served.engine.url.database
    first = served.mark.current()
    admin.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
    admin.scalar(KILL, {"name": name})
    for _ in range(2):
        with pytest.raises(OperationalError):
            served.mark.current()
    admin.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
    back = served.mark.current()
    assert (served.mark.current() == back, first == back) == (True, False)
