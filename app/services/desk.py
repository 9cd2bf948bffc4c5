"""A desk with one clerk: what is handed in at the same time is done together, and answered after.

Whoever hands something in waits on the event loop. The clerk is a thread; it takes all that waits,
does it in one transaction, and only when that is committed does anybody learn what became of
theirs. While it works, more is handed in, so the more people come at once, the fewer transactions
there are for each of them. With nobody there it sleeps.

What comes in within one turn of the event loop is passed on at its end. Woken by the first of them,
the clerk would keep the loop from reading the others: they are two threads of one interpreter.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Generic, TypeVar

from app.domain.errors import Busy

AT_ONCE = 256
"""How many are done in one transaction at most."""

WAITING = 2_000
"""How many may wait. Whoever comes then is told so at once."""

PATIENCE = 4.0
"""Seconds from when some were taken up to when those of them who fail are no longer tried alone:
less than the database makes a writer wait (`db.BUSY_TIMEOUT_MS`)."""

Slip = TypeVar("Slip")
Outcome = TypeVar("Outcome")
Work = Callable[[Sequence[Slip]], Sequence[Outcome | Exception]]
"""Does all of these in one transaction and commits it: an outcome for each, in their order. An
exception among them is what became of that one; one that is raised means that nothing was done."""

logger = logging.getLogger("convoca.desk")


class Desk(Generic[Slip, Outcome]):
    """Takes slips, from any number of event loops."""

    def __init__(
        self,
        work: Work[Slip, Outcome],
        *,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
        patience: float = PATIENCE,
        watch: Callable[[int, float], None] | None = None,
    ) -> None:
        """`watch` is told how many were done together, and for how many seconds the first of them
        waited."""
        self._work = work
        self._at_once = at_once
        self._waiting = waiting
        self._patience = patience
        self._watch = watch
        self._lock = Lock()  # around the four that follow
        self._arrived: list[_Waiting[Slip, Outcome]] = []  # in this turn of the event loop
        self._passes_on: asyncio.AbstractEventLoop | None = None  # at the end of its turn
        self._untaken = 0
        self._closed = False
        self._queue: SimpleQueue[list[_Waiting[Slip, Outcome]] | None] = SimpleQueue()
        self._clerk: Thread | None = None
        self._opened = 0

    async def hand_in(self, slip: Slip) -> Outcome:
        """What became of it, once that is committed. It is done even if whoever waits goes away.

        Raises:
            Busy: too many wait, or the desk is closed; it was not taken.
            Exception: its own outcome, if that is one.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome | Exception] = loop.create_future()
        with self._lock:
            if self._closed or self._untaken >= self._waiting:
                raise Busy
            self._untaken += 1
            self._arrived.append((slip, future, monotonic()))
            if self._passes_on is not loop:
                self._passes_on = loop
                loop.call_soon(self._pass_on)
        outcome = await future
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _pass_on(self) -> None:
        with self._lock:
            self._passes_on = None
            arrived, self._arrived = self._arrived, []
            if not arrived:  # they were passed on by another loop, or by closing
                return
            if self._clerk is None:
                # A daemon: where nobody opens and closes the desk, it keeps no process alive.
                self._clerk = Thread(target=self._serve, name="desk", daemon=True)
                self._clerk.start()
            self._queue.put(arrived)

    def open(self) -> None:
        """Whoever opens it closes it; until the last one does, it takes what comes."""
        with self._lock:
            self._opened += 1
            self._closed = False

    @property
    def is_open(self) -> bool:
        """Whether it takes what comes, and somebody is there to do it."""
        clerk = self._clerk
        return not self._closed and (clerk is None or clerk.is_alive())

    def close(self) -> None:
        """The last one to close it waits until all that was taken is done; nothing is taken any
        more. Not to be called on the event loop that is waiting for outcomes."""
        with self._lock:
            self._opened -= 1
            if self._opened > 0:
                return
            self._closed = True
        self._pass_on()
        clerk, self._clerk = self._clerk, None
        if clerk is not None:
            self._queue.put(None)
            clerk.join()

    # The clerk's.

    def _serve(self) -> None:
        waiting: deque[_Waiting[Slip, Outcome]] = deque()
        more = True
        while more or waiting:
            more = self._look(waiting) and more
            taken = [waiting.popleft() for _ in range(min(len(waiting), self._at_once))]
            with self._lock:
                self._untaken -= len(taken)
            if taken:
                outcomes = self._outcomes([slip for slip, _, _ in taken])
                _answer([future for _, future, _ in taken], outcomes)
                if self._watch is not None:
                    self._watch(len(taken), monotonic() - taken[0][2])

    def _look(self, waiting: "deque[_Waiting[Slip, Outcome]]") -> bool:
        """Adds all that was passed on; waits if there is nothing. False at the end."""
        with suppress(Empty):
            while True:
                passed_on = self._queue.get(block=not waiting)
                if passed_on is None:
                    return False
                waiting.extend(passed_on)
        return True

    def _outcomes(self, slips: Sequence[Slip]) -> Sequence[Outcome | Exception]:
        begun = monotonic()
        try:
            return self._done(slips)
        except Exception as error:
            together = error
        if len(slips) == 1:
            return [together]
        logger.warning("%d at once failed, each alone: %s", len(slips), type(together).__name__)
        # One of them may be the reason, and must not be that for the others. If it is the database,
        # they have waited long enough.
        outcomes: list[Outcome | Exception] = []
        for slip in slips:
            if monotonic() - begun >= self._patience:
                outcomes.append(together)
                continue
            try:
                outcomes += self._done([slip])
            except Exception as error:
                outcomes.append(error)
        return outcomes

    def _done(self, slips: Sequence[Slip]) -> Sequence[Outcome | Exception]:
        outcomes = self._work(slips)
        if len(outcomes) != len(slips):
            raise RuntimeError(f"{len(outcomes)} outcomes of {len(slips)}")
        return outcomes


_Waiting = tuple[Slip, "asyncio.Future[Outcome | Exception]", float]


def _answer(
    waiting: Sequence["asyncio.Future[Outcome | Exception]"],
    outcomes: Sequence[Outcome | Exception],
) -> None:
    """Tells everybody: an event loop is woken once, however many wait on it."""
    by_loop = defaultdict(list)
    for future, outcome in zip(waiting, outcomes, strict=True):
        by_loop[future.get_loop()].append((future, outcome))
    for loop, pairs in by_loop.items():
        with suppress(RuntimeError):  # it is closed: nobody waits there any more
            loop.call_soon_threadsafe(_tell, pairs)


def _tell(
    pairs: Sequence[tuple["asyncio.Future[Outcome | Exception]", Outcome | Exception]],
) -> None:
    for future, outcome in pairs:
        if not future.done():  # else it was given up
            future.set_result(outcome)
