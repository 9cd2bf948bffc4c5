"""Duplicates become one and nothing that referred to them is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.errors import Invalid, NotFound
from app.models import (
    CycleInstitution,
    Enrolment,
    Evidence,
    Initiative,
    Institution,
    Message,
    Part,
    Person,
)
from app.services import institutions, merging, people
from app.services.actor import SYSTEM
from tests.factories import NOW, Make

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


def merge(db: DbSession, keep: Person, duplicate: Person) -> Person:
    """Merges, and forgets what was loaded, so that the database is asked."""
    kept = merging.merge_people(db, SYSTEM, keep.id, duplicate.id, at=NOW)
    db.commit()
    db.expunge_all()
    return kept


def everyone(db: DbSession) -> list[str]:
    return [person.name for person in db.exec(select(Person).order_by(col(Person.name)))]


def test_empty_fields_are_filled(db: DbSession, make: Make) -> None:
    ministry = make.institution(name="Ministerio")
    keep = make.person(name="Ana Pérez", email=None)
    duplicate = make.person(
        name="A. Pérez",
        email="ana@example.org",
        country="CO",
        zone="America/Bogota",
        language="es",
        position="Directora",
        institution_id=ministry.id,
    )
    merged = merge(db, keep, duplicate)
    assert merged.institution is not None
    assert merged.institution.name == "Ministerio"
    kept = people.get_person(db, SYSTEM, keep.id)
    assert kept.model_dump(exclude={"id", "created_at", "revision"}) == {
        "name": "Ana Pérez",
        "email": "ana@example.org",
        "email_key": "ana@example.org",
        "country": "CO",
        "zone": "America/Bogota",
        "language": "es",
        "position": "Directora",
        "bounced_at": None,
        "bounce": "",
        "institution_id": ministry.id,
        "search_key": "ana perez ana@example.org directora",
        "erased_at": None,
    }
    assert merged.revision == kept.revision
    assert everyone(db) == ["Ana Pérez"]


def test_what_is_known_of_the_kept_one_stays(db: DbSession, make: Make) -> None:
    values = {"country": "PE", "zone": "America/Lima", "language": "pt", "position": "Jefa"}
    unit = make.institution()
    keep = make.person(name="Ana", email="ana@example.org", institution_id=unit.id, **values)
    duplicate = make.person(
        name="Ana P",
        email="other@example.org",
        country="CO",
        zone="America/Bogota",
        language="es",
        position="Directora",
        institution_id=make.institution().id,
    )
    before = keep.model_dump(exclude={"search_key", "revision"})
    merge(db, keep, duplicate)
    kept = people.get_person(db, SYSTEM, keep.id)
    assert kept.model_dump(exclude={"search_key", "revision"}) == before


@pytest.mark.parametrize(
    ("kept", "duplicate", "merged"),
    [
        (("", ""), ("Director", "A"), ("Director", "A")),
        (("Director", ""), ("Director", "A"), ("Director", "A")),
        (("Director", ""), ("", "A"), ("Director", "A")),
        (("", "A"), ("Director", "A"), ("Director", "A")),
        (("", "B"), ("Director", "A"), ("", "B")),
        (("Head", ""), ("Director", "A"), ("Head", "")),
    ],
)
def test_a_position_stays_with_its_institution(
    db: DbSession,
    make: Make,
    kept: tuple[str, str],
    duplicate: tuple[str, str],
    merged: tuple[str, str],
) -> None:
    ids: dict[str, Any] = {n: make.institution(name=n).id for n in "AB"} | {"": None}
    one = make.person(position=kept[0], institution_id=ids[kept[1]])
    two = make.person(position=duplicate[0], institution_id=ids[duplicate[1]])
    merge(db, one, two)
    result = people.get_person(db, SYSTEM, one.id)
    assert (result.position, result.institution_id) == (merged[0], ids[merged[1]])


def test_parts_move_and_the_same_part_becomes_one(db: DbSession, make: Make) -> None:
    keep, duplicate = make.person(), make.person()
    first, second = make.cycle(), make.cycle()
    segment = make.segment(make.session(first, 1))
    other = make.segment(make.session(second, 1))
    both = make.part(segment, keep, "speaker", position="", institution="CAF")
    make.part(segment, duplicate, "speaker", position="Jefa", institution="BID")
    moderator = make.part(segment, duplicate, "moderator")
    elsewhere = make.part(other, duplicate, "host")
    db.commit()
    revisions = first.revision, second.revision
    ids = both.id, moderator.id, elsewhere.id, first.id, second.id
    merge(db, keep, duplicate)
    parts = db.exec(select(Part).order_by(col(Part.id))).all()
    assert {(p.id, p.person_id, p.role, p.position, p.institution) for p in parts} == {
        (ids[0], keep.id, "speaker", "Jefa", "CAF"),
        (ids[1], keep.id, "moderator", "", ""),
        (ids[2], keep.id, "host", "", ""),
    }
    assert len(parts) == 3
    now = [c.revision for c in (db.get(type(first), ids[3]), db.get(type(first), ids[4])) if c]
    assert [after > before for before, after in zip(revisions, now, strict=True)] == [True, True]


def test_enrolments_in_other_cycles_move(db: DbSession, make: Make) -> None:
    keep, duplicate = make.person(email="ana@example.org"), make.person(email="b@example.org")
    one, two = make.cycle(), make.cycle()
    make.enrolment(one, keep, name="Ana")
    moved = make.enrolment(two, duplicate, name="Ana P")
    merge(db, keep, duplicate)
    rows = db.exec(select(Enrolment).order_by(col(Enrolment.cycle_id))).all()
    assert [(e.cycle_id, e.person_id) for e in rows] == [(one.id, keep.id), (two.id, keep.id)]
    kept = db.get(Enrolment, moved.id)
    assert kept is not None
    assert (kept.name, kept.search_key) == ("Ana P", "ana p ana@example.org")


@pytest.mark.parametrize("older_is_kept", [True, False])
def test_of_two_enrolments_in_a_cycle_the_older_stays(
    db: DbSession, make: Make, older_is_kept: bool
) -> None:
    cycle = make.cycle()
    session = make.session(cycle)
    people_ = make.person(name="Ana"), make.person(name="Ana P")
    initiative = institutions.find_or_create_initiative(db, "Café", "CO")
    older = make.enrolment(cycle, people_[0], created_at=BEFORE, country="CO")
    newer = make.enrolment(
        cycle,
        people_[1],
        created_at=BEFORE + timedelta(days=1),
        country="PE",
        institution="CAF",
        initiative_id=initiative.id,
        consent_at=BEFORE,
        consent_version=3,
    )
    for enrolment in (older, newer):
        db.add(
            Evidence(
                enrolment_id=enrolment.id,
                session_id=session.id,
                kind="check_in",
                source="room",
                key=f"check-in:{enrolment.id}",
            )
        )
    for status in ("queued", "sent"):
        db.add(
            Message(
                intent=status,
                message_id=status,
                kind="enrolment-link",
                cycle_id=cycle.id,
                to_address="ana@example.org",
                language="es",
                context={"enrolment_id": newer.id, "more": 1},
                status=status,
            )
        )
    db.flush()
    keep, duplicate = people_ if older_is_kept else people_[::-1]
    merge(db, keep, duplicate)
    kept = db.exec(select(Enrolment)).one()
    assert kept.model_dump(
        include={
            "id",
            "person_id",
            "status",
            "country",
            "institution",
            "initiative_id",
            "consent_at",
            "consent_version",
        }
    ) == {
        "id": older.id,
        "person_id": keep.id,
        "status": "confirmed",
        "country": "CO",
        "institution": "CAF",
        "initiative_id": initiative.id,
        "consent_at": BEFORE,
        "consent_version": 3,
    }
    facts = db.exec(select(Evidence).order_by(col(Evidence.key))).all()
    assert [(fact.enrolment_id, fact.key) for fact in facts] == [
        (older.id, key) for key in sorted((f"check-in:{older.id}", f"check-in:{newer.id}"))
    ]
    messages = db.exec(select(Message).order_by(col(Message.status))).all()
    assert [(m.status, m.context) for m in messages] == [
        ("queued", {"enrolment_id": older.id, "more": 1}),
        ("sent", {"enrolment_id": newer.id, "more": 1}),
    ]


@pytest.mark.parametrize(
    ("older", "newer", "status"),
    [
        ("withdrawn", "confirmed", "confirmed"),
        ("waitlisted", "pending", "pending"),
        ("pending", "confirmed", "confirmed"),
        ("confirmed", "withdrawn", "confirmed"),
        ("withdrawn", "withdrawn", "withdrawn"),
    ],
)
def test_the_stronger_state_stays(
    db: DbSession, make: Make, older: str, newer: str, status: str
) -> None:
    cycle, keep, duplicate = make.cycle(), make.person(), make.person()
    later = BEFORE + timedelta(days=1)
    make.enrolment(cycle, keep, created_at=BEFORE, status_at=BEFORE, status=older)
    make.enrolment(cycle, duplicate, created_at=later, status_at=later, status=newer)
    merge(db, keep, duplicate)
    kept = db.exec(select(Enrolment)).one()
    since = BEFORE if status == older else later
    assert (kept.created_at, kept.status, kept.status_at) == (BEFORE, status, since)


def test_a_place_that_becomes_free_goes_to_the_waitlist(db: DbSession, make: Make) -> None:
    cycle = make.cycle(capacity=2)
    keep, duplicate = make.person(), make.person()
    make.enrolment(cycle, keep)
    make.enrolment(cycle, duplicate)
    waiting = make.enrolment(cycle, make.person(email="w@example.org"), status="waitlisted")
    merge(db, keep, duplicate)
    promoted = db.get(Enrolment, waiting.id)
    assert promoted is not None
    assert (promoted.status, promoted.status_at) == ("confirmed", NOW)
    assert [(m.kind, m.to_address) for m in db.exec(select(Message))] == [
        ("enrolment-confirmed", "w@example.org")
    ]


def test_people_move_to_the_institution_that_is_kept(db: DbSession, make: Make) -> None:
    keep = make.institution(name="CAF", acronym="", country="")
    duplicate = make.institution(name="Corporación Andina", acronym="C.A.F.", country="VE")
    ana = make.person(institution_id=duplicate.id)
    merged = merging.merge_institutions(db, SYSTEM, keep.id, duplicate.id)
    db.commit()
    db.expunge_all()
    assert (merged.name, merged.acronym, merged.country, merged.search_key) == (
        "CAF",
        "C.A.F.",
        "VE",
        "caf c.a.f.",
    )
    assert people.get_person(db, SYSTEM, ana.id).institution_id == keep.id
    assert [row.id for row in db.exec(select(Institution))] == [keep.id]


def test_cycles_keep_their_institutions_in_their_roles(db: DbSession, make: Make) -> None:
    keep, duplicate = make.institution(), make.institution()
    one, two = make.cycle(), make.cycle()
    stays = make.carries(one, keep, "organizer")
    make.carries(one, duplicate, "organizer")
    partner = make.carries(one, duplicate, "partner")
    elsewhere = make.carries(two, duplicate, "host")
    before = one.revision, two.revision
    merging.merge_institutions(db, SYSTEM, keep.id, duplicate.id)
    assert (one.revision > before[0], two.revision > before[1]) == (True, True)
    db.commit()
    db.expunge_all()
    rows = db.exec(select(CycleInstitution)).all()
    assert len(rows) == 3
    assert {(row.id, row.institution_id, row.role) for row in rows} == {
        (stays.id, keep.id, "organizer"),
        (partner.id, keep.id, "partner"),
        (elsewhere.id, keep.id, "host"),
    }


def test_participants_stand_for_the_initiative_that_is_kept(db: DbSession, make: Make) -> None:
    keep = institutions.find_or_create_initiative(db, "Café", "")
    duplicate = institutions.find_or_create_initiative(db, "Cafe Huila", "CO")
    duplicate.territory, duplicate.sector = "Huila", "Agro"
    ana = make.person(name="Ana", email="ana@example.org")
    enrolment = make.enrolment(make.cycle(), ana, initiative_id=duplicate.id)
    merged = merging.merge_initiatives(db, SYSTEM, keep.id, duplicate.id)
    db.commit()
    db.expunge_all()
    assert (merged.name, merged.country, merged.territory, merged.sector, merged.search_key) == (
        "Café",
        "CO",
        "Huila",
        "Agro",
        "cafe huila agro",
    )
    moved = db.get(Enrolment, enrolment.id)
    assert moved is not None
    assert (moved.initiative_id, moved.search_key) == (keep.id, "ana ana@example.org cafe")
    assert [row.id for row in db.exec(select(Initiative))] == [keep.id]


MERGES: list[Callable[[DbSession, str, str], object]] = [
    lambda db, keep, duplicate: merging.merge_people(db, SYSTEM, keep, duplicate),
    lambda db, keep, duplicate: merging.merge_institutions(db, SYSTEM, keep, duplicate),
    lambda db, keep, duplicate: merging.merge_initiatives(db, SYSTEM, keep, duplicate),
]


@pytest.mark.parametrize("which", range(3))
def test_what_cannot_be_merged(db: DbSession, make: Make, which: int) -> None:
    there = [
        make.person(),
        make.institution(),
        institutions.find_or_create_initiative(db, "Café", "CO"),
    ][which].id
    with pytest.raises(Invalid) as itself:
        MERGES[which](db, there, there)
    with pytest.raises(Invalid) as unknown:
        MERGES[which](db, there, "nobody")
    with pytest.raises(NotFound):
        MERGES[which](db, "nobody", there)
    with pytest.raises(NotFound):
        MERGES[which](db, "a", "b")
    assert [(f.field, f.code) for f in itself.value.fields] == [("duplicate_id", "same")]
    assert [(f.field, f.code) for f in unknown.value.fields] == [("duplicate_id", "unknown")]


def waits(database: Database) -> bool:
    """Whether a transaction waits for another one, within ten seconds. SQLite's cannot be seen."""
    if database.engine.dialect.name == "sqlite":
        return True
    deadline = monotonic() + 10
    query = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with database.engine.connect() as connection:
        while monotonic() < deadline:
            if connection.scalar(query):
                return True
            connection.rollback()
    return False


def test_a_part_given_to_the_duplicate_at_the_same_moment_moves_too(
    real_database: Database,
) -> None:
    with real_database.begin(writes=True) as db:
        make = Make(db)
        keep, duplicate, segment = (
            make.person(),
            make.person(),
            make.segment(make.session(make.cycle())),
        )

    def merge_now() -> None:
        with real_database.begin(writes=True) as db:
            merging.merge_people(db, SYSTEM, keep.id, duplicate.id)

    with ThreadPoolExecutor(1) as pool:
        with real_database.begin(writes=True) as db:
            Make(db).part(segment, duplicate, "host")
            merged = pool.submit(merge_now)
            assert waits(real_database)
        merged.result(timeout=30)
    with real_database.begin(writes=False) as db:
        assert [(p.person_id, p.role) for p in db.exec(select(Part))] == [(keep.id, "host")]
