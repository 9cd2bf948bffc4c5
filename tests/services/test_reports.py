"""Providers' reports: whose rows are, applied once, undone, and never an hour too many."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.errors import Clash, Invalid, Stale
from app.domain.permissions import Role
from app.models import (
    Evidence,
    Person,
    ReportAlias,
    ReportImport,
    ReportRow,
    Segment,
    TeamMember,
)
from app.schemas.enrolment import RetractIn
from app.schemas.report import AnswersIn, DecisionIn, UndoIn
from app.services import (
    accounts,
    attendance,
    closing,
    evidence,
    report_lists,
    report_reading,
    reports,
)
from app.services.merging import merge_people
from app.services.own_data import own_data
from app.services.publishing import publish
from app.services.report_decisions import accept_suggestions
from app.services.report_decisions import decide as decide_rows
from app.services.report_freshness import mark_of
from tests.services.at_once import PATIENCE, Many
from tests.services.attendance_world import OVER, Attended
from tests.services.reports_world import (
    BOGOTA,
    OLGA,
    add,
    applied,
    decide,
    row,
    row_at,
    states,
    totals,
    zoom,
)
from tests.services.test_adding_at_once import at_once

UNDO = UndoIn(reason="Another meeting.")


@pytest.fixture
def world(db: DbSession) -> Attended:
    return Attended(db)


def minutes(world: Attended, number: int = 1) -> dict[str, int | None]:
    """What everybody's attendance comes to."""
    found = attendance.attendance(world.db, OLGA, world.sessions[number - 1].id)
    return {each.enrolment.name: each.record.minutes for each in found}


def test_rows_are_matched_told_or_left_open(world: Attended) -> None:
    person = world.make.person(name="Ana María Ruiz", email="ana@example.org")
    ana = world.make.enrolment(world.cycle, person)
    world.participant("Juan Pérez"), world.participant("Pérez Juan")
    world.participant("Eva Díaz", status="withdrawn")
    speaker = world.make.person(name="Sol Speaker")
    world.make.part(world.make.segment(world.sessions[0], 3), speaker)
    data = zoom(
        row("Anything", "ANA@example.org"),
        row("ruiz, ana maria (Guest)".replace(",", "")),
        row("juan perez"),
        row("EVA DIAZ"),
        row("Sol Speaker"),
        row("Ana Ruiz"),
        row("Nobody Known"),
        "Ana Ruiz,,never,2026-12-01 10:00:00,1\n",
    )
    report = add(world.db, world.sessions[0], data)
    assert states(world.db, report) == {
        2: "matched",
        3: "matched",
        4: "ambiguous",
        5: "matched",
        6: "not_enrolled",
        7: "suggested",
        8: "unmatched",
        9: "unreadable",
    }
    assert [row_at(world.db, report, n).matched_by for n in (2, 3, 5)] == ["email", "name", "name"]
    assert row_at(world.db, report, 7).details["candidates"] == [ana.id]
    assert len(row_at(world.db, report, 4).details["candidates"]) == 2


def test_nothing_counts_before_it_is_applied_and_twice_is_once(world: Attended) -> None:
    world.participant("Ana")
    report = add(world.db, world.sessions[0], zoom(row("Ana", end="10:30")))
    assert minutes(world) == {"Ana": None}
    for _ in range(2):
        reports.apply_report(world.db, OLGA, report.session_id, report.id, OVER)
    (fact,) = world.db.exec(select(Evidence)).all()
    assert minutes(world) == {"Ana": 75}  # from 9:00 to 10:30, less the break
    assert (fact.source, fact.recorded_by, fact.import_id, fact.row_number, fact.shown_as) == (
        "zoom",
        "Olga Organizer",
        report.id,
        2,
        "Ana",
    )
    assert fact.matched_by == "name"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_the_same_report_in_another_encoding_changes_no_minutes(
    world: Attended, encoding: str
) -> None:
    world.participant("Ana Núñez"), world.participant("Leo")
    data = zoom(row("Ana Núñez", end="09:45"), row("Leo", begin="10:00"))
    applied(world.db, world.sessions[0], data)
    before = minutes(world)
    applied(world.db, world.sessions[0], data.decode().encode(encoding))
    assert minutes(world) == before == {"Ana Núñez": 45, "Leo": 45}


