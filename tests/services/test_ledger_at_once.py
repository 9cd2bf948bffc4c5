"""Several at once: whatever comes between, everybody is told exactly once what holds."""

from collections.abc import Callable
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Event, Thread
from typing import Any

import pytest
from sqlmodel import col, select

from app.db import Database, DbSession
from app.models import Cycle, Message, Session
from app.schemas.directory import PersonChange
from app.schemas.enrolment import EnrolmentChange, EnrolmentIn
from app.schemas.part import PartAnswerIn
from app.services import enrolments, invitations, ledger, parts, people, publishing
from app.services.guests import guest_of
from tests.factories import NOW
from tests.services.mailing_world import LATER, OLGA, Told, World, invited_world, planned_world, short

PATIENCE = 0.5
"""Seconds in which somebody who is not held back has come by."""


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "now", lambda: LATER)


@pytest.fixture
def world(real_database: Database) -> World:
    """Committed, so that others can see it; its rows are those of a session that is over."""
    with real_database.begin(writes=True) as db:
        world = invited_world(db)
        world.make.part(
            world.make.segment(world.make.session(world.cycle, 2, minutes=30)), world.hugo, "host"
        )
        world.publish(NOW)
        world.mails()
        return world


class Many:
    """Acts in threads, each in a transaction of its own, and what went wrong."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads: list[Thread] = []
        self.errors: list[str] = []
        self.found: list[Any] = []

    def start(self, act: Callable[[DbSession], Any]) -> None:
        def run() -> None:
            try:
                with self._database.begin(writes=True) as db:
                    found = act(db)
                self.found.append(found)
            except Exception as error:
                self.errors.append(repr(error))

        thread = Thread(target=run)
        self._threads.append(thread)
        thread.start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(30)


def told(database: Database) -> list[Told]:
    """The mails that wait; not those about an enrolment."""
    with database.begin(writes=False) as db:
        query = select(Message).where(
            Message.status == "queued", col(Message.kind).startswith("invitation")
        )
        mails = [(m.kind, short(m.to_address), m.context["sequence"]) for m in db.exec(query)]
    return sorted(mails)


def nothing_is_missing(database: Database, cycle_id: str) -> bool:
    with database.begin(writes=False) as db:
        found = invitations.overview(db, OLGA, cycle_id, LATER)
    return {row.why.value for row in found.stale} <= {"waiting"} and found.count_missing == 0


def all_meet(monkeypatch: pytest.MonkeyPatch, count: int, *modules: Any) -> None:
    """Whoever has planned waits for the others to have planned too: without a guard all do, and
    each has a plan that the others have not yet carried out."""
    all_planned, plan = Barrier(count), ledger.plan

    def planned(*args: Any, **values: Any) -> ledger.Plan:
        found = plan(*args, **values)
        with suppress(BrokenBarrierError):
            all_planned.wait(PATIENCE)
        return found

    for module in modules:
        monkeypatch.setattr(module, "plan", planned)


def test_two_who_publish_at_once_tell_everybody_once(
    real_database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a change of their own, to a session of their own."""
    all_meet(monkeypatch, 2, publishing)
    begun = Barrier(2 if real_database.engine.dialect.name == "postgresql" else 1)

    def publish(number: int) -> Callable[[DbSession], int]:
        def act(db: DbSession) -> int:
            seen = db.exec(select(Cycle)).one()
            begun.wait(10)
            row = db.exec(select(Session).where(Session.number == number)).one()
            row.title = {"en": f"By {number}"}
            values: dict[str, Any] = {"accept_warnings": True, "now": LATER}
            return publishing.publish(db, OLGA, seen.id, **values).number

        return act

    many = Many(real_database)
    for number in (1, 2):
        many.start(publish(number))
    many.wait()
    assert (many.errors, sorted(many.found)) == ([], [3, 4])
    names = ("ana", "beto", "hugo")
    assert told(real_database) == [("invitation-update", name, 1) for name in names for _ in "12"]
    assert nothing_is_missing(real_database, world.cycle.id)


def test_two_who_invite_at_once_invite_everybody_once(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_meet(monkeypatch, 2, invitations)
    with real_database.begin(writes=True) as db:
        world = planned_world(db)
        world.publish()
    many = Many(real_database)
    for _ in range(2):
        many.start(lambda db: invitations.bring_up_to_date(db, OLGA, world.cycle.id, LATER))
    many.wait()
    assert (many.errors, sorted(many.found)) == ([], [0, 3])
    assert told(real_database) == [("invitation", name, 0) for name in ("ana", "beto", "hugo")]


def enrols(world: World, db: DbSession) -> object:
    given = EnrolmentIn(name="Carla", email="carla@example.org", consent=True)
    return enrolments.enrol(db, world.cycle.slug, given, LATER)


def withdraws(world: World, db: DbSession) -> object:
    enrolment_id = World.enrolment(_in(world, db), world.ana).id
    withdrawn = EnrolmentChange.model_validate({"status": "withdrawn"})
    return enrolments.change_enrolment(db, OLGA, enrolment_id, withdrawn, now=LATER)


def moves(world: World, db: DbSession) -> object:
    return people.change_person(db, OLGA, world.ana.id, PersonChange(email="new@example.org"))


def declines(world: World, db: DbSession) -> object:
    placed = parts.placed_parts(db, world.cycle.id, [world.hugo.id])
    guest = guest_of(db, world.cycle.id, world.hugo.id)
    return parts.answer(db, guest, placed[0].part.id, PartAnswerIn(confirm=False), LATER)
