"""Attendance of a session and of a cycle, and the organizer's word on it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest
from sqlmodel import col, select

from app.db import DbSession
from app.domain.attendance import Basis, Status
from app.domain.errors import Clash, Invalid, NotFound
from app.models import Cycle, Enrolment, Evidence, Session
from app.schemas.enrolment import MarkIn, RetractIn
from app.services import attendance, check_in, publishing
from app.services.actor import SYSTEM, AccountStanding, Actor
from tests.factories import NOW, Make

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")
AFTER = START + timedelta(hours=3)
OLGA = Actor(id="o", name="Olga", standing=AccountStanding.ADMINISTRATOR)
PROGRAM = Actor(id="o", name="Importer", token_id="t", standing=AccountStanding.ADMINISTRATOR)
Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def cycle(make: Make) -> Cycle:
    return make.cycle()


@pytest.fixture
def session(make: Make, cycle: Cycle) -> Session:
    row = make.session(cycle)
    publish(make.db, cycle)
    return row


def publish(db: DbSession, cycle: Cycle) -> None:
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)


def marked(row: Enrolment, status: Status, reason: str = "She told us") -> MarkIn:
    return MarkIn(enrolment_id=row.id, status=status, reason=reason)


def test_everybody_by_name(db: DbSession, make: Make, cycle: Cycle, session: Session) -> None:
    for name in ("Zoé", "Ana", "Bruno"):
        make.enrolment(cycle, make.person(name=name))
    gone = make.enrolment(cycle, make.person(name="Gone"))
    check_in.check_in(db, gone, 1, START, "room")
    gone.status = "withdrawn"
    for status in ("pending", "waitlisted", "withdrawn"):
        make.enrolment(cycle, status=status)
    make.enrolment(make.cycle())
    rows = attendance.attendance(db, SYSTEM, session.id)
    assert [(r.enrolment.name, str(r.record.status)) for r in rows] == [
        ("Ana", "unknown"),
        ("Bruno", "unknown"),
        ("Gone", "present"),
        ("Zoé", "unknown"),
    ]
    assert rows[2].record.checked_in == START
    assert rows[0].enrolment.person.email is not None
    with pytest.raises(NotFound):
        attendance.attendance(db, SYSTEM, "nothing")


def test_evidence_of_another_session_is_not_this_one_s(
    db: DbSession, make: Make, cycle: Cycle, session: Session
) -> None:
    make.session(cycle, 2)
    row = make.enrolment(cycle)
    check_in.check_in(db, row, 2, START + timedelta(days=7), "room")
    (found,) = attendance.attendance(db, SYSTEM, session.id)
    assert (found.record.status, found.record.checked_in) == ("unknown", None)


class TestMark:
    def test_counts_before_a_check_in(
        self, db: DbSession, make: Make, cycle: Cycle, session: Session
    ) -> None:
        row = make.enrolment(cycle)
        check_in.check_in(db, row, 1, START, "room")
        found = attendance.mark(db, OLGA, session.id, marked(row, Status.LATE, "Came late"), AFTER)
        record = found.record
        assert (record.status, record.basis, record.reason) == ("late", Basis.MARK, "Came late")
        assert (record.recorded_by, record.at, record.checked_in) == ("Olga", AFTER, START)
        stored = db.exec(select(Evidence).where(col(Evidence.kind) == "mark")).one()
        assert (stored.source, stored.recorded_by) == ("organizer", "Olga")

    def test_the_same_word_again_adds_nothing(
        self, db: DbSession, make: Make, cycle: Cycle, session: Session
    ) -> None:
        row = make.enrolment(cycle)
        for minutes in (0, 1):
            at = AFTER + timedelta(minutes=minutes)
            attendance.mark(db, PROGRAM, session.id, marked(row, Status.PRESENT), at)
        stored = db.exec(select(Evidence)).one()
        assert (stored.at, stored.source) == (AFTER, "api")

    def test_the_last_word_wins_though_the_clock_stands_still(
        self, db: DbSession, make: Make, cycle: Cycle, session: Session
    ) -> None:
        row = make.enrolment(cycle)
        said = [Status.PRESENT, Status.LATE, Status.PARTIAL, Status.EXCUSED, Status.PRESENT] * 3
        for status in said:
            found = attendance.mark(db, OLGA, session.id, marked(row, status), AFTER)
            assert found.record.status == status

    def test_refuses(self, db: DbSession, make: Make, cycle: Cycle, session: Session) -> None:
        row, stranger = make.enrolment(cycle), make.enrolment(make.cycle())
        for command, field in [
            (marked(row, Status.UNKNOWN), "status"),
            (marked(stranger, Status.PRESENT), "enrolment_id"),
            (MarkIn(enrolment_id="nul\0", status=Status.LATE, reason="x"), "enrolment_id"),
        ]:
            with pytest.raises(Invalid) as error:
                attendance.mark(db, OLGA, session.id, command, AFTER)
            assert [f.field for f in error.value.fields] == [field]
        with pytest.raises(NotFound):
            attendance.mark(db, OLGA, "nothing", marked(row, Status.PRESENT), AFTER)

    def test_nobody_was_there_before_check_in_opened(
        self, db: DbSession, make: Make, cycle: Cycle, session: Session
    ) -> None:
        row, opens = make.enrolment(cycle), START - timedelta(minutes=session.check_in_before)
        before = opens - timedelta(seconds=1)
        for status in attendance.ATTENDED:
            with pytest.raises(Clash) as error:
                attendance.mark(db, OLGA, session.id, marked(row, status), before)
            assert (error.value.code, error.value.params) == (
                "session_not_begun",
                {"opens": opens},
            )
        found = attendance.mark(db, OLGA, session.id, marked(row, Status.EXCUSED), before)
        assert found.record.status == "excused"
        found = attendance.mark(db, OLGA, session.id, marked(row, Status.PRESENT), opens)
        assert found.record.status == "present"

    def test_nobody_is_absent_before_the_start(
        self, db: DbSession, make: Make, cycle: Cycle, session: Session
    ) -> None:
        row, before = make.enrolment(cycle), START - timedelta(seconds=1)
        with pytest.raises(Clash) as error:
            attendance.mark(db, OLGA, session.id, marked(row, Status.ABSENT), before)
        assert (error.value.code, error.value.params) == ("session_not_begun", {"starts": START})
        check_in.check_in(db, row, 1, before, "room")
        (found,) = attendance.attendance(db, SYSTEM, session.id)
        assert (found.record.status, found.record.basis) == ("present", Basis.CHECK_IN)
        found = attendance.mark(db, OLGA, session.id, marked(row, Status.ABSENT), START)
        assert (found.record.status, found.record.basis) == ("unknown", Basis.MARK)

    def test_nobody_was_at_what_was_not_published_or_was_called_off(
        self, db: DbSession, make: Make, cycle: Cycle, session: Session
    ) -> None:
        row, draft = make.enrolment(cycle), make.session(cycle, 2)
        session.status = "cancelled"
        db.flush()
        # Nobody was told so far that it is off.
        attendance.mark(db, OLGA, session.id, marked(row, Status.PRESENT), AFTER)
        with pytest.raises(Clash) as error:
            attendance.mark(db, OLGA, draft.id, marked(row, Status.EXCUSED), AFTER)
        assert error.value.code == "session_not_published"
        publish(db, cycle)
        with pytest.raises(Clash) as error:
            attendance.mark(db, OLGA, session.id, marked(row, Status.EXCUSED), AFTER)
        assert error.value.code == "session_cancelled"
        back = RetractIn(enrolment_id=row.id, reason="It was off")
        assert attendance.retract(db, OLGA, session.id, back, AFTER).record.status == "unknown"

    def test_taking_it_back(
        self, db: DbSession, make: Make, cycle: Cycle, session: Session
    ) -> None:
        row = make.enrolment(cycle)
        check_in.check_in(db, row, 1, START, "room")
        attendance.mark(db, OLGA, session.id, marked(row, Status.LATE), AFTER)
        attendance.mark(db, OLGA, session.id, marked(row, Status.EXCUSED), AFTER)
        back = RetractIn(enrolment_id=row.id, reason="Wrong line")
        statuses = [
            attendance.retract(db, OLGA, session.id, back, AFTER).record.status for _ in range(2)
        ]
        assert statuses == ["late", "present"]
        with pytest.raises(Clash) as error:
            attendance.retract(db, OLGA, session.id, back, AFTER)
        assert error.value.code == "nothing_to_retract"
        found = attendance.mark(db, OLGA, session.id, marked(row, Status.LATE), AFTER)
        assert found.record.status == "late"

    def test_the_case_shows_all_of_it(
        self, db: DbSession, make: Make, cycle: Cycle, session: Session
    ) -> None:
        row = make.enrolment(cycle)
        check_in.check_in(db, row, 1, START, "room")
        attendance.mark(db, OLGA, session.id, marked(row, Status.LATE), AFTER)
        case = attendance.case(db, OLGA, session.id, row.id)
        assert case.mark is not None
        assert (case.mark.status, case.retracted) == ("late", frozenset())
        attendance.retract(
            db, OLGA, session.id, RetractIn(enrolment_id=row.id, reason="Wrong"), AFTER
        )
        again = attendance.case(db, OLGA, session.id, row.id)
        assert [str(e.kind) for e in again.evidence] == ["retraction", "mark", "check_in"]
        assert again.mark is None
        assert again.retracted == {case.mark.id}
        for session_id, enrolment_id in [
            (session.id, "nobody"),
            ("nothing", row.id),
            (make.session(make.cycle()).id, row.id),
        ]:
            with pytest.raises(NotFound):
                attendance.case(db, OLGA, session_id, enrolment_id)


class TestPages:
    @pytest.fixture
    def people(self, db: DbSession, make: Make, cycle: Cycle, session: Session) -> list[Enrolment]:
        names = ("Ana", "Bruno", "Celia", "Diego", "Elsa")
        rows = [make.enrolment(cycle, make.person(name=name)) for name in names]
        for row in rows[:3]:
            check_in.check_in(db, row, 1, START, "room")
        attendance.mark(db, OLGA, session.id, marked(rows[2], Status.EXCUSED), AFTER)
        return rows

    @pytest.mark.parametrize(
        ("query", "status", "number", "names", "place"),
        [
            ("", None, 1, ["Ana", "Bruno"], (1, 3, 1, 2, 5)),
            ("", None, 3, ["Elsa"], (3, 3, 5, 5, 5)),
            ("", None, 9, ["Elsa"], (3, 3, 5, 5, 5)),
            ("", Status.PRESENT, 1, ["Ana", "Bruno"], (1, 1, 1, 2, 2)),
            ("elsa", None, 1, ["Elsa"], (1, 1, 1, 1, 1)),
            ("elsa", Status.PRESENT, 1, [], (1, 1, 0, 0, 0)),
        ],
    )
    def test_of_a_session(
        self,
        db: DbSession,
        session: Session,
        people: list[Enrolment],
        query: str,
        status: Status | None,
        number: int,
        names: list[str],
        place: tuple[int, ...],
    ) -> None:
        found = attendance.attendance_page(db, SYSTEM, session.id, query, status, number, 2)
        assert [r.enrolment.name for r in found.rows] == names
        at = found.numbers
        assert (at.number, at.pages, at.first, at.last, at.total) == place
        assert found.counts == {Status.PRESENT: 2, Status.EXCUSED: 1, Status.UNKNOWN: 2}

    def test_of_a_cycle(
        self, db: DbSession, make: Make, cycle: Cycle, people: list[Enrolment]
    ) -> None:
        make.session(cycle, 2)
        make.session(cycle, 3, status="cancelled")
        make.session(cycle, 4, status="draft")
        publish(db, cycle)
        make.session(cycle, 5)  # that nobody has been told of
        for row in (people[0], people[4]):
            check_in.check_in(db, row, 2, START + timedelta(days=7), "room")
        found = attendance.overview(db, SYSTEM, cycle.id, number=1, limit=3)
        assert [s.number for s in found.sessions] == [1, 2]
        assert [e.name for e in found.enrolments] == ["Ana", "Bruno", "Celia"]
        assert [[r and str(r.status) for r in row] for row in found.records] == [
            ["present", "present"],
            ["present", "unknown"],
            ["excused", "unknown"],
        ]
        assert (found.attended, found.attended_of) == ([2, 2], [2, 1, 0])
        at = found.numbers
        assert (found.participants, at.first, at.last, at.total) == (5, 1, 3, 5)
        one = attendance.overview(db, SYSTEM, cycle.id, query="elsa", number=7)
        assert [e.name for e in one.enrolments] == ["Elsa"]
        assert (one.numbers.number, one.attended) == (1, [2, 2])
        with pytest.raises(NotFound):
            attendance.overview(db, SYSTEM, "nothing")

    def test_a_cycle_without_sessions_or_people(self, db: DbSession, make: Make) -> None:
        found = attendance.overview(db, SYSTEM, make.cycle().id)
        assert (found.sessions, found.enrolments, found.numbers.total) == ([], [], 0)

    def test_queries_do_not_grow(
        self,
        db: DbSession,
        make: Make,
        cycle: Cycle,
        session: Session,
        people: list[Enrolment],
        count_queries: Counting,
    ) -> None:
        acts: list[Callable[[], object]] = [
            lambda: attendance.attendance(db, SYSTEM, session.id),
            lambda: attendance.attendance_page(db, SYSTEM, session.id),
            lambda: attendance.overview(db, SYSTEM, cycle.id),
        ]

        def measured() -> list[int]:
            found = []
            for act in acts:
                db.commit()
                db.expunge_all()
                with count_queries() as queries:
                    act()
                found.append(len(queries))
            return found

        few = measured()
        for _ in range(10):
            check_in.check_in(db, make.enrolment(db.merge(cycle)), 1, START, "room")
        assert measured() == few == [5, 7, 8]
