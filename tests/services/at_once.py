"""Several at once: acts that begin while others are under way."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from app.db import Database, DbSession
from app.domain.errors import DomainError

PATIENCE = 0.5
"""Seconds in which whoever is not held back has come by."""


class Many:
    """Acts in threads, each in a transaction of its own, and what became of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads: list[Thread] = []
        self.results: list[str] = []

    def start(self, act: Callable[[DbSession], object]) -> None:
        def run() -> None:
            try:
                with self._database.begin(writes=True) as db:
                    result = str(act(db))
            except DomainError as error:
                result = error.code
            except Exception as error:
                result = repr(error)
            self.results.append(result)

        self._threads.append(Thread(target=run))
        self._threads[-1].start()

    def wait(self) -> list[str]:
        for thread in self._threads:
            thread.join(30)
        return sorted(self.results)


def in_the_midst(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[Any, str],
    first: Callable[[DbSession], object],
    second: Callable[[DbSession], object],
) -> list[str]:
    """The first has come to a place when the second begins, and goes on when that one is through,
    or has had the time to be."""
    there, through = Event(), Event()
    original = getattr(*place)

    def slow(*args: Any, **more: Any) -> Any:
        if not there.is_set():
            there.set()
            through.wait(PATIENCE)
        return original(*args, **more)

    def then(db: DbSession) -> object:
        said = second(db)
        db.commit()
        through.set()
        return said

    monkeypatch.setattr(*place, slow)
    many = Many(database)
    many.start(first)
    assert there.wait(10)
    many.start(then)
    return many.wait()
