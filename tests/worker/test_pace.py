"""How fast mails go: never more than the limits in any second or hour, and none is lost."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.mail.values import Mail
from app.models import MailPace
from app.services import accounts
from app.services.links import Links
from app.worker import pace
from app.worker.composer import Composer
from app.worker.loop import Worker
from app.worker.pace import LATE, Limits, Place, reserve
from tests.factories import NOW
from tests.worker.test_worker import LATER, SENDER, Fake, queue, rows

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
NAMES = ("one", "other")


def most_within(times: Sequence[datetime], window: timedelta) -> int:
    """The most instants that lie in any half-open window of this length."""
    ordered = sorted(times)
    return max(sum(first <= t < first + window for t in ordered) for first in ordered)


def _begun(db: DbSession, limits: Limits, count: int, urgent: bool = False) -> list[datetime]:
    """When a worker begins its mails that never waits longer than it must, is never later than it
    may be, and by chance as late as that."""
    now: datetime = NOW
    times: list[datetime] = []
    chance = random.Random(5)
    while len(times) < count:
        place = reserve(db, limits, now, urgent=urgent)
        now = max(now, place.at)
        if place.taken:
            times.append(now + LATE * chance.choice((0, 0.5, 1)))
    return times


@pytest.mark.parametrize("per_second", [1, 3, 10, 25])
def test_a_second_never_has_more(db: DbSession, per_second: int) -> None:
    times = _begun(db, Limits("x:25", per_second), 12 * per_second)
    assert 0.9 * per_second < most_within(times, SECOND) <= per_second
    took = (times[-1] - times[0]) / SECOND
    assert took < 12 * 1.1 + 0.1  # no slower than the slack makes it


def test_one_in_four_seconds(db: DbSession) -> None:
    times = _begun(db, Limits("x:25", 0.25), 10)
    assert most_within(times, 4 * SECOND) == 1
    assert most_within(times, 4.3 * SECOND) == 2


@pytest.mark.parametrize(("per_hour", "others"), [(100, 95), (10, 10), (1, 1)])
def test_an_hour_never_has_more(db: DbSession, per_hour: int, others: int) -> None:
    times = _begun(db, Limits("x:25", None, per_hour), 5 * per_hour)
    assert most_within(times, HOUR) == others
    assert (times[-1] - times[0]) < 6 * HOUR


def test_sign_in_links_have_something_left_of_the_hour(db: DbSession) -> None:
    limits = Limits("x:25", None, 40)
    assert {reserve(db, limits, NOW) for _ in range(38)} == {Place(NOW)}
    assert not reserve(db, limits, NOW).taken
    assert [reserve(db, limits, NOW, urgent=True).taken for _ in range(3)] == [True, True, False]
    free = reserve(db, limits, NOW, urgent=True).at
    assert HOUR < free - NOW <= HOUR + timedelta(minutes=1, seconds=1)
    assert reserve(db, limits, free).taken


def test_both_limits_at_once(db: DbSession) -> None:
    times = _begun(db, Limits("x:25", 2, 19), 60)
    assert (most_within(times, SECOND), most_within(times, HOUR)) == (2, 19)


def test_servers_have_limits_of_their_own(db: DbSession) -> None:
    assert reserve(db, Limits("x:25", 1), NOW) == Place(NOW)
    assert reserve(db, Limits("y:25", 1), NOW) == Place(NOW)
    assert reserve(db, Limits("x:25", 1), NOW).at > NOW + SECOND


def test_a_clock_that_was_wrong_for_a_while_stops_nothing(db: DbSession) -> None:
    reserve(db, Limits("x:25", 10), NOW + timedelta(days=365))
    assert reserve(db, Limits("x:25", 10), NOW) == Place(NOW)


def test_what_has_left_the_hour_is_forgotten(db: DbSession) -> None:
    limits = Limits("x:25", 5)
    for hours in range(50):
        reserve(db, limits, NOW + hours * HOUR / 3)
    assert len(db.exec(select(MailPace)).one().recent) <= 5


class _Noting(Fake):
    """Notes when each mail is begun."""

    times: list[datetime]

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
        self.times.append(datetime.now(UTC))
        super().send(mail, name=name, sender=sender, recipient=recipient, meanwhile=meanwhile)


def _run(
    database: Database, links: Links, limits: Limits, count: int, go: int | None = None
) -> list[datetime]:
    """When two workers, really running, begin their mails. They are stopped when so many have gone
    (all of them, or `go`) and each has looked a whole time for more since then."""
    queue(database, count, datetime.now(UTC) - timedelta(minutes=5))
    times: list[datetime] = []
    looks: Counter[str] = Counter()  # that a worker has begun
    stop = threading.Event()
    threads = []
    for name in NAMES:
        transport = _Noting()
        transport.times = times

        def clock(name: str = name) -> datetime:
            looks[name] += 1
            return datetime.now(UTC)

        worker = Worker(database, links, transport, SENDER, limits=limits, poll=0.02, clock=clock)
        threads.append(threading.Thread(target=worker.run, args=(stop,)))
    for thread in threads:
        thread.start()
    try:
        _wait_until(lambda: len(times) >= (count if go is None else go))
        before = looks.copy()
        _wait_until(lambda: all(looks[name] >= before[name] + 2 for name in NAMES))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return times


def _wait_until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_workers_share_a_second(real_database: Database, links: Links) -> None:
    times = _run(real_database, links, Limits("x:25", 10), 35)
    assert len(times) == 35
    assert most_within(times, SECOND) <= 10
    assert times[-1] - times[0] >= 3 * SECOND
    assert {(m.status, m.attempts) for m in rows(real_database)} == {("sent", 1)}


def test_two_workers_share_an_hour(real_database: Database, links: Links) -> None:
    times = _run(real_database, links, Limits("x:25", None, 12), 30, go=12)
    assert len(times) == 12
    found = rows(real_database)
    assert sorted(m.status for m in found) == ["queued"] * 18 + ["sent"] * 12
    # Nobody holds what has to wait for so long.
    assert {m.leased_by for m in found} == {""}
    assert {m.attempts for m in found if m.status == "queued"} == {0}


def test_without_the_row_in_common_there_would_be_more(
    real_database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tests above look at does depend on the guard."""
    monkeypatch.setattr(pace, "reserve", lambda _db, _limits, now, **_: Place(now))
    times = _run(real_database, links, Limits("x:25", 10), 35)
    assert most_within(times, SECOND) > 10


def test_the_hour_is_full_for_all_but_sign_in_links(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Composer, "compose", lambda *_: Mail(b"Message-ID: <x>\r\n\r\nx\r\n"))
    queue(database, 30)
    transport = Fake()
    worker = Worker(database, links, transport, SENDER, limits=Limits("x:25", None, 20))
    assert worker.run_once(LATER) == 19
    assert worker.run_once(LATER + SECOND) == 0
    with database.begin(writes=True) as db:
        accounts.add_user(db, "Olga", "olga@example.org")
        accounts.request_link(db, "olga@example.org", NOW)
    assert worker.run_once(LATER + 2 * SECOND) == 1
    assert transport.sent[-1][0] == "olga@example.org"
    assert worker.run_once(LATER + HOUR + timedelta(minutes=2)) == 11
