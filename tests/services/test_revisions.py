"""Whatever shows in a cycle raises its revision, and equal revisions mean equal content."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Barrier, Thread

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.models import (
    Cycle,
    CycleInstitution,
    Enrolment,
    Evidence,
    Initiative,
    Institution,
    Message,
    Part,
    Person,
    Release,
    Segment,
    Session,
)
from app.models.base import Editable
from tests.factories import Make


@dataclass
class World:
    """One of everything, and a second cycle that shares only the institution and the person."""

    db: DbSession
    make: Make
    cycle: Cycle
    institution: Institution
    carries: CycleInstitution
    session: Session
    other_session: Session
    segment: Segment
    person: Person
    part: Part
    enrolment: Enrolment
    other_cycle: Cycle
    other_cycles_session: Session
    nobody: Person
    nowhere: Institution

    def revisions(self) -> dict[str, int]:
        """The revisions as the database has them, by the names of the fields above."""
        found = {}
        for name, row in vars(self).items():
            if isinstance(row, Editable):
                model = type(row)
                query = select(model.revision).where(model.id == row.id)
                revision = self.db.exec(query).one_or_none()
                if revision is not None:
                    found[name] = revision
        return found


@pytest.fixture
def world(db: DbSession, make: Make) -> World:
    cycle, other_cycle = make.cycle(), make.cycle()
    institution, person = make.institution(), make.person()
    session, other_session = make.session(cycle, 1), make.session(cycle, 2)
    segment = make.segment(session)
    elsewhere = make.session(other_cycle, 1)
    make.part(make.segment(elsewhere), person)
    make.carries(other_cycle, institution)
    world = World(
        db=db,
        make=make,
        cycle=cycle,
        institution=institution,
        carries=make.carries(cycle, institution),
        session=session,
        other_session=other_session,
        segment=segment,
        person=person,
        part=make.part(segment, person),
        enrolment=make.enrolment(cycle),
        other_cycle=other_cycle,
        other_cycles_session=elsewhere,
        nobody=make.person(),
        nowhere=make.institution(),
    )
    db.commit()
    return world


def put(**values: object) -> Callable[[object], None]:
    """Sets fields of a row."""

    def change(row: object) -> None:
        for name, value in values.items():
            setattr(row, name, value)

    return change


Change = Callable[[World], object]
IN_CYCLE = {"cycle"}
IN_SESSION = {"cycle", "session"}
EVERYWHERE = {"cycle", "other_cycle"}

CHANGES: dict[str, tuple[Change, set[str]]] = {
    "a cycle's title": (lambda w: put(title={"en": "New"})(w.cycle), IN_CYCLE),
    "a cycle's status": (lambda w: put(status="archived")(w.cycle), IN_CYCLE),
    "an institution's name": (
        lambda w: put(name="New")(w.institution),
        {"institution", *EVERYWHERE},
    ),
    "an institution comes": (
        lambda w: w.db.add(
            CycleInstitution(cycle_id=w.cycle.id, institution_id=w.nowhere.id, role="host")
        ),
        IN_CYCLE,
    ),
    "an institution's role": (lambda w: put(role="partner")(w.carries), IN_CYCLE),
    "an institution's place": (lambda w: put(position=7)(w.carries), IN_CYCLE),
    "an institution goes": (lambda w: w.db.delete(w.carries), IN_CYCLE),
    "a release": (lambda w: w.db.add(Release(cycle_id=w.cycle.id, number=1)), IN_CYCLE),
    "a session comes": (
        lambda w: w.db.add(
            Session(
                cycle_id=w.cycle.id,
                number=9,
                wall_start=w.session.wall_start,
                zone=w.session.zone,
                minutes=5,
                starts_at=w.session.starts_at,
                ends_at=w.session.ends_at,
            )
        ),
        IN_CYCLE,
    ),
    "a session's title": (lambda w: put(title={"en": "New"})(w.session), IN_SESSION),
    "a session's link": (lambda w: put(meeting_url="https://a.example")(w.session), IN_SESSION),
    "a session's length": (lambda w: put(minutes=91)(w.session), IN_SESSION),
    "a session goes": (lambda w: w.db.delete(w.other_session), IN_CYCLE),
    "a segment comes": (
        lambda w: w.db.add(Segment(session_id=w.session.id, position=1, minutes=5)),
        IN_SESSION,
    ),
    "a segment's title": (lambda w: put(title="New")(w.segment), IN_SESSION),
    "a segment's place": (lambda w: put(position=4)(w.segment), IN_SESSION),
    "a segment's length": (lambda w: put(minutes=31)(w.segment), IN_SESSION),
    "a segment goes with its part": (lambda w: w.db.delete(w.segment), IN_SESSION),
    "a part comes": (
        lambda w: w.db.add(
            Part(
                session_id=w.session.id,
                segment_id=w.segment.id,
                person_id=w.nobody.id,
                role="host",
            )
        ),
        IN_SESSION,
    ),
    "a part's role": (lambda w: put(role="host")(w.part), IN_SESSION),
    "a part's position": (lambda w: put(position="New")(w.part), IN_SESSION),
    "a part's person": (lambda w: put(person_id=w.nobody.id)(w.part), IN_SESSION),
    "a part goes": (lambda w: w.db.delete(w.part), IN_SESSION),
    "a person's name": (
        lambda w: put(name="New")(w.person),
        {"person", "session", "other_cycles_session", *EVERYWHERE},
    ),
    "a person's zone": (
        lambda w: put(zone="America/Lima")(w.person),
        {"person", "session", "other_cycles_session", *EVERYWHERE},
    ),
    "everything at once, and each counts once": (
        lambda w: (
            [put(title={"en": "New"})(row) for row in (w.cycle, w.session, w.other_session)]
            + [put(title="New")(w.segment), put(role="host")(w.part), put(name="New")(w.person)]
        ),
        {
            "session",
            "other_session",
            "person",
            "other_cycles_session",
            *EVERYWHERE,
        },
    ),
    # What does not show in a cycle:
    "the same title": (lambda w: put(title=dict(w.cycle.title))(w.cycle), set()),
    "the same number of minutes": (lambda w: put(minutes=90)(w.session), set()),
    "somebody without a part": (lambda w: put(name="New")(w.nobody), {"nobody"}),
    "an institution that carries nothing": (lambda w: put(name="New")(w.nowhere), {"nowhere"}),
    "an enrolment": (lambda w: put(status="withdrawn")(w.enrolment), {"enrolment"}),
    "an initiative": (lambda w: w.db.add(Initiative(name="New")), set()),
    "evidence": (
        lambda w: w.db.add(
            Evidence(
                enrolment_id=w.enrolment.id,
                session_id=w.session.id,
                kind="check_in",
                source="room",
                key="key",
            )
        ),
        set(),
    ),
    "a mail": (
        lambda w: w.db.add(
            Message(
                intent="i",
                message_id="m",
                kind="enrolment-link",
                cycle_id=w.cycle.id,
                to_address="a@example.org",
                language="es",
            )
        ),
        set(),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_raises_the_revisions_of_what_shows_it_by_one(world: World, name: str) -> None:
    change, raised = CHANGES[name]
    before = world.revisions()
    change(world)
    world.db.flush()
    in_memory = {
        name: row.revision for name, row in vars(world).items() if isinstance(row, Editable)
    }
    after = world.revisions()
    assert after == {key: before[key] + (key in raised) for key in after}
    assert {key: in_memory[key] for key in after} == after


def test_a_new_row_begins_at_one(db: DbSession, make: Make) -> None:
    assert [make.cycle().revision, make.person().revision] == [1, 1]


def test_what_is_rolled_back_raises_nothing(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        cycle_id = Make(db).cycle().id

    def fail() -> None:
        with real_database.begin(writes=True) as db:
            put(title={"en": "New"})(db.get(Cycle, cycle_id))
            db.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with real_database.begin(writes=False) as db:
        assert db.exec(select(Cycle.revision)).one() == 1


_REVISIONS = select(Cycle.revision, Session.revision).join(
    Session,
    Session.cycle_id == Cycle.id,  # type: ignore[arg-type]
)


def two_segments(database: Database) -> tuple[str, list[str]]:
    """A cycle with a session of two segments: the ids."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        session = make.session(cycle)
        segments = [make.segment(session, n, title="old").id for n in range(2)]
    with database.begin(writes=True) as db:
        assert db.exec(_REVISIONS).one() == (4, 3)
    return cycle.id, segments


