"""Reminders go with a session that moves, is called off or comes back: whoever got none gets the
one for the new time, whoever got one no other."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlmodel import col, select

from app.db import Database
from app.mail.failures import Reason, SendError
from app.models import Cycle, Message, Reminder, ReminderRun, Session
from app.services import publishing, reminders
from app.services.actor import SYSTEM
from app.services.links import Links
from app.worker import claims
from app.worker.loop import Worker
from tests.factories import NOW, Make
from tests.worker.test_worker import SENDER, Fake

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERYBODY = {"ana@example.org": 1, "ben@example.org": 1, "sara@example.org": 1}
LATER = SendError(Reason.DELAYED, "451 later")


@dataclass
class World:
    """A session in a published cycle, a day before which everybody is reminded."""

    database: Database
    links: Links
    cycle_id: str
    session_id: str
    starts: datetime
    transport: Fake = field(default_factory=Fake)

    @property
    def due(self) -> datetime:
        return self.starts - DAY

    def publish(self, at: datetime, by: timedelta = timedelta(), status: str = "scheduled") -> None:
        """Publishes the session at another time, or another status."""
        with self.database.begin(writes=True) as db:
            session = db.get_one(Session, self.session_id)
            session.wall_start += by
            session.starts_at += by
            session.ends_at += by
            session.status = status
            db.flush()
            publishing.publish(db, SYSTEM, self.cycle_id, accept_warnings=True, now=at)
        self.starts += by

    def look(self, at: datetime) -> int:
        """How many mails are queued."""
        with self.database.begin(writes=True) as db:
            return reminders.run_due(db, at)

    def send(self, at: datetime) -> Counter[str]:
        """How many mails each has got, all in all, when those that wait have gone."""
        Worker(self.database, self.links, self.transport, SENDER).run_once(at)
        return Counter(to for to, _ in self.transport.sent)

    def runs(self) -> list[tuple[str, int]]:
        with self.database.begin(writes=False) as db:
            query = select(ReminderRun.outcome, ReminderRun.count, Reminder.minutes)
            query = query.join(Reminder).order_by(col(Reminder.minutes).desc())
            return [(outcome, count) for outcome, count, _ in db.exec(query)]

    def statuses(self) -> Counter[str]:
        with self.database.begin(writes=False) as db:
            return Counter(db.exec(select(Message.status)))

    def add_rule(self, **values: object) -> None:
        with self.database.begin(writes=True) as db:
            add_rule(db.get_one(Cycle, self.cycle_id), Make(db), **values)


def add_rule(cycle: Cycle, make: Make, **values: object) -> None:
    usual = {"anchor": "start", "minutes": 1440, "audience": "all", "since": NOW - 400 * DAY}
    make.db.add(Reminder.model_validate({"cycle_id": cycle.id, **usual, **values}))
    make.db.flush()


def world_in(database: Database, links: Links) -> World:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(language="en")
        session = make.session(cycle, 1)
        sara = make.person(name="Sara", email="sara@example.org")
        make.part(make.segment(session, minutes=90), sara, "speaker")
        for name in ("Ana", "Ben"):
            make.enrolment(cycle, make.person(name=name, email=f"{name.lower()}@example.org"))
        publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW - 30 * DAY)
        add_rule(cycle, make)
        return World(database, links, cycle.id, session.id, session.starts_at)


@pytest.fixture
def world(database: Database, links: Links) -> World:
    return world_in(database, links)


@pytest.mark.parametrize("tried", [True, False])
def test_moved_later_while_mails_wait(world: World, tried: bool) -> None:
    """`tried`: a worker has found the mails to be of another time; else it was down meanwhile."""
    was = world.due
    assert world.look(was) == 3
    world.publish(was + MINUTE, by=2 * DAY)
    if tried:
        assert world.send(was + 2 * MINUTE) == {}
        assert world.statuses() == {"superseded": 3}
    assert world.look(world.due - MINUTE) == 0
    assert world.look(world.due) == 3
    assert world.send(world.due) == EVERYBODY
    assert world.look(world.due + MINUTE) == 0
    assert world.send(world.due + 2 * HOUR) == EVERYBODY
    assert world.runs() == [("sent", 3)]
    assert world.statuses() == {"superseded": 3, "sent": 3}


@pytest.mark.parametrize("by", [2 * DAY, -3 * HOUR])
def test_whoever_got_one_gets_no_other(world: World, by: timedelta) -> None:
    was = world.due
    assert world.look(was) == 3
    world.transport.failures = {"ana@example.org": LATER, "sara@example.org": LATER}
    assert world.send(was) == {"ben@example.org": 1}
    world.transport.failures = {}
    world.publish(was + MINUTE, by=by)
    at = max(world.due, was + MINUTE)
    assert world.look(at) == 2
    assert world.send(at) == EVERYBODY
    assert world.send(at + HOUR) == EVERYBODY
    assert world.runs() == [("sent", 3)]


def test_moved_nearer_it_goes_out_at_once_and_is_not_late(world: World) -> None:
    at = world.due - 3 * DAY
    world.publish(at, by=-3 * DAY - 20 * HOUR)  # four hours to go
    assert world.look(at + MINUTE) == 3
    assert world.send(at + MINUTE) == EVERYBODY
    assert world.runs() == [("sent", 3)]
    with world.database.begin(writes=False) as db:
        dues = {m.context["due"] for m in db.exec(select(Message))}
    assert dues == {at.isoformat()}


@pytest.mark.parametrize("tried", [True, False])
def test_cancelled_and_taken_back(world: World, tried: bool) -> None:
    at = world.due
    assert world.look(at) == 3
    world.publish(at + MINUTE, status="cancelled")
    if tried:
        assert world.send(at + 2 * MINUTE) == {}
        assert world.runs() == [("open", 3)]
        assert world.look(at + 3 * MINUTE) == 0
    world.publish(at + 4 * MINUTE)
    assert world.look(at + 5 * MINUTE) == (3 if tried else 0)
    assert world.send(at + 5 * MINUTE) == EVERYBODY
    assert world.look(at + 6 * MINUTE) == 0
    assert world.runs() == [("sent", 3)]


def test_cancelled_taken_back_and_moved_for_those_who_wait(world: World) -> None:
    was = world.due
    assert world.look(was) == 3
    world.transport.failures = {"ana@example.org": LATER}
    world.send(was)
    world.transport.failures = {}
    world.publish(was + MINUTE, status="cancelled")
    world.send(was + 2 * MINUTE)
    world.publish(was + HOUR, by=DAY)
    assert world.look(world.due) == 1
    assert world.send(world.due) == EVERYBODY


def test_what_was_missed_at_one_time_is_due_at_another(world: World) -> None:
    over = world.starts + 2 * HOUR
    assert world.look(over) == 0
    assert world.runs() == [("missed", 0)]
    world.publish(over + HOUR, by=7 * DAY)
    assert world.look(world.due - MINUTE) == 0
    assert world.look(world.due) == 3
    assert world.send(world.due) == EVERYBODY
    assert world.runs() == [("sent", 3)]


def test_whoever_has_enrolled_since_is_reminded_of_the_new_time(world: World) -> None:
    world.look(world.due)
    assert world.send(world.due) == EVERYBODY
    with world.database.begin(writes=True) as db:
        make = Make(db)
        new = make.person(name="Dora", email="dora@example.org")
        make.enrolment(db.get_one(Cycle, world.cycle_id), new)
    world.publish(world.due + HOUR, by=2 * DAY)
    assert world.look(world.due) == 1
    assert world.send(world.due) == {**EVERYBODY, "dora@example.org": 1}
    assert world.runs() == [("sent", 4)]


def test_a_mail_that_a_worker_has_in_hand_when_it_is_due_again(world: World) -> None:
    """It is left alone, found to be of another time, and then the reader's turn comes."""
    was = world.due
    world.look(was)
    world.publish(was + MINUTE, by=10 * MINUTE)
    with world.database.begin(writes=True) as db:
        (held,) = claims.claim(db, "w", "example.org", world.due, 1).messages
    assert world.look(world.due) == 2
    assert world.look(world.due + MINUTE) == 0
    with world.database.begin(writes=True) as db:
        error = SendError(Reason.MOVED, final=True)
        claims.record_failure(db, "w", held.id, error, world.due + MINUTE)
    assert world.look(world.due + 2 * MINUTE) == 1
    assert world.send(world.due + 2 * MINUTE) == EVERYBODY
    assert world.runs() == [("sent", 3)]


