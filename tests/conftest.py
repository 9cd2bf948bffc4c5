"""Fixtures that all tests share."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from zlib import crc32

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, event
from starlette.testclient import TestClient

from app.db import Database, DbSession, make_engine
from app.domain.addresses import address_key
from app.main import create_app
from app.models import SignIn, User, now
from app.schema_version import upgrade
from app.services.accounts import actor_of_user
from app.services.actor import AccountStanding, Actor
from app.services.links import Links
from app.settings import Settings
from app.web.security import COOKIE
from tests.clock import set_clock
from tests.databases import (
    SavepointDatabase,
    fresh_postgres,
    fresh_sqlite,
    postgres_database,
    postgres_server,
    sqlite_template,
)
from tests.factories import Make
from tests.routes import with_known_routes

set_clock()

BOTH = ("sqlite", "postgresql")
ONE_IS_ENOUGH = frozenset({"pages", "api", "web"})
IN_TURN = frozenset({"services", "worker"})
BASE_URL = "http://testserver"
FAULTS = Path(__file__).parent / "faults"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The faults take minutes: they are done where they are asked for, by ``make faults``."""
    if collection_path != FAULTS:
        return None
    asked = [Path(config.invocation_params.dir, each.split("::")[0]) for each in config.args]
    return None if any(each.is_relative_to(FAULTS) for each in asked) else True


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    return sqlite_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this test process."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> Iterator[str]:
    """A migrated PostgreSQL database to copy."""
    with postgres_database(postgres) as url:
        engine = make_engine(url)
        upgrade(engine)
        engine.dispose()
        yield url


@pytest.fixture(scope="session")
def postgres_slots(postgres: str, postgres_template: str) -> Iterator[tuple[str, str, ExitStack]]:
    """Where databases for tests with real commits come from."""
    with ExitStack() as kept:
        yield postgres, postgres_template, kept


@pytest.fixture(scope="session")
def postgres_engine(postgres: str, postgres_template: str) -> Iterator[Engine]:
    """An engine on a migrated PostgreSQL database for the tests that roll back."""
    with postgres_database(postgres, postgres_template) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """At one's desk, a part of the tests is done on one of the two databases only: what asks no
    more of it than tests/services and tests/worker do (pages, routes, and what is marked), by its
    name; and of those two, a test with several cases does them in turn, so that each test still
    meets both. CONVOCA_TEST_DATABASES set to "all" leaves nothing out."""
    if os.environ.get("CONVOCA_TEST_DATABASES") == "all":
        return
    names = {item.nodeid for item in items}
    turns: dict[str, list[str]] = defaultdict(list)
    left_out = {item for item in items if _elsewhere(item, names, turns)}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _elsewhere(item: pytest.Item, names: set[str], turns: dict[str, list[str]]) -> bool:
    """Whether the same test is done on the other database, and that is enough."""
    spec = getattr(item, "callspec", None)
    if spec is None:
        return False
    name = spec.params.get("database") or spec.params.get("real_database")
    if name not in BOTH:
        return False
    (other,) = {*BOTH} - {name}
    if item.nodeid.replace(name, other) not in names:
        return False
    alike = item.nodeid.replace(name, "")
    committed = "real_database" in spec.params  # threads and processes: where databases differ
    pages = item.path.parent.name in ONE_IS_ENOUGH and not committed
    if pages or item.get_closest_marker("one_database"):
        return bool(name != BOTH[crc32(alike.encode()) % 2])
    if len(spec.params) == 1 or item.path.parent.name not in IN_TURN:
        return False
    test = item.nodeid.split("[")[0]
    cases = turns[test]
    if alike not in cases:
        cases.append(alike)
    return bool(name != BOTH[(cases.index(alike) + crc32(test.encode())) % 2])


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, template: Path) -> Iterator[Database]:
    """A migrated, empty database: SQLite with real commits, PostgreSQL within a savepoint."""
    if request.param == "sqlite":
        with fresh_sqlite(template) as database:
            yield database
        return
    database = SavepointDatabase(request.getfixturevalue("postgres_engine"))
    yield database
    database.close()


