"""Checking in, from the personal page and in the room."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import Clash, Invalid, NotFound
from app.models import Cycle, Enrolment, Evidence, Session
from app.services import check_in, enrolments
from app.services.actor import SYSTEM
from app.services.told import told_of
from tests.factories import Make
from tests.services.test_enrol import together

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")  # 09:00 in Bogotá, for 90 minutes
OPENS = START - timedelta(minutes=15)
CLOSES = START + timedelta(minutes=90 + 30)
Act = Callable[[], object]
TICK = timedelta(microseconds=1)


@pytest.fixture
def session(make: Make) -> Session:
    return make.session(make.cycle(), check_in_word="Volcán")


@pytest.fixture
def enrolment(db: DbSession, make: Make, session: Session) -> Enrolment:
    cycle = db.get_one(Cycle, session.cycle_id)
    return make.enrolment(cycle, make.person(email="ana@example.org"))


def test_keeps_when_and_where(db: DbSession, session: Session, enrolment: Enrolment) -> None:
    done = check_in.check_in(db, enrolment, 1, START, "personal-page")
    assert (done.already, done.at, done.session) == (False, START, session)
    row = db.exec(select(Evidence)).one()
    assert (row.kind, row.at, row.source) == ("check_in", START, "personal-page")
    assert (row.enrolment_id, row.session_id) == (enrolment.id, session.id)
    assert row.key == f"check-in:{enrolment.id}:{session.id}"
    assert check_in.checked_in_at(db, enrolment, session) == START


@pytest.mark.parametrize("again_at", [START, START + timedelta(minutes=5), CLOSES])
def test_twice_is_once(
    db: DbSession, session: Session, enrolment: Enrolment, again_at: datetime
) -> None:
    check_in.check_in(db, enrolment, 1, START, "personal-page")
    again = check_in.check_in(db, enrolment, 1, again_at, "room")
    assert (again.already, again.at) == (True, START)
    assert db.exec(select(Evidence.source)).all() == ["personal-page"]


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (OPENS - TICK, "check_in_not_open"),
        (OPENS, None),
        (CLOSES - TICK, None),
        (CLOSES, "check_in_closed"),
    ],
)
def test_the_window(
    db: DbSession, session: Session, enrolment: Enrolment, at: datetime, code: str | None
) -> None:
    assert check_in.window_of(told_of(db, session)) == (OPENS, CLOSES)
    if code is None:
        assert check_in.check_in(db, enrolment, 1, at, "api").at == at
        return
    acts: list[Act] = [
        lambda: check_in.check_in(db, enrolment, 1, at, "api"),
        lambda: check_in.check_in_at_room(db, session.room_code, "nobody@x.org", "no", at),
    ]
    for act in acts:
        with pytest.raises(Clash) as error:
            act()
        assert error.value.code == code
        assert error.value.params == {"opens": OPENS, "closes": CLOSES}
    assert db.exec(select(Evidence)).all() == []


@pytest.mark.parametrize("status", ["pending", "waitlisted", "withdrawn"])
def test_only_the_confirmed(
    db: DbSession, session: Session, enrolment: Enrolment, status: str
) -> None:
    enrolment.status = status
    db.flush()
    acts: list[Act] = [
        lambda: check_in.check_in(db, enrolment, 1, START, "api"),
        lambda: check_in.check_in_at_room(
            db, session.room_code, "ana@example.org", "volcan", START
        ),
    ]
    for act in acts:
        with pytest.raises(Clash) as error:
            act()
        assert error.value.code == f"enrolment_{status}"


def test_neither_cancelled_nor_draft_nor_missing(
    db: DbSession, session: Session, enrolment: Enrolment
) -> None:
    for number in (2, 0, -1, 2**70):
        with pytest.raises(NotFound):
            check_in.check_in(db, enrolment, number, START, "api")
    session.status = "cancelled"
    db.flush()
    with pytest.raises(Clash) as error:
        check_in.check_in(db, enrolment, 1, START, "api")
    assert error.value.code == "session_cancelled"
    with pytest.raises(Clash):
        check_in.check_in_at_room(db, session.room_code, "ana@example.org", "volcan", START)
    session.status = "draft"
    db.flush()
    with pytest.raises(NotFound):
        check_in.check_in(db, enrolment, 1, START, "api")
    with pytest.raises(NotFound):
        check_in.room_session(db, session.room_code)


class TestRoom:
    @pytest.mark.parametrize(
        ("email", "word"),
        [("ana@example.org", "Volcán"), (" ANA@Example.ORG ", "  volcan ")],
    )
    def test_checks_in(
        self, db: DbSession, session: Session, enrolment: Enrolment, email: str, word: str
    ) -> None:
        done = check_in.check_in_at_room(db, session.room_code, email, word, START)
        assert (done.already, done.at) == (False, START)
        assert check_in.check_in_at_room(db, session.room_code, email, word, START).already
        assert db.exec(select(Evidence.source)).all() == ["room"]

    @pytest.mark.parametrize("email", ["ana@example.org", "nobody@example.org"])
    def test_without_the_word_nobody_learns_who_is_enrolled(
        self, db: DbSession, session: Session, enrolment: Enrolment, email: str
    ) -> None:
        for word in ("", "wrong"):
            with pytest.raises(Invalid) as error:
                check_in.check_in_at_room(db, session.room_code, email, word, START)
            assert [(f.field, f.code) for f in error.value.fields] == [("word", "wrong_word")]

    def test_a_word_of_accents_alone_is_a_word(
        self, db: DbSession, session: Session, enrolment: Enrolment
    ) -> None:
        session.check_in_word = "\u0301"
        db.flush()
        for word in ("", " ", "volcan", "\u0308"):
            with pytest.raises(Invalid):
                check_in.check_in_at_room(db, session.room_code, "ana@example.org", word, START)
        done = check_in.check_in_at_room(db, session.room_code, "ana@example.org", "\u0301", START)
        assert not done.already

    @pytest.mark.parametrize("email", ["nobody@example.org", "", "nul\0", "%"])
    def test_an_unknown_address(
        self, db: DbSession, session: Session, enrolment: Enrolment, email: str
    ) -> None:
        with pytest.raises(Invalid) as error:
            check_in.check_in_at_room(db, session.room_code, email, "volcan", START)
        assert [(f.field, f.code) for f in error.value.fields] == [("email", "not_a_participant")]

    def test_somebody_of_another_cycle_is_unknown(
        self, db: DbSession, make: Make, session: Session
    ) -> None:
        make.enrolment(make.cycle(), make.person(email="else@example.org"))
        with pytest.raises(Invalid):
            check_in.check_in_at_room(db, session.room_code, "else@example.org", "volcan", START)

    def test_without_a_word_none_is_asked(
        self, db: DbSession, session: Session, enrolment: Enrolment
    ) -> None:
        session.check_in_word = ""
        db.flush()
        check_in.check_in_at_room(db, session.room_code, "ana@example.org", "whatever", START)
        assert db.exec(select(Evidence)).one().enrolment_id == enrolment.id

    def test_codes_as_they_are_typed(self, db: DbSession, session: Session) -> None:
        session.room_code = "ab01cdef"
        db.flush()
        for typed in ("ab01cdef", "AB01CDEF", " abolcdef", "abo1cdef", "aboicdef"):
            assert check_in.room_session(db, typed) is session
        for typed in ("", "ab01cde", "ab01cdef\0", "ñ", "a" * 500, "%"):
            with pytest.raises(NotFound):
                check_in.room_session(db, typed)


def test_many_at_once_are_one_and_none_fails(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        make.session(cycle)
        enrolment_id = make.enrolment(cycle).id
    done: list[check_in.CheckedIn] = []

    def act() -> None:
        with real_database.begin(writes=True) as db:
            enrolment = enrolments.get_enrolment(db, SYSTEM, enrolment_id)
            done.append(check_in.check_in(db, enrolment, 1, START, "personal-page"))

    assert together([act] * 8) == [None] * 8
    assert sorted(d.already for d in done) == [False] + [True] * 7
    assert {d.at for d in done} == {START}
    with real_database.begin(writes=False) as db:
        assert len(db.exec(select(Evidence)).all()) == 1
