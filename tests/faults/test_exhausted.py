"""Files, threads and patience that run out; clocks that jump; a key that is damaged."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.db import Database
from app.services.links import Links
from app.worker.loop import Worker
from tests.faults.installation import Installation
from tests.faults.lines import Line
from tests.faults.load import Load
from tests.faults.locks import held
from tests.faults.test_database_away import _all_is_there_once, _at_a_held_one, _deeds, _reads
from tests.faults.test_web_killed import _enrol
from tests.faults.world import World, make_world
from tests.forks import convoca
from tests.worker.test_worker import LATER, SENDER, Fake, queue, rows


def test_no_more_files_can_be_opened(
    installation: Installation, did: Callable[[str], None]
) -> None:
    """A server that may have 96 open, and 300 who keep a line to it without saying anything."""
    many = 4
    world = make_world(installation.database, 2 * many)
    port, deeds = installation.web(files=96), _deeds(world, many)

    async def crowd() -> tuple[Counter[int], int]:
        known = [await Line.to(port) for _ in range(20)]
        for line in known:
            line.ask("/c/leaders")
            assert (await line.answer())[0] == 200
        idle = await asyncio.gather(*(Line.to(port) for _ in range(300)), return_exceptions=True)
        statuses: Counter[int] = Counter()
        for path, headers in _reads(world) * 5:  # on lines that there are already
            line = known.pop()
            line.ask(path, headers)
            status, _ = await asyncio.wait_for(line.answer(), 60)
            statuses[status] += 1
            line.close()
        opened = [line for line in idle if isinstance(line, Line)]
        for line in opened:
            line.close()
        return statuses, len(opened)

    statuses, opened = asyncio.run(crowd())
    assert opened > 96
    assert set(statuses) <= {200, 503}
    asyncio.run(Load([port]).do(deeds))  # and with that they are gone it goes on by itself
    _all_is_there_once(installation.database, world, many)
    installation.ports[port].signal(signal.SIGTERM)
    assert installation.ports[port].ended() == -signal.SIGTERM
    assert "unhandled error" not in installation.said()
    did(f"{opened} lines to a server that may have 96 files: {dict(statuses)}; then all went on")


def test_more_at_once_than_there_are_threads_and_connections(
    installation: Installation, did: Callable[[str], None]
) -> None:
    """Three hundred who write, while the database is held for some seconds."""
    many = 60
    world = make_world(installation.database, 2 * many)
    port, deeds = installation.web(), _deeds(world, many)

    async def press() -> tuple[list[tuple[httpx.Response, float]], list[tuple[int, float]]]:
        return await _at_a_held_one(port, world, deeds)

    begun = time.monotonic()
    with held(installation.database):
        pressing = asyncio.run(asyncio.wait_for(press(), 120))
    took = time.monotonic() - begun
    answers, reads = pressing
    assert {answer.status_code for answer, _ in answers} == {503}
    assert {status for status, _ in reads} == {200}
    asyncio.run(Load([port]).do(deeds, at_once=100))
    _all_is_there_once(installation.database, world, many)
    installation.untroubled()
    did(f"{len(deeds)} at once at a held database: all told within {took:.0f} s; then all done")


def test_a_clock_that_is_set_back(
    real_database: Database, links: Links, did: Callable[[str], None]
) -> None:
    """By a day, and forward again, in the midst of a batch: each mail goes once."""
    count = 30
    queue(real_database, count)
    clock = [LATER]
    transport = Fake()
    jumps = {"p5@example.org": -timedelta(days=1), "p20@example.org": timedelta(days=1)}
    transport.before = lambda to: clock.__setitem__(0, clock[0] + jumps.get(to, timedelta()))
    worker = Worker(real_database, links, transport, SENDER, clock=lambda: clock[0])
    for _ in range(400):
        worker.run_once()
        if all(m.status == "sent" for m in rows(real_database)):
            break
        clock[0] += timedelta(minutes=10)
    assert Counter(to for to, _ in transport.sent) == {f"p{n}@example.org": 1 for n in range(count)}
    did(f"the clock set back by a day and forward again: {count} mails, each once")


def _run(command: str, data: Path) -> tuple[int, str]:
    env = {"CONVOCA_DATA_DIR": str(data), "PATH": "/usr/bin:/bin"}
    done = convoca(command, env=env)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    "content",
    [b"", b"cut off", b"\x00" * 64, b"\xff\xfe" * 40],
    ids=["empty", "cut-off", "zeros", "no-text"],
)
def test_a_key_that_is_damaged(tmp_path: Path, did: Callable[[str], None], content: bytes) -> None:
    """As a disk that was full, or a power cut, leaves it."""
    assert _run("migrate", tmp_path)[0] == 0
    (tmp_path / "secret.key").write_bytes(content)
    for command in ("serve", "worker"):
        code, said = _run(command, tmp_path)
        assert code == 1
        assert "is damaged. Put back the copy from your backup" in said
        assert "Traceback" not in said
    assert (tmp_path / "secret.key").read_bytes() == content
    did(f"a key of {len(content)} bytes that is none: said in words, and nothing is signed with it")


def test_a_key_that_is_lost(installation: Installation, did: Callable[[str], None]) -> None:
    make_world(installation.database, 1)
    installation.env["CONVOCA_SECRET_KEY"] = ""
    installation.web()
    assert "links that were mailed before do not work with it" in installation.said()
    made = (installation.data / "secret.key").read_text()
    assert len(made) == 64
    port = installation.web()
    assert installation.said().count("links that were mailed before") == 1
    assert httpx.get(f"http://127.0.0.1:{port}/c/leaders").status_code == 200
    did("a key that is lost: said in words, once, and a new one is made")


def test_a_stopped_process_does_not_hold_others_for_ever(
    installation: Installation, did: Callable[[str], None]
) -> None:
    """One of two servers is stopped (SIGSTOP) while it works, and goes on later: at worst, with
    SQLite, the other can write only then, and says so."""
    many = 8
    world = make_world(installation.database, 2 * many)
    ports = [installation.web(), installation.web()]
    deeds = _deeds(world, many)

    async def press() -> Load:
        load, begun_first = Load([ports[1]]), Load([ports[0]])
        first = asyncio.ensure_future(begun_first.do(deeds[:many]))
        await begun_first.reaches(2)
        installation.ports[ports[0]].signal(signal.SIGSTOP)
        others = asyncio.ensure_future(load.do(deeds[many:]))
        await asyncio.wait([others], timeout=8)
        installation.ports[ports[0]].signal(signal.SIGCONT)
        await asyncio.gather(first, others)
        return load

    load = asyncio.run(asyncio.wait_for(press(), 120))
    assert load.done == len(deeds[many:])
    _all_is_there_once(installation.database, world, many)
    installation.untroubled()
    did(
        f"one of two servers stopped for a while: {load.done} by the other, {load.busy} told to "
        "come again, and what the stopped one had begun was done once"
    )


def test_many_who_enrol_at_once(installation: Installation, did: Callable[[str], None]) -> None:
    """Nobody is told that it is busy because others want the same."""
    count = 150
    world = make_world(installation.database, 1)
    port = installation.web()
    load = Load([port])
    begun = datetime.now(UTC)
    asyncio.run(load.do([_enrol(number) for number in range(count)], at_once=count))
    assert load.done == count
    assert isinstance(world, World)
    took = (datetime.now(UTC) - begun).total_seconds()
    assert load.busy == 0 or took > 10
    did(f"{count} who enrol at the same moment: all done in {took:.1f} s, {load.busy} told to wait")
