"""Check-ins that are done together come out as each would by itself."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from app.db import Database
from app.domain.errors import Clash, DomainError, Gone, NotFound
from app.models import Cycle, Enrolment, Evidence, Person, Session
from app.schemas.enrolment import RetractIn
from app.services import check_in, enrolments, marks
from app.services.actor import SYSTEM
from app.services.check_in_batch import CheckIns, Done, Slip
from app.services.check_in_statements import New
from app.services.publishing import publish
from tests.factories import NOW, Make
from tests.services.test_enrol import together

START = datetime(2026, 12, 1, 14, tzinfo=UTC)  # 09:00 in Bogotá, for 90 minutes
OPENS = START - timedelta(minutes=15)
CLOSES = START + timedelta(minutes=90 + 30)
TICK = timedelta(microseconds=1)
Counting = Callable[[], AbstractContextManager[list[str]]]
Change = Callable[["World"], None]


@dataclass
class World:
    """A published session, and three who take part."""

    database: Database
    cycle: str
    session: str
    people: list[str]  # their enrolments, in the order in which they press

    def slips(self, at: datetime = START, number: int = 1, generation: int = 1) -> list[Slip]:
        return [Slip(each, generation, number, at) for each in self.people]

    def change(self, what: Any, row_id: str, **values: Any) -> None:
        with self.database.begin(writes=True) as db:
            row = db.get_one(what, row_id)
            for name, value in values.items():
                setattr(row, name, value)

    def publish(self) -> None:
        with self.database.begin(writes=True) as db:
            publish(db, SYSTEM, self.cycle, accept_warnings=True, now=NOW)

    def evidence(self) -> list[Evidence]:
        with self.database.begin(writes=False) as db:
            return list(db.exec(select(Evidence).order_by(col(Evidence.enrolment_id))))

    def retract(self, place: int) -> None:
        """Takes back the last that was said of somebody, if anything was."""
        with self.database.begin(writes=True) as db:
            theirs = select(Evidence).where(Evidence.enrolment_id == self.people[place])
            last = db.exec(theirs.order_by(col(Evidence.at).desc())).first()
            if last is not None:
                command = RetractIn(
                    enrolment_id=self.people[place], evidence_id=last.id, reason="Not there."
                )
                marks.retract(db, SYSTEM, self.session, command, last.at + TICK)

    def by_itself(self, slip: Slip) -> object:
        """What `check_in.check_in` makes of a slip; nothing of it stays."""
        with self.database.begin(writes=True) as db:
            try:
                enrolment = db.get_one(Enrolment, slip.enrolment_id)
                done = check_in.check_in(db, enrolment, slip.number, slip.at, "personal-page")
                return done.already, done.at
            except DomainError as error:
                return _same(error)
            finally:
                db.rollback()


def _same(found: object) -> object:
    """What is to be equal of two outcomes."""
    if isinstance(found, Done):
        return found.already, found.at
    if isinstance(found, DomainError):
        return type(found), found.code, found.sentence, found.params
    return found


@pytest.fixture
def make_world() -> Callable[[Database], World]:
    def made(database: Database) -> World:
        with database.begin(writes=True) as db:
            make = Make(db)
            cycle = make.cycle(contact_email="help@example.org")
            session = make.session(cycle)
            people = [make.enrolment(cycle, language=lang).id for lang in ("pt", "es", "en")]
            world = World(database, cycle.id, session.id, people)
        world.publish()
        return world

    return made


@pytest.fixture
def world(database: Database, make_world: Callable[[Database], World]) -> World:
    return make_world(database)


@pytest.fixture
def real_world(real_database: Database, make_world: Callable[[Database], World]) -> World:
    return make_world(real_database)


def test_keeps_what_a_single_one_keeps(world: World) -> None:
    first, *rest = world.slips()
    with world.database.begin(writes=True) as db:
        enrolment = db.get_one(Enrolment, first.enrolment_id)
        check_in.check_in(db, enrolment, 1, START, "personal-page")
    work = CheckIns(world.database)
    assert work(rest) == [Done(False, START, "es"), Done(False, START, "en")]
    one, *others = [row.model_dump() for row in world.evidence()]
    assert len(others) == 2
    for row, slip in zip(others, rest, strict=True):
        assert row == {
            **one,
            "id": row["id"],
            "created_at": row["created_at"],
            "enrolment_id": slip.enrolment_id,
            "key": f"check-in:{slip.enrolment_id}:{world.session}",
        }
        assert abs(row["created_at"] - one["created_at"]) < timedelta(minutes=1)


def test_what_is_made_anew_for_each_piece_of_evidence_is_made_anew_here() -> None:
    """All else of a row is taken from one and the same."""
    made = {n for n, field in Evidence.model_fields.items() if field.default_factory is not None}
    assert made - {*New._fields, "created_at"} == set()


@pytest.mark.parametrize(
    "at", [OPENS - TICK, OPENS, START + TICK, CLOSES - TICK, CLOSES, START.replace(year=2027)]
)
@pytest.mark.parametrize("before", [False, True])
def test_the_window(world: World, at: datetime, before: bool) -> None:
    work = CheckIns(world.database)
    slips = world.slips(at)
    if before:
        work(world.slips())
    expected = [world.by_itself(slip) for slip in slips]
    assert [_same(each) for each in work(slips)] == expected
    stays = 3 if before or OPENS <= at < CLOSES else 0
    assert [row.at for row in world.evidence()] == [START if before else at] * stays


def _of_one(**values: Any) -> Change:
    return lambda world: world.change(Enrolment, world.people[1], **values)


def _released(**values: Any) -> Change:
    def change(world: World) -> None:
        world.change(Session, world.session, **values)
        world.publish()

    return change


def _in_turn(*changes: Change) -> Change:
    def change(world: World) -> None:
        for each in changes:
            each(world)

    return change


CHANGES: dict[str, Change] = {
    "pending": _of_one(status="pending"),
    "waitlisted": _of_one(status="waitlisted"),
    "withdrawn": _of_one(status="withdrawn"),
    "cancelled": _released(status="cancelled"),
    "cancelled in the draft": lambda w: w.change(Session, w.session, status="cancelled"),
    "moved": _released(
        wall_start=datetime(2026, 12, 4, 9),
        starts_at=START + timedelta(days=3),
        ends_at=START + timedelta(days=3, minutes=90),
    ),
    "another number": _released(number=2),
    "another number in the draft": lambda w: w.change(Session, w.session, number=2),
    "opens later": lambda w: w.change(Session, w.session, check_in_before=-5),
    "closes earlier": lambda w: w.change(Session, w.session, check_in_after=-89),
    "taken back": lambda w: w.retract(1),
    "taken back and given again": _in_turn(lambda w: w.retract(1), lambda w: w.retract(1)),
    "taken back without an address": _in_turn(
        lambda w: w.retract(1), lambda w: w.change(Cycle, w.cycle, contact_email="")
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("before", [False, True])
def test_what_has_changed_counts_at_once(world: World, change: str, before: bool) -> None:
    """Whatever the clerk has kept of the session from before."""
    work = CheckIns(world.database)
    other = world.people.pop()
    assert work([Slip(other, 1, 1, START)]) == [Done(False, START, "en")]
    if before:
        work(world.slips())
    CHANGES[change](world)
    for number in (1, 2):
        slips = world.slips(START + timedelta(minutes=2), number)
        expected = [world.by_itself(slip) for slip in slips]
        assert [_same(each) for each in work(slips)] == expected


def test_a_link_that_was_replaced(world: World) -> None:
    work = CheckIns(world.database)
    work(world.slips(number=7))
    world.change(Enrolment, world.people[1], link_generation=2)
    first, second, third = work(world.slips())
    assert (first, third) == (Done(False, START, "pt"), Done(False, START, "en"))
    assert isinstance(second, Gone)
    assert second.params == {"contact": "help@example.org"}
    with world.database.begin(writes=False) as db:
        assert second.way == f"/c/{db.get_one(Cycle, world.cycle).slug}/link"
    assert work(world.slips(generation=2)[1:2]) == [Done(False, START, "es")]


@pytest.mark.parametrize("number", [2, 0, 99999])
def test_a_session_or_somebody_who_is_not_there(world: World, number: int) -> None:
    slips = [*world.slips(number=number), Slip("nobody", 1, 1, START)]
    found = CheckIns(world.database)(slips)
    assert [type(each) for each in found] == [NotFound] * 4
    assert len({id(each) for each in found}) == 4


@pytest.mark.parametrize("change", [{"status": "draft"}, {"release_number": 0}])
def test_a_cycle_that_is_not_published(world: World, change: dict[str, Any]) -> None:
    world.change(Cycle, world.cycle, **change)
    found = CheckIns(world.database)(world.slips())
    assert [type(each) for each in found] == [NotFound] * 3


def test_twice_is_once_and_the_first_time_stands(world: World) -> None:
    work = CheckIns(world.database)
    first, second = world.slips()[:2]
    again = first._replace(at=START + TICK)
    assert work([again, first, second, first]) == [
        Done(False, START + TICK, "pt"),
        Done(True, START + TICK, "pt"),
        Done(False, START, "es"),
        Done(True, START + TICK, "pt"),
    ]
    assert work([second._replace(at=CLOSES), first]) == [
        Done(True, START, "es"),
        Done(True, START + TICK, "pt"),
    ]
    assert [row.at for row in world.evidence()] == [START + TICK, START]


@pytest.mark.parametrize("at", [START + TICK, CLOSES])
def test_who_was_taken_back_is_told_so_and_others_are_not(world: World, at: datetime) -> None:
    work = CheckIns(world.database)
    slips = world.slips()
    work(slips)
    world.retract(1)
    first, second, third = work([slip._replace(at=at) for slip in slips])
    assert (first, third) == (Done(True, START, "pt"), Done(True, START, "en"))
    assert isinstance(second, Clash)
    assert (second.code, second.params) == (
        "check_in_taken_back",
        {"contact": "help@example.org"},
    )
    assert len(world.evidence()) == 4


@pytest.mark.parametrize("times", [1, 2])
def test_who_came_to_a_date_that_was_moved_checks_in_anew(world: World, times: int) -> None:
    """Also who was taken back there; once for each date, and each as by itself."""
    work = CheckIns(world.database)
    work(world.slips())
    world.retract(1)
    for week in range(1, times + 1):
        by = timedelta(days=7 * week)
        moved = {
            "wall_start": (START - timedelta(hours=5) + by).replace(tzinfo=None),
            "starts_at": START + by,
            "ends_at": START + by + timedelta(minutes=90),
        }
        world.change(Session, world.session, **moved)
        world.publish()
        early = [slip._replace(at=OPENS + by - TICK) for slip in world.slips()]
        slips = [slip._replace(at=START + by) for slip in world.slips()]
        for each in (early, slips):
            expected = [world.by_itself(slip) for slip in each]
            assert [_same(found) for found in work(each)] == expected
        again = [slip._replace(at=CLOSES + by) for slip in slips]
        assert work([*slips[:2], *again[1:]]) == [
            Done(True, START + by, "pt"),
            Done(True, START + by, "es"),
            Done(True, START + by, "es"),
            Done(True, START + by, "en"),
        ]
        assert [world.by_itself(slip) for slip in again] == [(True, START + by)] * 3
        assert len(world.evidence()) == 4 + 3 * week
    world.retract(2)
    assert isinstance(work(slips)[2], Clash)


def test_they_can_be_reached_also_who_is_refused(world: World) -> None:
    with world.database.begin(writes=True) as db:
        for place, each in enumerate(world.people):
            person = db.get_one(Person, db.get_one(Enrolment, each).person_id)
            person.bounced_at = START - timedelta(days=1) if place < 2 else START + TICK
            person.bounce = "550 no such user"
    world.change(Enrolment, world.people[0], status="withdrawn")
    CheckIns(world.database)(world.slips())
    with world.database.begin(writes=False) as db:
        marks = [
            db.get_one(Person, db.get_one(Enrolment, each).person_id).bounce
            for each in world.people
        ]
    assert marks == ["", "", "550 no such user"]  # the last mark is younger


@pytest.mark.parametrize("count", [1, 3])
def test_queries_do_not_grow(world: World, count_queries: Counting, count: int) -> None:
    work = CheckIns(world.database)
    slips = world.slips()
    late = [slip._replace(at=CLOSES) for slip in slips]
    asked = []
    for given in (slips, slips, late):
        with count_queries() as queries:
            work(given[:count])
        asked.append(len(queries))
    # Who they are, the release and the session, the writing; who they are, the writing, what was
    # there; who they are, what was there.
    assert asked == [4, 3, 2]


# With commits, several at once, and failures.


def test_nothing_is_done_of_what_was_not_committed(
    real_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = CheckIns(real_world.database)
    dialect = real_world.database.engine.dialect

    def fail(_connection: object) -> None:
        raise dialect.loaded_dbapi.OperationalError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(dialect, "do_commit", fail)
        with pytest.raises(OperationalError):
            work(real_world.slips())
    assert real_world.evidence() == []
    assert work(real_world.slips())[0] == Done(False, START, "pt")


def test_in_two_processes_each_is_once_and_neither_waits_for_the_other(real_world: World) -> None:
    """Both have the same slips, in opposite orders, and come to the one in the middle while a
    third has it: each has a half of the keys by then, if each takes them as they come."""
    slips = real_world.slips()
    begun = Barrier(3)
    found: list[Done | Exception] = []

    def act(slips: list[Slip]) -> None:
        begun.wait(10)
        found.extend(CheckIns(real_world.database)(slips))

    def third() -> None:
        with real_world.database.begin(writes=True) as db:
            enrolment = enrolments.get_enrolment(db, SYSTEM, slips[1].enrolment_id)
            check_in.check_in(db, enrolment, 1, OPENS, "room")
            begun.wait(10)
            if db.get_bind().dialect.name == "postgresql":  # on SQLite they wait for all of it
                _until_waiting(real_world.database, 2)

    acts: list[object] = [lambda: act(slips), lambda: act(slips[::-1]), third]
    assert together(acts) == [None] * 3
    assert sorted(map(str, found)) == sorted(
        str(Done(already, at, language))
        for already, at, language in (
            *((already, START, "pt") for already in (False, True)),
            *((True, OPENS, "es") for _ in range(2)),
            *((already, START, "en") for already in (False, True)),
        )
    )
    assert [row.at for row in real_world.evidence()] == [START, OPENS, START]


def _until_waiting(database: Database, transactions: int) -> None:
    """So many wait for another to end."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 10
    waiting = -1
    while waiting < transactions:
        assert time.monotonic() < deadline
        with database.begin(writes=False) as db:  # in one transaction it would stay as it was
            waiting = db.connection().execute(query).scalar_one()


def test_beside_single_ones(real_world: World) -> None:
    """The room and the program write the same evidence, each in a transaction of its own."""
    slip = real_world.slips()[0]
    found: list[bool] = []

    def batch() -> None:
        done = CheckIns(real_world.database)([slip])[0]
        assert isinstance(done, Done)
        found.append(done.already)

    def single() -> None:
        with real_world.database.begin(writes=True) as db:
            enrolment = enrolments.get_enrolment(db, SYSTEM, slip.enrolment_id)
            found.append(check_in.check_in(db, enrolment, 1, START, "room").already)

    assert together([batch, single] * 4) == [None] * 8
    assert sorted(found) == [False] + [True] * 7
    assert len(real_world.evidence()) == 1
