"""The desk by itself: what is handed in together is done together, and answered after."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from threading import enumerate as all_threads
from typing import Any

import pytest

from app.domain.errors import Busy
from app.services.desk import Desk

PATIENCE = 20.0


class Work:
    """Doubles numbers. The first time it waits to be let go on, so that others queue meanwhile."""

    def __init__(self, fails: Callable[[Sequence[int]], Exception | None] = lambda _: None) -> None:
        self.taken: list[list[int]] = []
        self.begun = Event()
        self.go = Event()
        self._fails = fails

    def __call__(self, slips: Sequence[int]) -> Sequence[int | Exception]:
        self.taken.append(list(slips))
        self.begun.set()
        assert self.go.wait(PATIENCE)
        failed = self._fails(slips)
        if failed is not None:
            raise failed
        return [ValueError(slip) if slip < 0 else slip * 2 for slip in slips]


async def _all(
    desk: Desk[int, int], work: Work, slips: Sequence[int], answered: int = 0
) -> list[Any]:
    """Hands in the first, then, while the clerk is at it, the rest, of whom the last ones are
    `answered` at once; gives what became of it."""
    asked = [asyncio.ensure_future(desk.hand_in(slips[0]))]
    await asyncio.to_thread(work.begun.wait, PATIENCE)
    asked += [asyncio.ensure_future(desk.hand_in(slip)) for slip in slips[1:]]
    await asyncio.sleep(0)
    waiting = len(slips) - answered
    assert [task.done() for task in asked] == [False] * waiting + [True] * answered
    work.go.set()
    return await asyncio.gather(*asked, return_exceptions=True)


def _said(found: Sequence[Any]) -> list[object]:
    return [repr(each) if isinstance(each, BaseException) else each for each in found]


def test_those_who_wait_are_done_together() -> None:
    work = Work()
    desk = Desk(work)
    desk.open()
    assert asyncio.run(_all(desk, work, range(1, 6))) == [2, 4, 6, 8, 10]
    assert work.taken == [[1], [2, 3, 4, 5]]
    desk.close()


def test_only_so_many_at_once() -> None:
    work = Work()
    desk = Desk(work, at_once=2)
    desk.open()
    assert asyncio.run(_all(desk, work, range(1, 7))) == [2, 4, 6, 8, 10, 12]
    assert work.taken == [[1], [2, 3], [4, 5], [6]]
    desk.close()


def test_each_is_told_what_became_of_theirs() -> None:
    work = Work()
    desk = Desk(work)
    found = asyncio.run(_all(desk, work, [1, -2, 3]))
    assert _said(found) == [2, "ValueError(-2)", 6]
    assert work.taken == [[1], [-2, 3]]


def test_one_that_fails_leaves_its_neighbours_alone() -> None:
    work = Work(lambda slips: OSError("three") if 3 in slips else None)
    found = asyncio.run(_all(Desk(work), work, [1, 2, 3, 4]))
    assert _said(found) == [2, 4, "OSError('three')", 8]
    assert work.taken == [[1], [2, 3, 4], [2], [3], [4]]


def test_an_answer_too_few_is_a_failure() -> None:
    """The clerk must outlive whatever its work does."""
    work = Work()
    desk: Desk[int, int] = Desk(lambda slips: list(work(slips))[:1])
    found = asyncio.run(_all(desk, work, [1, 2, 3]))
    assert found == [2, 4, 6]
    assert work.taken == [[1], [2, 3], [2], [3]]


def test_whoever_waited_long_enough_is_not_tried_alone() -> None:
    work = Work(lambda slips: OSError("away") if len(slips) > 1 else None)
    found = asyncio.run(_all(Desk(work, patience=0.0), work, [1, 2, 3]))
    assert _said(found) == [2, "OSError('away')", "OSError('away')"]
    assert work.taken == [[1], [2, 3]]


def test_a_full_queue_says_so_at_once() -> None:
    work = Work()
    desk = Desk(work, waiting=3)
    found = asyncio.run(_all(desk, work, range(1, 7), answered=2))
    assert _said(found) == [2, 4, 6, 8, repr(Busy()), repr(Busy())]
    assert work.taken == [[1], [2, 3, 4]]


def test_it_is_done_even_if_nobody_waits_any_more(caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    desk = Desk(work)
    desk.open()

    async def go_away() -> None:
        asked = [asyncio.ensure_future(desk.hand_in(slip)) for slip in (1, 2)]
        await asyncio.to_thread(work.begun.wait, PATIENCE)
        gone = asyncio.ensure_future(desk.hand_in(3))
        await asyncio.sleep(0)
        for task in (asked[0], gone):
            task.cancel()
        work.go.set()
        found = await asyncio.gather(*asked, gone, return_exceptions=True)
        assert _said(found) == ["CancelledError('')", 4, "CancelledError('')"]

    asyncio.run(go_away())
    desk.close()
    assert sorted(slip for slips in work.taken for slip in slips) == [1, 2, 3]
    assert caplog.records == []


def test_it_is_done_even_if_the_event_loop_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    desk = Desk(work)
    desk.open()

    async def hurry() -> None:
        asked = asyncio.ensure_future(desk.hand_in(1))
        await asyncio.to_thread(work.begun.wait, PATIENCE)
        asked.cancel()

    asyncio.run(hurry())
    work.go.set()
    assert asyncio.run(_again(desk)) == 4
    desk.close()
    assert work.taken == [[1], [2]]
    assert caplog.records == []


async def _again(desk: Desk[int, int]) -> int:
    return await desk.hand_in(2)


def test_several_event_loops() -> None:
    work = Work()
    work.go.set()
    desk = Desk(work)

    async def some(first: int) -> list[int]:
        return list(await asyncio.gather(*(desk.hand_in(first + n) for n in range(50))))

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: asyncio.run(some(n * 100)), range(4)))
    assert found == [[2 * (n * 100 + m) for m in range(50)] for n in range(4)]


def test_closing_waits_for_all_that_was_taken_and_takes_nothing_more() -> None:
    work = Work()
    desk = Desk(work, at_once=2)
    desk.open()

    async def close_meanwhile() -> None:
        asked = [asyncio.ensure_future(desk.hand_in(1))]
        await asyncio.to_thread(work.begun.wait, PATIENCE)
        asked += [asyncio.ensure_future(desk.hand_in(slip)) for slip in range(2, 7)]
        await asyncio.sleep(0)
        closing = Thread(target=desk.close)
        closing.start()
        late = []
        while True:  # until it has come to closing, it takes what comes
            late.append(asyncio.ensure_future(desk.hand_in(100)))
            await asyncio.sleep(0)
            if late[-1].done():
                break
        assert closing.is_alive()
        work.go.set()
        assert await asyncio.gather(*asked) == [2, 4, 6, 8, 10, 12]
        found = await asyncio.gather(*late, return_exceptions=True)
        assert _said(found) == [200] * (len(late) - 1) + [repr(Busy())]
        await asyncio.to_thread(closing.join, PATIENCE)
        assert not closing.is_alive()

    asyncio.run(close_meanwhile())


def test_the_last_one_closes_it() -> None:
    work = Work()
    work.go.set()
    desk = Desk(work)
    for _ in range(2):  # it can be opened again
        desk.open()
        desk.open()
        desk.close()
        assert asyncio.run(_again(desk)) == 4
        desk.close()
        with pytest.raises(Busy):
            asyncio.run(_again(desk))


def test_no_thread_before_the_first_and_none_after_closing() -> None:
    work = Work()
    work.go.set()

    def clerks() -> list[str]:
        return [t.name for t in all_threads() if t.name == "desk" and t not in others]

    others = all_threads()
    desk = Desk(work)
    desk.open()
    assert clerks() == []
    asyncio.run(_again(desk))
    asyncio.run(_again(desk))
    assert clerks() == ["desk"]
    desk.close()
    assert clerks() == []
