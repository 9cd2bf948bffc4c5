"""A database that somebody else holds, and one that is ended and begun beneath us."""

import asyncio
import itertools
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from app.db import BUSY_TIMEOUT_MS, Database
from app.models import Enrolment, Evidence, Person
from app.web.writers import PATIENCE as IN_LINE
from tests.faults.installation import Installation, of, status_of, until
from tests.faults.load import Deed, Load
from tests.faults.locks import held
from tests.faults.postgres import OwnPostgres
from tests.faults.test_web_killed import _by_desk, _by_program, _by_room, _enrol, _person
from tests.faults.world import World, make_world
from tests.mail.smtp_peer import smtp_peer

BUSY = "Convoca is busy at the moment"
ANSWERED_WITHIN = BUSY_TIMEOUT_MS / 1000 + IN_LINE + 10  # the machine may be busy as well


def _deeds(world: World, many: int) -> list[Deed]:
    """So many of each of five kinds."""
    found = [_enrol(number) for number in range(many)]
    found += [_by_desk(each.token, each.enrolment_id) for each in world.people[:many]]
    found += [_by_room(world, each.email, each.enrolment_id) for each in world.people[many:]]
    found += [_person(world, number) for number in range(many)]
    found += [_by_program(world, number) for number in range(many)]
    return found


def _reads(world: World) -> list[tuple[str, dict[str, str]]]:
    """A public page, a personal one, an organizer's, and a program's."""
    api = f"/api/v1/sessions/{world.coming_id}"
    mine = f"/my/{world.people[0].token}"
    organizers = ("/organize/c/leaders/participants", world.browser)
    return [("/c/leaders", {}), (mine, {}), organizers, (api, world.headers)]