def test_two_reports_that_overlap_add_up_to_the_time_there_was(world: Attended) -> None:
    world.participant("Ana")
    applied(world.db, world.sessions[0], zoom(row("Ana", begin="09:00", end="09:40")))
    applied(world.db, world.sessions[0], zoom(row("Ana", begin="09:30", end="09:50")))
    assert minutes(world) == {"Ana": 50}


def test_totals_of_a_file_that_comes_twice_count_once_and_of_another_are_warned_of(
    world: Attended,
) -> None:
    world.participant("Ana")
    session = world.sessions[0]
    first = applied(world.db, session, totals(("Ana", "", 40)))
    applied(world.db, session, b"\xef\xbb\xbf" + totals(("Ana", "", 40)))
    assert minutes(world) == {"Ana": 40}
    report = add(world.db, session, totals(("Ana", "", 30)))
    assert report_lists.look(world.db, OLGA, session.id, report.id).adds_to == 1
    assert report_lists.look(world.db, OLGA, session.id, first.id).adds_to == 0


@pytest.mark.parametrize("people", [1, 3])
def test_what_totals_say_is_looked_up_once(
    world: Attended, count_queries: Callable[[], AbstractContextManager[list[str]]], people: int
) -> None:
    session, names = world.sessions[0], [f"Ana {chr(97 + n)}" for n in range(people)]
    for name in names:
        world.participant(name)
    report = applied(world.db, session, totals(*((name, "", 40) for name in names)))
    with count_queries() as queries:
        found = evidence.of_session(world.db, session.id)
    files = {each.file for of_one in found.values() for each in of_one}
    assert (len(queries), len(found)) == (2, people)
    assert files == {report.reading["basis"]["content"]}


def test_equal_totals_of_one_name_are_two_rows(world: Attended) -> None:
    world.participant("Ana")
    session = world.sessions[0]
    applied(world.db, session, totals(("Ana", "", 20), ("Ana", "", 20)))
    assert minutes(world) == {"Ana": 40}
    applied(world.db, session, b"\xef\xbb\xbf" + totals(("Ana", "", 20), ("Ana", "", 20)))
    assert minutes(world) == {"Ana": 40}
    applied(world.db, session, totals(("Ana", "", 20), ("Eva", "", 30)))  # after a restart
    assert minutes(world) == {"Ana": 60}


def test_the_same_file_waits_once_and_is_refused_once_applied(world: Attended) -> None:
    session, data = world.sessions[0], zoom(row("Ana"))
    report = add(world.db, session, data)
    assert add(world.db, session, data).id == report.id
    reports.apply_report(world.db, OLGA, session.id, report.id, OVER)
    with pytest.raises(Clash) as raised:
        add(world.db, session, data)
    assert raised.value.code == "already_applied"
    assert raised.value.params == {"name": "Olga Organizer", "at": OVER, "report_id": report.id}
    assert add(world.db, world.sessions[1], data).session_id == world.sessions[1].id


def test_undoing_takes_back_what_it_brought_and_the_file_may_come_again(world: Attended) -> None:
    world.participant("Ana"), world.participant("Leo")
    session, data = world.sessions[0], zoom(row("Ana"), row("Leo"))
    other = applied(world.db, session, zoom(row("Leo", end="09:30")))
    report = applied(world.db, session, data)
    for _ in range(2):
        undone = reports.undo_report(world.db, OLGA, session.id, report.id, UNDO, OVER)
    assert (undone.status, undone.undone_by, undone.reason) == (
        "undone",
        "Olga Organizer",
        "Another meeting.",
    )
    assert minutes(world) == {"Ana": None, "Leo": 30}
    retractions = world.db.exec(select(Evidence).where(Evidence.kind == "retraction")).all()
    assert [each.reason for each in retractions] == ["Another meeting."] * 2
    again = applied(world.db, session, data)
    assert minutes(world) == {"Ana": 105, "Leo": 105}
    listed = report_lists.list_reports(world.db, OLGA, session.id)
    assert [each.row.id for each in listed] == [again.id, report.id, other.id]
    with pytest.raises(Clash, match="undone"):
        reports.apply_report(world.db, OLGA, session.id, report.id, OVER)


