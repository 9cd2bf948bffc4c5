"""Kept answers are never stale, and made no more often than needed."""

import asyncio
import threading
from collections.abc import Callable, Hashable
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import NotFound
from app.models import Cycle
from app.services.versions import version_of_cycle
from app.web.representations import Fresh, Representations, Source, Subject
from tests.factories import Make


class Capacity(Source[int]):
    """The capacity of a cycle, as an answer; counts how often it was made."""

    def __init__(self, *, size: int = 10, until: float | None = None) -> None:
        self.made = 0
        self._size = size
        self._until = until

    def subject(self, key: Any) -> Subject | None:
        return Subject(("cycle", key), lambda db: version_of_cycle(db, key))

    def build(self, db: DbSession, key: Any) -> Fresh[int]:
        self.made += 1
        found = db.exec(select(Cycle.capacity).where(Cycle.slug == key)).one_or_none()
        if found is None:
            raise NotFound
        return Fresh(found, self._size, self._until)


class OnEverything(Capacity):
    """The same, with nothing to tell whether it changed."""

    def subject(self, key: Any) -> Subject | None:
        return None


def set_capacity(database: Database, slug: str, number: int) -> None:
    with database.begin(writes=True) as db:
        db.exec(select(Cycle).where(Cycle.slug == slug)).one().capacity = number


def add_cycles(database: Database, *slugs: str) -> None:
    with database.begin(writes=True) as db:
        for slug in slugs:
            Make(db).cycle(slug=slug, capacity=1)


def test_made_once_while_nothing_is_committed(real_database: Database) -> None:
    add_cycles(real_database, "a")
    source, kept = Capacity(), Representations(real_database)

    async def ask() -> list[int]:
        return [await kept.get(source, "a") for _ in range(5)]

    assert (asyncio.run(ask()), source.made) == ([1] * 5, 1)


def test_made_anew_after_a_change_of_the_subject(real_database: Database) -> None:
    add_cycles(real_database, "a")
    source, kept = Capacity(), Representations(real_database)
    assert asyncio.run(kept.get(source, "a")) == 1
    set_capacity(real_database, "a", 2)
    assert (asyncio.run(kept.get(source, "a")), source.made) == (2, 2)


def test_another_subject_costs_one_query_and_no_making(
    real_database: Database, queries: Callable[[Database], list[str]]
) -> None:
    add_cycles(real_database, "a", "b")
    source, kept = Capacity(), Representations(real_database)
    asyncio.run(kept.get(source, "a"))
    set_capacity(real_database, "b", 7)
    seen = queries(real_database)
    assert asyncio.run(kept.get(source, "a")) == 1
    assert asyncio.run(kept.get(source, "a")) == 1
    assert (len([q for q in seen if "pg_current_snapshot" not in q]), source.made) == (1, 1)


def test_answers_about_one_subject_share_the_check(
    real_database: Database, queries: Callable[[Database], list[str]]
) -> None:
    add_cycles(real_database, "a", "b")
    one, other, kept = Capacity(), Capacity(), Representations(real_database)
    for source in (one, other):
        asyncio.run(kept.get(source, "a"))
    set_capacity(real_database, "b", 7)
    seen = queries(real_database)
    for source in (one, other):
        asyncio.run(kept.get(source, "a"))
    assert len([q for q in seen if "pg_current_snapshot" not in q]) == 1


def test_without_a_subject_it_hangs_on_everything(real_database: Database) -> None:
    add_cycles(real_database, "a", "b")
    source, kept = OnEverything(), Representations(real_database)
    asyncio.run(kept.get(source, "a"))
    asyncio.run(kept.get(source, "a"))
    assert source.made == 1
    set_capacity(real_database, "b", 7)
    asyncio.run(kept.get(source, "a"))
    assert source.made == 2


def test_an_error_is_not_kept(real_database: Database) -> None:
    source, kept = Capacity(), Representations(real_database)
    for _ in range(2):
        with pytest.raises(NotFound):
            asyncio.run(kept.get(source, "a"))
    add_cycles(real_database, "a")
    assert asyncio.run(kept.get(source, "a")) == 1


def test_what_becomes_untrue_by_itself_is_made_anew(real_database: Database) -> None:
    add_cycles(real_database, "a")
    clock = [99.0]
    kept = Representations(real_database, clock=lambda: clock[0])
    source = Capacity(until=100.0)
    asyncio.run(kept.get(source, "a"))
    asyncio.run(kept.get(source, "a"))
    assert source.made == 1
    clock[0] = 100.0
    asyncio.run(kept.get(source, "a"))
    assert source.made == 2


