"""A closed session that a release moves beyond its closing is open again."""

from datetime import datetime, timedelta

import pytest

from app.db import DbSession
from app.domain.attendance import Status
from app.domain.completion import Standing
from app.domain.errors import Clash
from app.schemas.completion import CloseIn
from app.services import closing
from app.services.actor import SYSTEM, AccountStanding, Actor
from app.services.attendance import attendance
from app.services.completion import dry_run
from app.services.publishing import preview, publish
from app.services.reopening import reopens
from tests.services.attendance_world import WEEK, Attended

OLGA = Actor(id="o", name="Olga", language="en", standing=AccountStanding.ADMINISTRATOR)


@pytest.fixture
def world(db: DbSession) -> Attended:
    """Ana was at the first session, Eva was not; it is closed."""
    world = Attended(db)
    world.there(world.participant("Ana"), 1)
    world.participant("Eva")
    closing.close_session(db, OLGA, world.sessions[0].id, CloseIn(), after(world))
    return world


def after(world: Attended) -> datetime:
    return world.sessions[1].ends_at + timedelta(hours=1)


def move(world: Attended, by: timedelta) -> None:
    first = world.sessions[0]
    for name in ("wall_start", "starts_at", "ends_at"):
        setattr(first, name, getattr(first, name) + by)
    world.db.flush()


def would_open(world: Attended) -> list[tuple[int, int]]:
    found = preview(world.db, OLGA, world.cycle.id, after(world))
    opened = reopens(world.db, found.before, found.next_schedule)
    return [(each.number, each.attended) for each in opened]


def statuses(world: Attended) -> list[Status]:
    return [row.record.status for row in attendance(world.db, SYSTEM, world.sessions[0].id)]


def publish_again(world: Attended) -> None:
    publish(world.db, OLGA, world.cycle.id, accept_warnings=True, now=after(world))


def test_moved_to_come_it_is_open_again_with_the_reason(world: Attended) -> None:
    first = world.sessions[0]
    assert statuses(world) == ["present", "absent"]
    assert would_open(world) == []
    move(world, 6 * WEEK)
    assert would_open(world) == [(1, 1)]
    assert statuses(world) == ["present", "absent"]  # nobody has been told so far
    publish_again(world)
    assert (first.closed_at, statuses(world)) == (None, ["unknown", "unknown"])
    row = closing.closings(world.db, SYSTEM, first.id)[0]
    assert (row.closed, row.recorded_by, row.at, row.counts, row.reason) == (
        False,
        "Olga",
        after(world),
        {"unknown": 2},
        "By a release it ends only after it was closed: "
        "Tuesday 12 January 2027, 11:00 (Bogotá time).",
    )
    assert len(closing.closings(world.db, SYSTEM, first.id)) == 2
    with pytest.raises(Clash) as caught:
        closing.close_session(world.db, OLGA, first.id, CloseIn(), after(world))
    assert caught.value.code == "session_not_over"


def test_moved_to_before_its_closing_it_stays_closed(world: Attended) -> None:
    closed_at = world.sessions[0].closed_at
    move(world, -WEEK)
    assert would_open(world) == []
    publish_again(world)
    assert (world.sessions[0].closed_at, statuses(world)) == (closed_at, ["absent", "absent"])


def test_a_closing_from_before_its_end_makes_nobody_absent(world: Attended) -> None:
    """As older data has it: moved and published, and closed all the while."""
    first = world.sessions[0]
    closed_at = first.closed_at
    move(world, 6 * WEEK)
    publish_again(world)
    first.closed_at = closed_at
    world.db.flush()
    assert statuses(world) == ["unknown", "unknown"]
    run = dry_run(world.db, SYSTEM, world.cycle.id, after(world))
    assert {far.outcome.standings[0] for far in run.far.values()} == {Standing.OPEN}
    again = closing.close_session(world.db, OLGA, first.id, CloseIn(), first.ends_at)
    assert (again.at, first.closed_at) == (first.ends_at, first.ends_at)
    assert statuses(world) == ["absent", "absent"]


def test_one_that_is_cancelled_stays_as_it_is(world: Attended) -> None:
    move(world, 6 * WEEK)
    world.sessions[0].status = "cancelled"
    world.db.flush()
    assert would_open(world) == []
    publish_again(world)
    assert len(closing.closings(world.db, SYSTEM, world.sessions[0].id)) == 1


def test_moved_while_cancelled_it_opens_when_it_takes_place_again(world: Attended) -> None:
    """The release that opens it has the same times as the one before."""
    first = world.sessions[0]
    move(world, 6 * WEEK)
    first.status = "cancelled"
    world.db.flush()
    publish_again(world)
    assert would_open(world) == []
    first.status = "scheduled"
    world.db.flush()
    assert would_open(world) == [(1, 0)]  # by what holds now, nobody was there
    publish_again(world)
    assert (first.closed_at, statuses(world)) == (None, ["unknown", "unknown"])
    assert [row.closed for row in closing.closings(world.db, SYSTEM, first.id)] == [False, True]
