"""Building and delivering ten thousand invitations, against a loop that only delivers.

The reference sends the same number of mails that are there already, of the same size, over one
connection too, to the same server, with the standard library's smtplib.
"""

import contextlib
import json
import os
import resource
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlalchemy import update
from sqlmodel import col, func, select

from app import schema_version
from app.db import Database
from app.mail.values import Sender
from app.models import Cycle, Message, Session, now
from app.services import demo, invitations, outbox
from app.services.actor import SYSTEM
from app.services.links import Links
from app.services.secret_key import secret_key
from app.settings import Settings
from app.worker import loop
from app.worker.batch import Outcome
from app.worker.composer import Composer
from bench.people import add_participants

GOAL = 0.5
GROWTH = 1.1  # memory at the end, relative to that after the first thousand
MAILS = 10_000
EARLY = 1_000
ROUNDS = 3
_SAMPLE = 200
_INVITATIONS = col(Message.kind) == outbox.INVITATION


@dataclass(frozen=True)
class Round:
    """What one round has shown: mails in a second, megabytes."""

    ours: float
    reference: float
    early: float
    late: float
    size: float  # bytes of a mail

    @property
    def ratio(self) -> float:
        """Of the worker to the loop."""
        return self.ours / self.reference

    @property
    def growth(self) -> float:
        """Of the memory."""
        return self.late / self.early


