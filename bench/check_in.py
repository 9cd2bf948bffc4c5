"""Check-ins at the top of the hour, a distinct participant for each, against the smallest endpoint.

SQLite waits for the disk (synchronous=FULL), and so does PostgreSQL; one process serves over 32
connections. Then half the rate comes as it comes, whether or not those before are answered, and
what counts is how long people wait. After each run every check-in that was acknowledged is looked
for in the database.
"""

import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func
from sqlmodel import col, select

from app.db import Database
from app.models import Cycle, Evidence, Session
from app.services.links import Links, Purpose
from app.services.secret_key import secret_key
from app.settings import Settings
from bench.application import prepare
from bench.people import add_many
from bench.servers import need_wrk, rate, serving

GOAL = {"sqlite": 0.45, "postgresql": 0.30}
P99 = 60.0  # milliseconds, at half the rate
CONNECTIONS = 32
_PEOPLE = 10_000
_SESSION = 3  # of the demonstration: it is open
_WALK = """
local paths, next = {}, 0
function init(args)
  for path in io.lines(args[1]) do paths[#paths + 1] = wrk.format("POST", path) end
end
function request()
  next = next + 1
  return paths[next] or wrk.format("POST", "/all-are-used-up")
end
"""


@dataclass
class World:
    """What is measured on: the addresses that check somebody in, each once between two clearings,
    and the id of the enrolment behind each."""

    database: Database
    session_id: str
    enrolments: dict[str, str]
    list: Path
    script: Path

    def clear(self) -> None:
        """Nobody is checked in any more, and all come in another order."""
        with self.database.begin(writes=True) as db:
            found = col(Evidence.session_id) == self.session_id
            db.connection().execute(delete(Evidence).where(found))
        if self.database.engine.dialect.name == "sqlite":
            # Who writes next would put what was deleted into its place: nobody's check-in does.
            with self.database.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        paths = list(self.enrolments)
        random.shuffle(paths)
        self.list.write_text("\n".join(paths))

    def checked_in(self) -> dict[str, int]:
        """How often each enrolment is checked in."""
        query = (
            select(Evidence.enrolment_id, func.count())
            .where(col(Evidence.session_id) == self.session_id)
            .group_by(col(Evidence.enrolment_id))
        )
        with self.database.begin(writes=False) as db:
            return dict(db.exec(query).all())


def measure(rounds: int, seconds: int) -> None:
    """Measures, and prints the ratio and how long people wait."""
    need_wrk()
    with (
        tempfile.TemporaryDirectory(prefix="convoca-bench-") as folder,
        serving("bench.reference:app") as reference,
    ):
        most = rate(reference + "/", {}, seconds=seconds, expect=200)
        env = prepare(Path(folder))
        env.pop("BENCH")
        with (
            _world(Path(folder), env, max(_PEOPLE, int(most * seconds))) as world,
            serving("bench.application:make", env) as convoca,
        ):
            kind = world.database.engine.dialect.name
            ratios, rates = [], []
            for _ in range(rounds):
                before = rate(reference + "/", {}, seconds=seconds, expect=200)
                ours = _burst(world, convoca, seconds)
                after = rate(reference + "/", {}, seconds=seconds, expect=200)
                ratios.append(ours / ((before + after) / 2))
                rates.append(ours)
            middle, half = statistics.median(ratios), statistics.median(rates) / 2
            print(
                f"{f'check-in, {kind}':24} {middle:5.2f} ({min(ratios):.2f} to {max(ratios):.2f})  "
                f"goal {GOAL[kind]:.2f} {'reached' if middle >= GOAL[kind] else 'MISSED'};  "
                f"{half * 2:6.0f} check-ins/s"
            )
            # By turns, so that what else this machine does is in both.
            both = [
                (_arrivals(reference, world, half, seconds), _steady(world, convoca, half, seconds))
                for _ in range(rounds)
            ]
            waits = [ours for _, ours in both]
            least = statistics.median(theirs["p99"] for theirs, _ in both)
            late = sorted(each["p99"] for each in waits)
            p99 = statistics.median(late)
            print(
                f"{'  p99 at half that':24} {p99:5.1f} ms ({late[0]:.1f} to {late[-1]:.1f})  "
                f"goal {P99:.0f} {'reached' if p99 < P99 else 'MISSED'};  "
                f"{statistics.median(w['p50'] for w in waits):6.1f} ms in the middle, "
                f"p99 of the smallest endpoint {least:.1f} ms"
            )


def _burst(world: World, convoca: str, seconds: int) -> float:
    """Check-ins in a second, as fast as they go."""
    world.clear()
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(world.script)]
    command += [convoca, "--", str(world.list)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    answered = re.search(r"(\d+) requests in", done.stdout)
    if found is None or answered is None or "Non-2xx" in done.stdout:
        sys.exit(f"wrk could not measure the check-ins:\n{done.stdout}")
    times = world.checked_in()
    acknowledged = int(answered[1])
    if set(times.values()) != {1} or not 0 <= len(times) - acknowledged <= CONNECTIONS:
        sys.exit(f"{acknowledged} were acknowledged, {len(times)} are checked in.")
    return float(found[1])


def _steady(world: World, convoca: str, per_second: float, seconds: int) -> dict[str, Any]:
    """How long people wait, in milliseconds, when they come at this rate."""
    world.clear()
    waits = _arrivals(convoca, world, per_second, seconds)
    if set(waits["statuses"]) != {"303"}:
        sys.exit(f"Answers at half the rate: {waits['statuses']}.")
    times = world.checked_in()
    paths = world.list.read_text().split("\n")[: waits["asked"]]
    lost = [path for path in paths if times.get(world.enrolments[path]) != 1]
    if lost or len(times) != len(paths):
        sys.exit(f"{len(lost)} of {len(paths)} that were acknowledged are not there once.")
    return waits


def _arrivals(url: str, world: World, per_second: float, seconds: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.arrivals", url, str(world.list)]
    command += [str(per_second), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def _world(folder: Path, env: dict[str, str], people: int) -> Iterator[World]:
    settings = Settings.from_environment(env)
    database = Database(settings.database_url)
    links = Links(secret_key("", settings.data_dir), "")
    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle)).one()
        session_id = db.exec(select(Session.id).where(Session.number == _SESSION)).one()
        ids = add_many(db, cycle, people)
    enrolments = {
        f"/my/{links.token(Purpose.MY, each)}/sessions/{_SESSION}/check-in": each for each in ids
    }
    script = folder / "walk.lua"
    script.write_text(_WALK)
    try:
        yield World(database, session_id, enrolments, folder / "paths", script)
    finally:
        database.close()
