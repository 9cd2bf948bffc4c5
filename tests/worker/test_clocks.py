"""Clocks that stand still, jump, or were ahead once: no mail goes twice, none stays for ever."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.mail.failures import Reason, SendError
from app.models import MailPace, Message
from app.services import outbox
from app.services.actor import SYSTEM
from app.services.links import Links
from app.worker import claims, pace
from app.worker.clocks import Clock
from app.worker.loop import Worker
from app.worker.pace import Limits, Place
from tests.worker.test_lanes import _claim, _queue
from tests.worker.test_worker import LATER, SENDER, Fake, queue, rows

YEAR = timedelta(days=365)


def _jumping(worker_clock: list[datetime]) -> Callable[[], datetime]:
    return lambda: worker_clock[0]


@pytest.mark.parametrize("jump", [timedelta(minutes=10), timedelta(hours=-2)])
def test_a_worker_whose_clock_jumps_lets_go_of_what_it_has(
    real_database: Database, links: Links, jump: timedelta
) -> None:
    """It was suspended, or its clock was set: to others its leases have ended, or are too long to
    be true. They take the mails while it has them; it must not send them too."""
    queue(real_database, 6)
    clock = [LATER]
    stopped, other = Fake(), Fake()

    def jump_and_let_the_other_work(to: str) -> None:
        if to == "p1@example.org" and clock[0] == LATER:
            clock[0] += jump
            Worker(real_database, links, other, SENDER, clock=_jumping(clock)).run_once()

    stopped.before = jump_and_let_the_other_work
    worker = Worker(real_database, links, stopped, SENDER, clock=_jumping(clock))
    worker.run_once()
    # The one that it was about to send when the clock jumped goes twice, as after a kill.
    assert [to for to, _ in stopped.sent] == ["p0@example.org", "p1@example.org"]
    came = sorted(to for to, _ in other.sent)
    due = jump > timedelta()
    assert came == ([f"p{n}@example.org" for n in range(1, 6)] if due else [])


def test_the_clock_is_read_for_each_round(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.loop.BATCH", 5)
    queue(database, 12)
    clock = [LATER]
    transport = Fake()

    def slowly(to: str) -> None:
        if to == "p4@example.org":
            clock[0] += timedelta(hours=3)

    transport.before = slowly
    leases: list[datetime] = []
    claim = claims.claim

    def note(db: DbSession, *how: object, **more: object) -> claims.Claim:
        found = claim(db, *how, **more)  # type: ignore[arg-type]
        leases.extend({m.leased_until for m in found.messages if m.leased_until})
        return found

    monkeypatch.setattr(claims, "claim", note)
    assert Worker(database, links, transport, SENDER, clock=_jumping(clock)).run_once() == 12
    assert leases[:2] == [LATER + claims.LEASE, LATER + timedelta(hours=3) + claims.LEASE]


def test_a_machine_learns_the_time_from_the_database(real_database: Database) -> None:
    """Its own clock is an hour behind. Beside SQLite there is no other."""

    def real() -> datetime:
        return datetime.now(UTC)  # as the server's is, which knows nothing of the tests' clock

    [message_id] = queue(real_database, 1)
    server = real_database.engine.dialect.name == "postgresql"
    clock = Clock(lambda: real() - timedelta(hours=1))
    near = timedelta(seconds=30)
    assert abs(real() - timedelta(hours=1) - clock()) < near
    right = timedelta(0) if server else timedelta(hours=1)
    with real_database.jotting() as jot:
        clock.hear(claims.record_sent(jot, "nobody", LATER))
        assert abs(real() - timedelta(hours=1) - clock()) < near
        clock.hear(claims.record_sent(jot, message_id, LATER))
    assert abs(real() - right - clock()) < near
    with real_database.begin(writes=False) as db:
        assert abs(real() - right - Clock(lambda: real() - timedelta(hours=1)).ask(db)) < near


def test_a_lease_of_a_clock_that_was_ahead_does_not_hold(
    real_database: Database, links: Links
) -> None:
    queue(real_database, 1)
    with real_database.begin(writes=True) as db:
        claims.claim(db, "dead", "example.org", LATER + YEAR, 10)
    transport = Fake()
    assert Worker(real_database, links, transport, SENDER).run_once(LATER) == 1
    assert [(m.status, m.leased_by) for m in rows(real_database)] == [("sent", "")]


def test_nor_does_it_hold_up_its_lane(db: DbSession) -> None:
    _queue(db, "a1")
    assert _claim(db, "dead", LATER + YEAR) == ["a1"]
    _queue(db, "a2")
    assert claims.something_is_due(db, LATER)
    assert _claim(db) == ["a2"]


def test_a_clock_that_is_a_little_ahead_is_believed(db: DbSession) -> None:
    _queue(db, "a1")
    assert _claim(db, "ahead", LATER + timedelta(seconds=59)) == ["a1"]
    assert _claim(db) == []
    assert _claim(db, now=LATER + claims.LEASE) == []
    assert _claim(db, now=LATER + claims.LEASE + timedelta(minutes=1)) == ["a1"]


@pytest.mark.parametrize(("ahead", "kept"), [(timedelta(0), "w"), (YEAR, "")])
def test_sending_again_ends_such_a_lease(db: DbSession, ahead: timedelta, kept: str) -> None:
    message_id = _queue(db, "a1")
    _claim(db, "w", LATER + ahead)
    message = outbox.retry(db, SYSTEM, message_id, LATER)
    assert (message.leased_by, message.leased_until is None) == (kept, not kept)
    assert db.exec(select(Message.due_at)).one() == LATER


def test_places_of_a_clock_that_was_ahead_do_not_fill_the_hour(db: DbSession) -> None:
    limits = Limits("x:25", None, 20)
    for _ in range(19):
        assert pace.reserve(db, limits, LATER + YEAR).taken
    assert not pace.reserve(db, limits, LATER + YEAR).taken
    assert [pace.reserve(db, limits, LATER) for _ in range(19)] == [Place(LATER)] * 19
    assert not pace.reserve(db, limits, LATER).taken
    assert sum(db.exec(select(MailPace)).one().recent.values()) == 19


def test_a_connection_that_took_too_long_sends_nothing(database: Database, links: Links) -> None:
    """The lease of its mails has ended by the time that the server can be spoken to again."""
    queue(database, 4)
    clock, opened = [LATER], list[int]()

    class Reconnecting(Fake):
        def open(self, stopped: Callable[[], bool] = lambda: False) -> None:
            opened.append(1)
            if len(opened) == 4:  # before the round, and for each of three mails
                clock[0] += claims.LEASE

    transport = Reconnecting()
    worker = Worker(database, links, transport, SENDER, clock=_jumping(clock))
    assert worker.run_once() == 4
    assert [to for to, _ in transport.sent] == [f"p{n}@example.org" for n in range(4)]
    # The third was given back, and taken again under a new lease, before it went.
    assert len(opened) == 4 + 1 + 2


def test_who_is_stopped_while_connecting_charges_nobody(database: Database, links: Links) -> None:
    queue(database, 3)
    stop = threading.Event()

    class Silent(Fake):
        def open(self, stopped: Callable[[], bool] = lambda: False) -> None:
            if len(self.sent) == 1:
                stop.set()
                assert stopped()
                raise SendError(Reason.UNREACHABLE, connection=True)

    worker = Worker(database, links, Silent(), SENDER, clock=lambda: LATER)
    worker.run(stop)
    assert [(m.status, m.attempts, m.leased_by) for m in rows(database)] == [
        ("sent", 1, ""),
        ("queued", 0, ""),
        ("queued", 0, ""),
    ]
