"""From the draft to a release."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel, col, select

from app.db import Database, DbSession
from app.domain.changes import Code as ChangeCode
from app.domain.conflicts import Code, Severity
from app.domain.errors import Clash, DomainError, NotFound
from app.models import Cycle, Institution, Part, Person, Release, Segment, Session
from app.services import cycles, publishing
from app.services.actor import SYSTEM, AccountStanding, Actor
from app.services.schedules import held_cycle, released_schedule
from tests.factories import NOW, Make

Count = Callable[[], AbstractContextManager[list[str]]]
OLGA = Actor(
    id="x",
    name="Olga Organizer",
    email="olga@example.org",
    language="es",
    standing=AccountStanding.ADMINISTRATOR,
)


def publish(db: DbSession, cycle: Cycle, **values: Any) -> Release:
    values.setdefault("accept_warnings", True)
    values.setdefault("now", NOW)
    return publishing.publish(db, OLGA, cycle.id, **values)


def sound(make: Make, cycle: Cycle, number: int = 1, **values: Any) -> Session:
    """A session with nothing to complain of."""
    session = make.session(cycle, number, minutes=30, **values)
    make.part(make.segment(session), make.person(), "host")
    return session


def clash(raised: pytest.ExceptionInfo[Clash]) -> tuple[str, Any]:
    return raised.value.code, raised.value.params.get("count")


def test_the_first_release(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = sound(make, cycle)
    sound(make, cycle, 2, status="draft")
    revision = cycle.revision
    row = publish(db, cycle, accept_warnings=False)
    db.expunge_all()
    stored = db.exec(select(Release)).one()
    assert (stored.id, stored.number, stored.published_at, stored.published_by) == (
        row.id,
        1,
        NOW,
        "Olga Organizer",
    )
    now = db.exec(select(Cycle)).one()
    assert (now.status, now.release_number) == ("published", 1)
    assert now.revision > revision
    released = released_schedule(db, cycle.id)
    assert released is not None
    assert [(s.id, s.uid, s.sequence, s.stamp, s.created) for s in released.sessions] == [
        (session.id, session.uid, 0, NOW, NOW)
    ]


def test_a_release_holds_no_link_and_no_address(db: DbSession, make: Make) -> None:
    cycle = make.cycle(contact_email="contact@example.org")
    person = make.person(email="secret-person@example.org")
    session = make.session(
        cycle,
        meeting_url="https://meet.example.org/secret-link",
        meeting_passcode="secret-passcode",
        check_in_word="secret-word",
        minutes=30,
    )
    make.part(make.segment(session), person, "host")
    publish(db, cycle)
    text = json.dumps(db.exec(select(Release.document)).one())
    assert person.name in text
    found = [w for w in ("secret", "@", session.room_code, "meet.example.org") if w in text]
    assert found == []


def test_a_release_never_changes(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = sound(make, cycle)
    before = publish(db, cycle).document
    session.title = {"en": "Another"}
    publish(db, cycle, now=NOW + timedelta(days=1))
    db.expunge_all()
    releases = publishing.list_releases(db, OLGA, cycle.id)
    assert [r.number for r in releases] == [2, 1]
    assert releases[1].document == before
    (session_2,) = releases[0].document["sessions"]
    assert (session_2["sequence"], session_2["created"]) == (1, "2026-11-23T15:00:00Z")


def test_what_changed_is_told(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = sound(make, cycle)
    sound(make, cycle, 2)
    publish(db, cycle)
    session.title = {"en": "Another"}
    last = publish(db, cycle)
    told = publishing.told_releases(db, OLGA, cycle.id)
    assert [(t.release.number, [c.code for c in t.changes]) for t in told] == [
        (2, [ChangeCode.SESSION_RETITLED]),
        (1, [ChangeCode.SESSION_ADDED, ChangeCode.SESSION_ADDED]),
    ]
    assert publishing.told_release(db, last) == told[0]
    assert publishing.told_release(db, told[1].release) == told[1]


def test_errors_refuse(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    sound(make, cycle, 1)
    sound(make, cycle, 2, wall_start=datetime(2026, 12, 1, 9, 15))
    found = publishing.find_conflicts(db, OLGA, cycle.id, NOW)
    assert [(c.code, c.severity) for c in found] == [(Code.SESSIONS_OVERLAP, Severity.ERROR)]
    with pytest.raises(Clash) as raised:
        publish(db, cycle)
    assert clash(raised) == ("schedule_errors", 1)
    assert (cycle.status, cycle.release_number) == ("draft", 0)


def test_warnings_ask(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.session(cycle)
    found = publishing.preview(db, OLGA, cycle.id, NOW)
    assert [c.code for c in found.warnings] == [Code.AGENDA_EMPTY, Code.SESSION_WITHOUT_HOST]
    assert (found.errors, found.nothing_new, found.before) == ((), False, None)
    with pytest.raises(Clash) as raised:
        publish(db, cycle, accept_warnings=False)
    assert clash(raised) == ("schedule_warnings", 2)
    assert publish(db, cycle).number == 1


def test_other_cycles_of_the_people_are_looked_at(db: DbSession, make: Make) -> None:
    cycle, other = make.cycle(), make.cycle(title={"es": "El otro"})
    ana = make.person()
    for each in (cycle, other):
        make.part(make.segment(make.session(each, minutes=30)), ana, "host")
    found = publishing.find_conflicts(db, OLGA, cycle.id, NOW)
    assert [c.code for c in found] == [Code.PERSON_IN_TWO_CYCLES]
    cycles.archive_cycle(db, OLGA, other.id)
    assert publishing.find_conflicts(db, OLGA, cycle.id, NOW) == ()


def test_holidays_come_in_the_organizers_language(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.carries(cycle, make.institution(name="CP", country="CO"))
    sound(make, cycle, wall_start=datetime(2026, 12, 25, 9))
    (found,) = publishing.find_conflicts(db, OLGA, cycle.id, NOW)
    assert (found.code, found.params["holiday"]) == (Code.HOLIDAY_OF_ORGANIZER, "Navidad")


def test_nothing_to_publish(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = sound(make, cycle, meeting_url="https://meet.example.org/a")
    publish(db, cycle)
    session.meeting_url = "https://meet.example.org/b"  # nobody reads that in a release
    with pytest.raises(Clash) as raised:
        publish(db, cycle)
    assert clash(raised) == ("nothing_to_publish", None)
    assert publishing.preview(db, OLGA, cycle.id, NOW).nothing_new is True


@pytest.mark.parametrize("name", ["accent", "language", "acronym"])
def test_how_it_looks_is_published_too(db: DbSession, make: Make, name: str) -> None:
    cycle = make.cycle()
    house = make.institution(acronym="OLD")
    make.carries(cycle, house)
    sound(make, cycle)
    publish(db, cycle)
    if name == "accent":
        cycle.accent = "#123456"
    elif name == "language":
        cycle.language = "pt"
    else:
        house.acronym = "NEW"
    found = publishing.preview(db, OLGA, cycle.id, NOW)
    assert (found.changes, found.nothing_new) == ((), False)
    assert publish(db, cycle).number == 2


@pytest.mark.parametrize("status", [None, "draft"])
def test_nothing_that_could_be_shown(db: DbSession, make: Make, status: str | None) -> None:
    cycle = make.cycle()
    if status:
        make.session(cycle, status=status)
    with pytest.raises(Clash) as raised:
        publish(db, cycle)
    assert raised.value.code == "schedule_empty"


def test_an_archived_cycle(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="archived")
    sound(make, cycle)
    with pytest.raises(Clash) as raised:
        publish(db, cycle)
    assert (raised.value.code, cycle.status) == ("cycle_archived", "archived")


@pytest.mark.parametrize("cycle_id", ["nothing", "a\0b"])
def test_no_such_cycle(db: DbSession, cycle_id: str) -> None:
    for attempt in (
        lambda: publishing.preview(db, OLGA, cycle_id, NOW),
        lambda: publishing.find_conflicts(db, OLGA, cycle_id, NOW),
        lambda: publishing.list_releases(db, OLGA, cycle_id),
        lambda: publishing.told_releases(db, OLGA, cycle_id),
        lambda: publishing.publish(db, OLGA, cycle_id, accept_warnings=True, now=NOW),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_a_session_that_is_cancelled_stays(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    one, _ = sound(make, cycle, 1), sound(make, cycle, 2)
    publish(db, cycle)
    one.status = "cancelled"
    publish(db, cycle, now=NOW + timedelta(hours=1))
    released = released_schedule(db, cycle.id)
    assert released is not None
    assert [(s.number, s.status, s.sequence) for s in released.sessions] == [
        (1, "cancelled", 1),
        (2, "scheduled", 0),
    ]


def test_queries_do_not_grow(db: DbSession, make: Make, count_queries: Count) -> None:
    cycle, other = make.cycle(), make.cycle()
    ana = make.person(country="CO")
    counts = []
    for number in (1, 2, 3):
        for each in (cycle, other):
            session = make.session(each, number, meeting_url="https://meet.example.org/a")
            make.carries(each, make.institution(country="CO"))
            for place in range(number):
                make.part(make.segment(session, place), ana, "host")
        db.add(Release(cycle_id=cycle.id, number=number, document={"version": 1}))
        db.flush()
        db.expunge_all()
        with count_queries() as queries:
            publishing.find_conflicts(db, OLGA, cycle.id, NOW)
        counts.append(len(queries))
        with count_queries() as queries:
            publishing.list_releases(db, OLGA, cycle.id)
        counts.append(len(queries))
    assert counts == [13, 2] * 3


def test_queries_of_a_preview(db: DbSession, make: Make, count_queries: Count) -> None:
    cycle = make.cycle()
    counts = []
    for number in (1, 2, 3):
        sound(make, cycle, number)
        db.expunge_all()
        with count_queries() as queries:
            publishing.preview(db, OLGA, cycle.id, NOW)
        counts.append(len(queries))
        publish(db, cycle)
    assert counts == [8] * 3


# Real threads


class Outcome:
    """What became of each of several publishers."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.codes: list[str] = []
        self.others: list[BaseException] = []

    def note(self, act: Callable[[], int]) -> None:
        try:
            self.numbers.append(act())
        except DomainError as error:
            self.codes.append(error.code)
        except Exception as error:
            self.others.append(error)