def test_of_two_workers_one_queues_what_is_due_again(real_database: Database, links: Links) -> None:
    world = world_in(real_database, links)
    was = world.due
    world.look(was)
    world.publish(was + MINUTE, by=DAY)
    queued: list[int] = []
    barrier = Barrier(2)

    def work() -> None:
        barrier.wait()
        queued.append(world.look(world.due))

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(queued) == [0, 3]
    assert world.statuses() == {"superseded": 3, "queued": 3}
    assert world.send(world.due) == EVERYBODY


def test_of_several_that_are_due_at_once_one_goes(world: World) -> None:
    world.add_rule(minutes=60)
    world.add_rule(minutes=90, audience="speakers")
    at = world.starts + 20 * MINUTE
    assert world.look(at) == 4
    assert world.send(at) == {**EVERYBODY, "sara@example.org": 2}
    assert world.look(at + MINUTE) == 0
    assert world.runs() == [("covered", 0), ("late", 1), ("late", 3)]


def test_thanks_that_are_due_at_once_are_said_once(world: World) -> None:
    world.add_rule(anchor="end", minutes=30)
    world.add_rule(anchor="end", minutes=60)
    at = world.starts + 5 * HOUR
    assert world.look(at) == 3
    assert world.send(at) == EVERYBODY


def test_what_waits_when_the_next_comes_does_not_go_as_well(world: World) -> None:
    world.add_rule(minutes=60)
    assert world.look(world.due) == 3
    world.transport.failures = dict.fromkeys(EVERYBODY, LATER)
    world.send(world.due)
    world.transport.failures = {}
    assert world.look(world.starts - HOUR) == 3
    assert world.send(world.starts - HOUR) == EVERYBODY
    assert world.statuses() == {"superseded": 3, "sent": 3}


def test_in_time_both_go(world: World) -> None:
    world.add_rule(minutes=60)
    for at in (world.due, world.starts - HOUR):
        world.look(at)
        world.send(at)
    assert Counter(to for to, _ in world.transport.sent) == dict.fromkeys(EVERYBODY, 2)