def content(db: DbSession) -> tuple[int, int, tuple[str, ...]]:
    """The revisions of cycle and session, and what they stand for."""
    cycle, session = db.exec(_REVISIONS).one()
    titles = db.exec(select(Segment.title).order_by(Segment.position)).all()  # type: ignore[arg-type]
    return cycle, session, tuple(titles)


def test_two_who_read_the_same_revision_do_not_write_the_same(real_database: Database) -> None:
    """Both have the cycle and the session in memory at the old revision when they write."""
    cycle_id, segment_ids = two_segments(real_database)
    held = []
    for segment_id in segment_ids:
        with real_database.begin(writes=False) as db:
            cycle = db.get(Cycle, cycle_id)
            segment = db.get(Segment, segment_id)
            assert segment is not None
            held.append((cycle, db.get(Session, segment.session_id), segment))
    seen = []
    for *others, segment in held:
        with real_database.begin(writes=True) as db:
            db.add_all([*others, segment])
            segment.title = "new"
            db.flush()
            seen.append(content(db))
    assert seen == [(5, 4, ("new", "old")), (6, 5, ("new", "new"))]


def test_two_transactions_at_once_end_with_different_revisions(real_database: Database) -> None:
    """On PostgreSQL both have read before either writes; on SQLite the second one waits at the
    beginning, so there is nothing to arrange."""
    cycle_id, segment_ids = two_segments(real_database)
    overlapping = real_database.engine.dialect.name == "postgresql"
    have_read = Barrier(2 if overlapping else 1, timeout=30)
    seen = []

    def change(segment_id: str) -> None:
        with real_database.begin(writes=True) as db:
            segment, cycle = db.get(Segment, segment_id), db.get(Cycle, cycle_id)
            assert segment is not None
            assert cycle is not None
            session = db.get(Session, segment.session_id)
            have_read.wait()
            segment.title = "new"
            db.flush()
            assert session is not None
            seen.append((cycle.revision, session.revision, content(db)))

    threads = [Thread(target=change, args=(segment_id,)) for segment_id in segment_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = sorted(seen)
    with real_database.begin(writes=False) as db:
        assert content(db) == (6, 5, ("new", "new"))
    # In memory, in the transaction, and for everybody afterwards: the same numbers.
    assert first[:2] == first[2][:2] == (5, 4)
    assert sorted(first[2][2]) == ["new", "old"]
    assert second == (6, 5, (6, 5, ("new", "new")))
