"""Mails of one lane never overtake each other, and only the newest goes."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Update, event
from sqlmodel import col, select

from app.db import Database, DbSession, Jot
from app.domain import ids
from app.mail.failures import Reason, SendError
from app.mail.values import Mail
from app.models import Message
from app.services import outbox
from app.services.links import Links
from app.worker import claims
from app.worker.composer import Composer
from app.worker.lanes import Verdict, Waiting, decide
from app.worker.loop import Worker
from tests.factories import NOW
from tests.services.at_once import PATIENCE
from tests.worker.test_worker import LATER, SENDER, Fake


def _waiting(number: int, **values: Any) -> Waiting:
    return Waiting(
        **{
            "id": f"{number}",
            "lane": "x",
            "kind": "invitation",
            "status": "queued",
            "attempts": 0,
            "message_id": f"{number}",
            "due_at": NOW,
            "leased_until": None,
            **values,
        }
    )


SENT: dict[str, Any] = {"status": "sent", "attempts": 1, "message_id": "<1@x>"}
CANCEL: dict[str, Any] = {"kind": "invitation-cancel"}


@pytest.mark.parametrize(
    ("lane", "verdict"),
    [
        ([_waiting(1)], Verdict("1")),
        ([_waiting(1), _waiting(2), _waiting(3)], Verdict("3", ("1", "2"))),
        # On its way: all others wait, also the newest.
        ([_waiting(1, leased_until=NOW + timedelta(seconds=1)), _waiting(2)], Verdict()),
        ([_waiting(1), _waiting(2, leased_until=NOW + timedelta(seconds=1))], Verdict()),
        # Of a worker that died.
        ([_waiting(1, leased_until=NOW), _waiting(2)], Verdict("2", ("1",))),
        # The newest is not due, has gone, or has failed: what is older does not come back.
        ([_waiting(1), _waiting(2, due_at=NOW + timedelta(minutes=1))], Verdict(None, ("1",))),
        ([_waiting(1), _waiting(2, **SENT)], Verdict(None, ("1",))),
        ([_waiting(1), _waiting(2, status="failed", attempts=1)], Verdict(None, ("1",))),
        ([_waiting(1, **SENT), _waiting(2)], Verdict("2")),
        ([_waiting(1, status="failed", attempts=25), _waiting(2)], Verdict("2")),
        # A cancellation goes to whom something may have gone before.
        ([_waiting(1, **CANCEL)], Verdict("1")),
        ([_waiting(1, **SENT), _waiting(2, **CANCEL)], Verdict("2")),
        ([_waiting(1, attempts=1), _waiting(2, **CANCEL)], Verdict("2", ("1",))),
        ([_waiting(1, message_id="<1@x>"), _waiting(2, **CANCEL)], Verdict("2", ("1",))),
        ([_waiting(1), _waiting(2, **CANCEL)], Verdict(None, ("1", "2"))),
        ([_waiting(1, status="superseded"), _waiting(2, **CANCEL)], Verdict(None, ("2",))),
        ([_waiting(1), _waiting(2, **CANCEL), _waiting(3)], Verdict("3", ("1", "2"))),
    ],
)
def test_the_rule(lane: list[Waiting], verdict: Verdict) -> None:
    assert decide(lane, NOW) == verdict


def _queue(
    db: DbSession,
    name: str,
    lane: str = "a",
    kind: str = "invitation",
    rank: int = 0,
    hours: float | None = None,
) -> str:
    return outbox.enqueue(
        db,
        kind=kind,
        intent=name,
        to_name="Ana",
        to_address=f"{name}@example.org",
        language="es",
        context={},
        lane=lane,
        rank=rank,
        expires_at=None if hours is None else LATER + timedelta(hours=hours),
        now=NOW,
    ).id


def _claim(db: DbSession, worker: str = "w", now: datetime = LATER, limit: int = 10) -> list[str]:
    return [m.intent for m in claims.claim(db, worker, "example.org", now, limit).messages]


def _jot(db: DbSession) -> Jot:
    def jot(statement: Update, values: Mapping[str, Any]) -> None:
        db.connection().execute(statement, values)

    return jot


def _statuses(db: DbSession) -> dict[str, str]:
    found = db.exec(select(Message).execution_options(populate_existing=True))
    return {m.intent: m.status for m in found}


def test_the_newest_of_each_lane_is_taken(db: DbSession) -> None:
    for name in ("1", "2", "3"):
        _queue(db, f"a{name}", "a")
        _queue(db, f"b{name}", "b")
    _queue(db, "free", "")
    assert _claim(db) == ["a3", "b3", "free"]
    assert _statuses(db) == {
        **dict.fromkeys(("a1", "a2", "b1", "b2"), "superseded"),
        **dict.fromkeys(("a3", "b3", "free"), "queued"),
    }
    assert _claim(db, "other") == []


def test_who_goes_first(db: DbSession) -> None:
    """What soon is of no use any more, the soonest first; what is about one; what goes to all."""
    for n in range(3):
        _queue(db, f"all{n}", "", hours=100)
    _queue(db, "updated", "", kind="invitation-update", hours=5)
    _queue(db, "reminded", "", kind="reminder", hours=3)
    _queue(db, "cancelled", "", kind="invitation-cancel", hours=50)
    _queue(db, "enrolled", "", kind="enrolment-confirmed")
    _queue(db, "signing in", "", kind="sign-in")
    expected = ["signing in", "reminded", "updated", "cancelled", "enrolled", "all0", "all1"]
    assert _claim(db, limit=3) + _claim(db, limit=4) == expected
    assert _claim(db) == ["all2"]


# PostgreSQL decides by how many rows there are.
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_each_sort_is_found_by_its_index(db: DbSession) -> None:
    """A worker looks every second, also where a hundred thousand mails have gone."""
    ran: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, given: object, *_: object) -> None:
        ran.append((statement, given))

    connection = db.connection()
    event.listen(connection, "before_cursor_execute", note)
    for due in claims._IN_TURN:
        claims._look(db, due, LATER, 1)
    claims.something_is_over(db, LATER)
    event.remove(connection, "before_cursor_execute", note)
    plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {q}", v).all() for q, v in ran]
    assert [re.findall(r"ix_message_(?!lane)\w+", str(plan)) for plan in plans] == [
        ["ix_message_signing_in"],
        ["ix_message_expiring"],
        ["ix_message_single"],
        ["ix_message_waiting"],
        ["ix_message_expiring"],
    ]


def test_a_lane_waits_for_the_mail_on_its_way(db: DbSession) -> None:
    first = _queue(db, "a1")
    assert _claim(db) == ["a1"]
    _queue(db, "a2")
    for n in range(5):
        _queue(db, f"free{n}", "")
    # Those that wait do not stand in the way of the others.
    assert _claim(db, "other", limit=5) == [f"free{n}" for n in range(5)]
    assert not claims.something_is_due(db, LATER)
    assert _statuses(db)["a1"] == "queued"
    claims.record_failure(db, "w", first, SendError(Reason.DELAYED, "451"), LATER)
    db.flush()
    assert claims.something_is_due(db, LATER)
    assert _claim(db, "other") == ["a2"]
    assert _statuses(db)["a1"] == "superseded"


def test_what_failed_for_good_does_not_bring_back_what_is_older(db: DbSession) -> None:
    _queue(db, "a1")
    newest = _queue(db, "a2")
    assert _claim(db) == ["a2"]
    claims.record_failure(db, "w", newest, SendError(Reason.REFUSED, "550", final=True), LATER)
    db.flush()
    assert _claim(db, now=LATER + timedelta(days=4)) == []
    assert _statuses(db) == {"a1": "superseded", "a2": "failed"}


def test_an_older_one_that_comes_to_light_late_is_not_sent(db: DbSession) -> None:
    """Its transaction took longer than that of the newer one, which has gone."""
    _queue(db, "a1")
    newer = _queue(db, "a2")
    older = db.exec(select(Message).where(Message.intent == "a1")).one()
    older.status = "elsewhere"
    db.flush()
    assert _claim(db) == ["a2"]
    claims.record_sent(_jot(db), newer, LATER)
    older.status = "queued"
    db.flush()
    assert _claim(db) == []
    assert _statuses(db) == {"a1": "superseded", "a2": "sent"}


def test_nobody_is_told_that_what_they_never_heard_of_is_cancelled(
    database: Database, links: Links
) -> None:
    with database.begin(writes=True) as db:
        _queue(db, "a1")
        _queue(db, "a2", kind="invitation-update")
        _queue(db, "a3", kind="invitation-cancel")
        _queue(db, "b1", "b")
        assert _claim(db, limit=1) == []
        assert _statuses(db) == {
            **dict.fromkeys(("a1", "a2", "a3"), "superseded"),
            "b1": "queued",
        }
        assert _claim(db) == ["b1"]
        _queue(db, "b2", "b", kind="invitation-cancel")
        claims.release(db, "w", [m.id for m in db.exec(select(Message))])
        assert _claim(db) == ["b2"]  # a worker had b1: perhaps it is out there
        assert _statuses(db)["b1"] == "superseded"


def test_putting_aside_is_work_done(database: Database, links: Links) -> None:
    """A batch of which nothing is left does not end the round."""
    with database.begin(writes=True) as db:
        for n in range(30):
            _queue(db, f"a{n}", f"{n}")
            _queue(db, f"b{n}", f"{n}", kind="invitation-cancel")
        ids = [_queue(db, f"c{n}", "", kind="enrolment-link") for n in range(3)]
    worker = Worker(database, links, Fake(), SENDER)
    assert worker.run_once(LATER) == 3  # tried, and found to be about nobody
    with database.begin(writes=False) as db:
        tried = db.exec(select(Message.id).where(Message.attempts == 1))
        assert sorted(tried) == sorted(ids)
        waiting = db.exec(select(Message.id).where(Message.status == "queued")).all()
        assert waiting == []


def test_a_newer_mail_of_a_machine_that_is_behind(
    db: DbSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock, and so its ids, are a minute late; the SEQUENCE is not."""
    _queue(db, "10:00", rank=1)
    ahead = time.time_ns
    monkeypatch.setattr(ids, "_last", 0)
    monkeypatch.setattr("app.domain.ids.time.time_ns", lambda: ahead() - 60_000_000_000)
    _queue(db, "11:00", rank=2)
    found = {m.intent: m.id for m in db.exec(select(Message))}
    assert found["11:00"] < found["10:00"]
    assert _claim(db) == ["11:00"]
    assert _statuses(db) == {"10:00": "superseded", "11:00": "queued"}


