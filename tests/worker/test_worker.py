"""The worker: what is due goes out once, what fails comes back, nothing holds up the rest."""

import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.mail.failures import Reason, SendError
from app.mail.transport import SmtpTransport
from app.mail.values import Mail, Sender
from app.models import Message
from app.services import accounts, outbox
from app.services.actor import SYSTEM
from app.services.links import Links
from app.worker import claims, loop
from app.worker.backoff import GIVE_UP_AFTER, delay
from app.worker.loop import Worker
from tests.factories import NOW, Make
from tests.mail.smtp_peer import Behaviour, smtp_peer

SENDER = Sender("convoca@example.org", "Convoca")


class Fake:
    """A transport that notes what it gets, and fails where it is told to."""

    def __init__(self, failures: dict[str, Exception] | None = None) -> None:
        self.failures = failures or {}
        self.sent: list[tuple[str, str]] = []
        self.before: Callable[[str], None] = lambda _: None
        self.away: SendError | None = None
        self.closed = 0

    def send(
        self,
        mail: Mail,
        *,
        name: str,
        sender: str,
        recipient: str,
        meanwhile: Callable[[], None] = lambda: None,
        slow: Callable[[], None] = lambda: None,
    ) -> None:
        self.before(recipient)
        if recipient in self.failures:
            raise self.failures[recipient]
        message = message_from_bytes(mail.raw, EmailMessage, policy=default)
        self.sent.append((recipient, message["Message-ID"]))
        meanwhile()

    def announce(self, mail: Mail, *, sender: str, recipient: str) -> None:
        pass

    def open(self, stopped: Callable[[], bool] = lambda: False) -> None:
        if self.away is not None:
            raise self.away

    def close(self) -> None:
        self.closed += 1


def queue(database: Database, count: int, now: datetime = NOW) -> list[str]:
    """Queues mails to p0@example.org and so on; their ids."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        ids = []
        for n in range(count):
            enrolment = make.enrolment(cycle, make.person(email=f"p{n}@example.org"))
            message = outbox.enqueue(
                db,
                kind="enrolment-confirmed",
                intent=f"intent {n}",
                to_name=enrolment.name,
                to_address=f"p{n}@example.org",
                language="es",
                context={"enrolment_id": enrolment.id},
                cycle_id=cycle.id,
                now=now + timedelta(seconds=n),
            )
            ids.append(message.id)
        return ids


def rows(database: Database) -> list[Message]:
    with database.begin(writes=False) as db:
        return list(db.exec(select(Message).order_by(Message.created_at)))  # type: ignore[arg-type]


LATER = NOW + timedelta(minutes=5)


def test_what_is_due_goes_out_in_order(database: Database, links: Links) -> None:
    ids = queue(database, 45)
    transport = Fake()
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == 45
    assert transport.sent == [(f"p{n}@example.org", f"<{ids[n]}@example.org>") for n in range(45)]
    found = rows(database)
    assert {(m.status, m.attempts, m.leased_by, m.leased_until) for m in found} == {
        ("sent", 1, "", None)
    }
    assert all(m.sent_at is not None and m.sent_at >= LATER for m in found)
    assert worker.run_once(LATER) == 0
    assert transport.closed == 2


def test_what_is_not_due_waits(database: Database, links: Links) -> None:
    queue(database, 1, LATER + timedelta(seconds=30))
    transport = Fake()
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == 0
    assert worker.run_once(LATER + timedelta(seconds=31)) == 1


def test_sign_in_links_go_first(database: Database, links: Links) -> None:
    queue(database, 3)
    with database.begin(writes=True) as db:
        accounts.add_user(db, "Olga", "olga@example.org")
        accounts.request_link(db, "olga@example.org", NOW + timedelta(minutes=1))
    transport = Fake()
    Worker(database, links, transport, SENDER).run_once(LATER)
    assert transport.sent[0][0] == "olga@example.org"


def test_who_signs_in_does_not_wait_for_a_slow_server(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was quick, so many mails are taken at once; then each takes it a second and a half."""
    monkeypatch.setattr("app.worker.loop.BATCH", 100)
    queue(database, 60)
    ticks = [0.0]
    monkeypatch.setattr("app.worker.batch.time.monotonic", lambda: ticks[0])
    transport = Fake()

    def slowly(to: str) -> None:
        ticks[0] += 1.5
        if to == "p0@example.org":
            with database.begin(writes=True) as db:
                accounts.add_user(db, "Olga", "olga@example.org")
                accounts.request_link(db, "olga@example.org", NOW)

    transport.before = slowly
    assert Worker(database, links, transport, SENDER).run_once(LATER) == 61
    assert [to for to, _ in transport.sent].index("olga@example.org") == 3
    assert {(m.status, m.attempts) for m in rows(database)} == {("sent", 1)}


