"""Servers that are killed while people press the button: who was told "done" is there, once."""

import asyncio
import random
import signal

import uvloop

from app.db import Database
from tests.desk.crowd import PATIENCE, Crowd, Servers, checked_in, make_crowd, servers

SIZES = {"sqlite": (20_000, 30), "postgresql": (3_000, 6)}
"""How many check in, and how often the server is killed."""


async def _with_kills(serving: Servers, crowd: Crowd, paths: list[str], kills: int) -> list[int]:
    """How each server ended: all but the last are killed at a random moment."""
    chance = random.Random(7)
    every = len(paths) // kills
    ended = []
    pressing = asyncio.ensure_future(crowd.press(paths))
    until = 0
    for _ in range(kills):
        await asyncio.to_thread(serving.serve)
        until += chance.randint(every // 2, every - 1)
        await asyncio.wait_for(crowd.reaches(until), PATIENCE)
        await asyncio.sleep(chance.random() * 0.004)
        serving.signal(signal.SIGKILL)
        ended.append(await asyncio.to_thread(serving.ended))
    await asyncio.to_thread(serving.serve)
    await asyncio.wait_for(pressing, PATIENCE)
    serving.signal(signal.SIGTERM)
    ended.append(await asyncio.to_thread(serving.ended))
    return ended


def test_no_acknowledged_check_in_is_lost_and_none_is_double(real_database: Database) -> None:
    count, kills = SIZES[real_database.engine.dialect.name]
    people = make_crowd(real_database, count)
    with servers(real_database) as (serving, port):
        crowd = Crowd(port)
        ended = uvloop.run(_with_kills(serving, crowd, list(people), kills))
    assert ended == [-signal.SIGKILL] * kills + [-signal.SIGTERM]
    assert crowd.broken >= kills  # each took some by surprise
    assert sorted(crowd.acknowledged) == sorted(people)
    assert checked_in(real_database) == dict.fromkeys(people.values(), 1)
