"""Those who watch a session live, and the one who looks for all of them.

Each session that is watched has one watcher in this process, however many look on. Once a second it
asks the change mark whether anything was committed, and only then reads the state anew. Where
people are from is counted over all who came: that is asked so rarely that it takes no more than a
twentieth of the time, at a few hundred participants every second all the same.

Whoever watches is given the newest state, whole, whenever it is another than the one they have: one
who is slow misses what came in between and nothing else. Nobody is told the state of before a
failure as if it were that of now: when looking fails, all are sent away, and their browsers come
back.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from datetime import datetime
from time import monotonic

from starlette.concurrency import run_in_threadpool

from app.db import Database, DbSession
from app.domain.errors import Busy
from app.logs import log_failure
from app.models import now
from app.services.links import Links, Purpose
from app.services.live import Live, Spread, live, spread

logger = logging.getLogger("convoca.live")

MOST = 200
"""Watching in one process; one more is answered that it is busy."""
MOST_OF_ONE = 50
"""By one account: who sees one session must not keep everybody else from seeing theirs."""
EVERY = 1.0
"""Seconds between two looks."""
_SHARE_OF_TIME = 20


class Watcher:
    """Looks at one session for all who watch it on one event loop."""

    def __init__(self, rooms: "LiveRooms", session_id: str) -> None:
        self._rooms = rooms
        self._session_id = session_id
        self._spread: Spread | None = None
        self._spread_due = 0.0  # by the monotonic clock
        self._spread_mark: object = None
        self._mark: object = None
        self._moved = asyncio.Event()  # another one after every state
        self._said: dict[Hashable, str] = {}
        self.state: Live | None = None
        self.version = 0
        self.looks = 0  # how often the state was read
        self.ended = False
        self.viewers = 0
        self.task = asyncio.create_task(self._run(), name=f"live {session_id}")

    async def after(self, version: int, seconds: float) -> bool:
        """Waits until there is a state newer than `version` or it has ended, at the most so many
        seconds; whether there is one."""
        if self.version == version and not self.ended:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), seconds)
        # Not by what ended the wait: it may have moved in that very moment.
        return self.version != version and not self.ended

    def said(self, key: Hashable, say: Callable[[Live], str]) -> str:
        """The state in somebody's words, made once for all who share the `key`. There must be a
        state."""
        assert self.state is not None
        if key not in self._said:
            self._said[key] = say(self.state)
        return self._said[key]

    def end(self) -> None:
        """Sends everybody away."""
        self.ended = True
        self.task.cancel()
        self._moved.set()

    async def _run(self) -> None:
        try:
            while True:
                await self._look()
                await asyncio.sleep(EVERY)
        except Exception as error:
            log_failure(logger, "a session cannot be watched", error)
        finally:
            self._rooms.forget(self._session_id, self)
            self.ended = True
            self._moved.set()

    async def _look(self) -> None:
        mark = await self._rooms.mark()
        if mark == self._mark and not self._is_due(mark):
            return
        state = await run_in_threadpool(self._read, mark)
        # The mark was read first: what was committed since is found at the next look.
        self._mark = mark
        if state == self.state:
            return
        self.state = state
        self._said = {}
        self.version += 1
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def _is_due(self, mark: object) -> bool:
        """Whether there is something to read though nothing was committed since the last look."""
        if self.state is None:
            return True
        turn = self.state.changes_at
        if turn is not None and self._rooms.clock() >= turn:
            return True
        return self._spread_mark != mark and monotonic() >= self._spread_due

    def _read(self, mark: object) -> Live:
        """In a worker thread."""
        self.looks += 1
        with self._rooms.begin() as db:
            return live(
                db,
                self._session_id,
                self._rooms.clock(),
                self._rooms.key,
                self._where_from(db, mark),
            )

    def _where_from(self, db: DbSession, mark: object) -> Spread:
        begun = monotonic()
        if self._spread is None or (self._spread_mark != mark and begun >= self._spread_due):
            self._spread = spread(db, self._session_id)
            self._spread_mark = mark
            self._spread_due = begun + _SHARE_OF_TIME * (monotonic() - begun)
        return self._spread


class LiveRooms:
    """The sessions that are watched in this process."""

    def __init__(
        self,
        database: Database,
        links: Links,
        *,
        most: int = MOST,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._most = most
        self._closed = False
        self._watchers: dict[str, Watcher] = {}
        self.key = links.key(Purpose.ROOM_WORD)
        self.clock = clock
        self.viewers = 0
        self._by_account: Counter[str] = Counter()

    def begin(self) -> AbstractContextManager[DbSession]:
        """A reading transaction."""
        return self._database.begin(writes=False)

    async def mark(self) -> object:
        """See `ChangeMark`."""
        mark = self._database.mark
        return mark.current() if mark.instant else await run_in_threadpool(mark.current)

    @asynccontextmanager
    async def watch(self, session_id: str, account_id: str) -> AsyncIterator[Watcher]:
        """The session's watcher, as long as this is held, for a browser of an account.

        Raises Busy where too many watch in this process already, or too many of this account, or it
        is stopping.
        """
        of_one = self._by_account[account_id]
        if self._closed or self.viewers >= self._most or of_one >= MOST_OF_ONE:
            raise Busy
        watcher = self._watchers.get(session_id)
        if watcher is None:
            watcher = self._watchers[session_id] = Watcher(self, session_id)
        self.viewers += 1
        self._by_account[account_id] += 1
        watcher.viewers += 1
        try:
            yield watcher
        finally:
            self.viewers -= 1
            self._by_account[account_id] -= 1
            self._by_account += Counter()  # forgets who has none left
            watcher.viewers -= 1
            if not watcher.viewers:
                watcher.end()
                self.forget(session_id, watcher)

    def forget(self, session_id: str, watcher: Watcher) -> None:
        """The next who comes gets another watcher."""
        if self._watchers.get(session_id) is watcher:
            del self._watchers[session_id]

    @property
    def watchers(self) -> tuple[Watcher, ...]:
        """One for each session that is watched."""
        return tuple(self._watchers.values())

    def close(self) -> None:
        """Ends every stream and takes no more: the server is stopping, and waits for them."""
        self._closed = True
        for watcher in self.watchers:
            watcher.end()
