"""Making, changing and deleting sessions."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.errors import Clash, DomainError, Invalid, NotFound, Stale
from app.domain.ids import new_id
from app.models import Cycle, Evidence, Session
from app.schemas.session import SessionChange, SessionIn
from app.services import publishing, sessions
from app.services.actor import SYSTEM
from tests.factories import NOW, Make

Count = Callable[[], AbstractContextManager[list[str]]]


def new(**values: Any) -> SessionIn:
    values.setdefault("title", {"es": "Apertura"})
    values.setdefault("wall_start", "2026-12-01T09:00")
    values.setdefault("minutes", 90)
    return SessionIn(**values)


def errors(raised: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(e.field, e.code) for e in raised.value.fields]


def said(raised: pytest.ExceptionInfo[Invalid]) -> str:
    (error,) = raised.value.fields
    return error.sentence % error.params


def times(row: Session) -> tuple[datetime, str, int, datetime, datetime]:
    return row.wall_start, row.zone, row.fold, row.starts_at, row.ends_at


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_session_takes_its_zone_from_the_cycle(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    row = sessions.create_session(db, SYSTEM, cycle.id, new())
    assert times(row) == (
        datetime(2026, 12, 1, 9),
        "America/Bogota",
        0,
        at("2026-12-01T14:00"),
        at("2026-12-01T15:30"),
    )
    assert (row.number, row.title, row.status, row.segments) == (
        1,
        {"es": "Apertura"},
        "scheduled",
        [],
    )
    assert (row.check_in_before, row.check_in_after) == (15, 30)


def test_what_was_stored_is_what_was_given(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    row = sessions.create_session(
        db,
        SYSTEM,
        cycle.id,
        new(
            number=7,
            zone="Europe/Madrid",
            description={"en": "Why"},
            meeting_url="https://meet.example.org/a",
            meeting_passcode="x",
            backstage_url="https://meet.example.org/b",
            check_in_before=5,
            check_in_after=6,
            check_in_word="loro",
            status="draft",
        ),
    )
    db.expunge_all()
    stored = sessions.get_session(db, SYSTEM, row.id)
    assert stored.model_dump(exclude={"id", "created_at", "uid", "room_code"}) == {
        "cycle_id": cycle.id,
        "revision": 1,
        "number": 7,
        "title": {"es": "Apertura"},
        "description": {"en": "Why"},
        "wall_start": datetime(2026, 12, 1, 9),
        "zone": "Europe/Madrid",
        "fold": 0,
        "minutes": 90,
        "starts_at": at("2026-12-01T08:00"),
        "ends_at": at("2026-12-01T09:30"),
        "status": "draft",
        "meeting_url": "https://meet.example.org/a",
        "meeting_passcode": "x",
        "backstage_url": "https://meet.example.org/b",
        "check_in_before": 5,
        "check_in_after": 6,
        "check_in_word": "loro",
        "check_in_word_rotates": False,
        "closed_at": None,
    }


def test_a_uid_names_no_host_and_no_path(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    uids = {sessions.create_session(db, SYSTEM, cycle.id, new()).uid for _ in range(3)}
    assert len(uids) == 3
    assert [uid for uid in uids if not uid.isalnum() or len(uid) < 26] == []


def test_without_a_number_it_is_the_one_after_the_highest(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.session(make.cycle(), number=40)
    make.session(cycle, number=3)
    assert sessions.create_session(db, SYSTEM, cycle.id, new()).number == 4


def test_a_number_that_is_taken(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.session(cycle, number=3)
    with pytest.raises(Invalid) as raised:
        sessions.create_session(db, SYSTEM, cycle.id, new(number=3))
    assert errors(raised) == [("number", "number_taken")]
    assert said(raised) == "There is a session 3 already. Choose another number."


def test_numbers_end(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.session(cycle, number=9999)
    with pytest.raises(Invalid) as raised:
        sessions.create_session(db, SYSTEM, cycle.id, new())
    assert errors(raised) == [("number", "numbers_used_up")]


@pytest.mark.parametrize("cycle_id", ["nothing", "", "a\0b", "ñandú"])
def test_a_cycle_that_does_not_exist(db: DbSession, cycle_id: str) -> None:
    with pytest.raises(NotFound):
        sessions.create_session(db, SYSTEM, cycle_id, new())
    with pytest.raises(NotFound):
        sessions.list_sessions(db, SYSTEM, cycle_id)


@pytest.mark.parametrize(
    ("zone", "wall", "before", "after"),
    [
        ("America/Santiago", "2026-09-06T00:30", "2026-09-05 23:59", "2026-09-06 01:00"),
        ("Europe/Madrid", "2026-03-29T02:00", "2026-03-29 01:59", "2026-03-29 03:00"),
        ("Australia/Lord_Howe", "2026-10-04T02:10", "2026-10-04 01:59", "2026-10-04 02:30"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-29 23:59", "2011-12-31 00:00"),
    ],
)
def test_a_local_time_that_is_skipped(
    db: DbSession, make: Make, zone: str, wall: str, before: str, after: str
) -> None:
    cycle = make.cycle()
    with pytest.raises(Invalid) as raised:
        sessions.create_session(db, SYSTEM, cycle.id, new(zone=zone, wall_start=wall, fold=1))
    assert errors(raised) == [("wall_start", "skipped_time")]
    assert said(raised) == (
        f"In {zone} the clocks jump over {wall.replace('T', ' ')}. "
        f"The nearest times that exist are {before} and {after}."
    )
    for exists in (before, after):
        row = sessions.create_session(db, SYSTEM, cycle.id, new(zone=zone, wall_start=exists))
        assert row.wall_start == datetime.fromisoformat(exists)


def test_a_local_time_that_comes_twice_asks_which(db: DbSession, make: Make) -> None:
    cycle = make.cycle(zone="America/Santiago")
    with pytest.raises(Invalid) as raised:
        sessions.create_session(db, SYSTEM, cycle.id, new(wall_start="2026-04-04T23:30"))
    assert raised.value.code == "ambiguous_time"
    assert errors(raised) == [("wall_start", "ambiguous_time")]
    assert said(raised) == (
        "In America/Santiago the clocks show 2026-04-04 23:30 twice: first at UTC-03:00, then at "
        "UTC-04:00. Choose the first (fold 0) or the second (fold 1)."
    )
    for fold, instant in ((0, "2026-04-05T02:30"), (1, "2026-04-05T03:30")):
        row = sessions.create_session(
            db, SYSTEM, cycle.id, new(wall_start="2026-04-04T23:30", fold=fold)
        )
        assert (row.fold, row.starts_at) == (fold, at(instant))


def test_a_fold_that_is_not_needed_is_not_kept(db: DbSession, make: Make) -> None:
    row = sessions.create_session(db, SYSTEM, make.cycle().id, new(fold=1))
    assert row.fold == 0


def test_a_new_start_moves_the_end(db: DbSession, make: Make) -> None:
    row = make.session(make.cycle())
    changed = sessions.change_session(
        db, SYSTEM, row.id, SessionChange(wall_start="2026-12-02T10:30"), 1
    )
    assert times(changed) == (
        datetime(2026, 12, 2, 10, 30),
        "America/Bogota",
        0,
        at("2026-12-02T15:30"),
        at("2026-12-02T17:00"),
    )
    assert changed.revision == 2


def test_another_zone_keeps_the_local_time(db: DbSession, make: Make) -> None:
    row = make.session(make.cycle())
    changed = sessions.change_session(db, SYSTEM, row.id, SessionChange(zone="Europe/Madrid"))
    assert times(changed) == (
        datetime(2026, 12, 1, 9),
        "Europe/Madrid",
        0,
        at("2026-12-01T08:00"),
        at("2026-12-01T09:30"),
    )


def test_more_minutes_move_the_end_only(db: DbSession, make: Make) -> None:
    row = make.session(make.cycle())
    changed = sessions.change_session(db, SYSTEM, row.id, SessionChange(minutes=30))
    assert (changed.starts_at, changed.ends_at) == (at("2026-12-01T14:00"), at("2026-12-01T14:30"))


def test_the_second_of_two_times_stays_the_second(db: DbSession, make: Make) -> None:
    cycle = make.cycle(zone="America/Santiago")
    row = make.session(cycle, wall_start=datetime(2026, 4, 4, 23, 30), fold=1)
    change = SessionChange(wall_start="2026-04-04T23:30", zone="America/Santiago", minutes=30)
    changed = sessions.change_session(db, SYSTEM, row.id, change)
    assert times(changed)[2:] == (1, at("2026-04-05T03:30"), at("2026-04-05T04:00"))
    changed = sessions.change_session(db, SYSTEM, row.id, SessionChange(fold=0))
    assert times(changed)[2:] == (0, at("2026-04-05T02:30"), at("2026-04-05T03:00"))


def test_a_move_into_the_second_hour_asks_again(db: DbSession, make: Make) -> None:
    cycle = make.cycle(zone="America/Santiago")
    row = make.session(cycle, wall_start=datetime(2026, 4, 4, 23, 30), fold=1)
    with pytest.raises(Invalid) as raised:
        sessions.change_session(db, SYSTEM, row.id, SessionChange(wall_start="2026-04-04T23:45"))
    assert errors(raised) == [("wall_start", "ambiguous_time")]


def test_only_what_is_named_changes(db: DbSession, make: Make) -> None:
    row = make.session(make.cycle(), meeting_url="https://meet.example.org/a", minutes=45)
    before = row.model_dump(exclude={"title", "revision"})
    changed = sessions.change_session(db, SYSTEM, row.id, SessionChange(title={"en": "New"}))
    assert changed.title == {"en": "New"}
    assert changed.model_dump(exclude={"title", "revision"}) == before


def test_a_change_to_the_same_is_none(db: DbSession, make: Make) -> None:
    row = make.session(make.cycle())
    change = SessionChange(
        number=1,
        title=row.title,
        wall_start=row.wall_start,
        zone=row.zone,
        minutes=row.minutes,
        status="scheduled",
        fold=0,
    )
    assert sessions.change_session(db, SYSTEM, row.id, change).revision == 1


def test_texts_and_settings_can_be_emptied(db: DbSession, make: Make) -> None:
    row = make.session(make.cycle(), meeting_url="https://meet.example.org/a")
    row.description = {"en": "Why"}
    changed = sessions.change_session(
        db,
        SYSTEM,
        row.id,
        SessionChange(description={}, meeting_url="", check_in_before=0, check_in_word="loro"),
    )
    assert (changed.description, changed.meeting_url) == ({}, "")
    assert (changed.check_in_before, changed.check_in_word) == (0, "loro")


def test_a_stale_revision(db: DbSession, make: Make) -> None:
    row = make.session(make.cycle())
    with pytest.raises(Stale):
        sessions.change_session(db, SYSTEM, row.id, SessionChange(minutes=30), 2)
    with pytest.raises(Stale):
        sessions.delete_session(db, SYSTEM, row.id, 2)


def test_renumbering(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    one, _ = make.session(cycle, number=1), make.session(cycle, number=2)
    with pytest.raises(Invalid) as raised:
        sessions.change_session(db, SYSTEM, one.id, SessionChange(number=2))
    assert errors(raised) == [("number", "number_taken")]
    assert sessions.change_session(db, SYSTEM, one.id, SessionChange(number=3)).number == 3


@pytest.mark.parametrize("session_id", ["nothing", "", "a\0b"])
def test_a_session_that_does_not_exist(db: DbSession, session_id: str) -> None:
    for attempt in (
        lambda: sessions.get_session(db, SYSTEM, session_id),
        lambda: sessions.change_session(db, SYSTEM, session_id, SessionChange()),
        lambda: sessions.delete_session(db, SYSTEM, session_id),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_by_number(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.session(make.cycle(), number=2)
    row = make.session(cycle, number=2)
    assert sessions.session_by_number(db, SYSTEM, cycle.id, 2).id == row.id
    for number in (1, 0, -1, 10**30):
        with pytest.raises(NotFound):
            sessions.session_by_number(db, SYSTEM, cycle.id, number)


def test_a_session_that_nobody_heard_of_is_deleted(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    row = make.session(cycle)
    make.part(make.segment(row), make.person())
    revision = cycle.revision
    sessions.delete_session(db, SYSTEM, row.id)
    assert sessions.list_sessions(db, SYSTEM, cycle.id) == []
    assert cycle.revision > revision


def test_a_published_session_is_cancelled_instead(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    row = make.session(cycle)
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    with pytest.raises(Clash) as raised:
        sessions.delete_session(db, SYSTEM, row.id)
    assert raised.value.code == "session_released"
    with pytest.raises(Invalid) as refused:
        sessions.change_session(db, SYSTEM, row.id, SessionChange(status="draft"))
    assert errors(refused) == [("status", "session_released")]
    cancelled = sessions.change_session(db, SYSTEM, row.id, SessionChange(status="cancelled"))
    assert cancelled.status == "cancelled"


def test_a_session_that_was_never_published_goes_back_to_draft(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.session(cycle, number=1)
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    row = make.session(cycle, number=2)
    changed = sessions.change_session(db, SYSTEM, row.id, SessionChange(status="draft"))
    assert changed.status == "draft"


def test_recorded_attendance_is_not_deleted(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    row = make.session(cycle)
    enrolment = make.enrolment(cycle)
    db.add(
        Evidence(
            enrolment_id=enrolment.id,
            session_id=row.id,
            kind="mark",
            source="organizer",
            status="present",
            key=new_id(),
        )
    )
    with pytest.raises(Clash) as raised:
        sessions.delete_session(db, SYSTEM, row.id)
    assert raised.value.code == "session_has_evidence"


def test_a_session_that_the_rule_asks_for_is_not_deleted(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    exam = make.session(cycle)
    cycle.completion_rule = {"min_sessions": 1, "of": 4, "mandatory": [exam.id]}
    db.flush()
    with pytest.raises(Clash) as raised:
        sessions.delete_session(db, SYSTEM, exam.id)
    assert (raised.value.code, raised.value.params) == ("session_mandatory", {"number": 1})
    cycle.completion_rule = {"min_sessions": 1, "of": 4}
    db.flush()
    sessions.delete_session(db, SYSTEM, exam.id)
    assert db.exec(select(Session)).all() == []


def test_a_session_that_the_rule_asks_for_is_not_called_off_unheard(
    db: DbSession, make: Make
) -> None:
    cycle = make.cycle()
    exam, cancel = make.session(cycle), SessionChange(status="cancelled")
    cycle.completion_rule = {"min_sessions": 1, "of": 4, "mandatory": [exam.id]}
    db.flush()
    with pytest.raises(Clash) as raised:
        sessions.change_session(db, SYSTEM, exam.id, cancel)
    assert (raised.value.code, raised.value.params) == ("session_mandatory", {"number": 1})
    assert exam.status == "scheduled"
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    assert sessions.change_session(db, SYSTEM, exam.id, cancel).status == "cancelled"


def test_queries_do_not_grow(db: DbSession, make: Make, count_queries: Count) -> None:
    cycle = make.cycle()
    counts = []
    for number in (1, 2, 3):
        row = make.session(cycle, number=number)
        for place in range(number):
            segment = make.segment(row, place)
            make.part(segment, make.person(institution_id=make.institution().id))
        db.expunge_all()
        with count_queries() as queries:
            listed = sessions.list_sessions(db, SYSTEM, cycle.id)
        names = [
            p.person.institution.name if p.person.institution else None
            for s in listed
            for g in s.segments
            for p in g.parts
        ]
        assert len(names) == number * (number + 1) / 2
        counts.append(len(queries))
        db.expunge_all()
        with count_queries() as queries:
            sessions.get_session(db, SYSTEM, row.id)
        counts.append(len(queries))
    assert counts == [4, 3] * 3


def test_two_at_once_get_two_numbers(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        cycle_id = Make(db).cycle().id
    problems: list[DomainError] = []

    def create() -> None:
        try:
            for _ in range(4):
                with real_database.begin(writes=True) as db:
                    sessions.create_session(db, SYSTEM, cycle_id, new())
        except DomainError as error:
            problems.append(error)

    threads = [Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with real_database.begin(writes=False) as db:
        numbers = db.exec(select(Session.number).order_by(col(Session.number))).all()
        revision = db.exec(select(Cycle.revision)).one()
    assert (problems, list(numbers), revision) == ([], list(range(1, 17)), 17)