def test_a_bad_mail_does_not_hold_up_the_others(database: Database, links: Links) -> None:
    ids = queue(database, 5)
    with database.begin(writes=True) as db:
        gone = db.get(Message, ids[0])
        assert gone is not None
        gone.context = {"enrolment_id": "nobody"}
    refused = SendError(Reason.REFUSED, "550 no", final=True)
    mistake = KeyError("of ours")
    transport = Fake({"p1@example.org": mistake, "p2@example.org": refused})
    assert Worker(database, links, transport, SENDER).run_once(LATER) == 5
    assert [to for to, _ in transport.sent] == ["p3@example.org", "p4@example.org"]
    assert [(m.status, m.attempts, m.last_error) for m in rows(database)] == [
        ("failed", 1, "gone: "),
        ("queued", 1, "writing: KeyError"),
        ("failed", 1, "refused: 550 no"),
        ("sent", 1, ""),
        ("sent", 1, ""),
    ]


def test_later_means_later_and_later(database: Database, links: Links) -> None:
    queue(database, 1)
    failures: dict[str, Exception] = {"p0@example.org": SendError(Reason.DELAYED, "451 later")}
    transport = Fake(failures)
    worker = Worker(database, links, transport, SENDER)
    now, waits = LATER, []
    while worker.run_once(now):
        [message] = rows(database)
        if message.status == "failed":
            break
        waits.append(round((message.due_at - now) / timedelta(minutes=1)))
        assert worker.run_once(message.due_at - timedelta(seconds=1)) == 0
        now = message.due_at + timedelta(seconds=1)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, *[240] * 16]
    assert timedelta(hours=68) < now - LATER <= GIVE_UP_AFTER
    [message] = rows(database)
    assert (message.status, message.attempts) == ("failed", 25)
    failures.clear()
    with database.begin(writes=True) as db:
        outbox.retry(db, SYSTEM, message.id, now)
    assert worker.run_once(now) == 1
    assert transport.sent == [("p0@example.org", message.message_id)]


def test_backoff_ends_within_72_hours() -> None:
    total, n = timedelta(), 1
    while (wait := delay(n)) is not None:
        total += wait
        n += 1
    assert GIVE_UP_AFTER - timedelta(hours=4) < total <= GIVE_UP_AFTER


def test_a_server_that_is_away_is_asked_once(database: Database, links: Links) -> None:
    queue(database, 30)
    asked: list[str] = []
    away = SendError(Reason.UNREACHABLE, "Connection refused", connection=True)
    transport = Fake({f"p{n}@example.org": away for n in range(30)})
    transport.before = asked.append
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == loop.BATCH
    assert asked == ["p0@example.org"]
    found = rows(database)
    assert {(m.status, m.attempts, m.last_error, m.leased_by) for m in found[: loop.BATCH]} == {
        ("queued", 1, "unreachable: Connection refused", "")
    }
    assert {(m.status, m.attempts, m.leased_by) for m in found[loop.BATCH :]} == {("queued", 0, "")}
    transport.failures.clear()
    assert worker.run_once(LATER + timedelta(minutes=2)) == 30
    assert len(transport.sent) == 30


def test_one_lost_connection_is_the_mails_two_are_the_servers(
    database: Database, links: Links
) -> None:
    queue(database, 5)
    lost = SendError(Reason.DROPPED, connection=True)
    transport = Fake({"p0@example.org": lost, "p2@example.org": lost, "p3@example.org": lost})
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == 4
    assert [to for to, _ in transport.sent] == ["p1@example.org"]
    assert [(m.status, m.attempts, m.leased_by) for m in rows(database)] == [
        ("queued", 1, ""),
        ("sent", 1, ""),
        ("queued", 1, ""),
        ("queued", 1, ""),
        ("queued", 0, ""),
    ]
    transport.failures.clear()
    assert worker.run_once(LATER + timedelta(minutes=2)) == 4


