"""Workers that issue certificates and are killed at any moment: nobody is left out or gets two."""

import random
import signal
import time
from collections import Counter
from datetime import timedelta

from sqlmodel import func, select

from app.db import Database
from app.models import Certificate, IssueRun, Message
from app.services import certificate_runs as runs
from app.worker.chores import Chores
from tests.forks import fork
from tests.services.attendance_world import OVER
from tests.services.certificate_world import OLGA, Certified

PEOPLE = 120
KILLS = 6


def _work(url: str, turn: int) -> None:
    runs.PIECE = 5
    database = Database(url)
    chores = Chores(database)
    now = OVER + turn * timedelta(minutes=2)
    while True:
        chores.look(now)
        with database.begin(writes=False) as db:
            if not db.exec(select(IssueRun).where(IssueRun.finished_at == None)).all():  # noqa: E711
                return
        now += timedelta(seconds=1)


def _count(database: Database) -> int:
    with database.begin(writes=False) as db:
        return db.exec(select(func.count()).select_from(Certificate)).one()


def test_six_kills(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        world = Certified(db)
        for number in range(PEOPLE):
            who = world.participant(f"P{number}")
            for session in (1, 2, 3):
                world.there(who, session)
        runs.begin(db, OLGA, world.cycle.id, OVER)
    url = real_database.engine.url.render_as_string(hide_password=False)
    chance = random.Random(3)
    killed = 0
    for turn in range(KILLS + 1):
        worker = fork(_work, url, turn)
        if turn < KILLS:
            until = _count(real_database) + 1
            deadline = time.monotonic() + 60
            while _count(real_database) < until and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(chance.random() * 0.01)
            worker.kill()
        worker.join(120)
        killed += worker.exitcode == -signal.SIGKILL
        worker.close()
    assert killed == KILLS
    with real_database.begin(writes=False) as db:
        rows = db.exec(select(Certificate.enrolment_id)).all()
        run = db.exec(select(IssueRun)).one()
        mails = db.exec(select(Message).where(Message.kind == "certificate")).all()
    assert set(Counter(rows).values()) == {1}
    assert (len(rows), run.issued, run.looked_at, run.left_out) == (
        PEOPLE + 2,
        PEOPLE + 2,
        PEOPLE + 3,
        1,
    )
    assert len(mails) == PEOPLE + 2