def test_what_was_taken_back_by_hand_is_not_retracted_again(world: Attended) -> None:
    ana = world.participant("Ana")
    session = world.sessions[0]
    report = applied(world.db, session, zoom(row("Ana")))
    (fact,) = world.db.exec(select(Evidence)).all()
    command = RetractIn(enrolment_id=ana.id, evidence_id=fact.id, reason="Her brother.")
    attendance.retract(world.db, OLGA, session.id, command, OVER)
    reports.undo_report(world.db, OLGA, session.id, report.id, UNDO, OVER)
    kinds = world.db.exec(select(Evidence.kind)).all()
    assert sorted(kinds) == ["interval", "retraction"]


def test_a_decision_holds_for_all_rows_of_a_name_and_the_next_report(world: Attended) -> None:
    ana = world.participant("Ana María Ruiz Gómez")
    session = world.sessions[0]
    data = zoom(
        row("Anita R", end="09:30"), row("Anita R", begin="10:00"), row("Anita R", "x@y.example")
    )
    report = add(world.db, session, data)
    decide(world.db, report, 2, ana.id)
    assert states(world.db, report) == {2: "matched", 3: "matched", 4: "unmatched"}
    second = add(world.db, world.sessions[1], zoom(row("ANITA, R.".replace(",", ""))))
    assert row_at(world.db, second, 2).matched_by == "alias"


def test_who_was_confirmed_wrongly_is_forgotten(world: Attended) -> None:
    ana, eva = world.participant("Ana"), world.participant("Eva")
    report = add(world.db, world.sessions[0], zoom(row("A de Ejemplo")))
    decide(world.db, report, 2, ana.id)
    decide(world.db, report, 2, eva.id)
    aliases = world.db.exec(select(ReportAlias.person_id, ReportAlias.key)).all()
    assert [tuple(each) for each in aliases] == [(eva.person_id, "n a de ejemplo")]


def test_a_name_that_was_remembered_elsewhere_hides_nobody_here(world: Attended) -> None:
    marta = world.participant("Marta Silveira Prado")
    decide(world.db, add(world.db, world.sessions[0], zoom(row("M Silva"))), 2, marta.id)
    other = Attended(world.db)
    data = zoom(row("M Silva"))
    assert states(world.db, add(world.db, other.sessions[0], data)) == {2: "not_enrolled"}
    other.participant("Mara Silva")
    assert states(world.db, add(world.db, other.sessions[1], data)) == {2: "suggested"}
    here = other.participant("M Silva")
    report = add(world.db, other.sessions[2], data)
    found = row_at(world.db, report, 2)
    assert (found.enrolment_id, found.matched_by) == (here.id, "name")


def test_what_one_team_calls_somebody_is_not_what_another_does(world: Attended) -> None:
    """Somebody takes part in cycles of two teams, one of which has two cycles."""
    db, make = world.db, world.make
    mine, theirs = Attended(db), Attended(db)
    we, they = (accounts.add_user(db, name, f"{name}@example.org") for name in ("we", "they"))
    for user, cycle in ((we, world.cycle), (we, mine.cycle), (they, theirs.cycle)):
        db.add(TeamMember(cycle_id=cycle.id, user_id=user.id, role=Role.OWNER))
    ana = world.participant("Ana Ruiz")
    person = db.get_one(Person, ana.person_id)
    again, elsewhere = (make.enrolment(each.cycle, person) for each in (mine, theirs))
    data = zoom(row("Anita Perez"))
    decide(db, add(db, world.sessions[0], data), 2, ana.id)

    def matched(where: Attended, session: int = 0) -> tuple[str | None, str]:
        found = row_at(db, add(db, where.sessions[session], data), 2)
        return found.enrolment_id, found.matched_by

    assert matched(mine) == (again.id, "alias")
    assert matched(theirs) == (None, "")
    # They say it is Eva; it stays Ana for us. That it is not Ana any more, they say for themselves.
    eva = theirs.participant("Eva")
    decide(db, add(db, theirs.sessions[1], data), 2, elsewhere.id)
    assert matched(theirs, 2) == (elsewhere.id, "alias")
    decide(db, add(db, theirs.sessions[3], data), 2, eva.id)
    assert own_data(db, person.id, theirs.cycle.id, OVER).known_as == []
    assert own_data(db, person.id, world.cycle.id, OVER).known_as == ["anita perez"]
    assert matched(mine, 1) == (again.id, "alias")
    # Whom they make an owner of theirs as well believes no word of theirs for that.
    db.add(TeamMember(cycle_id=theirs.cycle.id, user_id=we.id, role=Role.OWNER))
    decide(db, add(db, theirs.sessions[2], zoom(row("Beto Perez"))), 2, elsewhere.id)
    found = row_at(db, add(db, mine.sessions[2], zoom(row("Beto Perez"))), 2)
    assert found.enrolment_id is None


