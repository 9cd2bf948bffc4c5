"""The waitlist: who moves up, when, and that they are told."""

from datetime import timedelta

import pytest
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.enrolment import EnrolmentStatus
from app.models import Cycle, Enrolment, Message
from app.schemas.enrolment import EnrolmentChange
from app.services import enrolment_lists, enrolments
from app.services.actor import SYSTEM
from tests.factories import NOW, Make
from tests.services.test_enrol import together

LATER = NOW + timedelta(hours=1)


def waiting(make: Make, cycle: Cycle, name: str, minutes: int) -> Enrolment:
    at = NOW + timedelta(minutes=minutes)
    return make.enrolment(cycle, make.person(name=name), status="waitlisted", status_at=at)


def told(db: DbSession) -> list[tuple[str, str]]:
    query = select(Message.kind, Message.to_name).order_by(col(Message.id))
    return [(kind, name) for kind, name in db.exec(query)]


def test_who_waited_longest_moves_up(db: DbSession, make: Make) -> None:
    cycle = make.cycle(capacity=1)
    there = make.enrolment(cycle)
    late, early = waiting(make, cycle, "Late", 5), waiting(make, cycle, "Early", 1)
    assert enrolment_lists.who_moves_up(db, there) is early
    moved = enrolments.withdraw(db, there, LATER)
    assert moved == [early]
    assert (there.status, there.status_at) == ("withdrawn", LATER)
    assert (early.status, early.status_at) == ("confirmed", LATER)
    assert late.status == "waitlisted"
    assert told(db) == [("enrolment-confirmed", "Early")]
    assert enrolments.withdraw(db, there, LATER) == []
    assert late.status == "waitlisted"


def test_where_an_organizer_confirms_they_wait_for_that(db: DbSession, make: Make) -> None:
    cycle = make.cycle(capacity=1, approval=True)
    there, next_one = make.enrolment(cycle), waiting(make, cycle, "Next", 1)
    enrolments.withdraw(db, there, LATER)
    assert next_one.status == "pending"
    assert told(db) == [("enrolment-pending", "Next")]


def test_leaving_the_waitlist_frees_nothing(db: DbSession, make: Make) -> None:
    cycle = make.cycle(capacity=1)
    make.enrolment(cycle)
    one, other = waiting(make, cycle, "One", 1), waiting(make, cycle, "Other", 2)
    assert enrolment_lists.who_moves_up(db, one) is None
    assert enrolments.withdraw(db, one, LATER) == []
    assert other.status == "waitlisted"


def test_nobody_moves_up_while_too_many_are_in(db: DbSession, make: Make) -> None:
    cycle = make.cycle(capacity=1)
    there = make.enrolment(cycle)
    make.enrolment(cycle)
    other = waiting(make, cycle, "Other", 2)
    assert enrolment_lists.who_moves_up(db, there) is None
    assert enrolments.withdraw(db, there, LATER) == []
    assert other.status == "waitlisted"


def test_back_to_the_waitlist_goes_to_its_end(db: DbSession, make: Make) -> None:
    cycle = make.cycle(capacity=1)
    there = make.enrolment(cycle)
    back = EnrolmentChange(status=EnrolmentStatus.WAITLISTED)
    enrolments.change_enrolment(db, SYSTEM, there.id, back, now=LATER)
    assert there.status == "waitlisted"  # not straight back to where it came from


@pytest.mark.parametrize(
    ("capacity", "moved"), [(1, []), (3, ["A", "B"]), (9, ["A", "B", "C"]), (None, ["A", "B", "C"])]
)
def test_more_places(db: DbSession, make: Make, capacity: int | None, moved: list[str]) -> None:
    cycle = make.cycle(capacity=1)
    make.enrolment(cycle)
    for minutes, name in enumerate("ABC"):
        waiting(make, cycle, name, minutes)
    cycle.capacity = capacity
    assert [e.name for e in enrolments.promote_waitlist(db, cycle, LATER)] == moved
    assert told(db) == [("enrolment-confirmed", name) for name in moved]
    assert enrolments.promote_waitlist(db, cycle, LATER) == []


def test_two_who_leave_at_once_make_two_places(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(capacity=2)
        leaving = [make.enrolment(cycle).id for _ in range(2)]
        for minutes, name in enumerate("ABC"):
            waiting(make, cycle, name, minutes)
        cycle_id = cycle.id

    def leave(enrolment_id: str) -> None:
        with real_database.begin(writes=True) as db:
            enrolments.withdraw(db, enrolments.get_enrolment(db, SYSTEM, enrolment_id), LATER)

    assert together([lambda i=i: leave(i) for i in leaving]) == [None, None]
    with real_database.begin(writes=False) as db:
        rows = enrolment_lists.all_enrolments(db, SYSTEM, cycle_id)
        assert {e.name: e.status for e in rows if e.name in "ABC"} == {
            "A": "confirmed",
            "B": "confirmed",
            "C": "waitlisted",
        }
        assert sorted(told(db)) == [("enrolment-confirmed", "A"), ("enrolment-confirmed", "B")]
