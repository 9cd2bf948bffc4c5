"""How many write at the same time: fewer than there are threads, so that reading goes on.

Whoever writes has a thread from when the transaction begins. While somebody else holds the database
each waits there for seconds, and forty of them would leave no thread for anybody who only reads.
Those who find no place wait on the event loop, which costs nothing, and are told to come again
where that takes too long.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from app.domain.errors import Busy

MOST = 24
"""Of 40 threads (anyio's default)."""
PATIENCE = 10.0
"""Seconds: in that time those before us have had their turn, or their patience has ended twice."""


class Writers:
    """The places of one process."""

    def __init__(self, most: int = MOST, patience: float = PATIENCE) -> None:
        self._most = most
        self._patience = patience
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Waits for a place and holds it; who came first has it first. Raises Busy."""
        loop = asyncio.get_running_loop()
        places = self._places.setdefault(loop, asyncio.Semaphore(self._most))
        try:
            await asyncio.wait_for(places.acquire(), self._patience)
        except TimeoutError:
            raise Busy from None
        try:
            yield
        finally:
            places.release()