@pytest.mark.parametrize("name", ["iPhone de Ana", "Ana"])
def test_half_a_name_or_a_telephone_s_is_not_remembered(world: Attended, name: str) -> None:
    eva = world.participant("Eva")
    report = add(world.db, world.sessions[0], zoom(row(name)))
    decide(world.db, report, 2, eva.id)
    assert world.db.exec(select(ReportAlias)).all() == []


def test_of_two_decisions_on_one_name_the_last_is_remembered(world: Attended) -> None:
    ana, eva = world.participant("Ana"), world.participant("Eva")
    report = add(world.db, world.sessions[0], zoom(row("Anita Ejemplo")))
    row_id = row_at(world.db, report, 2).id
    said = [DecisionIn(row_id=row_id, enrolment_id=each) for each in (ana.id, eva.id)]
    decide_rows(world.db, OLGA, report.session_id, report.id, said, OVER)
    assert row_at(world.db, report, 2).enrolment_id == eva.id
    aliases = world.db.exec(select(ReportAlias.person_id, ReportAlias.key)).all()
    assert [tuple(each) for each in aliases] == [(eva.person_id, "n anita ejemplo")]


def test_late_matching_and_changing_one_s_mind_after_applying(world: Attended) -> None:
    ana, eva = world.participant("Ana"), world.participant("Eva")
    report = applied(world.db, world.sessions[0], zoom(row("Somebody Else")))
    assert closing.reports_to_settle(world.db, report.session_id) == {report.session_id: (0, 1)}
    for whose, expected in (
        (ana, {"Ana": 105, "Eva": None}),
        (eva, {"Ana": None, "Eva": 105}),
        (ana, {"Ana": 105, "Eva": None}),
        (None, {"Ana": None, "Eva": None}),
    ):
        decide(world.db, report, 2, whose.id if whose else None)
        assert minutes(world) == expected
    assert closing.reports_to_settle(world.db, report.session_id) == {report.session_id: (0, 0)}
    reports.undo_report(world.db, OLGA, report.session_id, report.id, UNDO, OVER)
    assert minutes(world) == {"Ana": None, "Eva": None}


def test_suggestions_are_taken_together_but_not_where_two_are_as_good(world: Attended) -> None:
    ana = world.participant("Ana María Ruiz")
    world.participant("Juan José Gómez"), world.participant("Juan José Gomes")
    report = add(world.db, world.sessions[0], zoom(row("Ana Ruiz"), row("Juan José Gomez Gomes")))
    taken = accept_suggestions(world.db, OLGA, report.session_id, report.id, True, OVER)
    assert taken == 1
    assert row_at(world.db, report, 2).enrolment_id == ana.id
    assert row_at(world.db, report, 3).state == "suggested"


def test_what_a_file_leaves_open_is_answered_and_decisions_stay(world: Attended) -> None:
    ana = world.participant("Ana")
    session = world.sessions[0]
    data = zoom(row("Anita Ejemplo"), row("Ana"))
    report = add(world.db, session, data, answers={})
    assert [each["kind"] for each in report.reading["questions"]] == ["zone"]
    assert report.reading["questions"][0]["fits"][0]["zone"] == "America/Bogota"
    with pytest.raises(Clash, match="Answer first"):
        reports.apply_report(world.db, OLGA, session.id, report.id, OVER)
    decide(world.db, report, 2, ana.id)
    ground = report_reading.ground(world.db, OLGA, session.id)
    answers = report_reading.answered({}, AnswersIn(zone="America/Bogota"))
    reading = report_reading.read(ground, data, "report.csv", answers)
    reports.answer_report(world.db, OLGA, session.id, report.id, {}, reading)
    assert states(world.db, report) == {2: "matched", 3: "matched"}
    assert row_at(world.db, report, 2).joined_at == session.starts_at
    with pytest.raises(Stale):
        reports.answer_report(world.db, OLGA, session.id, report.id, {}, reading)
    reports.apply_report(world.db, OLGA, session.id, report.id, OVER)
    assert minutes(world) == {"Ana": 105}
    with pytest.raises(Clash, match="applied already"):
        reports.answer_report(world.db, OLGA, session.id, report.id, answers, reading)


