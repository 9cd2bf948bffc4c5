"""What the preview of a release says of attendance that is known, and of what the rule asks for."""

from datetime import timedelta

import pytest

from app.db import DbSession
from app.services.actor import SYSTEM
from app.services.publishing import preview, publish
from app.services.release_effects import Moves, asked_for_no_more, moves
from tests.factories import NOW
from tests.services.attendance_world import OVER, WEEK, Attended


@pytest.fixture
def world(db: DbSession) -> Attended:
    """Ana checked in to the first session, and Eva did for a date that it was moved from."""
    world = Attended(db)
    world.checked_in(world.participant("Ana"), 1)
    world.checked_in(world.participant("Eva"), 1, -24 * 60)
    return world


def would_move(world: Attended, *but: str) -> list[Moves]:
    found = preview(world.db, SYSTEM, world.cycle.id, OVER)
    return moves(world.db, found.before, found.next_schedule, but)


def move(world: Attended, number: int, by: timedelta) -> None:
    row = world.sessions[number - 1]
    for name in ("wall_start", "starts_at", "ends_at"):
        setattr(row, name, getattr(row, name) + by)
    world.db.flush()


def test_how_many_have_attended_who_would_not_any_more(world: Attended) -> None:
    first = world.sessions[0]
    assert would_move(world) == []
    move(world, 1, timedelta(hours=2))  # the hour is put right: she was there
    move(world, 2, WEEK * 9)  # nobody was there
    assert would_move(world) == []
    move(world, 1, timedelta(days=1))
    assert would_move(world) == [Moves(first.id, 1, 1)]
    assert would_move(world, first.id) == []
    publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    move(world, 1, WEEK)
    assert would_move(world) == []  # what was observed was for another date already


def test_what_the_rule_asks_for_no_more(world: Attended) -> None:
    first, second = world.sessions[:2]
    world.cycle.completion_rule = {"min_sessions": 1, "of": 4, "mandatory": [second.id]}
    first.status = second.status = "cancelled"
    world.db.flush()
    found = preview(world.db, SYSTEM, world.cycle.id, OVER)
    assert asked_for_no_more(world.cycle, found.before, found.next_schedule) == [2]
    assert asked_for_no_more(world.cycle, None, found.next_schedule) == []
    publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    found = preview(world.db, SYSTEM, world.cycle.id, OVER)
    assert asked_for_no_more(world.cycle, found.before, found.next_schedule) == []