async def _all(port: int, deeds: list[Deed]) -> list[tuple[httpx.Response, float]]:
    """Does all at once, once; what was answered, after how many seconds."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:

        async def one(deed: Deed, number: int) -> tuple[httpx.Response, float]:
            begun = time.monotonic()
            answer = await client.send(deed.request(f"http://127.0.0.1:{port}", number))
            return answer, time.monotonic() - begun

        return await asyncio.gather(*(one(deed, number) for number, deed in enumerate(deeds)))


async def _read_on(port: int, world: World, done: asyncio.Event) -> list[tuple[int, float]]:
    """Reads one page after the other; the status of each, and how long it took."""
    found = []
    async with httpx.AsyncClient(timeout=60) as client:
        for path, headers in itertools.cycle(_reads(world)):
            begun = time.monotonic()
            answer = await client.get(f"http://127.0.0.1:{port}{path}", headers=headers)
            found.append((answer.status_code, time.monotonic() - begun))
            if done.is_set() and len(found) > 8:
                return found
    raise AssertionError


async def _at_a_held_one(
    port: int, world: World, deeds: list[Deed]
) -> tuple[list[tuple[httpx.Response, float]], list[tuple[int, float]]]:
    done = asyncio.Event()
    reading = asyncio.ensure_future(_read_on(port, world, done))
    answers = await _all(port, deeds)
    done.set()
    return answers, await reading


def _are_told_to_come_again(answers: list[httpx.Response]) -> None:
    assert Counter(a.status_code for a in answers) == {503: len(answers)}
    for answer in answers:
        assert int(answer.headers["retry-after"]) > 0
        if answer.headers["content-type"] == "application/problem+json":
            assert (answer.json()["code"], answer.json()["status"]) == ("busy", 503)
        else:
            assert answer.headers["content-type"] == "text/html; charset=utf-8"


def _nothing_is_there(database: Database, world: World) -> None:
    with database.begin(writes=False) as db:
        assert db.exec(select(Evidence.id)).all() == []
        assert len(db.exec(select(Enrolment.id)).all()) == len(world.people)


def _all_is_there_once(database: Database, world: World, many: int) -> None:
    with database.begin(writes=False) as db:
        came = Counter(db.exec(select(Evidence.enrolment_id)).all())
        emails = Counter(db.exec(select(Person.email).join(Enrolment)).all())
        added = Counter(db.exec(select(Person.name).where(Person.email == None)).all())  # noqa: E711
    assert came == {each.enrolment_id: 1 for each in world.people[: 2 * many]}
    new = [f"new{n}@example.org" for n in range(many)] + [
        f"program{n}@example.org" for n in range(many)
    ]
    assert emails == dict.fromkeys([*new, *(each.email for each in world.people)], 1)
    assert added == {f"By program {number}": 1 for number in range(many)}


def test_somebody_else_holds_the_lock(
    installation: Installation, did: Callable[[str], None]
) -> None:
    """For longer than one waits, while a hundred want to write."""
    many = 20
    world = make_world(installation.database, 2 * many)
    port, deeds = installation.web(), _deeds(world, many)
    for path, headers in _reads(world):
        assert httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers).status_code == 200
    with held(installation.database):
        answers, reads = asyncio.run(_at_a_held_one(port, world, deeds))
    _are_told_to_come_again([answer for answer, _ in answers])
    longest, slowest = max(took for _, took in answers), max(took for _, took in reads)
    assert longest < ANSWERED_WITHIN
    assert {status for status, _ in reads} == {200}
    assert slowest < BUSY_TIMEOUT_MS / 1000  # none waited for a lock; the machine may be busy
    _nothing_is_there(installation.database, world)
    load = Load([port])
    asyncio.run(load.do(deeds))  # the same again
    _all_is_there_once(installation.database, world, many)
    installation.untroubled()
    did(
        f"the write lock held: {len(deeds)} at once were told to come again, after {longest:.1f} s "
        f"at most, and {len(reads)} pages were read, in {slowest:.2f} s at most; then all was done"
    )


@pytest.mark.parametrize("real_database", ["postgresql"], indirect=True)
def test_somebody_else_changes_the_tables(
    installation: Installation, did: Callable[[str], None]
) -> None:
    """As an ALTER TABLE that takes long: nobody can read either, and nobody waits for ever."""
    many = 8
    world = make_world(installation.database, 2 * many)
    port, deeds = installation.web(), _deeds(world, many)
    with held(installation.database, readers_too=True):
        answers, reads = asyncio.run(_at_a_held_one(port, world, deeds))
    _are_told_to_come_again([answer for answer, _ in answers])
    longest = max(took for _, took in (*answers, *reads))
    assert {status for status, _ in reads} <= {200, 503}
    assert longest < ANSWERED_WITHIN
    asyncio.run(Load([port]).do(deeds))
    _all_is_there_once(installation.database, world, many)
    assert {status_of(port, path) for path, headers in _reads(world) if not headers} == {200}
    installation.untroubled()
    did(
        f"tables locked: all were told to come again, after {longest:.1f} s at most; "
        "then all went on"
    )


@contextmanager
def _worker_and_peer(installation: Installation) -> Iterator[Callable[[], list[str]]]:
    """A worker that sends to a server; whom it has sent to."""
    with smtp_peer() as peer:
        installation.env["CONVOCA_SMTP_URL"] = f"smtp://127.0.0.1:{peer.port}"
        worker = installation.worker()
        yield lambda: peer.recipients
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0


def test_the_worker_goes_on_when_the_lock_is_free(
    installation: Installation, did: Callable[[str], None]
) -> None:
    count = 40
    world = make_world(installation.database, 1)
    with _worker_and_peer(installation) as recipients:
        port = installation.web()
        asyncio.run(Load([port]).do([_enrol(number) for number in range(3)]))
        until(lambda: len(recipients()) >= 3, "the first mails")
        begun = threading.Event()
        over = time.monotonic() + BUSY_TIMEOUT_MS / 1000 + 2
        with held(installation.database):
            begun.set()
            until(lambda: time.monotonic() > over, "more than anybody waits for a lock")
        asyncio.run(Load([port]).do([_enrol(number) for number in range(3, count)]))
        until(lambda: len(recipients()) >= count, "all mails")
    assert Counter(recipients()) == {f"new{number}@example.org": 1 for number in range(count)}
    assert world.people
    did(f"the write lock held for 7 s beneath the worker: {count} mails, each once, by itself")


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_postgres_is_started_anew(
    own_postgres: OwnPostgres, tmp_path: Path, did: Callable[[str], None], how: str
) -> None:
    """Beneath the web and the worker, several times, with a load."""
    many, restarts = of(240), of(8)
    database = Database(own_postgres.url)
    ours = Installation(database, tmp_path / "data")
    with closing(database), ours.open() as installation:
        world = make_world(database, 2 * many)
        port = installation.web()
        with _worker_and_peer(installation) as recipients:
            load = Load([port])
            deeds = _deeds(world, many)
            waits = asyncio.run(_with_restarts(own_postgres, port, load, deeds, how, restarts))
            until(lambda: len(set(recipients())) >= 2 * many, "all mails")
        _all_is_there_once(database, world, many)
        times = Counter(recipients())
        new = [f"{who}{n}@example.org" for who in ("new", "program") for n in range(many)]
        assert set(times) == set(new)
        assert sum(times.values()) - len(new) <= restarts
        installation.untroubled()
    did(
        f"PostgreSQL stopped ({how}) {restarts} times during {load.done} deeds: {load.busy} were "
        f"told to come again, nothing lost; answered {max(waits):.1f} s after it was there again"
    )


async def _with_restarts(
    postgres: OwnPostgres, port: int, load: Load, deeds: list[Deed], how: str, restarts: int
) -> list[float]:
    """Seconds from each start until a page was read again."""
    every = len(deeds) // (restarts + 1)
    load.allowed = every
    doing = asyncio.ensure_future(load.do(deeds))
    waits = []
    for turn in range(restarts):
        await load.reaches(turn * every + every // 2)
        await asyncio.to_thread(postgres.stop, how)
        for path in ("/readyz", "/c/leaders"):
            assert await asyncio.to_thread(status_of, port, path) == 503
        await asyncio.to_thread(postgres.begin)
        begun = time.monotonic()
        while await asyncio.to_thread(status_of, port, "/c/leaders") != 200:
            assert time.monotonic() - begun < 30
        waits.append(time.monotonic() - begun)
        await load.allow((turn + 2) * every)
    await load.allow(None)
    await doing
    return waits