def test_an_open_stay_counts_until_the_instant_that_was_said_and_says_so(world: Attended) -> None:
    world.participant("Ana")
    data = b"Name,Join time,Leave time\nAna,2026-12-01 09:00:00,\n"
    report = add(world.db, world.sessions[0], data)
    assert [each["kind"] for each in report.reading["questions"]] == ["open_until"]
    reports.discard_report(world.db, OLGA, report.session_id, report.id)
    assert world.db.exec(select(ReportRow)).all() == []
    until = world.sessions[0].starts_at + timedelta(minutes=31)
    answers = {"zone": "America/Bogota", "open_until": until}
    applied(world.db, world.sessions[0], data, answers=answers)
    (fact,) = world.db.exec(select(Evidence)).all()
    assert fact.reason == "Open in the report; counted until 09:31."
    assert minutes(world) == {"Ana": 31}


@pytest.mark.parametrize(("minute", "refused"), [(29, True), (30, True), (31, False)])
def test_nobody_stays_until_before_they_came(world: Attended, minute: int, refused: bool) -> None:
    world.participant("Ana")
    session = world.sessions[0]
    data = (
        b"Name,Join time,Leave time\nAna,2026-12-01 09:00:00,\nEva,2026-12-01 09:30:00,\n"
        b"Leo,2026-12-01 09:50:00,2026-12-01 10:00:00\n"
    )
    until = (session.starts_at + timedelta(minutes=minute)).isoformat()
    answers = {**BOGOTA, "open_until": until}
    if not refused:
        assert add(world.db, session, data, answers=answers).reading["questions"] == []
        return
    with pytest.raises(Invalid) as raised:
        add(world.db, session, data, answers=answers)
    (one,) = raised.value.fields
    assert (one.field, one.code, one.params["time"]) == ("open_until", "before_joining", "09:30")


def test_people_of_other_cycles_and_rows_of_other_reports_are_refused(world: Attended) -> None:
    report = add(world.db, world.sessions[0], zoom(row("Ana")))
    other = add(world.db, world.sessions[1], zoom(row("Ana", end="10:00")))
    stranger = world.make.enrolment(world.make.cycle())
    for number, of, whose, code in (
        (2, report, stranger.id, "unknown_enrolment"),
        (2, other, None, "unknown_row"),
    ):
        decision = DecisionIn(row_id=row_at(world.db, of, number).id, enrolment_id=whose)
        with pytest.raises(Invalid) as raised:
            decide_rows(world.db, OLGA, report.session_id, report.id, [decision], OVER)
        assert raised.value.fields[0].code == code


def test_merging_two_people_moves_their_rows_and_what_they_are_called(world: Attended) -> None:
    ana, anita = world.participant("Ana"), world.participant("Anita")
    session = world.sessions[0]
    report = applied(world.db, session, zoom(row("Ana Uno"), row("Ana Dos")))
    for number, whose in ((2, ana), (2, anita), (3, anita)):
        decide(world.db, report, number, whose.id)
    keys = ("n ana uno", "n ana dos")
    world.db.add(ReportAlias(cycle_id=ana.cycle_id, person_id=ana.person_id, key=keys[0]))
    world.db.flush()
    merge_people(world.db, OLGA, ana.person_id, anita.person_id, at=OVER)
    world.db.expire_all()
    aliases = world.db.exec(select(ReportAlias.person_id, ReportAlias.key)).all()
    assert sorted(tuple(each) for each in aliases) == [(ana.person_id, key) for key in sorted(keys)]
    assert {row_at(world.db, report, n).enrolment_id for n in (2, 3)} == {ana.id}
    assert minutes(world) == {"Ana": 105}


