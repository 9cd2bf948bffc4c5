"""Somebody else who holds the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.db import Database

TABLES = "cycle, session, person, enrolment, evidence, message, kept_answer"


@contextmanager
def held(database: Database, *, readers_too: bool = False) -> Iterator[None]:
    """Nobody else can write as long as this is open. `readers_too`: where the database can do that,
    nobody can read either (an ALTER TABLE does so)."""
    with database.begin(writes=True) as db:
        if db.connection().dialect.name == "postgresql":
            mode = "ACCESS EXCLUSIVE" if readers_too else "EXCLUSIVE"
            db.connection().exec_driver_sql(f"LOCK TABLE {TABLES} IN {mode} MODE")
        else:
            db.connection()  # BEGIN IMMEDIATE
        yield
        db.rollback()
