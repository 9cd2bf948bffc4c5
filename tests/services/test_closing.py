"""Closing a session, what is open before that, and opening it again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest

from app.db import Database, DbSession
from app.domain.attendance import Kind, Status
from app.domain.errors import Clash, NotFound
from app.models import Enrolment, SessionClosing
from app.schemas.completion import CloseIn, ReopenIn
from app.services import closing
from app.services.actor import SYSTEM, AccountStanding, Actor
from app.services.attendance import AttendanceRow, attendance
from tests.services.attendance_world import OVER, Attended

OLGA = Actor(id="o", name="Olga", standing=AccountStanding.ADMINISTRATOR)
Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def world(db: DbSession) -> Attended:
    return Attended(db)


def statuses(world: Attended, number: int = 1) -> dict[str, str]:
    rows = attendance(world.db, SYSTEM, world.sessions[number - 1].id)
    return {row.enrolment.name: row.record.status for row in rows}


def close(world: Attended, note: str = "") -> SessionClosing:
    return closing.close_session(world.db, OLGA, world.sessions[0].id, CloseIn(note=note), OVER)


def test_closing_makes_the_unknown_absent_and_nothing_else(world: Attended) -> None:
    ana, eva, _ = (world.participant(name) for name in ("Ana", "Eva", "Leo"))
    world.there(ana, 1)
    world.marked(eva, 1, Status.EXCUSED)
    assert statuses(world) == {"Ana": "present", "Eva": "excused", "Leo": "unknown"}
    row = close(world, "All reports are in.")
    assert statuses(world) == {"Ana": "present", "Eva": "excused", "Leo": "absent"}
    assert statuses(world, 2) == dict.fromkeys(("Ana", "Eva", "Leo"), "unknown")
    assert (row.closed, row.at, row.recorded_by, row.reason, row.counts) == (
        True,
        OVER,
        "Olga",
        "All reports are in.",
        {"present": 1, "absent": 1, "excused": 1},
    )


def test_twice_is_once(world: Attended) -> None:
    assert close(world).id == close(world, "again").id
    assert len(closing.closings(world.db, SYSTEM, world.sessions[0].id)) == 1


def test_opening_again_is_recorded_with_the_reason(world: Attended) -> None:
    world.participant("Ana")
    close(world)
    session = world.sessions[0]
    later = OVER + timedelta(hours=1)
    closing.reopen_session(world.db, OLGA, session.id, ReopenIn(reason="A second file."), later)
    assert statuses(world) == {"Ana": "unknown"}
    assert session.closed_at is None
    close(world)
    rows = closing.closings(world.db, SYSTEM, session.id)
    assert [(r.closed, r.reason, r.counts) for r in rows if r.at == later] == [
        (False, "A second file.", {"unknown": 1})
    ]
    assert sorted(r.closed for r in rows) == [False, True, True]


def test_what_is_not_closed_cannot_be_opened(world: Attended) -> None:
    with pytest.raises(Clash) as caught:
        closing.reopen_session(world.db, OLGA, world.sessions[0].id, ReopenIn(reason="?"), OVER)
    assert caught.value.code == "not_closed"


def test_a_session_that_is_not_over_or_was_cancelled_is_not_closed(world: Attended) -> None:
    first = world.sessions[0]
    with pytest.raises(Clash) as caught:
        closing.close_session(
            world.db, OLGA, first.id, CloseIn(), first.ends_at - timedelta(seconds=1)
        )
    assert (caught.value.code, caught.value.params) == ("session_not_over", {"ends": first.ends_at})
    draft = world.make.session(world.cycle, 9, status="cancelled")
    with pytest.raises(Clash) as caught:
        closing.close_session(world.db, OLGA, draft.id, CloseIn(), OVER)
    assert caught.value.code == "session_cancelled"


def test_what_is_open_comes_first(world: Attended) -> None:
    ana, eva, leo = (world.participant(name) for name in ("Ana", "Eva", "Leo"))
    world.checked_in(ana, 1)
    session = world.sessions[0].id
    before = closing.still_open(world.db, SYSTEM, session)
    assert [row.enrolment.name for row in before.nobody] == ["Eva", "Leo"]
    assert (before.reports, before.rows, before.unverified) == (0, 0, [])
    world.report(1, "preview")
    world.row(world.report(1, "undone"))
    applied = world.report(1)
    world.row(applied)
    world.row(applied, left_out=True)
    world.row(applied, enrolment_id=eva.id)
    world.row(world.report(2))
    world.there(eva, 1)
    world.there(leo, 1, 200, 210)
    found = closing.still_open(world.db, SYSTEM, session)
    assert (found.reports, found.rows, found.nobody) == (1, 1, [])
    assert [row.enrolment.name for row in found.unverified] == ["Ana"]
    assert not found.settled


def names(rows: list[AttendanceRow]) -> list[str]:
    return [row.enrolment.name for row in rows]


def total(world: Attended, who: Enrolment, minutes: float, **values: Any) -> None:
    world.seen(who, 1, Kind.TOTAL, seconds=int(minutes * 60), source="zoom", **values)


def test_whom_reports_show_at_no_moment_of_the_session(world: Attended) -> None:
    before, after, here, none, marked = (
        world.participant(name) for name in ("Ana", "Eva", "Leo", "Mia", "Zoe")
    )
    world.there(before, 1, -30, -2)
    world.there(after, 1, 121, 150)
    world.checked_in(after, 1)
    world.there(here, 1)
    total(world, none, 0)
    world.there(marked, 1, -30, -2)
    world.marked(marked, 1, Status.PRESENT)
    found = closing.still_open(world.db, SYSTEM, world.sessions[0].id)
    # Who checked in all the same comes first; who was marked is settled.
    assert names(found.outside) == ["Eva", "Ana", "Mia"]
    assert (found.nobody, found.contradicted, found.unverified) == ([], [], [])
    assert not found.settled
    close(world)
    assert statuses(world) == {
        "Ana": "absent",
        "Eva": "absent",
        "Leo": "present",
        "Mia": "absent",
        "Zoe": "present",
    }


def test_of_whom_one_report_says_less_than_another(world: Attended) -> None:
    ana, eva, leo, mia = (world.participant(name) for name in ("Ana", "Eva", "Leo", "Mia"))
    world.there(ana, 1, 0, 0.1)
    total(world, ana, 100)
    world.there(eva, 1, 30, 150)  # the time after the session explains the other one's minutes
    total(world, eva, 105)
    total(world, leo, 100)
    stay = world.there(mia, 1, 0, 0.1)
    total(world, mia, 100)
    session = world.sessions[0].id
    found = closing.still_open(world.db, SYSTEM, session)
    assert names(found.contradicted) == ["Ana", "Mia"]
    assert (found.nobody, found.outside, found.unverified) == ([], [], [])
    assert not found.settled
    world.seen(mia, 1, Kind.RETRACTION, 300, source="organizer", retracts_id=stay.id)
    assert names(closing.still_open(world.db, SYSTEM, session).contradicted) == ["Ana"]


def test_settled_when_everything_is_known(world: Attended) -> None:
    world.there(world.participant("Ana"), 1)
    assert closing.still_open(world.db, SYSTEM, world.sessions[0].id).settled


def test_queries_do_not_grow(db: DbSession, world: Attended, count_queries: Counting) -> None:
    counted = []
    for n in (1, 3):
        for each in range(n):
            who = world.participant(f"{n} {each}")
            world.checked_in(who, 1)
        db.commit()
        db.expunge_all()
        with count_queries() as queries:
            closing.still_open(db, SYSTEM, world.sessions[0].id)
        counted.append(len(queries))
    assert counted == [6, 6]


def test_of_no_session(db: DbSession) -> None:
    for act in (closing.still_open, closing.closings):
        with pytest.raises(NotFound):
            act(db, SYSTEM, "nothing")
    with pytest.raises(NotFound):
        closing.close_session(db, SYSTEM, "nothing", CloseIn(), OVER)


def test_two_at_once_close_it_once(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        world = Attended(db, sessions=1)
        session_id = world.sessions[0].id

    def act(_: int) -> str:
        with real_database.begin(writes=True) as db:
            return closing.close_session(db, OLGA, session_id, CloseIn(), OVER).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(act, range(4)))) == 1
    with real_database.begin(writes=False) as db:
        assert len(closing.closings(db, SYSTEM, session_id)) == 1