def test_merging_two_who_may_be_meant_leaves_one(world: Attended) -> None:
    one, other, third = (world.participant("Ana Ruiz") for _ in range(3))
    report = add(world.db, world.sessions[0], zoom(row("Ana Ruiz"), row("Ana R Ruiz")))
    assert states(world.db, report) == {2: "ambiguous", 3: "suggested"}
    left = [one.id, third.id]
    merge_people(world.db, OLGA, one.person_id, other.person_id, at=OVER)
    assert states(world.db, report) == {2: "ambiguous", 3: "suggested"}
    assert sorted(row_at(world.db, report, 2).details["candidates"]) == sorted(left)
    found = row_at(world.db, report, 3).details
    assert (sorted(found["candidates"]), len(found["scores"])) == (sorted(left), 2)
    merge_people(world.db, OLGA, one.person_id, third.person_id, at=OVER)
    assert states(world.db, report) == {2: "suggested", 3: "suggested"}
    taken = accept_suggestions(world.db, OLGA, report.session_id, report.id, False, OVER)
    assert taken == 2
    assert {row_at(world.db, report, n).enrolment_id for n in (2, 3)} == {one.id}


def test_a_suggestion_whose_name_somebody_has_by_now_is_not_accepted(world: Attended) -> None:
    caio = world.participant("Caio Lima Reis")
    world.participant("Berta Gill Mora")
    names = ("Berta Gil Mora", "Caio Lima Reiss", "Berta Gil M")
    report = add(world.db, world.sessions[0], zoom(*(row(name) for name in names)))
    assert states(world.db, report) == {2: "suggested", 3: "suggested", 4: "suggested"}
    world.participant("Berta Gil Mora")  # both are more like her
    taken = accept_suggestions(world.db, OLGA, report.session_id, report.id, False, OVER)
    assert states(world.db, report) == {2: "suggested", 3: "matched", 4: "suggested"}
    assert (taken, row_at(world.db, report, 3).enrolment_id) == (1, caio.id)


def test_what_is_applied_is_what_was_looked_at(world: Attended) -> None:
    ana, caio = world.participant("Ana Ruiz"), world.participant("Caio Lima")
    report = add(world.db, world.sessions[0], zoom(row("Ana Ruiz"), row("The one of the museum")))
    seen = mark_of(world.db, report)
    decide(world.db, report, 3, caio.id)
    with pytest.raises(Clash) as refused:
        reports.apply_report(world.db, OLGA, report.session_id, report.id, OVER, seen)
    assert (refused.value.code, report.status) == ("report_outdated", "preview")
    again = mark_of(world.db, report)
    assert again != seen
    done = reports.apply_report(world.db, OLGA, report.session_id, report.id, OVER, again)
    assert done.status == "applied"
    credited = {e.enrolment_id for e in world.db.exec(select(Evidence)) if e.kind == "interval"}
    assert credited == {ana.id, caio.id}


def test_rows_keep_their_ids_when_they_are_matched_again(world: Attended) -> None:
    content = zoom(row("Ana Ruiz"), row("Ana Ruiz"), row("Nobody Known"))
    report = add(world.db, world.sessions[0], content)
    ids = {n: row_at(world.db, report, n).id for n in (2, 3, 4)}
    world.participant("Ana Ruiz")
    assert add(world.db, world.sessions[0], content).id == report.id
    assert {n: row_at(world.db, report, n).id for n in (2, 3, 4)} == ids
    assert states(world.db, report) == {2: "matched", 3: "matched", 4: "unmatched"}


def test_no_row_is_decided_of_a_session_that_was_called_off_after_it_was_applied(
    world: Attended,
) -> None:
    ana, session = world.participant("Ana Ruiz"), world.sessions[0]
    report = applied(world.db, session, zoom(row("The one of the museum")))
    session.status = "cancelled"
    publish(world.db, OLGA, world.cycle.id, accept_warnings=True, now=OVER)
    with pytest.raises(Clash) as refused:
        decide(world.db, report, 2, ana.id)
    assert refused.value.code == "session_cancelled"


