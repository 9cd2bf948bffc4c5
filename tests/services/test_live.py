"""What goes on in a session at a moment, and who of the people with parts is there."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.attendance import Status
from app.domain.check_in import WindowState
from app.domain.errors import Clash, NotFound
from app.domain.ids import new_id
from app.models import (
    Cycle,
    Enrolment,
    Evidence,
    Guest,
    Initiative,
    Part,
    PartArrival,
    Person,
    Session,
)
from app.schemas.enrolment import MarkIn, RetractIn
from app.services import check_in, marks, part_join
from app.services.actor import SYSTEM
from app.services.attendance import attendance
from app.services.check_in_lists import list_check_ins
from app.services.guests import guest_of
from app.services.live import TOP, Arrival, Live, Share, live, spread
from app.services.merging import merge_people
from app.services.publishing import publish
from tests.factories import Make
from tests.services.test_enrol import together

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")  # 09:00 in Bogotá, for 90 minutes
END = START + timedelta(minutes=90)
KEY = b"a key for tests"
Counting = Callable[[], AbstractContextManager[list[str]]]


def seen(db: DbSession, session: Session, at: datetime = START) -> Live:
    return live(db, session.id, at, KEY, spread(db, session.id))


def comes(db: DbSession, make: Make, cycle: Cycle, minutes: int = 0, **enrolment: Any) -> Evidence:
    """Somebody enrols and checks in."""
    row = make.enrolment(cycle, **enrolment)
    check_in.check_in(db, row, 1, START + timedelta(minutes=minutes), "room")
    return db.exec(select(Evidence).where(Evidence.enrolment_id == row.id)).one()


def test_counts_by_country_and_initiative(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = make.session(cycle)
    other = make.session(cycle, 2)
    cacao = Initiative(name="Cacao", search_key="cacao")
    moda = Initiative(name="Moda", search_key="moda")
    db.add_all([cacao, moda])
    db.flush()
    comes(db, make, cycle, 0, name="Ana", country="CO", initiative_id=cacao.id)
    comes(db, make, cycle, 2, name="Beto", country="CL", initiative_id=cacao.id)
    comes(db, make, cycle, 1, name="Carla", country="CO")
    make.enrolment(cycle, name="Not there", country="CL", initiative_id=moda.id)
    make.enrolment(cycle, name="Waiting", country="PE", status="waitlisted")
    before = make.enrolment(cycle, name="Elsewhere", country="BR")
    check_in.check_in(db, before, 2, START + timedelta(days=7), "room") if other else None
    found = seen(db, session)
    assert (found.checked_in, found.spread.enrolled, found.spread.clicked) == (3, 5, 0)
    countries = found.spread.countries
    assert countries.top == (Share("CO", 2, 2), Share("CL", 1, 2), Share("BR", 0, 1))
    assert (countries.other_names, countries.unnamed) == (0, None)
    initiatives = found.spread.initiatives
    assert initiatives.top == (Share("Cacao", 2, 2), Share("Moda", 0, 1))
    assert initiatives.unnamed == Share("", 1, 2)
    assert found.arrivals == (
        Arrival("Beto", "CL", START + timedelta(minutes=2)),
        Arrival("Carla", "CO", START + timedelta(minutes=1)),
        Arrival("Ana", "CO", START),
    )


def test_the_rest_is_told_together(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = make.session(cycle)
    codes = ["AR", "BO", "BR", "CL", "CO", "CR", "CU", "DO", "EC", "GT"]
    for number, code in enumerate(codes):
        comes(db, make, cycle, number, country=code)
    comes(db, make, cycle, 20, country="GT")
    countries = spread(db, session.id).countries
    assert [share.name for share in countries.top] == ["GT", *codes[: TOP - 1]]
    assert (countries.others, countries.other_names) == (Share("", 2, 2), 2)
    assert len(seen(db, session).arrivals) == TOP


def test_what_was_taken_back_does_not_count(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = make.session(cycle)
    wrong = comes(db, make, cycle, 1, name="Wrong", country="CO")
    comes(db, make, cycle, 0, name="Right", country="CO")
    for _ in range(2):  # by two organizers
        db.add(
            Evidence(
                enrolment_id=wrong.enrolment_id,
                session_id=session.id,
                kind="retraction",
                source="organizer",
                retracts_id=wrong.id,
                key=new_id(),
            )
        )
    db.flush()
    found = seen(db, session)
    assert found.checked_in == 1
    assert found.spread.countries.top == (Share("CO", 1, 2),)
    assert [each.name for each in found.arrivals] == ["Right"]


def test_who_has_no_place_any_more_counts_where_they_were_seen(
    db: DbSession, make: Make, count_queries: Counting
) -> None:
    """As on the page of the attendance."""
    cycle = make.cycle()
    session = make.session(cycle)
    publish(db, SYSTEM, cycle.id, accept_warnings=True, now=START - timedelta(days=9))
    stays, goes, waits, marked, taken, by_mark = (
        comes(db, make, cycle, minute, name=name, country=country)
        for minute, (name, country) in enumerate(
            [
                ("Stays", "CO"),
                ("Goes", "CO"),
                ("Waits", "CL"),
                ("Marked absent", "PE"),
                ("Taken back", "PE"),
                ("Marked present", "BR"),
            ]
        )
    )
    make.enrolment(cycle, name="Never there", country="PE", status="withdrawn")
    for each in (taken, by_mark):
        command = RetractIn(enrolment_id=each.enrolment_id, evidence_id=each.id, reason="Not her.")
        marks.retract(db, SYSTEM, session.id, command, END)
    for each, status in ((marked, Status.ABSENT), (by_mark, Status.PRESENT)):
        said = MarkIn(enrolment_id=each.enrolment_id, status=status, reason="As seen.")
        marks.mark(db, SYSTEM, session.id, said, END)
    assert (seen(db, session, END).checked_in, seen(db, session, END).spread.enrolled) == (4, 6)
    for each in (goes, waits, marked, taken, by_mark):
        row = db.get_one(Enrolment, each.enrolment_id)
        row.status = "waitlisted" if each is waits else "withdrawn"
    db.flush()
    with count_queries() as queries:
        found = seen(db, session, END)
    assert len(queries) == 7 + 2 + 11
    assert (found.checked_in, found.spread.enrolled) == (3, 4)
    assert found.spread.countries.top == (Share("CO", 2, 2), Share("CL", 1, 1), Share("BR", 0, 1))
    assert [each.name for each in found.arrivals] == ["Waits", "Goes", "Stays"]
    page = attendance(db, SYSTEM, session.id)
    assert len(page) == found.spread.enrolled
    assert sum(row.record.checked_in is not None for row in page) == found.checked_in
    assert stays.enrolment_id in {row.enrolment.id for row in page}


def test_who_came_to_the_date_that_a_session_was_moved_from_is_not_in(
    db: DbSession, make: Make
) -> None:
    cycle = make.cycle()
    session = make.session(cycle)
    publish(db, SYSTEM, cycle.id, accept_warnings=True, now=START - timedelta(days=9))
    ana = comes(db, make, cycle, 1, name="Ana", country="CO")
    comes(db, make, cycle, 2, name="Beto", country="CL")
    later = timedelta(days=30)
    session.wall_start += later
    session.starts_at += later
    session.ends_at += later
    publish(db, SYSTEM, cycle.id, accept_warnings=True, now=END)
    found = seen(db, session, START + later)
    assert (found.checked_in, found.spread.enrolled, found.arrivals) == (0, 2, ())
    assert [
        (each.at, each.of_another_date) for each in list_check_ins(db, SYSTEM, session.id)[0]
    ] == [(START + timedelta(minutes=n), True) for n in (1, 2)]
    row = db.get_one(Enrolment, ana.enrolment_id)
    check_in.check_in(db, row, 1, START + later, "room")
    found = seen(db, session, START + later)
    assert (found.checked_in, [each.name for each in found.arrivals]) == (1, ["Ana"])
    assert found.spread.countries.top == (Share("CO", 1, 1), Share("CL", 0, 1))


def test_a_check_in_counts_again_once_its_retraction_is_taken_back(
    db: DbSession, make: Make
) -> None:
    cycle = make.cycle()
    session = make.session(cycle)
    target = comes(db, make, cycle, 1, name="Ana", country="CO")
    counts = []
    for minute in (2, 3, 4):  # each takes back what was said before it
        retraction = Evidence(
            enrolment_id=target.enrolment_id,
            session_id=session.id,
            kind="retraction",
            at=START + timedelta(minutes=minute),
            source="organizer",
            retracts_id=target.id,
            key=new_id(),
        )
        db.add(retraction)
        db.flush()
        target = retraction
        found = seen(db, session)
        shares = found.spread.countries.top
        listed, _ = list_check_ins(db, SYSTEM, session.id)
        counts.append((found.checked_in, len(found.arrivals), shares[0].came))
        assert [row.retracted for row in listed] == [found.checked_in == 0]
    assert counts == [(0, 0, 0), (1, 1, 1), (0, 0, 0)]


@pytest.mark.parametrize(
    ("minutes", "phase", "window", "turn"),
    [
        (-20, "scheduled", WindowState.BEFORE, -15),
        (-15, "scheduled", WindowState.OPEN, 0),
        (0, "live", WindowState.OPEN, 90),
        (90, "over", WindowState.OPEN, 120),
        (120, "over", WindowState.CLOSED, None),
    ],
)
def test_says_where_it_stands_and_until_when(
    db: DbSession, make: Make, minutes: int, phase: str, window: WindowState, turn: int | None
) -> None:
    session = make.session(make.cycle())
    found = seen(db, session, START + timedelta(minutes=minutes))
    assert (found.phase, found.check_in) == (phase, window)
    expected = None if turn is None else START + timedelta(minutes=turn)
    assert found.changes_at == expected


def test_a_word_that_rotates_is_another_state_at_its_turn(db: DbSession, make: Make) -> None:
    session = make.session(make.cycle(language="en"), check_in_word_rotates=True)
    first = seen(db, session, START + timedelta(minutes=2))
    assert first.changes_at == START + timedelta(minutes=5)
    second = seen(db, session, first.changes_at)
    assert first.word != second.word
    with pytest.raises(NotFound):
        live(db, "nothing", START, KEY, first.spread)


@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_the_room_takes_this_word_and_the_one_before(
    db: DbSession, make: Make, language: str
) -> None:
    cycle = make.cycle(language=language)
    # The words follow from the id: by chance two that are ten minutes apart could be the same.
    session = make.session(
        cycle, id="fourwordsthatalldiffer", check_in_word="fixed", check_in_word_rotates=True
    )
    names = [f"p{number}@example.org" for number in range(4)]
    for name in names:
        make.enrolment(cycle, make.person(email=name))
    words = [seen(db, session, START + timedelta(minutes=5 * n)).word for n in range(4)]

    assert len(set(words)) == 4

    def tries(email: str, word: str, minutes: int) -> str:
        at = START + timedelta(minutes=minutes)
        try:
            check_in.check_in_at_room(db, session.room_code, email, word, at, KEY)
        except Exception as error:
            return error.fields[0].code  # type: ignore[attr-defined,no-any-return]
        return "in"

    assert tries(names[0], words[2].upper(), 10) == "in"
    assert tries(names[1], words[2], 19) == "in"  # the one before, at the end of the next
    assert tries(names[2], words[2], 20) == "wrong_word"
    assert tries(names[2], words[3], 10) == "wrong_word"  # nobody can have seen it yet
    assert tries(names[3], "fixed", 10) == "wrong_word"
    with pytest.raises(ValueError, match="key"):
        check_in.check_in_at_room(db, session.room_code, names[3], words[2], START)


class TestSpeakers:
    @pytest.fixture
    def session(self, db: DbSession, make: Make) -> Session:
        """Published: Eva opens and closes, Hugo and Iris are on the panel; Iris has declined."""
        cycle = make.cycle()
        session = make.session(cycle, meeting_url="https://meet.example.org/1")
        eva, hugo, iris = (make.person(name=name) for name in ("Eva", "Hugo", "Iris"))
        segments = [make.segment(session, n, title=f"S{n}") for n in range(3)]
        make.part(segments[0], eva, role="host")
        make.part(segments[1], hugo, role="panelist")
        make.part(segments[1], iris, role="panelist", status="declined")
        make.part(segments[2], eva, role="host")
        publish(db, SYSTEM, cycle.id, accept_warnings=True, now=START - timedelta(days=9))
        return session

    def goes(self, db: DbSession, session: Session, name: str, minutes: int) -> Guest:
        person = db.exec(select(Person).where(Person.name == name)).one()
        guest = guest_of(db, session.cycle_id, person.id)
        part_join.join(db, guest, 1, START + timedelta(minutes=minutes))
        return guest

    def test_who_is_missing(self, db: DbSession, session: Session) -> None:
        assert [(s.name, len(s.parts), s.since) for s in seen(db, session).speakers] == [
            ("Eva", 2, None),
            ("Hugo", 1, None),
        ]
        self.goes(db, session, "Hugo", -20)
        self.goes(db, session, "Hugo", 3)
        assert [(s.name, s.since) for s in seen(db, session).speakers] == [
            ("Eva", None),
            ("Hugo", START - timedelta(minutes=20)),
        ]
        assert len(db.exec(select(PartArrival)).all()) == 1

    def test_who_came_as_a_participant_is_there(
        self, db: DbSession, make: Make, session: Session
    ) -> None:
        cycle = db.get_one(Cycle, session.cycle_id)
        eva = db.exec(select(Person).where(Person.name == "Eva")).one()
        check_in.join(db, make.enrolment(cycle, eva), 1, START - timedelta(minutes=5))
        assert [(s.name, s.since) for s in seen(db, session).speakers] == [
            ("Eva", START - timedelta(minutes=5)),
            ("Hugo", None),
        ]

    def test_who_may_not_go_yet_has_not_come(self, db: DbSession, session: Session) -> None:
        with pytest.raises(Clash):
            self.goes(db, session, "Eva", -61)
        assert db.exec(select(PartArrival)).all() == []

    def test_merged_people_came_when_the_first_of_them_did(
        self, db: DbSession, make: Make, session: Session
    ) -> None:
        eva = self.goes(db, session, "Eva", -10)
        hugo = self.goes(db, session, "Hugo", -30)
        merge_people(db, SYSTEM, eva.person_id, hugo.person_id)
        rows = db.exec(select(PartArrival)).all()
        assert [(row.guest_id, row.at) for row in rows] == [(eva.id, START - timedelta(minutes=30))]

    def test_unpublished_nobody_is_expected(self, db: DbSession, make: Make) -> None:
        session = make.session(make.cycle())
        make.part(make.segment(session), make.person())
        assert seen(db, session).speakers == ()


def test_ten_queries_whatever_came(db: DbSession, make: Make, count_queries: Counting) -> None:
    cycle = make.cycle()
    session = make.session(cycle)
    session_id, segment = session.id, make.segment(session)
    made = []
    for number in (1, 3):
        for _ in range(number):
            make.part(segment, make.person())
            comes(db, make, cycle, 0, country="CO")
        publish(db, SYSTEM, cycle.id, accept_warnings=True, now=START - timedelta(days=9 - number))
        db.expire_all()
        with count_queries() as queries:
            found = spread(db, session_id)
        apart = len(queries)
        db.expire_all()
        with count_queries() as queries:
            live(db, session_id, START, KEY, found)
        made.append((apart, len(queries)))
    assert made == [(7, 10), (7, 10)]


@pytest.mark.one_database
def test_two_clicks_at_once_are_one_arrival(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        session = make.session(cycle, meeting_url="https://meet.example.org/1")
        person = make.person()
        make.part(make.segment(session), person)
        guest_id = guest_of(db, cycle.id, person.id).id

    def click() -> None:
        with real_database.begin(writes=True) as db:
            part_join.join(db, db.get_one(Guest, guest_id), 1, START)

    assert together([click] * 4) == [None] * 4
    with real_database.begin(writes=False) as db:
        assert [row.at for row in db.exec(select(PartArrival))] == [START]
        assert db.exec(select(Part)).one()