def test_a_server_that_wants_us_to_go_away_is_left_alone(database: Database, links: Links) -> None:
    """It says 421 to each mail: nobody is charged but the two that it took to find out."""
    queue(database, 30)
    enough = SendError(Reason.DELAYED, "421 4.7.0 slow down", connection=True)
    asked: list[str] = []
    transport = Fake({f"p{n}@example.org": enough for n in range(30)})
    transport.before = asked.append
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == 2
    assert worker.run_once(LATER + timedelta(seconds=5)) == 1
    assert asked == ["p0@example.org", "p1@example.org", "p2@example.org"]
    assert [(m.status, m.attempts, m.leased_by) for m in rows(database)] == [
        *[("queued", 1, "")] * 3,
        *[("queued", 0, "")] * 27,
    ]
    transport.failures.clear()
    assert worker.run_once(LATER + timedelta(minutes=2)) == 30


def test_a_server_that_takes_so_many_on_a_line_gets_another_line(
    database: Database, links: Links
) -> None:
    queue(database, 3)
    enough = SendError(Reason.DELAYED, "421 4.7.0 that is enough", connection=True)
    transport = Fake({"p1@example.org": enough})
    assert Worker(database, links, transport, SENDER).run_once(LATER) == 3
    assert [to for to, _ in transport.sent] == ["p0@example.org", "p2@example.org"]


def test_a_server_that_is_not_there_is_found_out_before_a_mail_is_made(
    database: Database, links: Links
) -> None:
    queue(database, 3)
    transport = Fake()
    transport.away = SendError(Reason.LOGIN, "535", connection=True)
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == 3
    assert {(m.status, m.attempts, m.last_error, m.leased_by) for m in rows(database)} == {
        ("queued", 1, "login: 535", "")
    }
    transport.away = None
    assert worker.run_once(LATER + timedelta(minutes=2)) == 3
    assert len(transport.sent) == 3


def test_stop_finishes_the_mail_at_hand_and_gives_back_the_rest(
    database: Database, links: Links
) -> None:
    queue(database, 5)
    stop = threading.Event()
    transport = Fake()
    transport.before = lambda to: stop.set() if to == "p1@example.org" else None
    Worker(database, links, transport, SENDER, clock=lambda: LATER).run(stop)
    assert [to for to, _ in transport.sent] == ["p0@example.org", "p1@example.org"]
    assert [(m.status, m.leased_by, m.leased_until) for m in rows(database)] == [
        ("sent", "", None),
        ("sent", "", None),
        *[("queued", "", None)] * 3,
    ]


def test_a_lease_runs_out(database: Database, links: Links) -> None:
    queue(database, 2)
    with database.begin(writes=True) as db:
        taken = claims.claim(db, "a worker that dies", "example.org", LATER, 10).messages
        assert len(taken) == 2
    transport = Fake()
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER + claims.LEASE - timedelta(seconds=1)) == 0
    assert worker.run_once(LATER + claims.LEASE + timedelta(seconds=1)) == 2
    assert [m for _, m in transport.sent] == [m.message_id for m in taken]


def test_who_lost_the_lease_does_not_undo_what_the_other_did(database: Database) -> None:
    [message_id] = queue(database, 1)
    with database.begin(writes=True) as db:
        claims.claim(db, "slow", "example.org", LATER, 10)
    after = LATER + claims.LEASE
    with database.begin(writes=True) as db:
        assert len(claims.claim(db, "fast", "example.org", after, 10).messages) == 1
        claims.record_failure(db, "slow", message_id, SendError(Reason.TIMEOUT), after)
        claims.release(db, "slow", [message_id])
    [message] = rows(database)
    assert (message.leased_by, message.attempts) == ("fast", 0)
    with database.jotting() as jot:
        claims.record_sent(jot, message_id, after)
    with database.begin(writes=True) as db:
        claims.record_failure(db, "fast", message_id, SendError(Reason.TIMEOUT), after)
    [message] = rows(database)
    assert (message.status, message.attempts, message.last_error) == ("sent", 1, "")