def test_those_who_ask_together_share_the_making(real_database: Database) -> None:
    add_cycles(real_database, "a")
    source, kept = Capacity(), Representations(real_database)

    async def together() -> list[int]:
        return await asyncio.gather(*(kept.get(source, "a") for _ in range(50)))

    assert (asyncio.run(together()), source.made) == ([1] * 50, 1)


def test_the_least_recently_used_go_first(real_database: Database) -> None:
    add_cycles(real_database, "a", "b", "c")
    source = Capacity(size=9_000)
    kept = Representations(real_database, max_bytes=20_000)  # two of them with what they cost

    async def ask(slug: str) -> None:
        await kept.get(source, slug)

    for slug in ("a", "b", "a", "c", "a"):
        asyncio.run(ask(slug))
    assert source.made == 3
    asyncio.run(ask("b"))
    assert source.made == 4


def test_what_is_too_large_is_not_kept(real_database: Database) -> None:
    add_cycles(real_database, "a")
    source = Capacity(size=30_000)
    kept = Representations(real_database, max_bytes=20_000)
    for _ in range(2):
        assert asyncio.run(kept.get(source, "a")) == 1
    assert source.made == 2


class SlowMark:
    """A mark whose checks begin and end when the test says so."""

    instant = False

    def __init__(self) -> None:
        self.begun: list[threading.Event] = []
        self.may_end: list[threading.Event] = []
        for events in (self.begun, self.may_end):
            events.extend(threading.Event() for _ in range(4))
        self.checks = 0

    def current(self) -> Hashable:
        number = self.checks
        self.checks += 1
        self.begun[number].set()
        assert self.may_end[number].wait(10)
        return number


def test_who_comes_during_a_check_waits_for_the_next(real_database: Database) -> None:
    """The check under way may have looked before the newcomer's commit."""
    add_cycles(real_database, "a")
    mark = SlowMark()
    kept = Representations(real_database)
    kept._mark, kept._instant = mark, False  # type: ignore[assignment]
    source = OnEverything()

    async def scene() -> tuple[int, int, int]:
        first = asyncio.ensure_future(kept.get(source, "a"))
        await asyncio.to_thread(mark.begun[0].wait, 10)
        set_capacity(real_database, "a", 2)
        late = [asyncio.ensure_future(kept.get(source, "a")) for _ in range(5)]
        for _ in range(5):
            await asyncio.to_thread(lambda: None)  # turns of the loop: they all stand in line
        before = mark.checks
        mark.may_end[0].set()
        await first
        mark.may_end[1].set()
        answers = set(await asyncio.gather(*late))
        assert answers == {2}
        return before, mark.checks, source.made

    assert asyncio.run(scene()) == (1, 2, 2)


class FrozenMark:
    """What a cache by age amounts to: it never notices a commit."""

    instant = True

    def current(self) -> Hashable:
        return "always"


def _race(database: Database, kept: Representations, commits: int = 60) -> list[tuple[int, int]]:
    """Readers against a writer: what was answered where something newer had been committed before
    the reader began to ask."""
    committed = [1]
    over = threading.Event()

    def write() -> None:
        for number in range(2, commits + 2):
            set_capacity(database, "a", number)
            committed[0] = number
        over.set()

    async def read(source: Source[int], stale: list[tuple[int, int]]) -> None:
        while not over.is_set():
            floor = committed[0]
            found = await kept.get(source, "a")
            if found < floor:
                stale.append((floor, found))
            await asyncio.sleep(0)

    async def all_readers() -> list[tuple[int, int]]:
        stale: list[tuple[int, int]] = []
        sources = [Capacity(), Capacity(), OnEverything()]
        await asyncio.gather(*(kept.get(s, "a") for s in sources))
        writer = threading.Thread(target=write)
        writer.start()
        await asyncio.gather(*(read(s, stale) for s in sources for _ in range(4)))
        await asyncio.to_thread(writer.join)
        return stale

    add_cycles(database, "a")
    return asyncio.run(all_readers())


def test_who_asks_after_a_commit_sees_it(real_database: Database) -> None:
    assert _race(real_database, Representations(real_database)) == []


def test_the_race_finds_a_cache_that_does_not_look(real_database: Database) -> None:
    """Proves that the test before can fail."""
    kept = Representations(real_database)
    kept._mark, kept._instant = FrozenMark(), True  # type: ignore[assignment]
    assert _race(real_database, kept) != []


@pytest.fixture
def queries() -> Callable[[Database], list[str]]:
    """The statements that a database executes from now on, but for those of transactions."""
    from sqlalchemy import event

    def listen(database: Database) -> list[str]:
        seen: list[str] = []

        def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
            if not statement.startswith(("BEGIN", "PRAGMA")):
                seen.append(statement)

        event.listen(database.engine, "before_cursor_execute", note)
        return seen

    return listen
