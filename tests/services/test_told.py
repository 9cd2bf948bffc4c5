"""Who comes at the hour that was published is let in, whatever the draft has become since."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.db import DbSession
from app.domain.errors import Clash, NotFound
from app.models import Enrolment, Guest, Session
from app.services import check_in, part_join
from app.services.actor import SYSTEM
from app.services.check_in_lists import record_check_in
from app.services.guests import guest_of
from app.services.my_schedule import Step, my_cycle
from app.services.publishing import publish
from app.services.told import told_session
from tests.factories import NOW, Make

START = datetime(2026, 12, 1, 14, tzinfo=UTC)
LATER = START + timedelta(days=3)
LINK = "https://meet.example.org/room"


class World:
    """A published session of 90 minutes: Ana takes part, Hugo speaks."""

    def __init__(self, db: DbSession) -> None:
        make = Make(db)
        self.db = db
        self.cycle = make.cycle()
        self.session = make.session(self.cycle, meeting_url=LINK)
        hugo = make.person()
        make.part(make.segment(self.session, minutes=90), hugo)
        self.enrolment: Enrolment = make.enrolment(self.cycle, make.person(email="ana@example.org"))
        self.hugo: Guest = guest_of(db, self.cycle.id, hugo.id)
        publish(db, SYSTEM, self.cycle.id, accept_warnings=True, now=NOW)

    def change(self, **values: Any) -> None:
        """In the draft."""
        for name, value in values.items():
            setattr(self.session, name, value)
        self.db.flush()

    def move(self) -> None:
        by = timedelta(days=3)
        self.change(
            wall_start=self.session.wall_start + by,
            starts_at=self.session.starts_at + by,
            ends_at=self.session.ends_at + by,
        )

    def ways_in(self) -> list[Callable[[datetime], object]]:
        code, ana = self.session.room_code, self.enrolment
        return [
            lambda at: part_join.join(self.db, self.hugo, 1, at),
            lambda at: check_in.join(self.db, ana, 1, at),
            lambda at: check_in.check_in_at_room(self.db, code, "ana@example.org", "", at),
            lambda at: check_in.check_in(self.db, ana, 1, at, "personal-page"),
            lambda at: record_check_in(self.db, SYSTEM, self.session.id, ana.id, at),
        ]


@pytest.fixture
def world(db: DbSession) -> World:
    return World(db)


CHANGES: dict[str, Callable[[World], None]] = {
    "moved": World.move,
    "cancelled": lambda w: w.change(status="cancelled"),
    "set back to draft": lambda w: w.change(status="draft"),
    "renumbered": lambda w: w.change(number=7),
}


@pytest.mark.parametrize("change", CHANGES)
def test_at_the_published_hour_everybody_gets_in(world: World, change: str) -> None:
    CHANGES[change](world)
    for way in world.ways_in():
        way(START)
    mine = my_cycle(world.db, world.enrolment, START).session(1)
    assert mine is not None
    assert (mine.can_join, mine.meeting_url, mine.step) == (True, LINK, Step.REJOIN)


def test_the_planned_hour_opens_nothing(world: World) -> None:
    world.move()
    for way in world.ways_in():
        with pytest.raises(Clash) as error:
            way(LATER)
        assert error.value.code in ("session_over", "check_in_closed")


def test_what_was_published_as_cancelled_is_off(world: World) -> None:
    world.change(status="cancelled")
    publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    world.change(status="scheduled")
    for way in world.ways_in():
        with pytest.raises(Clash) as error:
            way(START)
        assert error.value.code == "session_cancelled"


def test_the_link_is_the_present_one(world: World) -> None:
    world.change(meeting_url="https://meet.example.org/other")
    for way in world.ways_in()[:2]:
        assert way(START) == "https://meet.example.org/other"


def test_what_was_never_released_is_as_planned(world: World) -> None:
    make = Make(world.db)
    second = make.session(world.cycle, 2, meeting_url=LINK)
    make.part(make.segment(second), world.hugo.person)
    assert part_join.join(world.db, world.hugo, 2, second.starts_at) == LINK
    second.status = "draft"
    world.db.flush()
    for number in (2, 3, 0, 2**70):
        with pytest.raises(NotFound):
            told_session(world.db, world.cycle.id, number)


def test_a_number_that_went_to_another_leads_where_it_led(world: World) -> None:
    world.change(number=2)
    other: Session = Make(world.db).session(world.cycle, 1)
    assert told_session(world.db, world.cycle.id, 1).row is world.session
    assert told_session(world.db, world.cycle.id, 2).row is world.session
    assert other.number == 1
