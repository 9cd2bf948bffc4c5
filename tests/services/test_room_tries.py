"""Wrong words at the doors of rooms: who is refused, and who never is."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import TooOften
from app.domain.limits import ALARM, TOGETHER, WORDS_WINDOW, WRONG, WRONG_AT_ALARM
from app.models import LimitCount
from app.services import limits, room_tries
from app.services.room_tries import RoomTries
from tests.factories import NOW

SECRET = b"a key for tests"


class Doors:
    """Doors of rooms, and what time it is."""

    def __init__(self, db: DbSession) -> None:
        self.db = db
        self.at = NOW

    def _door(self, address: str, session: str) -> RoomTries:
        row: Any = SimpleNamespace(id=session, check_in_word="word")
        return RoomTries(self.db, SECRET, row, address)

    def passes(self, right: bool, address: str = "a", session: str = "s", email: str = "e") -> bool:
        try:
            self._door(address, session).tried(email, right, self.at)
        except TooOften:
            return False
        return True

    def came_in(self, address: str = "a", session: str = "s") -> None:
        self._door(address, session).came_in(self.at)

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


WINDOW = WORDS_WINDOW.total_seconds()


@pytest.fixture
def doors(db: DbSession) -> Doors:
    return Doors(db)


def test_after_so_many_wrong_ones_a_right_one_is_refused_too(doors: Doors) -> None:
    assert [doors.passes(False) for _ in range(WRONG + 1)] == [True] * WRONG + [False]
    assert not doors.passes(True)
    assert doors.passes(True, address="b")
    assert doors.passes(True, session="another")
    doors.wait(WINDOW - 1)
    with pytest.raises(TooOften) as error:
        doors._door("a", "s").tried("e", False, doors.at)
    assert error.value.params == {"minutes": 1, "seconds": 1}
    doors.wait(2)
    assert doors.passes(True)


def test_a_lecture_room_behind_one_address_goes_on(doors: Doors) -> None:
    """Three hundred people, every third of whom mistypes the word once, over more than a window."""
    for n in range(300):
        if n % 3 == 0:
            assert doors.passes(False)
        assert doors.passes(True)
        doors.came_in()
        doors.wait(3)


def test_a_lecture_room_is_not_refused_before_its_first_is_in(doors: Doors) -> None:
    """Twenty in it mistype the word once, and one does so until they are refused."""
    found = [doors.passes(False, email="x") for _ in range(WRONG + 1)]
    assert found == [True] * WRONG + [False]
    assert all(doors.passes(False, email=str(n)) for n in range(TOGETHER - WRONG - 1))
    assert not doors.passes(True, email=" X")
    assert doors.passes(True, email="0")
    doors.came_in()
    assert doors.passes(True, email="x")


def test_another_address_each_time_is_of_no_use(doors: Doors) -> None:
    found = [doors.passes(False, email=str(n)) for n in range(TOGETHER + 1)]
    assert found == [True] * TOGETHER + [False]
    assert not doors.passes(True, email="new")
    doors.wait(WINDOW)
    assert doors.passes(True, email="new")


def test_the_first_who_is_in_leaves_nobody_with_less(doors: Doors) -> None:
    for n in range(TOGETHER - 1):
        assert doors.passes(False, email=str(n))
    doors.came_in()
    assert [doors.passes(False) for _ in range(2)] == [True, False]
    for _ in range(TOGETHER - WRONG):
        doors.came_in()
    assert [doors.passes(False) for _ in range(2)] == [True, False]


def test_right_words_are_never_counted(doors: Doors) -> None:
    assert all(doors.passes(True) for _ in range(100))


def test_where_hundreds_are_wrong_newcomers_have_fewer_tries(doors: Doors) -> None:
    for _ in range(10):
        doors.came_in("hall")
    tries = 0
    while tries < ALARM + 10:
        tries += doors.passes(False, address=f"from {tries // WRONG}")
    found = [doors.passes(False, address="new") for _ in range(WRONG_AT_ALARM + 1)]
    assert found == [True] * WRONG_AT_ALARM + [False]
    assert all(doors.passes(False, address="hall") for _ in range(10 + WRONG_AT_ALARM))
    assert doors.passes(False, address="new", session="another")


def _at_once(database: Database, work: Callable[[Doors], None], count: int) -> None:
    start = Barrier(count)

    def one() -> None:
        start.wait(10)
        with database.begin(writes=True) as db:
            work(Doors(db))

    threads = [Thread(target=one) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)


def test_of_many_at_once_none_slips_by(real_database: Database) -> None:
    found: list[bool] = []
    _at_once(real_database, lambda doors: found.append(doors.passes(False)), 20)
    assert (len(found), sum(found)) == (20, WRONG)


def test_without_holding_the_door_some_would_slip_by(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the test above would see; on SQLite one transaction writes at a time anyway."""
    postgres = real_database.engine.dialect.name == "postgresql"
    bump, looked = limits.bump, Barrier(WRONG + 2)

    def unheld(*args: Any, count: int = 0, **more: Any) -> Any:
        if count:
            return bump(*args, count=count, **more)
        return looked.wait(10) if postgres else None

    monkeypatch.setattr(room_tries, "bump", unheld)
    found: list[bool] = []
    _at_once(real_database, lambda doors: found.append(doors.passes(False)), WRONG + 2)
    assert sum(found) == (WRONG + 2 if postgres else WRONG)


def test_nothing_that_is_kept_names_anybody(doors: Doors, db: DbSession) -> None:
    doors.passes(False, address="198.51.100.7", email="ana@example.org")
    kept = [row.model_dump(exclude={"ends_at"}) for row in db.exec(select(LimitCount))]
    assert len(kept) == 3
    for row in kept:
        assert len(row.pop("key")) == 43
        assert row == {"count": 1, "passed": 0}


def test_it_outlives_the_process(database: Database) -> None:
    for n in range(WRONG + 1):
        with database.begin(writes=True) as db:
            assert Doors(db).passes(False) == (n < WRONG)