@pytest.mark.parametrize("kept", ["enrolled", "beside"])
def test_merging_a_participant_with_who_has_a_part_by_the_same_name_leaves_one(
    world: Attended, kept: str
) -> None:
    ana, session = world.participant("Ana Ruiz"), world.sessions[0]
    speaker = world.make.person(name="Ana Ruiz", email="speaker@example.org")
    segment = world.db.exec(select(Segment).where(Segment.session_id == session.id)).first()
    assert segment
    world.make.part(segment, speaker)
    report = add(world.db, session, zoom(row("Ana Ruiz")))
    candidates = row_at(world.db, report, 2).details["candidates"]
    assert sorted(candidates) == sorted([ana.id, f"person:{speaker.id}"])
    people = ana.person_id, speaker.id
    merge_people(world.db, OLGA, *(people if kept == "enrolled" else people[::-1]), at=OVER)
    found = row_at(world.db, report, 2)
    assert (found.state, found.details["candidates"]) == ("suggested", [ana.id])
    accept_suggestions(world.db, OLGA, session.id, report.id, False, OVER)
    assert row_at(world.db, report, 2).enrolment_id == ana.id


def test_merging_two_who_have_a_part_names_the_one_who_stays(world: Attended) -> None:
    ana, session = world.participant("Ana Ruiz"), world.sessions[0]
    segment = world.db.exec(select(Segment).where(Segment.session_id == session.id)).first()
    assert segment
    speakers = [world.make.person(name="Ana Ruiz", email=f"{n}@example.org") for n in range(2)]
    for speaker in speakers:
        world.make.part(segment, speaker)
    report = add(world.db, session, zoom(row("Ana Ruiz")))
    merge_people(world.db, OLGA, *(each.id for each in speakers), at=OVER)
    found = row_at(world.db, report, 2)
    left = sorted([ana.id, f"person:{speakers[0].id}"])
    assert (found.state, sorted(found.details["candidates"])) == ("ambiguous", left)


def test_a_row_that_could_not_be_read_keeps_its_name_until_it_is_left_out(world: Attended) -> None:
    ana = world.participant("Ana")
    session = world.sessions[0]
    data = zoom(row("Ana"), row("Eva").replace("09:00:00", "25:61:00"), row("").replace(":", "?"))
    report = add(world.db, session, data)
    unreadable = row_at(world.db, report, 3)
    assert (unreadable.state, unreadable.name) == ("unreadable", "Eva")
    reports.apply_report(world.db, OLGA, session.id, report.id, OVER)
    assert closing.reports_to_settle(world.db, session.id) == {session.id: (0, 1)}
    with pytest.raises(Invalid) as raised:
        decide(world.db, report, 3, ana.id)
    assert raised.value.fields[0].code == "unreadable_row"
    decide(world.db, report, 3, None)
    assert closing.reports_to_settle(world.db, session.id) == {session.id: (0, 0)}
    with pytest.raises(Invalid):  # nor later
        decide(world.db, report, 3, ana.id)


def test_a_row_that_was_left_out_stays_so_when_it_is_read_again(world: Attended) -> None:
    data = zoom(row("Eva").replace("09:00:00", "25:61:00"), row("Ana"))
    report = add(world.db, world.sessions[0], data)
    decide(world.db, report, 2, None)
    add(world.db, world.sessions[0], data)
    assert states(world.db, report) == {2: "nobody", 3: "unmatched"}


def test_a_cycle_takes_its_reports_with_it(world: Attended) -> None:
    world.participant("Ana")
    applied(world.db, world.sessions[0], zoom(row("Ana")))
    world.db.delete(world.cycle)
    world.db.flush()
    left = [world.db.exec(select(model)).all() for model in (ReportImport, ReportRow, Evidence)]
    assert left == [[], [], []]


