"""New zone data: the sessions to come follow it, and everybody is told."""

import shutil
import sqlite3
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from tests.command.test_convoca import convoca


def starts(data: Path) -> dict[int, datetime]:
    """When the sessions of the demonstration begin, by number."""
    db = sqlite3.connect(data / "convoca.db")
    found = {
        n: datetime.fromisoformat(at)
        for n, at in db.execute("SELECT number, starts_at FROM session")
    }
    db.close()
    return found


def zone_data(folder: Path) -> dict[str, str]:
    """A `tzdata` by which Bogotá has the time of Buenos Aires, two hours ahead of its own."""
    spec = find_spec("tzdata")
    assert spec is not None
    assert spec.submodule_search_locations
    shutil.copytree(spec.submodule_search_locations[0], folder / "tzdata")
    america = folder / "tzdata" / "zoneinfo" / "America"
    shutil.copyfile(america / "Argentina" / "Buenos_Aires", america / "Bogota")
    return {"PYTHONPATH": str(folder)}


def test_sessions_to_come_follow_new_zone_data(tmp_path: Path) -> None:
    data, env = tmp_path / "data", zone_data(tmp_path / "newer")
    convoca("migrate", data=data)
    convoca("demo", data=data)
    before = starts(data)

    unmoved = convoca("migrate", data=data)
    moved = convoca("migrate", data=data, env=env)
    after = starts(data)
    again = convoca("migrate", data=data, env=env)

    assert len(unmoved.stdout.splitlines()) == 1
    up_to_date, told = moved.stdout.splitlines()
    assert up_to_date.startswith("The schema is up to date")
    assert told.partition(") ")[2] == (
        "has moved sessions: 2, in cycles: 1. Publish these cycles, so that everybody hears of it."
    )
    earlier = timedelta(hours=-2)
    assert {n: after[n] - before[n] for n in before} == {
        1: timedelta(0),
        2: timedelta(0),
        3: earlier,
        4: earlier,
    }
    assert again.stdout == unmoved.stdout