def test_two_claims_at_once_see_one_lane_the_same(real_database: Database) -> None:
    """The second begins before the first has committed: it would not see that the older mail is
    taken, and take the newer one that was queued in the meantime. The first goes on when the
    second is through, or has had the time to be."""
    with real_database.begin(writes=True) as db:
        _queue(db, "a1")
    claimed, through = threading.Event(), threading.Event()
    found: dict[str, list[str]] = {}

    def first() -> None:
        with real_database.begin(writes=True) as db:
            found["first"] = _claim(db, "first")
            claimed.set()
            through.wait(PATIENCE)

    def second() -> None:
        claimed.wait(10)
        with real_database.begin(writes=True) as db:
            _queue(db, "a2")
        with real_database.begin(writes=True) as db:
            found["second"] = _claim(db, "second")
        through.set()

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"first": ["a1"], "second": []}
    with real_database.begin(writes=False) as db:
        assert _statuses(db) == {"a1": "queued", "a2": "queued"}


class _Slow(Fake):
    """Takes its time, and notes how many are with it at once for each lane."""

    log: list[str]
    busy: set[str]

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
        lane = recipient[0]
        assert lane not in self.busy
        self.busy.add(lane)
        time.sleep(0.005)
        meanwhile()
        self.log.append(recipient)
        self.busy.discard(lane)
        if self.log.count(recipient) == 1 and recipient[1] in "37":
            raise SendError(Reason.DELAYED, "451 later")


