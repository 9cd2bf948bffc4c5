"""What needs doing after a session stands on the cycle's first page."""

from datetime import timedelta

import pytest

from app.db import DbSession
from app.domain.attendance import Status
from app.services.actor import SYSTEM
from app.services.glance import glance
from tests.services.attendance_world import RULE, Attended

MINE = ("attendance_open", "session_unclosed", "report_waiting", "rows_unmatched")


@pytest.fixture
def world(db: DbSession) -> Attended:
    return Attended(db)


def after_first(world: Attended, *codes: str) -> list[tuple[str, int | None, dict[str, object]]]:
    now = world.sessions[0].ends_at + timedelta(hours=1)
    found = glance(world.db, SYSTEM, world.cycle.id, now).todos
    return [
        (todo.code, todo.session_number, dict(todo.params))
        for todo in found
        if todo.code in (codes or MINE)
    ]


def test_first_who_is_open_then_closing_then_nothing(world: Attended) -> None:
    ana = world.participant("Ana")
    assert after_first(world) == [("attendance_open", 1, {"number": 1, "count": 1})]
    world.there(ana, 1)
    assert after_first(world) == [("session_unclosed", 1, {"number": 1})]
    world.sessions[0].closed_at = world.sessions[0].ends_at
    assert after_first(world) == []


def test_reports_that_wait_and_rows_that_are_nobody_s(world: Attended) -> None:
    world.report(1, "preview")
    world.row(world.report(1, "preview"))
    applied = world.report(1)
    for number in (2, 3):
        world.row(applied, number)
    world.row(applied, 4, left_out=True)
    world.row(world.report(1, "undone"))
    assert after_first(world) == [
        ("report_waiting", 1, {"number": 1}),
        ("rows_unmatched", 1, {"number": 1, "count": 2}),
    ]


def test_whom_a_warning_can_still_help(db: DbSession) -> None:
    world = Attended(db, rule={**RULE, "min_sessions": 4})
    for name in ("Ana", "Eva"):
        world.there(world.participant(name), 1)
    code = "completion_at_risk"
    assert after_first(world, code) == [(code, None, {"count": 2})]


def test_with_a_rule_the_same_are_counted_as_without(db: DbSession) -> None:
    """Once by the database and once from the records that the rule is held against."""
    found = []
    for rule in ({}, RULE):
        world = Attended(db, rule=rule)
        for n, name in enumerate(("Ana", "Eva", "Leo", "Zoe")):
            who = world.participant(name)
            for session in range(1, n + 2):
                world.there(who, session, 0, 20 * (n + 1))
            world.checked_in(who, 4)
        world.marked(who, 1, Status.EXCUSED)
        gone = world.participant("Gone", status="withdrawn")
        world.there(gone, 2)
        world.participant("Nobody")
        world.sessions[0].closed_at = world.sessions[0].ends_at
        seen = glance(db, SYSTEM, world.cycle.id, world.sessions[3].ends_at).attendance
        found.append([dict(seen[session.id]) for session in world.sessions])
    assert found[0] == found[1]
    assert found[0][0] == {
        Status.PARTIAL: 2,
        Status.PRESENT: 1,
        Status.EXCUSED: 1,
        Status.ABSENT: 1,
    }
