"""A preview of a report that no longer holds is not applied."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import Clash
from app.models import Evidence, Person, ReportImport, ReportRow, Session
from app.services import attendance, report_freshness, report_reading, reports
from app.services.actor import SYSTEM
from app.services.publishing import publish
from app.services.told import told_of
from tests.factories import NOW, Make
from tests.services.attendance_world import OVER, Attended
from tests.services.reports_world import BOGOTA, OLGA, add, decide, row, row_at, states, zoom
from tests.services.test_adding_at_once import at_once

MEET = b"First name,Last name,Time joined,Time exited\nAna,Ruiz,09:00,10:00\n"


@pytest.fixture
def world(db: DbSession) -> Attended:
    return Attended(db)


def refused(world: Attended, report: ReportImport) -> tuple[str, dict[str, object]]:
    """How applying it is refused; nothing counts."""
    with pytest.raises(Clash) as raised:
        reports.apply_report(world.db, OLGA, report.session_id, report.id, OVER)
    assert raised.value.code == "report_outdated"
    assert world.db.exec(select(Evidence)).all() == []
    assert report.status == "preview"
    return raised.value.sentence.partition(". ")[0], dict(raised.value.params)


def again(world: Attended, report: ReportImport, data: bytes) -> None:
    """Matched again, as the button does it."""
    ground = report_reading.ground(world.db, OLGA, report.session_id)
    before = report.reading["answers"]
    answers = report_reading.answers_again(report.reading, ground)
    reading = report_reading.read(ground, data, report.filename, answers)
    reports.answer_report(world.db, OLGA, report.session_id, report.id, before, reading)


def move(world: Attended, number: int, by: timedelta) -> None:
    session = world.db.get_one(Session, world.sessions[number - 1].id)
    session.wall_start += by
    session.starts_at += by
    session.ends_at += by
    world.db.flush()


def test_a_namesake_who_enrolled_since_is_not_passed_over(world: Attended) -> None:
    first, data = world.participant("Ana Perez"), zoom(row("Ana Perez"), row("Beto"))
    beto = world.participant("Somebody")
    report = add(world.db, world.sessions[0], data)
    decide(world.db, report, 3, beto.id, remember=False)
    second = world.participant("ana pérez")
    said = "Since this was read, people enrolled (%(count)s), and rows are matched otherwise now"
    assert refused(world, report) == (said, {"count": 1})
    again(world, report, data)
    assert states(world.db, report) == {2: "ambiguous", 3: "matched"}
    assert row_at(world.db, report, 2).details["candidates"] == sorted((first.id, second.id))
    assert row_at(world.db, report, 3).enrolment_id == beto.id
    decide(world.db, report, 2, second.id)
    reports.apply_report(world.db, OLGA, report.session_id, report.id, OVER)
    credited = {each.enrolment_id for each in world.db.exec(select(Evidence))}
    assert credited == {second.id, beto.id}


def test_who_enrolled_since_is_not_left_out(world: Attended) -> None:
    data = zoom(row("Dora"))
    report = add(world.db, world.sessions[0], data)
    assert states(world.db, report) == {2: "unmatched"}
    dora = world.participant("Dora")
    refused(world, report)
    assert add(world.db, world.sessions[0], data).id == report.id  # the same file, sent again
    assert row_at(world.db, report, 2).enrolment_id == dora.id
    reports.apply_report(world.db, OLGA, report.session_id, report.id, OVER)
    assert [each.enrolment_id for each in world.db.exec(select(Evidence))] == [dora.id]


def test_who_is_somebody_else_by_now_is_said_without_a_number(world: Attended) -> None:
    ana = world.participant("Ana")
    report = add(world.db, world.sessions[0], zoom(row("Ana")))
    ana.name = world.db.get_one(Person, ana.person_id).name = "Beatriz"
    world.db.flush()
    sentence, params = refused(world, report)
    assert (sentence, params) == (
        "Since this was read, what is known of people has changed, and rows are matched otherwise "
        "now",
        {},
    )


def test_whoever_enrols_and_is_in_no_row_keeps_nobody_waiting(world: Attended) -> None:
    world.participant("Ana")
    report = add(world.db, world.sessions[0], zoom(row("Ana"), row("x" * 250)))
    world.participant("Beto")
    reports.apply_report(world.db, OLGA, report.session_id, report.id, OVER)
    assert report.status == "applied"


def test_a_file_sent_again_with_other_answers_leaves_the_preview(world: Attended) -> None:
    data = zoom(row("Dora"))
    report = add(world.db, world.sessions[0], data)
    dora = world.participant("Dora")
    assert add(world.db, world.sessions[0], data, answers={}).id == report.id
    assert (report.reading["answers"], states(world.db, report)) == (BOGOTA, {2: "unmatched"})
    assert dora.id


@pytest.mark.parametrize("enrols", [False, True])
def test_a_session_that_was_moved_is_read_for_anew(world: Attended, enrols: bool) -> None:
    world.participant("Ana Ruiz")
    session = world.sessions[0]
    report = add(world.db, session, MEET)
    assert report.reading["questions"] == []
    move(world, 1, timedelta(days=1))
    told = told_of(world.db, session)
    assert report_freshness.outdated(world.db, report, told) is None  # so far only in the draft
    publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW + timedelta(hours=1))
    if enrols:
        world.participant("Beto")
    more, params = (", people enrolled (%(count)s) and", {"count": 1}) if enrols else (",", {})
    assert refused(world, report) == (f"Since this was read{more} the session was moved", params)
    again(world, report, MEET)
    assert row_at(world.db, report, 2).joined_at == session.starts_at
    reports.apply_report(world.db, OLGA, report.session_id, report.id, OVER)
    found = attendance.attendance(world.db, OLGA, session.id)
    assert [each.record.minutes for each in found if each.enrolment.name == "Ana Ruiz"] == [60]


def test_until_when_open_stays_count_is_asked_again_for_another_time(world: Attended) -> None:
    world.participant("Ana")
    session = world.sessions[0]
    data = MEET.replace(b"10:00", b"")
    answers: dict[str, Any] = {**BOGOTA, "open_until": session.ends_at.isoformat()}
    report = add(world.db, session, data, answers=answers)
    assert report.reading["questions"] == []
    again(world, report, data)
    assert report.reading["questions"] == []
    move(world, 1, timedelta(days=1))
    publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW + timedelta(hours=1))
    again(world, report, data)
    assert [each["kind"] for each in report.reading["questions"]] == ["open_until"]
    assert report.reading["answers"] == {**BOGOTA, "leave_open_out": False}


def test_who_enrols_while_it_is_applied_waits_for_nobody(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are through; the one who enrolled afterwards is in no row."""
    with real_database.begin(writes=True) as db:
        world = Attended(db)
        ana = world.participant("Ana").id
        report = add(db, world.sessions[0], zoom(row("Ana")))
        cycle_id, session_id, import_id = world.cycle.id, report.session_id, report.id
    acts = iter(["apply", "enrol"])

    def act(db: DbSession) -> str:
        if next(acts) == "apply":
            return reports.apply_report(db, OLGA, session_id, import_id, OVER).status
        make = Make(db)
        person = make.person(name="Ana", email="second@example.org")
        make.enrolment(db.get_one(type(world.cycle), cycle_id), person)
        return "enrolled"

    assert at_once(real_database, monkeypatch, reports, "outdated", act) == ["applied", "enrolled"]
    with real_database.begin(writes=False) as db:
        assert [each.enrolment_id for each in db.exec(select(Evidence))] == [ana]
        assert [each.enrolment_id for each in db.exec(select(ReportRow))] == [ana]
