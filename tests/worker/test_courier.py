"""Sending events to webhooks: a real receiver on 127.0.0.1, to which only a test's guard leads."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from standardwebhooks import Webhook as Oracle

from app.db import Database
from app.domain.webhooks import GIVE_UP_AFTER, LONGEST_REST, STEPS
from app.models import SendingHold
from app.models import now as present
from app.outgoing.failures import Reason
from app.outgoing.guard import Guard
from app.services import sending, webhook_deliveries, webhook_secrets, webhooks
from app.services.actor import SYSTEM
from app.worker import webhook_claims
from app.worker.courier import Courier
from app.worker.webhook_claims import LEASE
from tests.factories import NOW, Make
from tests.outgoing.receiver import Got, Receiver, Step, receiver, says
from tests.services.webhooks_world import OLGA, add, deliveries, only_webhook

KEY = b"k" * 32
LATER = NOW + timedelta(minutes=1)
HOUR = timedelta(hours=1)


def world(database: Database, *ports: int, tests: int = 1) -> list[str]:
    """A cycle with a webhook for each port, and so many test events for each; the webhooks' ids."""
    with database.begin(writes=True) as db:
        cycle = Make(db).cycle()
        ids = [add(db, cycle.id, port).id for port in ports]
        for _ in range(tests):
            for each in ids:
                webhooks.send_test(db, OLGA, cycle.id, each, NOW)
    return ids


def courier(database: Database, at: Receiver, **values: object) -> Courier:
    return Courier(
        database,
        KEY,
        at.guard(),
        plain=True,
        together=values.pop("together", 5.0),  # type: ignore[arg-type]
        **values,  # type: ignore[arg-type]
    )


def test_an_event_arrives_signed_and_is_sent_once(real_database: Database) -> None:
    with receiver() as at:
        world(real_database, at.port)
        moment = present()
        assert courier(real_database, at).run_once(moment) == 1
        assert courier(real_database, at).run_once(moment + timedelta(days=9)) == 0
    (got,) = at.got
    row, webhook = deliveries(real_database)[0], only_webhook(real_database)
    assert (row.status, row.attempts, row.code, row.reason) == ("delivered", 1, 204, "")
    assert [(t["code"], t["reason"]) for t in row.tries] == [(204, "")]
    assert webhook.delivered_at is not None
    assert got.headers["webhook-id"] == f"evt_{row.event_id}"
    assert abs(int(got.headers["webhook-timestamp"]) - moment.timestamp()) < 60
    # The oracle has the machine's clock: what it is to find is signed anew for now.
    assert json.loads(got.body) == {
        "type": "webhook.test",
        "timestamp": "2026-11-23T15:00:00.000Z",
        "data": {"cycle_id": webhook.cycle_id, "webhook_id": webhook.id},
    }
    oracle = Oracle(webhook_secrets.shown(KEY, webhook))
    stamp = int(got.headers["webhook-timestamp"])
    signed = oracle.sign(
        got.headers["webhook-id"],
        NOW + (timedelta(seconds=stamp) - timedelta(seconds=int(NOW.timestamp()))),
        got.body.decode(),
    )
    assert got.headers["webhook-signature"] == signed


def test_nothing_goes_after_a_restore_until_somebody_says_so(real_database: Database) -> None:
    with receiver() as at:
        ids = world(real_database, at.port)
        moment = present()
        with real_database.begin(writes=True) as db:
            db.add(SendingHold(backup_at=moment))
        assert courier(real_database, at).run_once(moment) == 0
        with real_database.begin(writes=True) as db:  # whatever was looked at before
            assert webhook_claims.claim(db, "w", KEY, moment, ids, {}, 10) == []
            sending.resume(db, SYSTEM, moment)
        assert courier(real_database, at).run_once(moment) == 1
    assert len(at.got) == 1


def test_the_official_library_verifies_what_arrives(real_database: Database) -> None:
    with receiver() as at:
        world(real_database, at.port)
        clock = datetime.now(UTC)  # the machine's, as the library has it
        courier(real_database, at).run_once(clock)
    (got,) = at.got
    oracle = Oracle(webhook_secrets.shown(KEY, only_webhook(real_database)))
    assert oracle.verify(got.body, got.headers)["type"] == "webhook.test"


