"""Databases as former releases left them: built at the first schema, brought to a later one as
an installation was that followed every release, and filled where that one has new tables."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from app.schema_version import alembic_config
from tests.services.test_migration_data import ROWS, write

AT = "2026-10-05 12:30:00"
_CHUNK = 20_000


def former_releases() -> list[str]:
    """Every schema that an installation may have, the oldest first; not today's."""
    script = ScriptDirectory.from_config(alembic_config())
    return [each.revision for each in script.walk_revisions()][:0:-1]


def build(engine: Engine, revision: str, people: int) -> None:
    """A database of that release in which so many take part."""
    _bring_to(engine, "0001")
    with engine.begin() as connection:
        for table, given in ROWS.items():
            for row in given:
                write(connection, table, row)
        for table in ("person", "enrolment", "evidence", "message"):
            _insert(connection, table, _many(table, people))
    _bring_to(engine, revision)
    with engine.begin() as connection:
        names = sa.inspect(connection).get_table_names()
        for table in (
            "guest",
            "invitation",
            "report_import",
            "report_row",
            "report_alias",
            "certificate_design",
        ):
            if table in names:
                _insert(connection, table, _new(connection, table, max(1, people // 10)))
    engine.dispose()


def _bring_to(engine: Engine, revision: str) -> None:
    config = alembic_config()
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:  # as `schema_version.upgrade` does
            connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
        if sqlite:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys = ON")  # type: ignore[union-attr]
    engine.dispose()


def _many(table: str, people: int) -> Iterator[dict[str, Any]]:
    """Rows like the one of the small example, for each of the many."""
    pattern: dict[str, Any] = {"created_at": AT} | ROWS[table][0]
    for n in range(people):
        own: dict[str, Any] = {"id": f"{table}{n}"}
        if table == "person":
            own |= {"name": f"Ana {n}", "email": f"ana{n}@example.org"}
            own |= {"email_key": own["email"], "search_key": f"ana {n}"}
        elif table == "enrolment":
            own |= {"person_id": f"person{n}", "name": f"Ana {n}", "search_key": f"ana {n}"}
        elif table == "evidence":
            own |= {"enrolment_id": f"enrolment{n}", "key": f"check-in:{n}"}
        else:
            own |= {"intent": f"intent {n}", "message_id": f"<{n}@example.org>"}
            own |= {"to_address": f"ana{n}@example.org", "status": "queued" if n % 2 else "sent"}
            own |= {"context": json.dumps({"enrolment_id": f"enrolment{n}"})}
        yield pattern | own


def _new(connection: Connection, table: str, count: int) -> Iterator[dict[str, Any]]:
    """Rows of a table that came later, by what its columns are called and can hold."""
    columns = sa.inspect(connection).get_columns(table)
    for n in range(count):
        known = {
            "id": f"{table}{n}",
            "cycle_id": "cycle",
            "session_id": "session",
            "person_id": f"person{n}",
            "guest_id": f"guest{n}",
            "enrolment_id": f"enrolment{n}",
            "import_id": "report_import0",
            "number": n,
            "version": n + 1,
        }
        yield {
            column["name"]: known[column["name"]]
            if column["name"] in known
            else _plain(column, f"{table} {n}")
            for column in columns
            if column["name"] in known or not (column["nullable"] or column["default"])
        }


def _plain(column: Any, text: str) -> Any:
    kind = column["type"]
    if isinstance(kind, sa.JSON):
        return "{}"
    if isinstance(kind, sa.DateTime):
        return AT
    if isinstance(kind, sa.Boolean):
        return False
    if isinstance(kind, sa.Integer):
        return 0
    return text[: kind.length] if isinstance(kind, sa.String) else text


def _insert(connection: Connection, table: str, rows: Iterator[dict[str, Any]]) -> None:
    """Thousands at a time."""
    chunk: list[dict[str, Any]] = []
    statement = None
    for row in rows:
        if statement is None:
            names = ", ".join(f'"{name}"' for name in row)
            marks = ", ".join(f":{name}" for name in row)
            statement = sa.text(f'INSERT INTO "{table}" ({names}) VALUES ({marks})')
        chunk.append(row)
        if len(chunk) == _CHUNK:
            connection.execute(statement, chunk)
            chunk = []
    if statement is not None and chunk:
        connection.execute(statement, chunk)
