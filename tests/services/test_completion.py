"""Everybody's records against the rule: completed, at risk, out of reach."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from app.db import DbSession
from app.domain.attendance import Kind, Status
from app.domain.completion import Lack, Missing, Rule, Standing
from app.domain.errors import NotFound
from app.services.actor import SYSTEM
from app.services.completion import against, dry_run, how_far
from app.services.enrolment_lists import named
from app.services.publishing import publish
from tests.factories import NOW
from tests.services.attendance_world import OVER, RULE, WEEK, Attended

Counting = Callable[[], AbstractContextManager[list[str]]]
COUNTS, SHORT, MISSED, OPEN = Standing.COUNTS, Standing.SHORT, Standing.MISSED, Standing.OPEN


@pytest.fixture
def world(db: DbSession) -> Attended:
    return Attended(db)


def test_three_of_four_at_seventy_percent(world: Attended) -> None:
    ana, eva = world.participant("Ana"), world.participant("Eva")
    for number in (1, 2):
        world.there(ana, number, 0, 120)
    world.there(ana, 3, 0, 88.5)  # 73.5 of 105 minutes: the break does not count
    world.there(eva, 1, 0, 88.4)
    world.marked(eva, 2, Status.PRESENT)
    for session in world.sessions:
        session.closed_at = OVER
    run = dry_run(world.db, SYSTEM, world.cycle.id, OVER)
    assert [(each.outcome.completed, each.outcome.standings) for each in run.far.values()] == [
        (True, (COUNTS, COUNTS, COUNTS, MISSED)),
        (False, (SHORT, COUNTS, MISSED, MISSED)),
    ]
    assert list(run.far) == [ana.id, eva.id]
    assert run.counts() == {"completed": 1, "at_risk": 0, "under_way": 0, "out_of_reach": 1}
    assert run.far[ana.id].records[world.sessions[2].id].seconds == 4410
    assert run.far[eva.id].outcome.missing == (Missing(Lack.SESSIONS, 2),)


def test_only_who_has_a_place_is_in_it(world: Attended) -> None:
    for status in ("pending", "waitlisted", "withdrawn"):
        world.participant(status, status=status)
    assert dry_run(world.db, SYSTEM, world.cycle.id, OVER).far == {}


def test_what_is_to_come_is_open(world: Attended) -> None:
    ana = world.participant("Ana")
    world.there(ana, 1)
    after_two = world.sessions[1].ends_at
    world.sessions[1].closed_at = after_two
    run = dry_run(world.db, SYSTEM, world.cycle.id, after_two)
    assert run.far[ana.id].outcome.standings == (COUNTS, MISSED, OPEN, OPEN)
    assert run.counts() == {"completed": 0, "at_risk": 1, "under_way": 0, "out_of_reach": 0}
    assert run.having("at_risk") == run.having("") == [run.far[ana.id]]
    assert run.having("completed") == []


def test_another_rule_can_be_tried(world: Attended) -> None:
    world.there(world.participant("Ana"), 1)
    tried = dry_run(world.db, SYSTEM, world.cycle.id, OVER, Rule(1, 4, 90))
    assert (tried.counts()["completed"], tried.against.version) == (1, 0)
    assert dry_run(world.db, SYSTEM, world.cycle.id, OVER).counts()["completed"] == 0
    assert world.cycle.completion_rule == RULE


def test_without_a_rule_nobody_completes(db: DbSession) -> None:
    world = Attended(db, rule={})
    ana = world.participant("Ana")
    run = dry_run(db, SYSTEM, world.cycle.id, OVER)
    assert (run.against.rule, run.far) == (None, {})
    assert how_far(db, run.against, ana) is None


def test_cancelled_and_unpublished_sessions_are_not_asked_for(world: Attended) -> None:
    world.make.session(world.cycle, 5)
    world.sessions[3].status = "cancelled"
    world.db.flush()
    publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    world.make.session(world.cycle, 6)
    known = against(world.db, world.cycle.id, OVER)
    assert ([each.number for each in known.held], known.called_off) == ([1, 2, 3, 5], 1)


def test_nobody_completes_by_what_cannot_be_seen_yet(world: Attended) -> None:
    """A mandatory session that is scheduled, or still a draft, and not published is to come."""
    ana = world.participant("Ana")
    world.there(ana, 1)
    exam = world.make.session(world.cycle, 5)
    asks = {"min_sessions": 1, "of": 4, "mandatory": [exam.id]}
    for status in ("scheduled", "draft"):
        exam.status, world.cycle.completion_rule = status, asks
        world.db.flush()
        run = dry_run(world.db, SYSTEM, world.cycle.id, OVER)
        assert run.far[ana.id].outcome.missing == (Missing(Lack.MANDATORY, 5),)
        assert run.far[ana.id].outcome.reachable
        assert [each.id for each in run.against.planned] == [exam.id]
    exam.status = "cancelled"  # and nobody had heard of it
    world.db.flush()
    assert dry_run(world.db, SYSTEM, world.cycle.id, OVER).counts()["completed"] == 1


def test_what_takes_the_place_of_a_cancelled_session_is_to_come(world: Attended) -> None:
    """It makes no difference when it is published."""
    world.cycle.completion_rule = {"min_sessions": 4, "of": 4}
    ana = world.participant("Ana")
    for number in (1, 2, 3):
        world.there(ana, number)
    world.sessions[3].status = "cancelled"
    world.db.flush()
    publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    assert dry_run(world.db, SYSTEM, world.cycle.id, OVER).counts()["completed"] == 1
    world.make.session(world.cycle, 5, wall_start=world.sessions[3].wall_start + WEEK)
    seen = []
    for _ in range(2):
        run = dry_run(world.db, SYSTEM, world.cycle.id, OVER)
        seen.append((run.counts()["at_risk"], run.far[ana.id].outcome.missing))
        if run.against.planned:
            publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    assert seen == [(1, (Missing(Lack.SESSIONS, 1),))] * 2


def test_a_cancelled_session_that_takes_place_after_all_is_to_come(world: Attended) -> None:
    world.sessions[3].status = "cancelled"
    world.db.flush()
    publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    assert against(world.db, world.cycle.id, OVER).called_off == 1
    world.sessions[3].status = "scheduled"
    world.db.flush()
    known = against(world.db, world.cycle.id, OVER)
    assert (known.called_off, [each.number for each in known.planned]) == (0, [4])


def test_nobody_completes_by_what_has_not_begun(world: Attended) -> None:
    """Be it excused, checked in to, or come to on a date that it was moved from."""
    world.cycle.completion_rule = {
        "min_sessions": 1,
        "of": 4,
        "excused_counts": True,
        "unverified_counts": True,
    }
    last = world.sessions[3]
    ana, eva, joe = (world.participant(name) for name in ("Ana", "Eva", "Joe"))
    world.seen(ana, 4, Kind.MARK, -9000, source="organizer", status=Status.EXCUSED)
    world.checked_in(eva, 4, -12)
    world.checked_in(joe, 4, -24 * 60)
    world.seen(joe, 4, Kind.TOTAL, -22 * 60, source="zoom", seconds=7200)
    seen = []
    for at in (last.starts_at - timedelta(seconds=1), last.starts_at):
        run = dry_run(world.db, SYSTEM, world.cycle.id, at)
        seen.append([far.outcome.standings[3] for far in run.far.values()])
    assert seen == [[OPEN, OPEN, OPEN], [COUNTS, COUNTS, OPEN]]


def test_minutes_go_by_what_was_published(world: Attended) -> None:
    """A draft that was moved after the session takes nobody's minutes away."""
    ana = world.participant("Ana")
    world.there(ana, 1)
    world.sessions[0].starts_at += WEEK
    world.sessions[0].ends_at += WEEK
    world.sessions[0].wall_start += WEEK
    world.db.flush()
    run = dry_run(world.db, SYSTEM, world.cycle.id, OVER)
    assert run.far[ana.id].records[world.sessions[0].id].seconds == 105 * 60


