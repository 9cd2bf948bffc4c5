"""Counts that hold across processes and restarts."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from app.db import Database
from app.domain.errors import TooOften
from app.domain.limits import Limit
from app.models import LimitCount
from app.services import limits
from app.services.limits import Limiter, Slices
from app.worker.tidy import tidy
from tests.factories import NOW

FEW = Limit("few", 3, timedelta(minutes=10), "Wait %(minutes)s min.")
MANY = Limit("many", 100, timedelta(hours=1), "Wait %(minutes)s min, please.")
SLICED = Limit("sliced", 100, timedelta(minutes=1), "Wait %(seconds)s s.")


@pytest.fixture
def limiter(database: Database) -> Limiter:
    return Limiter(database, b"a key for tests")


def _passes(take: Callable[[], object]) -> bool:
    try:
        take()
    except TooOften:
        return False
    return True


def _counts(database: Database) -> list[int]:
    with database.begin(writes=False) as db:
        return sorted(db.exec(select(LimitCount.count)).all())


def test_so_many_and_no_more_until_the_window_ends(limiter: Limiter) -> None:
    found = [_passes(lambda: limiter.take(NOW, (FEW, "ana"))) for _ in range(5)]
    assert found == [True] * 3 + [False] * 2
    limiter.take(NOW, (FEW, "bea"))
    with pytest.raises(TooOften) as error:
        limiter.take(NOW + timedelta(minutes=8), (FEW, "ana"))
    assert (error.value.code, error.value.sentence) == ("too_many", FEW.sentence)
    assert error.value.params == {"seconds": 120, "minutes": 2}
    later = NOW + timedelta(minutes=10)
    found = [_passes(lambda: limiter.take(later, (FEW, "ana"))) for _ in range(4)]
    assert found == [True] * 3 + [False]


def test_what_is_refused_by_one_limit_is_counted_by_none(
    limiter: Limiter, database: Database
) -> None:
    for _ in range(6):
        _passes(lambda: limiter.take(NOW, (FEW, "ana"), (MANY, "network")))
        _passes(lambda: limiter.take(NOW, (MANY, "network"), (FEW, "ana")))
    assert _counts(database) == [3, 3]


def test_a_clock_that_was_wrong_shuts_nobody_out(limiter: Limiter) -> None:
    wrong = NOW + timedelta(days=400)
    assert not all(_passes(lambda: limiter.take(wrong, (FEW, "ana"))) for _ in range(4))
    assert _passes(lambda: limiter.take(NOW, (FEW, "ana")))


def test_what_is_given_back_may_be_taken_again(limiter: Limiter, database: Database) -> None:
    for _ in range(3):
        taken = limiter.take(NOW, (FEW, "ana"), (MANY, "network"))
    with database.begin(writes=True) as db:
        limiter.give_back(db, taken)
    found = [_passes(lambda: limiter.take(NOW, (FEW, "ana"))) for _ in range(2)]
    assert found == [True, False]
    limiter.take(NOW + timedelta(minutes=11), (FEW, "ana"))
    with database.begin(writes=True) as db:
        limiter.give_back(db, taken)  # of a window that is over
    assert _counts(database) == [1, 1]


def test_what_is_kept_names_nobody_and_hangs_on_the_key(
    limiter: Limiter, database: Database
) -> None:
    limiter.take(NOW, (FEW, "ana@example.org"), (MANY, "ana@example.org"))
    Limiter(database, b"another key").take(NOW, (FEW, "ana@example.org"))
    with database.begin(writes=False) as db:
        keys = db.exec(select(LimitCount.key)).all()
    assert len(set(keys)) == 3
    assert {len(key) for key in keys} == {43}
    assert not any("ana" in key for key in keys)


@pytest.mark.parametrize("strange", ["", "\0", "\udcff", "ñ" * 9_000])
def test_anything_can_be_counted(limiter: Limiter, strange: str) -> None:
    found = [_passes(lambda: limiter.take(NOW, (FEW, strange))) for _ in range(4)]
    assert found == [True] * 3 + [False]


def test_it_is_counted_though_the_deed_fails(limiter: Limiter, database: Database) -> None:
    limiter.take(NOW, (FEW, "ana"))
    with pytest.raises(ZeroDivisionError), database.begin(writes=True):
        _ = 1 / 0
    assert _counts(database) == [1]


def test_the_worker_takes_away_what_has_ended(limiter: Limiter, database: Database) -> None:
    limiter.take(NOW, (FEW, "ana"), (MANY, "network"))
    with database.begin(writes=True) as db:
        tidy(db, NOW + timedelta(minutes=10))
    assert _counts(database) == [1]


def _race(database: Database) -> int:
    """How many of twenty at once get through, each with a limiter of its own, as processes have."""
    start, found = Barrier(20), []

    def work() -> None:
        mine = Limiter(database, b"a key for tests")
        start.wait(10)
        found.append(_passes(lambda: mine.take(NOW, (FEW, "ana"), (MANY, "network"))))

    threads = [Thread(target=work) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert len(found) == 20
    return sum(found)


def test_of_many_at_once_no_more_get_through(real_database: Database) -> None:
    assert _race(real_database) == FEW.most
    assert _counts(real_database) == [3, 3]


def test_looking_first_and_counting_afterwards_lets_more_through(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the test above would see without the condition in the one statement."""
    bump, looked = limits.bump, Barrier(20)
    postgres = real_database.engine.dialect.name == "postgresql"

    def in_two_steps(db: Any, key: str, window: Any, now: Any, *, count: int, most: int) -> Any:
        row = db.exec(select(LimitCount).where(LimitCount.key == key)).one_or_none()
        if postgres and most == FEW.most:
            looked.wait(10)
        if row is not None and row.count >= most:
            return None
        return bump(db, key, window, now, count=count)

    monkeypatch.setattr(limits, "bump", in_two_steps)
    assert _race(real_database) == (20 if postgres else FEW.most)


