"""New zone data: the sessions to come follow it, and everybody is told."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.command.test_convoca import ROOT, convoca
from tests.command.test_start import free_port


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
    up_to_date, told, whom, where = moved.stdout.splitlines()
    assert up_to_date.startswith("The schema is up to date")
    assert told.partition(") ")[2] == "has moved sessions: 2, in cycles: 1."
    assert whom == "Tell those concerned:"
    assert where.endswith("/organize/c/cluster-leaders/publish")
    earlier = timedelta(hours=-2)
    assert {n: after[n] - before[n] for n in before} == {
        1: timedelta(0),
        2: timedelta(0),
        3: earlier,
        4: earlier,
    }
    assert again.stdout == unmoved.stdout


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_program_that_is_only_started_again_follows_it_too(tmp_path: Path, command: str) -> None:
    data, env = tmp_path / "data", zone_data(tmp_path / "newer")
    convoca("migrate", data=data)
    convoca("demo", data=data)
    before = starts(data)
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "app.cli", command],
        cwd=ROOT,
        env={**os.environ, **env, "CONVOCA_DATA_DIR": str(data), "PORT": str(free_port())},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.terminate()
        process.wait(30)
    assert "has moved sessions: 2, in cycles: 1." in said
    after = starts(data)
    assert [after[n] - before[n] for n in (3, 4)] == [timedelta(hours=-2)] * 2


def step(name: str, data: Path, env: dict[str, str] | None = None) -> Any:
    """A step of `zone_guard_steps`, in a process with this zone data."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.command.zone_guard_steps", name, str(data)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_newer_zone_data_is_listed_and_one_click_tells_those_concerned(tmp_path: Path) -> None:
    data, env = tmp_path / "data", zone_data(tmp_path / "newer")
    convoca("migrate", data=data)
    invited = step("make", data)["messages"]
    both = [["Ana", 1], ["Ana", 2], ["Bea", 1], ["Luz", 2]]
    assert invited == [["invitation", *each] for each in both]
    assert step("look", data) == {"moved": [], "due": []}

    convoca("migrate", data=data, env=env)

    assert step("look", data, env) == {"moved": [[1, -7200]], "due": [["Ana", 1], ["Bea", 1]]}
    told = step("tell", data, env)
    updates = [["invitation-update", "Ana", 1], ["invitation-update", "Bea", 1]]
    assert told == {"messages": [*invited, *updates], "moved": [], "due": []}
