"""Who counts at which session: the same people on every page, in every count and file."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.db import DbSession
from app.domain.attendance import Kind, Status
from app.models import Enrolment
from app.services import attendance
from app.services.actor import SYSTEM
from app.services.briefs import session_brief
from app.services.glance import glance
from app.services.publishing import publish
from app.services.report import report
from tests.factories import NOW
from tests.services.attendance_world import OVER, RULE, Attended

ENROLLED = {Status.PRESENT: 1, Status.ABSENT: 1}


def taken_back(world: Attended, who: Enrolment) -> None:
    """A check-in that was retracted."""
    piece = world.checked_in(who, 1)
    world.seen(who, 1, Kind.RETRACTION, 1, source="organizer", retracts_id=piece.id)


def clicked(world: Attended, who: Enrolment) -> None:
    world.seen(who, 1, Kind.JOIN_CLICK, source="personal-page")


def excused(world: Attended, who: Enrolment) -> None:
    world.marked(who, 1, Status.EXCUSED)


def in_the_lobby(world: Attended, who: Enrolment) -> None:
    world.there(who, 1, -20, -5)


def nothing(world: Attended, who: Enrolment) -> None:
    pass


@pytest.mark.parametrize("rule", [{}, RULE], ids=["without a rule", "with a rule"])
@pytest.mark.parametrize("seen", [taken_back, clicked, excused, in_the_lobby, nothing])
def test_who_is_gone_counts_only_where_they_were_seen(
    db: DbSession, rule: dict[str, object], seen: Callable[[Attended, Enrolment], None]
) -> None:
    """Ana came and Eva did not, to a session that is closed; Leo withdrew, and was seen at the
    second one."""
    world = Attended(db, rule=rule)
    ana, _ = world.participant("Ana"), world.participant("Eva")
    leo = world.participant("Leo", status="withdrawn", country="BR")
    world.there(ana, 1)
    seen(world, leo)
    world.checked_in(leo, 2)
    first = world.sessions[0]
    first.closed_at = OVER
    db.flush()
    assert all_that_count(world, OVER) == [ENROLLED] * 4
    found = attendance.overview(db, SYSTEM, world.cycle.id)
    assert (found.attended[:2], found.people[:2], found.participants) == ([1, 1], [2, 3], 3)
    assert [[each and each.status for each in row[:2]] for row in found.records] == [
        ["present", "unknown"],
        ["absent", "unknown"],
        [None, "present"],
    ]
    names = ["Ana", "Eva"]
    rows, _ = attendance.attendance_after(db, SYSTEM, first.id)
    assert [row.enrolment.name for row in rows] == names
    page = attendance.attendance_page(db, SYSTEM, first.id)
    assert ([row.enrolment.name for row in page.rows], page.numbers.total) == (names, 2)
    assert [row.enrolment.name for row in attendance.attendance(db, SYSTEM, first.id)] == names
    brief = session_brief(db, SYSTEM, first.id, "en", "https://example.org", OVER)
    assert (brief.enrolled, brief.attended) == (2, 1)
    whole = report(db, SYSTEM, world.cycle.id, OVER)
    assert [each.name for each in whole.people] == ["Ana", "Eva", "Leo"]
    assert [each.tally.people for each in whole.sessions[:2]] == [2, 3]


def all_that_count(world: Attended, now: object) -> list[dict[Status, int]]:
    """The first session's numbers: of the first page, the session, the list, and the report."""
    first, cycle = world.sessions[0].id, world.cycle.id
    rows = attendance.attendance(world.db, SYSTEM, first)
    listed: dict[Status, int] = {}
    for row in rows:
        listed[row.record.status] = listed.get(row.record.status, 0) + 1
    return [
        dict(glance(world.db, SYSTEM, cycle, OVER).attendance[first]),
        dict(attendance.attendance_page(world.db, SYSTEM, first).counts),
        listed,
        dict(report(world.db, SYSTEM, cycle, OVER).sessions[0].tally.statuses),
    ]


@pytest.mark.parametrize("rule", [{}, RULE], ids=["without a rule", "with a rule"])
def test_all_pages_look_at_what_was_published(db: DbSession, rule: dict[str, object]) -> None:
    """A session that is cancelled in the draft stays everywhere until that is published, and is
    nowhere then; one that nobody has been told of is nowhere."""
    world = Attended(db, rule=rule)
    ana = world.participant("Ana")
    world.there(ana, 1)
    draft = world.make.session(world.cycle, 5, wall_start=world.sessions[0].wall_start)
    world.sessions.append(draft)
    world.checked_in(ana, 5)
    now = world.sessions[0].ends_at + timedelta(hours=1)

    def shown() -> tuple[list[int], list[int], list[int], list[int | None]]:
        db.flush()
        first = glance(db, SYSTEM, world.cycle.id, now)
        open_ones = ("attendance_open", "session_unclosed")
        return (
            [s.number for s in attendance.overview(db, SYSTEM, world.cycle.id).sessions],
            [s.held.number for s in report(db, SYSTEM, world.cycle.id, now).sessions],
            [s.number for s in first.sessions if s.attendance],
            [t.session_number for t in first.todos if t.code in open_ones],
        )

    everything = ([1, 2, 3, 4], [1, 2, 3, 4], [1], [1])
    assert shown() == everything
    world.sessions[0].status = "cancelled"
    assert shown() == everything
    draft.status = "draft"
    db.flush()
    publish(db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    assert shown() == ([2, 3, 4], [2, 3, 4], [], [])


def test_the_to_do_leads_to_the_session_by_the_draft_s_number(db: DbSession) -> None:
    world = Attended(db)
    world.participant("Ana")
    one, two = world.sessions[:2]
    one.number = 99
    db.flush()
    two.number = 1
    db.flush()
    one.number = 2
    db.flush()
    now = one.ends_at + timedelta(hours=1)
    found = [t for t in glance(db, SYSTEM, world.cycle.id, now).todos if t.where == "attendance"]
    assert [(t.session_number, dict(t.params)) for t in found] == [(2, {"number": 1, "count": 1})]
