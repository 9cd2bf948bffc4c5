"""Whose turn it is to write on SQLite: who waited longest; and nobody waits in vain."""

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import db as app_db
from app.db import Database
from app.turns import TookTooLong, Turns, patiently

ON_SQLITE = pytest.mark.parametrize("real_database", ["sqlite"], indirect=True)


def test_who_waited_longest_is_next() -> None:
    turns, order = Turns(), list[int]()

    def wait(number: int) -> None:
        with turns.turn(10):
            order.append(number)

    with turns.turn(0):
        threads = []
        for number in range(12):
            threads.append(threading.Thread(target=wait, args=(number,)))
            threads[-1].start()
            while len(turns._waiting) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(12))


def test_who_gives_up_is_not_waited_for() -> None:
    turns = Turns()
    with turns.turn(0):
        with pytest.raises(TookTooLong), turns.turn(0.01):
            pass
        assert not turns._waiting
    with turns.turn(0):
        pass


def test_an_error_hands_it_on() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.turn(0):
        raise ZeroDivisionError
    with turns.turn(0):
        pass


def test_patience_is_for_locks_only() -> None:
    tried = Counter[str]()

    def do(said: str) -> None:
        tried[said] += 1
        raise ValueError(said)

    for said in ("locked", "other"):
        with pytest.raises(ValueError, match=said):
            patiently(lambda: do(said), lambda e: str(e) == "locked", 0.02)  # noqa: B023
    assert tried["locked"] > 1
    assert tried["other"] == 1


def _write(database: Database, errors: list[Exception], done: list[int], number: int = 0) -> None:
    try:
        with database.begin(writes=True) as db:
            db.connection()
            done.append(number)
    except OperationalError as error:
        errors.append(error)


@ON_SQLITE
def test_who_came_first_writes_first(real_database: Database) -> None:
    """With SQLite's own waiting it is whoever happens to look when it is free; and of forty who
    wait, some are told that it is locked."""
    done, errors = list[int](), list[Exception]()
    turns = app_db._turns[real_database.engine]
    threads = []
    with real_database.begin(writes=True) as db:
        db.connection()
        for number in range(40):
            threads.append(
                threading.Thread(target=_write, args=(real_database, errors, done, number))
            )
            threads[-1].start()
            while len(turns._waiting) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert (errors, done) == ([], list(range(40)))


@ON_SQLITE
def test_it_is_the_same_error_whoever_has_the_lock(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_db, "BUSY_TIMEOUT_MS", 20)
    done, errors = list[int](), list[Exception]()
    path = Path(str(real_database.engine.url.database))
    elsewhere: Any = app_db.sqlite_module().connect(path, isolation_level=None)
    elsewhere.execute("BEGIN IMMEDIATE")
    _write(real_database, errors, done)
    elsewhere.execute("ROLLBACK")
    elsewhere.close()
    with real_database.begin(writes=True) as db:
        db.connection()
        other = threading.Thread(target=_write, args=(real_database, errors, done))
        other.start()
        other.join()
    assert [str(getattr(error, "orig", "")) for error in errors] == ["database is locked"] * 2
    _write(real_database, errors, done, 7)
    assert done == [7]


@ON_SQLITE
def test_what_comes_between_waits_as_before(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        ask = text("PRAGMA busy_timeout")
        assert db.connection().execute(ask).scalar_one() == app_db.BUSY_TIMEOUT_MS


@ON_SQLITE
def test_who_rolled_back_holds_nobody_up_and_writes_again_in_turn(real_database: Database) -> None:
    """A name is looked up, or a report read again, between two transactions of one request."""
    errors, done = list[Exception](), list[int]()
    turns = app_db._turns[real_database.engine]
    with real_database.begin(writes=True) as db:
        db.connection()
        db.rollback()
        _write(real_database, errors, done, 1)
        db.connection()
        other = threading.Thread(target=_write, args=(real_database, errors, done, 2))
        other.start()
        while not turns._waiting:
            time.sleep(0.001)
        assert done == [1]
    other.join()
    assert (errors, done) == ([], [1, 2])


@ON_SQLITE
def test_a_savepoint_that_is_rolled_back_keeps_the_turn(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        db.connection()
        db.begin_nested().rollback()
        with pytest.raises(TookTooLong), app_db._turns[real_database.engine].turn(0.01):
            pass
