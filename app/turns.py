"""Whose turn it is to write, where only one can: SQLite's lock is not handed from one to the next.

Whoever finds it taken looks again later and later, a tenth of a second apart in the end. Of forty
threads that do so some wait in vain until their patience ends while others come and go. So those
of one process stand in line, and only the first of them looks at the lock, which it then can do
every other millisecond: that is what makes it fair among processes.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

LOOK_EVERY = 0.002
"""Seconds between two looks at a lock that another process has."""


class TookTooLong(Exception):
    """Somebody else had it for as long as one waits."""


class Turns:
    """A lock that whoever has waited longest gets. It may be let go of by another thread."""

    def __init__(self) -> None:
        self._lock = Lock()  # around the two that follow
        self._taken = False
        self._waiting: deque[Lock] = deque()

    @contextmanager
    def turn(self, seconds: float) -> Iterator[None]:
        """Waits for it, holds it, and gives it to the next. Raises TookTooLong."""
        if not self._take(seconds):
            raise TookTooLong
        try:
            yield
        finally:
            self._hand_on()

    def _take(self, seconds: float) -> bool:
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=seconds):
            return True
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        return True  # it was handed over in that very moment

    def _hand_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


def patiently(
    do: Callable[[], object], is_busy: Callable[[Exception], bool], seconds: float
) -> None:
    """Does it as soon as the lock is free. Raises what it raised last where that takes longer."""
    end = time.monotonic() + seconds
    while True:
        try:
            do()
            return
        except Exception as error:
            if not is_busy(error) or time.monotonic() >= end:
                raise
        time.sleep(LOOK_EVERY)