def test_one_enrolment_is_as_far_as_in_the_list(world: Attended) -> None:
    ana = world.participant("Ana")
    world.checked_in(ana, 1)
    now = world.sessions[1].ends_at + timedelta(hours=1)
    run = dry_run(world.db, SYSTEM, world.cycle.id, now)
    assert how_far(world.db, run.against, ana) == run.far[ana.id].outcome


def test_names_in_the_order_that_was_asked(world: Attended) -> None:
    ana, eva = world.participant("Ana"), world.participant("Eva")
    assert named(world.db, [eva.id, "nobody", ana.id]) == [eva, ana]


def test_queries_do_not_grow(db: DbSession, world: Attended, count_queries: Counting) -> None:
    counted = []
    for n in (1, 3):
        for each in range(n):
            who = world.participant(f"{n} {each}")
            for number in (1, 2, 3):
                world.there(who, number)
        db.commit()
        db.expunge_all()
        with count_queries() as queries:
            assert (
                dry_run(db, SYSTEM, world.cycle.id, OVER).counts()["completed"] == {1: 1, 3: 4}[n]
            )
        counted.append(len(queries))
    assert counted == [6, 6]


def test_of_no_cycle(db: DbSession) -> None:
    with pytest.raises(NotFound):
        dry_run(db, SYSTEM, "nothing", OVER)