class TestSlices:
    @pytest.fixture
    def slices(self, limiter: Limiter) -> Slices:
        return Slices(limiter, SLICED, 20)

    def _spend(self, slices: Slices, at: timedelta = timedelta(), subject: str = "token") -> bool:
        def once() -> None:
            if not slices.spend(subject, NOW + at):
                slices.refill(subject, NOW + at)

        return _passes(once)

    def test_a_write_for_each_slice_and_never_more_than_the_limit(
        self, slices: Slices, database: Database, count_queries: Callable[[], Any]
    ) -> None:
        with count_queries() as queries:
            found = [self._spend(slices) for _ in range(SLICED.most)]
        assert found == [True] * SLICED.most
        assert len(queries) == 5
        with count_queries() as queries:
            assert [self._spend(slices) for _ in range(50)] == [False] * 50
        assert len(queries) == 2  # the refusal, and until when; then it is known
        assert _counts(database) == [100]
        assert self._spend(slices, subject="another")
        assert self._spend(slices, timedelta(minutes=1))

    def test_processes_share_one_count(self, limiter: Limiter) -> None:
        several = [Slices(limiter, SLICED, 20) for _ in range(3)]
        found = [self._spend(each) for _ in range(60) for each in several]
        assert sum(found) == SLICED.most

    def test_after_a_restart_there_is_not_more(self, limiter: Limiter) -> None:
        found = [self._spend(Slices(limiter, SLICED, 20)) for _ in range(7)]
        assert found == [True] * 5 + [False] * 2

    def test_where_nothing_can_be_written_reading_goes_on(
        self, slices: Slices, limiter: Limiter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried = []

        def locked(*_: object, **__: object) -> None:
            tried.append(1)
            raise OperationalError(None, None, Exception("database is locked"))

        with monkeypatch.context() as patch:
            patch.setattr(limiter, "take", locked)
            assert [self._spend(slices) for _ in range(40)] == [True] * 40
        assert len(tried) == 2
        assert self._spend(slices, timedelta(seconds=6))
        assert slices.spend("token", NOW + timedelta(seconds=7))

    def test_what_is_kept_in_mind_is_bounded(
        self, slices: Slices, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "REMEMBERED", 10)
        for n in range(30):
            assert self._spend(slices, subject=str(n))
        assert [slices.knows(str(n)) for n in (19, 20, 29)] == [False, True, True]
