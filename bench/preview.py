"""Showing what publishing would do to ten thousand people, in seconds of one core.

The reference is reading the same people and enrolments as plain rows, in the same process.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from fastapi.testclient import TestClient
from sqlmodel import col, select

from app.db import Database, DbSession
from app.main import create_app
from app.models import Cycle, Enrolment, Person, Session, User, now
from app.schemas.session import SessionChange
from app.services import accounts, invitations, sessions
from app.services.actor import SYSTEM
from app.settings import Settings
from app.web.security import COOKIE
from bench.application import prepare
from bench.people import add_participants

GOAL = 2.0  # seconds of one core
PEOPLE = 10_000
ROUNDS = 5


def measure(people: int = PEOPLE, rounds: int = ROUNDS) -> None:
    """Measures in a process of its own, and prints."""
    with tempfile.TemporaryDirectory(prefix="convoca-bench-") as folder:
        env = prepare(Path(folder))
        done = subprocess.run(
            [sys.executable, "-m", "bench.preview", str(people), str(rounds)],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    found = json.loads(done.stdout)
    for name in ("first", "moved"):
        ours, reference = found[name], found["reference"]
        middle = statistics.median(ours)
        print(
            f"{f'preview, {name}':24} {middle:5.2f} s of a core "
            f"({min(ours):.2f} to {max(ours):.2f})  goal {GOAL:.2f} "
            f"{'reached' if middle < GOAL else 'MISSED'};  {people} people; "
            f"{middle / statistics.median(reference):.1f} times reading their rows"
        )


def _measured(people: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of one core: of the page before anybody was invited, of the page when everybody is
    and each session has moved, and of the reference."""
    settings = Settings.from_environment()
    database = Database(settings.database_url)
    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle)).one()
        cycle_id, address = cycle.id, f"/organize/c/{cycle.slug}/publish"
        add_participants(db, cycle, people)
        cookie = accounts.start_sign_in(db, db.exec(select(User)).one().id, now())
    app = create_app(settings, database=database)
    with TestClient(app, base_url=settings.base_url) as browser:
        browser.cookies.set(COOKIE, cookie)

        def look() -> None:
            shown = browser.get(address)
            if shown.status_code != 200:
                sys.exit(f"{address} answers {shown.status_code}.")

        _move(database)
        look()
        found = {"first": _seconds(look, rounds)}
        with database.begin(writes=True) as db:
            invitations.bring_up_to_date(db, SYSTEM, cycle_id, now())
        look()
        found["moved"] = _seconds(look, rounds)
    with database.begin(writes=False) as db:
        found["reference"] = _seconds(lambda: _rows(db, cycle_id), rounds)
    database.close()
    return found


def _move(database: Database) -> None:
    with database.begin(writes=True) as db:
        for session in list(db.exec(select(Session).order_by(col(Session.number)))):
            change = SessionChange(wall_start=session.wall_start + timedelta(hours=1))
            sessions.change_session(db, SYSTEM, session.id, change)


def _rows(db: DbSession, cycle_id: str) -> None:
    tables = Enrolment.__table__.join(Person.__table__)  # type: ignore[attr-defined]
    query = tables.select().where(col(Enrolment.cycle_id) == cycle_id)
    db.connection().execute(query).all()


def _seconds(deed: Callable[[], None], rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        deed()
        taken.append(time.process_time() - begun)
    return taken


if __name__ == "__main__":
    print(json.dumps(_measured(int(sys.argv[1]), int(sys.argv[2]))))
