"""Migrations over the data of each former release, killed midway and run again."""

import hashlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from app import schema_version
from app.db import Database, make_engine
from app.schema_version import alembic_config, present, upgrade, wanted
from tests.conftest import BOTH
from tests.databases import postgres_database
from tests.faults.installation import of
from tests.faults.old_data import build, former_releases
from tests.forks import fork, pipe

PEOPLE = 100_000
FEWER = 10_000
LANDED = frozenset({"0001", "0007", "0013"})
"""With these a version was complete (see CHANGELOG.md), so these are out there with the most
people; those between them are tried with fewer."""
LONGEST = 120.0
"""Seconds that a migration of so many may take, whatever else the machine does."""
COMMITTING = -1
NEVER = -2


def _migrate(url: str, fatal: int, parent: Any) -> None:
    """In the process: migrates, and is killed before so many statements or tells of the commit."""
    engine = make_engine(url)
    count = 0

    def executed(*_: object) -> None:
        nonlocal count
        count += 1
        if count == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def committing(_: object) -> None:
        if fatal == COMMITTING:
            parent.send("committing")

    event.listen(engine, "before_cursor_execute", executed)
    event.listen(engine, "commit", committing)
    upgrade(engine)
    parent.send(count)


def _run(url: str, fatal: int, delay: float = 0.0) -> tuple[int, Any]:
    """How it ended, and what it said: how many statements there were, where it came to an end."""
    here, there = pipe()
    process = fork(_migrate, url, fatal, there)
    there.close()
    try:
        said = here.recv()
    except EOFError:
        said = None
    if said == "committing":
        time.sleep(delay)  # somewhere in the commit, or just after it
        process.kill()
    process.join(LONGEST)
    assert process.exitcode is not None, "it takes too long"
    code = int(process.exitcode)
    process.close()
    here.close()
    return code, said


@contextmanager
def _place(request: pytest.FixtureRequest, folder: Path, name: str) -> Iterator[str]:
    """An empty database."""
    if request.node.callspec.params["kind"] == "sqlite":
        yield f"sqlite:///{folder / name}"
        return
    with postgres_database(request.getfixturevalue("postgres")) as url:
        yield url


def _contents(engine: Engine, columns: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """Of each table how many rows it has, and a digest of what is in these columns."""
    found: dict[str, Any] = {}
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        for table in columns or inspector.get_table_names():
            if table == "alembic_version":
                continue
            names = columns[table] if columns else [c["name"] for c in inspector.get_columns(table)]
            listed = ", ".join(f'"{name}"' for name in names)
            key = 'ORDER BY "id"' if "id" in names else f"ORDER BY {listed}"
            digest, count = hashlib.sha256(), 0
            for row in connection.execute(sa.text(f'SELECT {listed} FROM "{table}" {key}')):
                digest.update(repr(tuple(row)).encode())
                count += 1
            found[table] = names, count, digest.hexdigest()
    return found


def _sound(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            for question, answer in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
                found = connection.execute(sa.text(f"PRAGMA {question}")).all()
                assert [tuple(row) for row in found] == answer


def _as_the_program_wants(engine: Engine) -> None:
    config = alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.check(config)
    engine.dispose()


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("revision", former_releases())
def test_killed_midway_and_run_again(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    did: Callable[[str], None],
    kind: str,
    revision: str,
) -> None:
    people = of(PEOPLE if revision in LANDED else FEWER)
    with _place(request, tmp_path, "small.db") as url:
        engine = make_engine(url)
        build(engine, revision, 1)
        ended, statements = _run(url, NEVER)
        assert (ended, present(engine)) == (0, wanted())
        engine.dispose()
    with _place(request, tmp_path, "large.db") as url:
        engine = make_engine(url)
        build(engine, revision, people)
        before = _contents(engine)
        engine.dispose()
        for fatal in (statements // 3, statements * 2 // 3, statements):
            ended, _ = _run(url, fatal)
            assert ended == -signal.SIGKILL
            assert present(engine) == revision
            engine.dispose()
        assert _contents(engine) == before
        _sound(engine)
        engine.dispose()
        begun = time.monotonic()
        ended, said = _run(url, COMMITTING, random.Random(revision).random() * 0.05)
        took = time.monotonic() - begun
        assert said == "committing"
        half = present(engine)
        assert half in (revision, wanted())
        engine.dispose()
        ended, _ = _run(url, NEVER)
        assert took < LONGEST
        assert (ended, present(engine)) == (0, wanted())
        after = _contents(engine, _still_there(engine, before))
        _sound(engine)
        _as_the_program_wants(engine)
        assert {t: (count, digest) for t, (_, count, digest) in after.items()} == {
            t: (before[t][1], before[t][2]) for t in after
        }
        assert {"person", "enrolment", "evidence", "message"} <= after.keys()
        engine.dispose()
    rows = sum(count for _, count, _ in before.values())
    did(
        f"{rows} rows of {revision}: killed before 3 of {statements} statements and in the commit "
        f"after {took:.1f} s (it was {'done' if half == wanted() else 'not done'}), then run again"
    )


def _still_there(engine: Engine, before: dict[str, Any]) -> dict[str, list[str]]:
    """The columns of before, in the tables that there still are and that migrations leave alone."""
    inspector = sa.inspect(engine)
    there = set(inspector.get_table_names())
    return {table: names for table, (names, _, _) in before.items() if table in there}


@pytest.mark.parametrize("kind", ["postgresql"])
def test_it_waits_for_a_table_no_longer_than_is_said(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    did: Callable[[str], None],
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody works with a table; whoever comes after a migration that waits would wait, too."""
    monkeypatch.setattr(schema_version, "LONGEST_WAIT", 1)
    with _place(request, tmp_path, "") as url:
        engine, database = make_engine(url), Database(url)
        build(engine, former_releases()[0], 10)
        with database.begin(writes=True) as db:
            db.connection().exec_driver_sql("LOCK TABLE cycle IN ACCESS SHARE MODE")
            begun = time.monotonic()
            with pytest.raises(OperationalError):
                upgrade(engine)
            took = time.monotonic() - begun
        assert took < 30
        assert present(engine) == former_releases()[0]
        upgrade(engine)
        assert present(engine) == wanted()
        engine.dispose()
        database.close()
    did(f"a table in use: given up after {took:.1f} s with nothing changed, then run again")