def measure(mails: int = MAILS, rounds: int = ROUNDS) -> None:
    """Measures, and prints the ratio and the memory."""
    found = sorted((_round(mails) for _ in range(rounds)), key=lambda r: r.ratio)
    middle = found[len(found) // 2]
    most = max(found, key=lambda r: r.growth)
    print(
        f"{f'{mails} invitations':24} {middle.ratio:5.2f} "
        f"({found[0].ratio:.2f} to {found[-1].ratio:.2f})  goal {GOAL:.2f} "
        f"{'reached' if middle.ratio >= GOAL else 'MISSED'};  "
        f"{middle.ours:6.0f} mails/s of {middle.size / 1000:.0f} kB, those that were there already "
        f"{middle.reference:.0f}"
    )
    print(
        f"{'their memory':24} {most.growth:5.2f} (the most of {rounds} rounds)  goal {GROWTH:.2f} "
        f"{'reached' if most.growth <= GROWTH else 'MISSED'};  "
        f"{most.early:.0f} MB after {EARLY}, {most.late:.0f} MB after {mails}"
    )


def _round(mails: int) -> Round:
    with tempfile.TemporaryDirectory(prefix="convoca-bench-") as folder, _sink() as sink:
        port = int(_line(sink))
        env = {
            "CONVOCA_DATA_DIR": folder,
            "CONVOCA_SMTP_URL": f"smtp://127.0.0.1:{port}",
            "CONVOCA_BASE_URL": "https://convoca.example.org",
            "CONVOCA_MAIL_FROM": "training@example.org",
        }
        if os.environ.get("CONVOCA_DATABASE_URL"):
            env["CONVOCA_DATABASE_URL"] = os.environ["CONVOCA_DATABASE_URL"]
        _run("prepare", env, mails)
        before = _run("reference", env, mails)
        ours = _run("worker", env, mails)
        after = _run("reference", env, mails)
        taken, size = map(int, _line(sink, ask=True).split())
    if taken != 3 * mails:
        sys.exit(f"The server took {taken} mails instead of {3 * mails}.")
    reference = (before["rate"] + after["rate"]) / 2
    return Round(ours["rate"], reference, ours["early"], ours["late"], size / taken)


@contextlib.contextmanager
def _sink() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "bench.sink"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def _line(process: "subprocess.Popen[str]", *, ask: bool = False) -> str:
    if ask:
        _pipe(process.stdin).write("\n")
        _pipe(process.stdin).flush()
    return _pipe(process.stdout).readline()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _run(what: str, env: dict[str, str], mails: int) -> dict[str, float]:
    """In a process of its own, so that its memory is its own too."""
    command = [sys.executable, "-m", "bench.invitations", what, str(mails)]
    done = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _prepare(mails: int) -> dict[str, float]:
    """The demonstration with so many participants more that inviting all of them to all of its
    sessions takes ten thousand mails, and those in the outbox; nothing else waits."""
    settings = Settings.from_environment()
    database = Database(settings.database_url)
    schema_version.upgrade(database.engine)
    with database.begin(writes=True) as db:
        demo.load(db, now(), organizer_email="organizer@example.org")
        cycle = db.exec(select(Cycle)).one()
        to_come = select(func.count()).select_from(Session).where(col(Session.ends_at) > now())
        sessions = db.exec(to_come.where(Session.status != "cancelled")).one()
        add_participants(db, cycle, -(-mails // sessions))
        invitations.bring_up_to_date(db, SYSTEM, cycle.id, now())
        wanted = db.exec(
            select(Message.id).where(_INVITATIONS).order_by(col(Message.id).desc()).limit(mails)
        ).all()
        others = col(Message.id).not_in(
            select(Message.id).where(_INVITATIONS, col(Message.id) >= wanted[-1])
        )
        db.connection().execute(
            update(Message)
            .where(others, col(Message.status) == "queued")
            .values(status="superseded")
        )
    database.close()
    if len(wanted) != mails:
        sys.exit(f"{len(wanted)} invitations wait instead of {mails}.")
    return {}


def _worker(mails: int) -> dict[str, float]:
    """One worker, as `convoca worker` has it, until nothing waits."""
    settings = Settings.from_environment()
    database = Database(settings.database_url)
    links = Links(secret_key("", settings.data_dir), settings.base_url)
    worker = loop.worker_for(settings, database, links)
    memory: list[float] = []
    sent = 0
    learn = worker._learn
    writer = worker._desk.writer

    def watch(outcome: Outcome, seconds: float) -> None:
        nonlocal sent
        sent += outcome.sent
        # From when the second process is there, too: before, there is less to compare with.
        if sent >= EARLY and writer and writer._process and writer._ready:
            memory.append(_resident() + _resident(writer._process.pid))
        learn(outcome, seconds)

    worker._learn = watch  # type: ignore[method-assign]
    begun = time.perf_counter()
    tried = worker.run_once()
    took = time.perf_counter() - begun
    if (tried, sent) != (mails, mails):
        sys.exit(f"{tried} mails were tried and {sent} sent, instead of {mails}.")
    return {"rate": mails / took, "early": memory[0], "late": memory[-1]}


def _resident(process: int | str = "self") -> float:
    """Megabytes of a process in memory now (Linux), or of this one at most so far."""
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _reference(mails: int) -> dict[str, float]:
    """What a loop with smtplib takes."""
    settings = Settings.from_environment()
    database = Database(settings.database_url)
    links = Links(secret_key("", settings.data_dir), settings.base_url)
    sender = Sender(settings.mail_from, settings.mail_from_name)
    composer = Composer(database, links, sender)
    with database.begin(writes=False) as db:
        # Some of all of them, so that they are as long as all are.
        query = select(Message).where(_INVITATIONS, Message.status != "superseded")
        rows = db.exec(query.order_by(col(Message.id))).all()[:: max(1, mails // _SAMPLE)]
        built = [(m.to_address, composer.compose(m, now()).raw) for m in rows]
    composer.close()
    port = int(settings.smtp_url.rpartition(":")[2])
    begun = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for n in range(mails):
            recipient, raw = built[n % len(built)]
            smtp.sendmail(settings.mail_from, [recipient], raw)
    return {"rate": mails / (time.perf_counter() - begun)}


if __name__ == "__main__":
    what, count = sys.argv[1:] if len(sys.argv) == 3 else ("measure", str(MAILS))
    if what == "measure":
        measure(int(count))
    else:
        deeds = {"prepare": _prepare, "worker": _worker, "reference": _reference}
        print(json.dumps(deeds[what](int(count))))