def at_once(
    database: Database, count: int, act: Callable[[DbSession, int, Barrier], int]
) -> Outcome:
    """Runs `act` in so many transactions at once. On PostgreSQL all have begun, and may have read
    what will be out of date, before any goes on; on SQLite a writer begins alone."""
    outcome = Outcome()
    ready = Barrier(count)
    together = database.engine.dialect.name == "postgresql"

    def run(place: int) -> None:
        def one() -> int:
            if not together:
                ready.wait(10)
            with database.begin(writes=True) as db:
                return act(db, place, ready if together else Barrier(1))

        outcome.note(one)

    threads = [Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcome


def two_sessions(database: Database) -> tuple[str, list[str]]:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        return cycle.id, [sound(make, cycle, number).id for number in (1, 2)]


def released(database: Database) -> list[tuple[int, list[str]]]:
    with database.begin(writes=False) as db:
        rows = db.exec(select(Release).order_by(col(Release.number))).all()
        newest = db.exec(select(Cycle.release_number)).one()
        assert newest == len(rows)
        return [(r.number, [s["title"]["en"] for s in r.document["sessions"]]) for r in rows]


def test_two_publish_the_same_draft_at_once(real_database: Database) -> None:
    two_sessions(real_database)

    def act(db: DbSession, place: int, ready: Barrier) -> int:
        seen = db.exec(select(Cycle)).one()  # as a router does, to find it by its short name
        ready.wait(10)
        return publishing.publish(db, SYSTEM, seen.id, accept_warnings=True, now=NOW).number

    outcome = at_once(real_database, 2, act)
    assert (outcome.numbers, outcome.codes, outcome.others) == ([1], ["nothing_to_publish"], [])
    assert released(real_database) == [(1, ["Session 1", "Session 2"])]


def test_two_publish_their_own_change_at_once(real_database: Database) -> None:
    _, ids = two_sessions(real_database)

    def act(db: DbSession, place: int, ready: Barrier) -> int:
        seen = db.exec(select(Cycle)).one()
        ready.wait(10)
        row = db.exec(select(Session).where(Session.id == ids[place])).one()
        row.title = {"en": f"By {place}"}
        return publishing.publish(db, SYSTEM, seen.id, accept_warnings=True, now=NOW).number

    outcome = at_once(real_database, 2, act)
    assert (sorted(outcome.numbers), outcome.codes, outcome.others) == ([1, 2], [], [])
    (_, first), (_, second) = released(real_database)
    assert first in (["By 0", "Session 2"], ["Session 1", "By 1"])
    assert second == ["By 0", "By 1"]


@pytest.mark.parametrize("real_database", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (Session, "minutes", 77),
        (Segment, "minutes", 7),
        (Part, "position", "New"),
        (Person, "name", "New"),
        (Institution, "name", "New"),
    ],
)
def test_nobody_changes_what_is_being_published(
    real_database: Database, kind: type[SQLModel], name: str, value: object
) -> None:
    """On SQLite there is one writer anyway."""
    cycle_id, _ = two_sessions(real_database)
    with real_database.begin(writes=True) as db:
        make = Make(db)
        make.carries(db.exec(select(Cycle)).one(), make.institution())
    with real_database.begin(writes=True) as publisher, real_database.begin(writes=True) as db:
        held_cycle(publisher, cycle_id)
        db.connection().exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        row: Any = db.exec(select(kind)).first()
        setattr(row, name, value)
        with pytest.raises(OperationalError, match="lock timeout"):
            db.flush()
        db.rollback()