def test_two_secrets_sign_for_a_day_after_a_rotation(real_database: Database) -> None:
    with receiver() as at:
        (webhook_id,) = world(real_database, at.port)
        before = webhook_secrets.shown(KEY, only_webhook(real_database))
        with real_database.begin(writes=True) as db:
            cycle_id = _cycle(real_database)
            webhooks.rotate_secret(db, OLGA, cycle_id, webhook_id, NOW)
        after = webhook_secrets.shown(KEY, only_webhook(real_database))
        assert before != after
        for hours in (0, 23, 25):
            with real_database.begin(writes=True) as db:
                webhooks.send_test(db, OLGA, cycle_id, webhook_id, NOW)
            courier(real_database, at).run_once(NOW + hours * HOUR)
    counts = [len(got.headers["webhook-signature"].split(" ")) for got in at.got]
    assert counts == [2, 2, 2, 1]  # the first time there were two events


def _cycle(database: Database) -> str:
    return only_webhook(database).cycle_id


def test_a_failure_is_tried_again_by_the_steps_and_with_the_same_id(
    real_database: Database,
) -> None:
    with receiver(says(500)) as at:
        world(real_database, at.port)
        sender = courier(real_database, at)
        assert sender.run_once(LATER) == 1
        row = deliveries(real_database)[0]
        assert (row.status, row.attempts, row.code) == ("waiting", 1, 500)
        assert row.reason == Reason.FAILED
        assert STEPS[0] <= row.due_at - LATER <= STEPS[0] * 1.3 + timedelta(seconds=5)
        assert sender.run_once(LATER + timedelta(seconds=5)) == 0
        at.behave = says(200)
        assert sender.run_once(row.due_at) == 1
    assert deliveries(real_database)[0].status == "delivered"
    assert [t["code"] for t in deliveries(real_database)[0].tries] == [500, 200]
    assert len({got.headers["webhook-id"] for got in at.got}) == 1
    assert len({got.body for got in at.got}) == 1
    webhook = only_webhook(real_database)
    assert (webhook.failures, webhook.failing_since, webhook.resting_until) == (0, None, None)


def test_three_days_of_nothing_but_failures_disable_it(real_database: Database) -> None:
    with receiver(says(503)) as at:
        world(real_database, at.port, tests=2)
        sender, clock, made = courier(real_database, at), LATER, 0
        while only_webhook(real_database).disabled_at is None:
            made += sender.run_once(clock)
            webhook = only_webhook(real_database)
            waiting = [row.due_at for row in deliveries(real_database) if row.status == "waiting"]
            clock = max(min(waiting, default=clock), webhook.resting_until or clock, clock)
        assert webhook.disabled_why == "failing"
        assert webhook.failing_since is not None
        assert webhook.disabled_at is not None
        took = webhook.disabled_at - webhook.failing_since
        assert GIVE_UP_AFTER <= took < GIVE_UP_AFTER + timedelta(minutes=5)
        assert [row.status for row in deliveries(real_database)] == ["failed", "failed"]
        assert len(at.got) == made
        assert 14 <= made <= 2 * 15
        assert sender.run_once(clock + timedelta(days=30)) == 0


def test_one_success_in_three_days_keeps_it(real_database: Database) -> None:
    with receiver(says(500)) as at:
        (webhook_id,) = world(real_database, at.port)
        sender = courier(real_database, at)
        sender.run_once(LATER)
        at.behave = says(200)
        with real_database.begin(writes=True) as db:
            webhooks.send_test(db, OLGA, _cycle(real_database), webhook_id, LATER)
        sender.run_once(LATER + HOUR)
        at.behave = says(500)
        with real_database.begin(writes=True) as db:
            webhooks.send_test(db, OLGA, _cycle(real_database), webhook_id, LATER)
        sender.run_once(LATER + GIVE_UP_AFTER)
    webhook = only_webhook(real_database)
    assert (webhook.disabled_at, webhook.failures) == (None, 1)


def test_410_disables_at_once_and_what_waits_is_given_up(real_database: Database) -> None:
    with receiver(says(410)) as at:
        world(real_database, at.port, tests=9)
        made = courier(real_database, at).run_once(LATER)
        assert 1 <= made <= webhook_claims.AT_ONCE
    webhook = only_webhook(real_database)
    assert webhook.disabled_why == "gone"
    assert {row.status for row in deliveries(real_database)} == {"failed"}
    reasons = Counter(row.reason for row in deliveries(real_database))
    assert reasons == {Reason.GONE: made, Reason.DISABLED: 9 - made}


