"""Finished answers, kept for as long as nothing that they show has changed.

The rule that makes this safe: an answer is served only if the database's change mark, read after
the request came, is the one under which the answer was last found to be true. Another mark means
that something was committed somewhere; then one cheap query asks whether it was our subject, and
only if it was is the answer made anew. Nothing is ever served because it is young.

Three orders matter. The mark is read before the version and the version before the content, so what
is kept may be newer than its labels, never older. A request shares another's work only if both
read the same mark. A check of the mark that is under way is not shared with whoever comes
during it: it may have looked before their commit.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from time import time
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool

from app.db import Database, DbSession

MAX_BYTES = 64 * 1024 * 1024
_MAX_VERSIONS = 20_000
_OVERHEAD = 1_000  # what an entry costs besides its bytes, roughly

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Subject:
    """What an answer is about.

    `version` reads, with one query, a value that changes with whatever the answer shows. Answers
    about one subject share what it found, so `key` names the subject, not the answer.
    """

    key: Hashable
    version: Callable[[DbSession], Hashable]


@dataclass(frozen=True, slots=True)
class Fresh(Generic[T]):
    """What was just made: its size in bytes, and the instant (seconds since 1970) at which it
    becomes untrue by itself, if it does."""

    value: T
    size: int
    valid_until: float | None = None


class Source(Protocol[T]):
    """Makes the answers of one kind. A key holds all that distinguishes them."""

    def subject(self, key: Any) -> Subject | None:
        """What the answer hangs on; None: on everything, it is made anew after every commit."""

    def build(self, db: DbSession, key: Any) -> "Fresh[T]":
        """Loads and makes the answer, in a reading transaction and outside the event loop.
        What it raises is raised to whoever asked, and nothing is kept."""


@dataclass(slots=True)
class _Entry:
    mark: Hashable  # when it was last found to be true
    version: Hashable
    value: Any
    size: int
    valid_until: float | None


@dataclass(slots=True)
class _Flights:
    """What is under way on one event loop."""

    asking: "asyncio.Task[Hashable] | None" = None
    waiting: "asyncio.Task[Hashable] | None" = None
    renewals: dict[Hashable, "asyncio.Task[Any]"] = field(default_factory=dict)


class Representations:
    """Answers by source and key; the least recently used go when `max_bytes` is reached."""

    def __init__(
        self,
        database: Database,
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._mark = database.mark
        self._instant = database.mark.instant
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._versions: OrderedDict[Hashable, tuple[Hashable, Hashable]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()  # entries are put by worker threads
        self._flights: WeakKeyDictionary[asyncio.AbstractEventLoop, _Flights] = WeakKeyDictionary()

    async def get(self, source: Source[T], key: Hashable) -> T:
        """The answer as it is at this moment."""
        mark = self._mark.current() if self._instant else await self._ask()
        place = (source, key)
        entry = self._entries.get(place)
        if (
            entry is not None
            and (entry.valid_until is None or self._clock() < entry.valid_until)
            and (entry.mark == mark or self._still_true(entry, source.subject(key), mark))
        ):
            with suppress(KeyError):  # another thread has just let it go; it is true all the same
                self._entries.move_to_end(place)
            value: T = entry.value
            return value
        return await self._renewed(source, key, mark)

    def _still_true(self, entry: _Entry, subject: Subject | None, mark: Hashable) -> bool:
        """Whether somebody has already found out, at this mark, that the version is the same."""
        if subject is None or self._versions.get(subject.key) != (mark, entry.version):
            return False
        entry.mark = mark
        return True

    # The mark, where asking for it is a round trip.

    async def _ask(self) -> Hashable:
        """The mark, from a check that begins after this call; those who wait share the check."""
        flights = self._flights_here()
        if flights.waiting is None:
            flights.waiting = asyncio.ensure_future(self._ask_after(flights.asking, flights))
        return await asyncio.shield(flights.waiting)

    async def _ask_after(
        self, before: "asyncio.Task[Hashable] | None", flights: _Flights
    ) -> Hashable:
        if before is not None and not before.done():
            await asyncio.wait([before])
        # From here on the check may have looked: whoever comes now waits for the next one.
        flights.asking, flights.waiting = flights.waiting, None
        return await run_in_threadpool(self._mark.current)

    def _flights_here(self) -> _Flights:
        loop = asyncio.get_running_loop()
        flights = self._flights.get(loop)
        if flights is None:
            flights = self._flights[loop] = _Flights()
        return flights

    # Checking the version and making the answer, once for all who wait with the same mark.

    async def _renewed(self, source: Source[T], key: Hashable, mark: Hashable) -> T:
        renewals = self._flights_here().renewals
        flight = (source, key, mark)
        task = renewals.get(flight)
        if task is None:
            task = asyncio.ensure_future(run_in_threadpool(self._renew, source, key, mark))
            renewals[flight] = task

            def landed(done: "asyncio.Task[Any]") -> None:
                renewals.pop(flight, None)
                if not done.cancelled():
                    done.exception()  # seen, even if all who waited have gone away

            task.add_done_callback(landed)
        value: T = await asyncio.shield(task)
        return value

    def _renew(self, source: Source[T], key: Hashable, mark: Hashable) -> T:
        """In a worker thread: asks for the version, then makes the answer if it is another."""
        subject = source.subject(key)
        with self._database.begin(writes=False) as db:
            version = self._version(db, subject, mark)
            entry = self._entries.get((source, key))
            if (
                entry is not None
                and subject is not None
                and entry.version == version
                and (entry.valid_until is None or self._clock() < entry.valid_until)
            ):
                entry.mark = mark
                value: T = entry.value
                return value
            fresh = source.build(db, key)
        self._put((source, key), _Entry(mark, version, fresh.value, fresh.size, fresh.valid_until))
        return fresh.value

    def _version(self, db: DbSession, subject: Subject | None, mark: Hashable) -> Hashable:
        if subject is None:
            return None
        known = self._versions.get(subject.key)
        if known is not None and known[0] == mark:
            return known[1]
        version = subject.version(db)
        with self._lock:
            self._versions[subject.key] = (mark, version)
            self._versions.move_to_end(subject.key)
            while len(self._versions) > _MAX_VERSIONS:
                self._versions.popitem(last=False)
        return version

    def _put(self, place: Hashable, entry: _Entry) -> None:
        entry.size += _OVERHEAD
        with self._lock:
            old = self._entries.pop(place, None)
            if old is not None:
                self._bytes -= old.size
            if entry.size > self._max_bytes:
                return
            self._entries[place] = entry
            self._bytes += entry.size
            while self._bytes > self._max_bytes:
                _, gone = self._entries.popitem(last=False)
                self._bytes -= gone.size
