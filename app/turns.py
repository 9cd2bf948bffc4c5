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
    def turn(self, seconds: float) -> Iterator["Turn"]:
        """Waits for it, holds it, and gives it to the next. Raises TookTooLong."""
        turn = Turn(self, seconds)
        turn.take()
        try:
            yield turn
        finally:
            turn.give_back()

    def take(self, seconds: float) -> bool:
        """False if it took too long."""
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

    def hand_on(self) -> None:
        """Ends the turn of whoever has it."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


class Turn:
    """A turn that may be given back before its time, and be taken again: what was rolled back holds
    nobody up, though whoever did it is not through."""

    def __init__(self, turns: Turns, seconds: float) -> None:
        self._turns = turns
        self._seconds = seconds
        self._mine = False

    def take(self) -> None:
        """Unless one has it. Raises TookTooLong."""
        if not self._mine:
            if not self._turns.take(self._seconds):
                raise TookTooLong
            self._mine = True

    def give_back(self) -> None:
        """If one has it."""
        if self._mine:
            self._mine = False
            self._turns.hand_on()


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
