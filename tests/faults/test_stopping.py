"""A server that is told to stop with a hundred requests in flight."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest
from sqlmodel import col, select

from app.models import Enrolment, Evidence, Person
from app.server import STOPS_WITHIN
from tests.faults.installation import PATIENCE, Installation, free_port
from tests.faults.lines import Line
from tests.faults.load import Deed
from tests.faults.locks import held
from tests.faults.test_web_killed import _by_desk, _by_program, _by_room, _enrol
from tests.faults.world import World, make_world

WATCHING = 5


def _deeds(world: World) -> list[Deed]:
    """A hundred, of four kinds."""
    found = [_by_desk(each.token, each.enrolment_id) for each in world.people[:40]]
    found += [_by_room(world, each.email, each.enrolment_id) for each in world.people[40:60]]
    found += [_enrol(number) for number in range(20)]
    found += [_by_program(world, number) for number in range(20)]
    return found


async def _all_are_in(other: Line) -> None:
    """Whatever was sent before has been read by the server: what is ready together is read
    together, and what was asked later is answered later."""
    for _ in range(2):
        other.ask("/c/leaders")
        assert (await other.answer())[0] == 200


async def _stop(
    installation: Installation, world: World, port: int, deeds: list[Deed]
) -> tuple[list[int], list[bytes], float]:
    lines = [await Line.to(port) for _ in deeds]
    watching = [await Line.to(port) for _ in range(WATCHING)]
    for line in watching:
        line.ask("/organize/c/leaders/sessions/1/live/events", world.browser)
        assert (await line.head())[0] == 200
        await line.reader.readuntil(b"\n\n")
    idle = await Line.to(port)
    await _all_are_in(idle)
    with held(installation.database):
        for line, deed in zip(lines, deeds, strict=True):
            line.send(deed)
        await _all_are_in(idle)
        installation.ports[port].signal(signal.SIGTERM)
        assert await idle.ends() == b""  # it has begun to end
        begun = time.monotonic()
        with pytest.raises(ConnectionRefusedError):
            await Line.to(port)
    answers = await asyncio.gather(*(line.answer() for line in lines))
    rest = await asyncio.gather(*(line.ends() for line in watching))
    assert await asyncio.gather(*(line.ends() for line in lines)) == [b""] * len(lines)
    for line in (*lines, *watching, idle):
        line.close()
    return [status for status, _ in answers], rest, begun


def _is_done_once(installation: Installation, world: World, deeds: list[Deed]) -> None:
    with installation.database.begin(writes=False) as db:
        came = Counter(db.exec(select(Evidence.enrolment_id)).all())
        query = select(Person.email).join(Enrolment, col(Enrolment.person_id) == col(Person.id))
        enrolled = Counter(db.exec(query).all())
    known = {each.email for each in world.people}
    assert came == {d.name: 1 for d in deeds if d.kind in ("checked in", "in the room")}
    new = {d.name: 1 for d in deeds if d.kind in ("enrolled", "enrolled by program")}
    assert {email: number for email, number in enrolled.items() if email not in known} == new


def test_a_hundred_in_flight_are_answered(
    installation: Installation, did: Callable[[str], None]
) -> None:
    world = make_world(installation.database, 60)
    port = installation.web()
    deeds = _deeds(world)
    stopping = _stop(installation, world, port, deeds)
    statuses, rest, begun = asyncio.run(asyncio.wait_for(stopping, PATIENCE))
    assert installation.ports[port].ended() == -signal.SIGTERM
    took = time.monotonic() - begun
    assert statuses == [deed.status for deed in deeds]
    assert [each[-5:] for each in rest] == [b"0\r\n\r\n"] * WATCHING  # all was said, and the end
    assert took < STOPS_WITHIN
    _is_done_once(installation, world, deeds)
    installation.untroubled()
    did(
        f"SIGTERM with {len(deeds)} requests in flight and {WATCHING} watching: all answered, each "
        f"done once, streams ended, new ones refused; it took {took:.1f} s"
    )


def test_what_was_sent_before_is_answered_whether_it_was_read_or_not(
    installation: Installation, did: Callable[[str], None]
) -> None:
    """New connections, and old ones that wait for the next request; all just before the signal."""
    world = make_world(installation.database, 60)
    port = installation.web(free_port())
    deeds = _deeds(world)

    async def press() -> list[int]:
        old = [await Line.to(port) for _ in deeds[::2]]
        for line in old:
            line.ask("/c/leaders")
            assert (await line.answer())[0] == 200
        lines = [old[n // 2] if n % 2 == 0 else await Line.to(port) for n in range(len(deeds))]
        for line, deed in zip(lines, deeds, strict=True):
            line.send(deed)
        await asyncio.gather(*(line.writer.drain() for line in lines))
        installation.ports[port].signal(signal.SIGTERM)
        answers = await asyncio.gather(*(line.answer() for line in lines))
        for line in lines:
            line.close()
        return [status for status, _ in answers]

    statuses = asyncio.run(asyncio.wait_for(press(), PATIENCE))
    assert statuses == [deed.status for deed in deeds]
    assert installation.ports[port].ended() == -signal.SIGTERM
    _is_done_once(installation, world, deeds)
    installation.untroubled()
    did(f"SIGTERM right after {len(deeds)} requests were sent: all answered, each done once")
