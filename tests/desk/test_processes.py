"""Servers that end while people wait, several at once, and people who do not wait."""

import asyncio
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import SO_LINGER, SOL_SOCKET

from app.db import Database
from tests.desk.crowd import (
    PATIENCE,
    Connection,
    Crowd,
    answer,
    ask,
    checked_in,
    make_crowd,
    servers,
)


@contextmanager
def nothing_is_written(database: Database) -> Iterator[None]:
    """The clerk waits for as long as this is open; so must last less than the database lets it."""
    with database.begin(writes=True) as db:
        if db.connection().dialect.name == "postgresql":
            db.connection().exec_driver_sql("LOCK TABLE evidence IN EXCLUSIVE MODE")
        else:
            db.connection()  # BEGIN IMMEDIATE
        yield


async def _all_are_in(other: Connection) -> None:
    """Whatever was sent before has been read by the server: it was connected to last, what is ready
    together is read together, and what was asked later is answered later."""
    for _ in range(2):
        ask(other, "GET", "/healthz")
        assert await answer(other) == 200


def test_who_waits_when_a_server_ends_is_answered_first(real_database: Database) -> None:
    people = make_crowd(real_database, 300)  # more than go into one transaction

    async def press(port: int) -> list[int]:
        *waiting, idle = [
            await asyncio.open_connection("127.0.0.1", port) for _ in range(len(people) + 1)
        ]
        await _all_are_in(idle)
        with nothing_is_written(real_database):
            for connection, path in zip(waiting, people, strict=True):
                ask(connection, "POST", path)
            await _all_are_in(idle)
            serving.signal(signal.SIGTERM)
            assert await idle[0].read() == b""  # it has begun to end
        found = await asyncio.gather(*(answer(connection) for connection in waiting))
        assert [await connection[0].read() for connection in waiting] == [b""] * len(waiting)
        for connection in (idle, *waiting):
            connection[1].close()
        return found

    with servers(real_database) as (serving, port):
        serving.serve()
        assert asyncio.run(asyncio.wait_for(press(port), PATIENCE)) == [303] * 300
        assert serving.ended() == -signal.SIGTERM
        assert serving.said() == ""
    assert checked_in(real_database) == dict.fromkeys(people.values(), 1)


def test_two_servers_and_the_same_people(real_database: Database) -> None:
    people = make_crowd(real_database, 400)
    paths = list(people)

    async def press(*crowds: Crowd) -> None:
        await asyncio.gather(crowds[0].press(paths), crowds[1].press(paths[::-1]))

    with servers(real_database) as (one, port), servers(real_database) as (other, other_port):
        one.serve()
        other.serve()
        crowds = Crowd(port), Crowd(other_port)
        asyncio.run(asyncio.wait_for(press(*crowds), PATIENCE))
        for serving in (one, other):
            serving.signal(signal.SIGTERM)
            assert serving.ended() == -signal.SIGTERM
            assert serving.said() == ""
    assert [sorted(crowd.acknowledged) for crowd in crowds] == [sorted(paths)] * 2
    assert [crowd.broken for crowd in crowds] == [0, 0]
    assert checked_in(real_database) == dict.fromkeys(people.values(), 1)


def test_who_has_gone_away_is_checked_in_all_the_same(real_database: Database) -> None:
    people = make_crowd(real_database, 20)

    async def go_away(port: int) -> None:
        *gone, other = [
            await asyncio.open_connection("127.0.0.1", port) for _ in range(len(people) + 1)
        ]
        await _all_are_in(other)
        with nothing_is_written(real_database):
            for connection, path in zip(gone, people, strict=True):
                ask(connection, "POST", path)
            await _all_are_in(other)
            for place, (_, writer) in enumerate(gone):
                if place % 2:  # cut off, not closed
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
                writer.close()
            await _all_are_in(other)
        other[1].close()

    with servers(real_database) as (serving, port):
        serving.serve()
        asyncio.run(asyncio.wait_for(go_away(port), PATIENCE))
        deadline = time.monotonic() + PATIENCE
        while len(checked_in(real_database)) < len(people):
            assert time.monotonic() < deadline
        serving.signal(signal.SIGTERM)
        assert serving.ended() == -signal.SIGTERM
        assert serving.said() == ""
    assert checked_in(real_database) == dict.fromkeys(people.values(), 1)