@pytest.mark.parametrize(
    ("status", "asked", "waits"),
    [
        (429, "600", timedelta(minutes=10)),
        (503, "999999", LONGEST_REST),
        (503, "soon", STEPS[0]),
        (500, "600", timedelta(minutes=10)),
    ],
)
def test_retry_after_is_kept_to(
    real_database: Database, status: int, asked: str, waits: timedelta
) -> None:
    with receiver(says(status, f"Retry-After: {asked}")) as at:
        world(real_database, at.port)
        courier(real_database, at).run_once(LATER)
    row, webhook = deliveries(real_database)[0], only_webhook(real_database)
    assert waits <= row.due_at - LATER < waits * 1.3 + timedelta(seconds=5)
    rests = webhook.resting_until is not None
    assert rests == (status in (429, 503) and asked.isdigit())


@pytest.mark.parametrize(
    ("status", "reason"),
    [(302, Reason.REDIRECT), (404, Reason.REFUSED), (599, Reason.FAILED)],
)
def test_only_2xx_has_arrived(real_database: Database, status: int, reason: Reason) -> None:
    with receiver() as other, receiver() as at:
        at.behave = says(status, f"Location: http://hooks.example.org:{other.port}/")
        world(real_database, at.port)
        courier(real_database, at).run_once(LATER)
    row = deliveries(real_database)[0]
    assert (row.status, row.reason) == ("waiting", reason)
    assert other.connections == 0


def hangs(_: Got) -> Iterable[Step]:
    yield 60.0


def drips(_: Got) -> Iterable[Step]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X: y\r\n"
        yield 0.05


@pytest.mark.parametrize("behave", [hangs, drips])
def test_a_receiver_that_never_gets_there(real_database: Database, behave: object) -> None:
    with receiver(behave) as at:  # type: ignore[arg-type]
        world(real_database, at.port)
        began = time.monotonic()
        assert courier(real_database, at, together=0.3).run_once(LATER) == 1
        assert time.monotonic() - began < 30  # of 60
    row = deliveries(real_database)[0]
    assert (row.status, row.reason, row.code) == ("waiting", Reason.TIMEOUT, None)


def test_a_slow_receiver_does_not_hold_up_another(real_database: Database) -> None:
    with receiver(hangs) as slow, receiver() as quick:
        slow_id, quick_id = world(real_database, slow.port, quick.port, tests=12)
        stop = threading.Event()
        sender = courier(real_database, slow, together=20.0, senders=8, clock=lambda: LATER)
        thread = threading.Thread(target=sender.run, args=(stop,))
        thread.start()
        began = time.monotonic()
        while len(quick.got) < 12 and time.monotonic() - began < 19:
            time.sleep(0.01)
        took = time.monotonic() - began
        assert (len(quick.got), len(slow.got)) == (12, webhook_claims.AT_ONCE)
        slow.ended.set()  # lets go of those who wait, which takes the slow ones' connections
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
        assert took < 19  # of 20
    status = Counter((row.webhook_id, row.status) for row in deliveries(real_database))
    assert status == {(quick_id, "delivered"): 12, (slow_id, "waiting"): 12}