@pytest.fixture(params=BOTH)
def real_database(request: pytest.FixtureRequest, template: Path) -> Iterator[Database]:
    """A migrated, empty database with real commits on both, for threads and processes."""
    if request.param == "sqlite":
        with fresh_sqlite(template) as database:
            yield database
        return
    with fresh_postgres(*request.getfixturevalue("postgres_slots")) as database:
        yield database


@pytest.fixture
def db(database: Database) -> Iterator[DbSession]:
    """A writing session on `database`. On SQLite it holds the write lock until committed, so a
    test that also uses a client commits first."""
    with database.begin(writes=True) as session:
        yield session
        session.rollback()


@pytest.fixture
def make(db: DbSession) -> Make:
    """Factories on `db`."""
    return Make(db)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a test installation."""
    return Settings(
        data_dir=tmp_path,
        database_url="sqlite:///:memory:",
        base_url=BASE_URL,
        secret_key="a key for tests",
        mail_from="convoca@example.org",
        api_per_minute=None,  # counting takes queries of its own: see tests/api/test_limits.py
    )


@pytest.fixture
def links(settings: Settings) -> Links:
    """The links of the test installation."""
    return Links(settings.secret_key, settings.base_url)


@pytest.fixture
def app(settings: Settings, database: Database) -> FastAPI:
    """The application on `database`. It notes no use of tokens: that is a commit beside the
    requests (see tests/api/test_token_uses.py)."""
    made = create_app(settings, database=database)
    made.state.token_uses.close()
    return with_known_routes(made)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Somebody's browser: no cookies, redirects are not followed."""
    with TestClient(app, base_url=BASE_URL, follow_redirects=False) as client:
        yield client


@pytest.fixture
def organizer(database: Database) -> Actor:
    """An administrator with an account, to whom every cycle is open."""
    with database.begin(writes=True) as db:
        user = User(
            name="Olga Organizer",
            email="olga@example.org",
            email_key=address_key("olga@example.org"),
            standing=AccountStanding.ADMINISTRATOR,
        )
        db.add(user)
        db.flush()
        return actor_of_user(db, user)


@pytest.fixture
def organizer_client(app: FastAPI, database: Database, organizer: Actor) -> Iterator[TestClient]:
    """An organizer's browser, signed in."""
    cookie = "cookie-of-a-test"
    with database.begin(writes=True) as db:
        db.add(
            SignIn(
                id=hashlib.sha256(cookie.encode()).hexdigest(),
                user_id=organizer.id,
                expires_at=now() + timedelta(days=1),
            )
        )
    with TestClient(app, base_url=BASE_URL, follow_redirects=False) as client:
        client.cookies.set(COOKIE, cookie)
        client.headers["sec-fetch-site"] = "same-origin"
        yield client


@pytest.fixture
def count_queries(
    database: Database,
) -> Callable[[], AbstractContextManager[list[str]]]:
    """``with count_queries() as queries: …; assert len(queries) == 3``."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        queries: list[str] = []

        def note(_conn: object, _cur: object, statement: str, *_: object) -> None:
            if not statement.startswith(("BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE", "ROLLBACK")):
                queries.append(statement)

        event.listen(database.engine, "before_cursor_execute", note)
        try:
            yield queries
        finally:
            event.remove(database.engine, "before_cursor_execute", note)

    return counting


def _skipped(config: pytest.Config) -> list[str]:
    """Why tests were skipped, each reason once."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    return sorted({str(r.longrepr[2] if isinstance(r.longrepr, tuple) else r) for r in reports})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """One loud line for each thing that is missing on this machine."""
    for reason in _skipped(config):
        terminalreporter.write_line(f"NOT TESTED: {reason}", red=True, bold=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI what was not tested has failed."""
    on_controller = not hasattr(session.config, "workerinput")
    if on_controller and os.environ.get("CONVOCA_SKIP_IS_FAILURE") and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
