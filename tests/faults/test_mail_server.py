"""A mail server that refuses, is slow, hangs, closes, or is away for a day; the clock is moved."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlmodel import col, select

from app.db import Database
from app.mail.failures import Reason
from app.mail.transport import SmtpTransport
from app.models import Cycle, Message
from app.services import outbox
from app.services.actor import SYSTEM
from app.services.failed_mail import failed_by_reason
from app.services.links import Links
from app.services.mail_progress import progress
from app.worker.backoff import GIVE_UP_AFTER
from app.worker.loop import Worker
from app.worker.pace import Limits
from tests.faults.installation import free_port
from tests.mail.smtp_peer import Behaviour, smtp_peer
from tests.worker.test_worker import LATER, SENDER, queue, rows

P0, P1 = "p0@example.org", "p1@example.org"
TIMEOUT = 1.0
Say = Callable[[str], None]


def _worker(database: Database, links: Links, port: int, **values: object) -> Worker:
    transport = SmtpTransport(f"smtp://127.0.0.1:{port}", timeout=TIMEOUT)
    limits = Limits(f"127.0.0.1:{port}")
    return Worker(database, links, transport, SENDER, limits=limits, **values)  # type: ignore[arg-type]


def _until_nothing_waits(worker: Worker, database: Database, now: datetime) -> datetime:
    """Has it work whenever something is due, as it does by itself; when the last was."""
    end = now + GIVE_UP_AFTER
    while waiting := [m.due_at for m in rows(database) if m.status == "queued"]:
        now = max(now, min(waiting))
        assert now <= end, "it is tried for longer than is said"
        worker.run_once(now)
        now += timedelta(seconds=1)
    return now


def _told(database: Database) -> dict[str, int]:
    """What organizers are told of mails that were given up: how many, by the reason."""
    with database.begin(writes=False) as db:
        return {why: number for (_, why), number in failed_by_reason(db, SYSTEM, LATER).items()}


def _states(database: Database) -> dict[str, tuple[str, str]]:
    return {m.to_address: (m.status, m.last_error.partition(":")[0]) for m in rows(database)}


REFUSALS = [
    ("connect", "421 4.3.2 not now", Reason.UNREACHABLE, True),
    ("connect", "554 5.3.2 no service", Reason.UNREACHABLE, True),
    ("mail", "451 4.7.1 later", Reason.DELAYED, True),
    ("mail", "550 5.7.1 not from you", Reason.SENDER, True),
    ("rcpt", "450 4.2.1 greylisted", Reason.DELAYED, True),
    ("rcpt", "550 5.1.1 nobody of that name", Reason.REFUSED, False),
    ("data", "452 4.3.1 no room", Reason.DELAYED, True),
    ("data", "550 5.7.1 spam", Reason.REFUSED, False),
]
"""At which step what is answered, why it then is, and whether it is tried again."""


def _behaviour(step: str, reply: str) -> Behaviour:
    """To everybody where the step is about the server, else to the first only."""
    match step:
        case "connect":
            return Behaviour(connect=reply)
        case "mail":
            return Behaviour(mail=reply)
        case "rcpt":
            return Behaviour(rcpt={P0: reply})
    return Behaviour(data={P0: reply})


@pytest.mark.parametrize(("step", "reply", "reason", "again"), REFUSALS)
def test_each_step_refused(
    real_database: Database,
    links: Links,
    did: Say,
    step: str,
    reply: str,
    reason: Reason,
    again: bool,
) -> None:
    queue(real_database, 2)
    general = step in ("connect", "mail")
    with smtp_peer(_behaviour(step, reply)) as peer:
        worker = _worker(real_database, links, peer.port)
        worker.run_once(LATER)
        state = ("queued" if again else "failed", reason.value)
        assert _states(real_database) == {P0: state, P1: state if general else ("sent", "")}
        peer.behaviour.__dict__.update(Behaviour().__dict__)  # it thinks better of it
        _until_nothing_waits(worker, real_database, LATER + timedelta(minutes=1))
    ended = ("sent", "") if again else state
    assert _states(real_database) == {P0: ended, P1: ("sent", "")}
    assert Counter(peer.recipients) == {P1: 1} | ({P0: 1} if again else {})
    assert _told(real_database) == ({} if again else {reason.value: 1})
    came = "came once" if again else "was given up and told of"
    did(f"{reply[:5].strip()} at {step}: the mail {came}, its neighbour came once")


def test_a_refusal_that_lasts_is_given_up_and_told(
    real_database: Database, links: Links, did: Say
) -> None:
    queue(real_database, 2)
    with smtp_peer(Behaviour(rcpt={P0: "450 4.2.1 later"})) as peer:
        worker = _worker(real_database, links, peer.port)
        ended = _until_nothing_waits(worker, real_database, LATER)
    assert _states(real_database) == {P0: ("failed", Reason.DELAYED), P1: ("sent", "")}
    tries = {m.to_address: m.attempts for m in rows(real_database)}[P0]
    assert 20 <= tries <= 30
    assert timedelta(hours=60) < ended - LATER <= GIVE_UP_AFTER
    assert _told(real_database) == {"delayed": 1}
    did(f"4xx for ever: {tries} tries in {(ended - LATER) // timedelta(hours=1)} h, then told of")


def test_slow(real_database: Database, links: Links, did: Say) -> None:
    """Two workers at once at a server that takes its time for each answer."""
    count = 24
    queue(real_database, count)
    with smtp_peer(Behaviour(slow=0.05)) as peer:
        workers = [_worker(real_database, links, peer.port) for _ in range(2)]
        threads = [threading.Thread(target=each.run_once, args=(LATER,)) for each in workers]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        while any(m.status == "queued" for m in rows(real_database)):  # one gave some back
            workers[0].run_once(LATER)
    assert Counter(peer.recipients) == {f"p{n}@example.org": 1 for n in range(count)}
    assert {m.status for m in rows(real_database)} == {"sent"}
    took = time.monotonic() - begun
    did(f"{count} mails over a slow server, two workers: {took:.1f} s, each once")


def test_the_outcome_is_not_known(real_database: Database, links: Links, did: Say) -> None:
    """It keeps a mail and hangs, or closes, before it says so: only a repeat is safe."""
    hangs, drops = "p2@example.org", "p4@example.org"
    queue(real_database, 6)
    behaviour = Behaviour(hang_after_data=frozenset({hangs}), drop_in_data=frozenset({drops}))
    with smtp_peer(behaviour) as peer:
        worker = _worker(real_database, links, peer.port)
        now = LATER
        while not {hangs, drops} <= set(peer.recipients):
            worker.run_once(now)
            now += timedelta(minutes=2)
        peer.behaviour.__dict__.update(Behaviour().__dict__)
        _until_nothing_waits(worker, real_database, now)
    times = Counter(peer.recipients)
    assert times.keys() == {f"p{n}@example.org" for n in range(6)}
    assert {to for to, number in times.items() if number > 1} == {hangs, drops}
    for to in (hangs, drops):
        same = {raw for raw, each in zip(peer.raw, peer.recipients, strict=True) if each == to}
        assert len(same) == 1  # with one Message-ID: whoever gets it twice sees one
    assert {m.status for m in rows(real_database)} == {"sent"}
    assert _told(real_database) == {}
    did(f"hanging or closing after DATA: {times[hangs]} and {times[drops]} copies, byte for byte")


def test_it_closes_midway(real_database: Database, links: Links, did: Say) -> None:
    queue(real_database, 6)
    with smtp_peer(Behaviour(drop_before_data=frozenset({P0, "p3@example.org"}))) as peer:
        worker = _worker(real_database, links, peer.port)
        worker.run_once(LATER)
        peer.behaviour.__dict__.update(Behaviour().__dict__)
        _until_nothing_waits(worker, real_database, LATER + timedelta(minutes=1))
    assert Counter(peer.recipients) == {f"p{n}@example.org": 1 for n in range(6)}
    did("closing before DATA, twice among six: each came once")


class Ticking(threading.Event):
    """Whoever waits for it is not kept: the clock moves on instead. Set once it shows `until`."""

    def __init__(self, now: datetime, until: datetime) -> None:
        super().__init__()
        self.now, self.until = now, until

    def clock(self) -> datetime:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timedelta(seconds=timeout or 0)
        if self.now >= self.until:
            self.set()
        return self.is_set()


def test_down_for_a_day(real_database: Database, links: Links, did: Say) -> None:
    """26 hours with nobody there, as the worker lives through them; then it is there."""
    count, port, hours = 12, free_port(), 26
    queue(real_database, count)
    with real_database.begin(writes=True) as db:
        last = db.exec(select(Message).order_by(col(Message.created_at).desc())).first()
        assert last is not None
        values = {k: getattr(last, k) for k in ("to_name", "language", "context", "cycle_id")}
        for name, lasts in (("soon", 2), ("later", 40)):
            outbox.enqueue(
                db, kind=last.kind, intent=name, to_address=f"{name}@example.org", now=LATER,
                expires_at=LATER + timedelta(hours=lasts), **values,
            )  # fmt: skip
    away = Ticking(LATER, LATER + timedelta(hours=hours))
    limits = Limits(f"127.0.0.1:{port}")
    worker = _worker(real_database, links, port, clock=away.clock, poll=60.0)
    begun = time.monotonic()
    worker.run(away)
    tries = {m.attempts for m in rows(real_database) if m.status == "queued"}
    assert max(tries) <= 16  # a minute, doubled, four hours at most
    with real_database.begin(writes=False) as db:
        cycle = db.exec(select(Cycle.id)).one()
        pause = progress(db, cycle, None, away.now, limits).pause
        assert pause is not None
        assert pause.why == Reason.UNREACHABLE
        assert pause.since is not None  # organizers are told since when, and of the next attempt
        assert pause.since - LATER < timedelta(minutes=1)
        assert pause.until == min(m.due_at for m in rows(real_database) if m.status == "queued")
    with smtp_peer(port=port) as peer:
        back = Ticking(away.now, away.now + timedelta(hours=5))
        again = _worker(real_database, links, port, clock=back.clock, poll=60.0)
        again.run(back)
    expected = {f"p{n}@example.org": 1 for n in range(count)} | {"later@example.org": 1}
    assert Counter(peer.recipients) == expected
    assert _states(real_database) == dict.fromkeys(expected, ("sent", "")) | {
        "soon@example.org": ("expired", "over")
    }
    sent = [m.sent_at for m in rows(real_database) if m.sent_at is not None]
    waited = max(sent) - back.until + timedelta(hours=5)
    assert waited < timedelta(hours=4, minutes=5)
    with real_database.begin(writes=False) as db:
        assert progress(db, cycle, None, back.now, limits).pause is None
    took = time.monotonic() - begun
    did(
        f"nobody there for {hours} h ({took:.0f} s of ours): {max(tries)} tries "
        f"of each, then {len(expected)} came once within {waited}, one was over and did not go"
    )
