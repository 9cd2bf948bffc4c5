"""A copy of an SQLite database while others write to it, and whether a copy is sound."""

import os
from contextlib import closing
from pathlib import Path
from typing import Any

from app.backups.archive import BackupError
from app.db import sqlite_module


def copy(source: Path, to: Path) -> None:
    """The state of one moment, all of whose commits are in it, as one file without a journal
    beside it, on the disk when this returns. Nobody waits for it: SQLite's backup reads what a
    reader would see, in one step, so that it need not begin anew with each commit.

    Raises BackupError where it is no sound database.
    """
    module = sqlite_module()
    try:
        with closing(_opened(source)) as original, closing(module.connect(to)) as copied:
            original.backup(copied)
            copied.execute("PRAGMA journal_mode = DELETE").fetchone()
    except module.Error as error:
        raise BackupError(f"The database could not be copied: {error}.") from error
    with to.open("rb") as written:
        os.fsync(written.fileno())


def check(copied: Path) -> str:
    """The schema's version in a database, all of which is read.

    Raises BackupError where a page, an index or a reference in it is not right, or it has no
    schema of ours.
    """
    module = sqlite_module()
    try:
        with closing(_opened(copied)) as db:
            wrong = [row[0] for row in db.execute("PRAGMA integrity_check(3)")]
            if wrong != ["ok"]:
                raise BackupError(f"The database is damaged: {'; '.join(wrong)}.")
            lost = db.execute("PRAGMA foreign_key_check").fetchmany(3)
            if lost:
                tables = ", ".join(sorted({row[0] for row in lost}))
                raise BackupError(f"Rows in the database refer to what is not there: {tables}.")
            found = db.execute("SELECT version_num FROM alembic_version").fetchall()
    except module.DatabaseError as error:
        raise BackupError(f"The database cannot be read: {error}.") from error
    if len(found) != 1:
        raise BackupError("The database is empty.")
    return str(found[0][0])


def version() -> str:
    """SQLite's own."""
    return str(sqlite_module().sqlite_version)


def _opened(path: Path) -> Any:
    """Raises the module's OperationalError where there is none: it must not be made. To be written
    to, as whoever comes first after a kill has to bring the journal in."""
    return sqlite_module().connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30)