def test_no_mail_is_begun_at_the_end_of_a_lease(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(database, 4)
    ticks = [0.0]
    monkeypatch.setattr("app.worker.loop.time.monotonic", lambda: ticks[0])
    monkeypatch.setattr("app.worker.batch.ENOUGH", 1_000)
    transport = Fake()

    def slow(to: str) -> None:
        ticks[0] += 100  # seconds; the lease of the batch has 300, of which 120 are kept

    transport.before = slow
    held: list[int] = []
    release = claims.release

    def note(db: DbSession, worker: str, ids: Collection[str]) -> None:
        held.append(len(ids))
        release(db, worker, ids)

    monkeypatch.setattr(claims, "release", note)
    assert Worker(database, links, transport, SENDER).run_once(LATER) == 4
    assert held == [2]
    assert len(transport.sent) == 4


def test_two_workers_send_each_mail_once(real_database: Database, links: Links) -> None:
    queue(real_database, 80)
    with smtp_peer() as peer:
        url = f"smtp://127.0.0.1:{peer.port}"
        workers = [
            Worker(real_database, links, SmtpTransport(url, timeout=10), SENDER) for _ in range(3)
        ]
        start = threading.Barrier(3)
        handled: list[int] = []

        def work(worker: Worker) -> None:
            start.wait()
            handled.append(worker.run_once(LATER))

        threads = [threading.Thread(target=work, args=(w,)) for w in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(handled) == 80
    assert sorted(peer.recipients) == sorted(f"p{n}@example.org" for n in range(80))
    assert {m.status for m in rows(real_database)} == {"sent"}


def test_a_running_worker_sends_what_is_committed(real_database: Database, links: Links) -> None:
    stop = threading.Event()
    with smtp_peer() as peer:
        transport = SmtpTransport(f"smtp://127.0.0.1:{peer.port}", timeout=10)
        worker = Worker(real_database, links, transport, SENDER, clock=lambda: LATER, poll=0.02)
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        try:
            queue(real_database, 1)
            assert peer.arrived.wait(10)
        finally:
            stop.set()
            thread.join(10)
    assert not thread.is_alive()
    assert [m.status for m in rows(real_database)] == ["sent"]


def test_a_database_that_is_away_does_not_end_the_worker(
    real_database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_PAUSE", 0.01)
    queue(real_database, 1)
    stop = threading.Event()
    transport = Fake()
    transport.before = lambda _: stop.set()
    worker = Worker(real_database, links, transport, SENDER, clock=lambda: LATER)
    calls = []
    begin = real_database.begin

    def sometimes(*, writes: bool) -> AbstractContextManager[DbSession]:
        calls.append(writes)
        if len(calls) == 1:
            raise RuntimeError("away")
        return begin(writes=writes)

    monkeypatch.setattr(real_database, "begin", sometimes)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    thread.join(10)
    stop.set()
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    ("behaviour", "status", "error"),
    [
        (Behaviour(), "sent", ""),
        (Behaviour(rcpt={"p0@example.org": "550 no"}), "failed", "refused: 550 no"),
        (Behaviour(rcpt={"p0@example.org": "450 later"}), "queued", "delayed: 450 later"),
        (Behaviour(drop_in_data=frozenset({"p0@example.org"})), "queued", "dropped: "),
        (Behaviour(hang_in_data=frozenset({"p0@example.org"})), "queued", "timeout: "),
    ],
)
def test_a_real_server(
    database: Database, links: Links, behaviour: Behaviour, status: str, error: str
) -> None:
    queue(database, 2)
    with smtp_peer(behaviour) as peer:
        transport = SmtpTransport(f"smtp://127.0.0.1:{peer.port}", timeout=0.5)
        assert Worker(database, links, transport, SENDER).run_once(LATER) == 2
    first, second = rows(database)
    assert (first.status, first.last_error) == (status, error)
    assert second.status == "sent"


def test_after_a_drop_the_same_mail_comes_again(database: Database, links: Links) -> None:
    queue(database, 1)
    behaviour = Behaviour(drop_in_data=frozenset({"p0@example.org"}))
    with smtp_peer(behaviour) as peer:
        transport = SmtpTransport(f"smtp://127.0.0.1:{peer.port}", timeout=10)
        worker = Worker(database, links, transport, SENDER)
        worker.run_once(LATER)
        peer.behaviour = Behaviour()
        worker.run_once(LATER + timedelta(minutes=2))
    assert len(peer.mails) == 2
    assert len({mail["Message-ID"] for mail in peer.mails}) == 1