def test_two_workers_keep_the_order(
    real_database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Composer, "compose", lambda *_: Mail(b"x\r\n"))
    log: list[str] = []
    busy: set[str] = set()
    stop = threading.Event()
    workers = []
    for _ in range(2):
        transport = _Slow()
        transport.log, transport.busy = log, busy
        workers.append(
            Worker(real_database, links, transport, SENDER, clock=lambda: LATER, poll=0.01)
        )
    threads = [threading.Thread(target=w.run, args=(stop,)) for w in workers]
    for thread in threads:
        thread.start()
    for n in range(12):
        with real_database.begin(writes=True) as db:
            for lane in "abcdef":
                _queue(db, f"{lane}{n:x}", lane)
        time.sleep(0.02)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with real_database.begin(writes=False) as db:
            open_ones = select(Message.id).where(
                Message.status == "queued", col(Message.due_at) <= LATER
            )
            if not db.exec(open_ones).all():
                break
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    for lane in "abcdef":
        went = [to.partition("@")[0] for to in log if to.startswith(lane)]
        assert went == sorted(set(went))  # in order, none twice
        assert went[-1] == f"{lane}b"
    with real_database.begin(writes=False) as db:
        statuses = _statuses(db)
    assert {statuses[f"{lane}b"] for lane in "abcdef"} == {"sent"}
    assert set(statuses.values()) <= {"sent", "superseded"}