def test_two_couriers_share_the_work_and_send_nothing_twice(real_database: Database) -> None:
    with receiver() as at:
        world(real_database, at.port, tests=40)
        made: list[int] = []
        threads = [
            threading.Thread(target=lambda: made.append(courier(real_database, at).run_once(LATER)))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sum(made) == len(at.got) == 40
    assert len({got.headers["webhook-id"] for got in at.got}) == 40
    assert {row.status for row in deliveries(real_database)} == {"delivered"}


def test_who_failed_is_asked_one_by_one_and_rests(real_database: Database) -> None:
    with receiver(says(500)) as at:
        world(real_database, at.port, tests=50)
        sender = courier(real_database, at)
        sender.run_once(LATER)
        first = len(at.got)
        assert first <= webhook_claims.AT_ONCE + 2
        assert only_webhook(real_database).resting_until is not None
        assert sender.run_once(LATER + timedelta(seconds=20)) == 0
        at.behave = says(200)
        sender.run_once(LATER + HOUR)
    assert {row.status for row in deliveries(real_database)} == {"delivered"}
    assert len(at.got) == first + 50


def test_what_is_given_up_can_be_sent_again_with_the_same_id(real_database: Database) -> None:
    with receiver() as at:
        world(real_database, at.port)
        sender = courier(real_database, at)
        sender.run_once(LATER)
        webhook = only_webhook(real_database)
        with real_database.begin(writes=True) as db:
            webhook_deliveries.send_again(
                db,
                OLGA,
                webhook.cycle_id,
                webhooks.get_webhook(db, OLGA, webhook.cycle_id, webhook.id),
                deliveries(real_database)[0].id,
                LATER,
            )
        assert sender.run_once(LATER) == 1
    assert len(at.got) == 2
    assert at.got[0].headers["webhook-id"] == at.got[1].headers["webhook-id"]
    row = deliveries(real_database)[0]
    assert (row.status, row.attempts, len(row.tries)) == ("delivered", 1, 2)


def test_the_guard_of_production_lets_nothing_through_to_127_0_0_1(real_database: Database) -> None:
    with receiver() as at:
        world(real_database, at.port)
        guard = Guard(resolve=lambda _host, _port: ["127.0.0.1"])
        assert Courier(real_database, KEY, guard, plain=True).run_once(LATER) == 1
    assert at.connections == 0
    assert deliveries(real_database)[0].reason == Reason.NOT_PUBLIC


def test_http_is_not_spoken_in_production(real_database: Database) -> None:
    with receiver() as at:
        world(real_database, at.port)
        assert Courier(real_database, KEY, at.guard()).run_once(LATER) == 1
    assert at.connections == 0
    assert deliveries(real_database)[0].reason == Reason.ADDRESS


def test_a_lease_is_not_taken_from_who_has_it(real_database: Database) -> None:
    with receiver() as at:
        (webhook_id,) = world(real_database, at.port)
        with real_database.begin(writes=True) as db:
            taken = webhook_claims.claim(db, "other", KEY, LATER, [webhook_id], Counter(), 9)
        assert len(taken) == 1
        sender = courier(real_database, at)
        assert sender.run_once(LATER + LEASE - timedelta(seconds=10)) == 0
        assert sender.run_once(LATER + LEASE) == 1
        late = webhook_claims.Came(Reason.TIMEOUT)
        with real_database.begin(writes=True) as db:
            webhook_claims.record(db, "other", taken[0], late, LATER + LEASE, 0.0)
    assert deliveries(real_database)[0].status == "delivered"


def test_a_note_that_cannot_be_written_is_tried_again(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([True, True, False])
    record = webhook_claims.record

    def locked(*args: object) -> None:
        if next(failures):
            raise OperationalError("locked", None, Exception())
        record(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(webhook_claims, "record", locked)
    with receiver() as at:
        world(real_database, at.port)
        assert courier(real_database, at).run_once(LATER) == 1
    assert (len(at.got), deliveries(real_database)[0].status) == (1, "delivered")


def test_a_webhook_that_is_removed_meanwhile_is_no_error(real_database: Database) -> None:
    with receiver() as at:
        (webhook_id,) = world(real_database, at.port)
        cycle_id = _cycle(real_database)

        def removes(_: Got) -> Iterable[Step]:
            with real_database.begin(writes=True) as db:
                webhooks.remove_webhook(db, OLGA, cycle_id, webhook_id)
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

        at.behave = removes
        assert courier(real_database, at).run_once(LATER) == 1
    assert deliveries(real_database) == []


SCRIPT = """
import os, signal, sys
from datetime import datetime
from app.db import Database
from app.outgoing.guard import Guard
from app.worker import courier

database_url, now = sys.argv[1:]
post = courier.post

def deadly(*args, **values):
    post(*args, **values)
    os.kill(os.getpid(), signal.SIGKILL)

courier.post = deadly
guard = Guard(lambda host, port: ["127.0.0.1"], lambda address: True)
courier.Courier(Database(database_url), b"k" * 32, guard, plain=True).run_once(
    datetime.fromisoformat(now)
)
"""


def test_killed_between_sending_and_noting_it_is_sent_again_as_the_same(
    real_database: Database,
) -> None:
    url = real_database.engine.url.render_as_string(hide_password=False)
    with receiver() as at:
        world(real_database, at.port)
        killed = subprocess.run(
            [sys.executable, "-c", SCRIPT, url, f"{LATER}"],
            cwd=Path(__file__).parents[2],
            env={**os.environ},
            timeout=60,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
        assert [row.status for row in deliveries(real_database)] == ["waiting"]
        sender = courier(real_database, at)
        assert sender.run_once(LATER + timedelta(seconds=30)) == 0  # its lease holds
        assert sender.run_once(LATER + LEASE + timedelta(seconds=30)) == 1
    assert [row.status for row in deliveries(real_database)] == ["delivered"]
    first, second = at.got
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    same = {**second.headers, **{k: first.headers[k] for k in ("webhook-timestamp",)}}
    assert replace(first, headers={**first.headers, "webhook-signature": ""}) == replace(
        second, headers={**same, "webhook-signature": ""}
    )