@pytest.mark.parametrize("people", [1, 40])
def test_reading_applying_looking_and_undoing_take_as_many_queries_for_many(
    db: DbSession,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
    people: int,
) -> None:
    world = Attended(db)
    names = [f"Ana {chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(people)]
    for name in names:
        world.participant(name)
    session = world.sessions[0]
    db.expire_all()
    with count_queries() as adding:
        report = add(db, session, zoom(*map(row, names), row("Nobody Here")))
    with count_queries() as applying:
        reports.apply_report(db, OLGA, session.id, report.id, OVER)
    with count_queries() as looking:
        found = report_lists.look(db, OLGA, session.id, report.id)
    with count_queries() as undoing:
        reports.undo_report(db, OLGA, session.id, report.id, UNDO, OVER)
    assert (len(adding), len(applying), len(looking), len(undoing)) == (17, 17, 6, 7)
    assert found.counts == {"matched": people, "unmatched": 1}


def test_two_who_apply_at_once_apply_once(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with real_database.begin(writes=True) as db:
        world = Attended(db)
        world.participant("Ana")
        report = add(db, world.sessions[0], zoom(row("Ana")))
        session_id, import_id = report.session_id, report.id

    def act(db: DbSession) -> Any:
        return reports.apply_report(db, OLGA, session_id, import_id, OVER).status

    assert at_once(real_database, monkeypatch, reports, "held_report", act) == [
        "applied",
        "applied",
    ]
    with real_database.begin(writes=False) as db:
        assert len(db.exec(select(Evidence)).all()) == 1
        assert db.exec(select(col(ReportRow.credits))).all() == [1]


@pytest.mark.parametrize("act", ["apply", "undo"])
def test_nothing_is_lost_of_who_becomes_another_meanwhile(
    real_database: Database, act: str
) -> None:
    """The merge is not committed yet when the report looks whose its rows are."""
    with real_database.begin(writes=True) as db:
        world = Attended(db)
        ana, anita = world.participant("Ana"), world.participant("Anita")  # who is in the file
        how = add if act == "apply" else applied
        report = how(db, world.sessions[0], zoom(row("Anita")))
        session_id, import_id, stays = report.session_id, report.id, ana.id
        people = ana.person_id, anita.person_id
    merged = Event()

    def merge(db: DbSession) -> object:
        merge_people(db, OLGA, *people, at=OVER)
        merged.set()
        if real_database.engine.dialect.name == "postgresql":  # else nobody else writes meanwhile
            Event().wait(PATIENCE)
        return "merged"

    def other(db: DbSession) -> object:
        if act == "apply":
            return reports.apply_report(db, OLGA, session_id, import_id, OVER).status
        return reports.undo_report(db, OLGA, session_id, import_id, UNDO, OVER).status

    many = Many(real_database)
    many.start(merge)
    assert merged.wait(10)
    many.start(other)
    assert many.wait() == sorted(["merged", "applied" if act == "apply" else "undone"])
    with real_database.begin(writes=False) as db:
        query = select(Evidence.kind, Evidence.enrolment_id).order_by(col(Evidence.id))
        assert sorted(db.exec(query)) == (
            [("interval", stays)]
            if act == "apply"
            else [("interval", stays), ("retraction", stays)]
        )


def test_it_is_not_applied_before_the_session_or_to_one_that_is_none(world: Attended) -> None:
    """Read and decided on it can be; undoing is possible afterwards."""
    ana = world.participant("Ana")
    session, draft = world.sessions[0], world.make.session(world.cycle, 5)
    report, other = (add(world.db, each, zoom(row("Ana"))) for each in (session, draft))
    early = session.starts_at - timedelta(seconds=1)
    with pytest.raises(Clash) as caught:
        reports.apply_report(world.db, OLGA, session.id, report.id, early)
    assert (caught.value.code, caught.value.params) == (
        "session_not_begun",
        {"starts": session.starts_at},
    )
    with pytest.raises(Clash) as caught:
        reports.apply_report(world.db, OLGA, draft.id, other.id, OVER)
    assert caught.value.code == "session_not_published"
    session.status = "cancelled"
    world.db.flush()
    publish(world.db, OLGA, world.cycle.id, accept_warnings=True, now=early)
    with pytest.raises(Clash) as caught:
        reports.apply_report(world.db, OLGA, session.id, report.id, OVER)
    assert caught.value.code == "session_cancelled"
    assert [each.status for each in (report, other)] == ["preview", "preview"]
    assert world.db.exec(select(Evidence).where(Evidence.enrolment_id == ana.id)).all() == []
