"""Each fault says in one line what was done and what came of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.db import Database
from tests.databases import postgres_process
from tests.faults.installation import Installation
from tests.faults.postgres import OwnPostgres

_SAID = "fault"
_lines: list[str] = []


@pytest.fixture
def did(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says the line; once for each test."""

    def say(line: str) -> None:
        request.node.user_properties.append((_SAID, line))

    return say


@pytest.fixture
def installation(real_database: Database, tmp_path: Path) -> Iterator[Installation]:
    """An installation on a migrated, empty database. What still runs at the end is killed."""
    with Installation(real_database, tmp_path / "data").open() as ours:
        yield ours


@pytest.fixture
def own_postgres() -> Iterator[OwnPostgres]:
    """A PostgreSQL server that a test may do with as it likes; its commits wait for the disk."""
    with postgres_process(durable=True) as server:
        yield OwnPostgres(server)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keeps the line, also where the test was done by another process."""
    if report.when == "teardown":
        name = report.nodeid.rpartition("::")[2]
        for key, line in report.user_properties:
            if key == _SAID:
                _lines.append(f"{name}: {line}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The lines of all faults."""
    if _lines:
        terminalreporter.section("faults")
    for line in sorted(_lines):
        terminalreporter.write_line(line)
