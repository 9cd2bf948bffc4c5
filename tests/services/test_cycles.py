"""Cycles: made, changed, carried by institutions, put away."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlmodel import SQLModel, col, func, select

from app.db import Database, DbSession
from app.domain.errors import Clash, Invalid, NotFound, Stale
from app.domain.schedule import InstitutionRole
from app.models import (
    Cycle,
    CycleInstitution,
    Enrolment,
    Evidence,
    Message,
    Part,
    Release,
    Segment,
    Session,
)
from app.schemas.completion import CompletionRule
from app.schemas.cycle import (
    CycleChange,
    CycleIn,
    CycleInstitutionIn,
    CycleInstitutionsIn,
)
from app.services import cycles
from app.services.actor import SYSTEM
from tests.factories import NOW, Make

Counting = Callable[[], AbstractContextManager[list[str]]]


def new(slug: str = "leaders", **values: Any) -> CycleIn:
    return CycleIn(
        slug=slug, title={"es": "Líderes"}, language="es", zone="America/Bogota", **values
    )


def problems(error: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str, str]]:
    return [(f.field, f.code, f.sentence % f.params) for f in error.value.fields]


def carried(cycle: Cycle) -> list[tuple[str, str]]:
    return [(row.institution.name, row.role) for row in cycle.institutions]


def test_a_cycle_begins_as_a_draft(db: DbSession) -> None:
    cycle = cycles.create_cycle(
        db,
        SYSTEM,
        new(
            description={"es": "Para todos"},
            accent="#0B6E99",
            contact_email="hola@example.org",
            capacity=40,
            enrolment_open=False,
            approval=True,
            privacy_notice={"es": "Un año."},
            completion_rule=CompletionRule(min_sessions=3, of=4, min_percent_of_each=75),
        ),
    )
    assert cycle.institutions == []
    db.expunge_all()
    kept = cycles.get_cycle(db, SYSTEM, cycle.id)
    assert kept.model_dump(exclude={"id", "created_at"}) == {
        "revision": 1,
        "slug": "leaders",
        "title": {"es": "Líderes"},
        "description": {"es": "Para todos"},
        "language": "es",
        "zone": "America/Bogota",
        "status": "draft",
        "accent": "#0b6e99",
        "contact_email": "hola@example.org",
        "capacity": 40,
        "enrolment_open": False,
        "approval": True,
        "asks_gender": False,
        "privacy_notice": {"es": "Un año."},
        "privacy_version": 1,
        "completion_rule": {"min_sessions": 3, "of": 4, "min_percent_of_each": 75},
        "release_number": 0,
        "invites": False,
        "zones_moved": False,
        "has_webhooks": False,
        "retention_months": None,
        "retention_until": None,
        "details_erased_at": None,
    }


def test_a_slug_belongs_to_one_cycle(db: DbSession, make: Make) -> None:
    make.cycle(slug="leaders")
    other = make.cycle(slug="others")
    taken = [("slug", "slug_taken", "Another cycle is at /c/leaders. Choose another short name.")]
    with pytest.raises(Invalid) as created:
        cycles.create_cycle(db, SYSTEM, new("leaders"))
    with pytest.raises(Invalid) as changed:
        cycles.change_cycle(db, SYSTEM, other.id, CycleChange(slug="leaders"))
    assert (problems(created), problems(changed)) == (taken, taken)


def test_the_database_has_the_last_word_on_a_slug(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looked before the other one committed has seen nothing."""
    with real_database.begin(writes=True) as db:
        cycles.create_cycle(db, SYSTEM, new("leaders"))
        other = cycles.create_cycle(db, SYSTEM, new("others"))
    monkeypatch.setattr(cycles, "refuse_taken_slug", lambda *_: None)
    calls: list[Callable[[DbSession], object]] = [
        lambda db: cycles.create_cycle(db, SYSTEM, new("leaders")),
        lambda db: cycles.change_cycle(db, SYSTEM, other.id, CycleChange(slug="leaders")),
    ]
    for call in calls:
        with pytest.raises(Invalid) as error, real_database.begin(writes=True) as db:
            call(db)
        assert [(f.field, f.code) for f in error.value.fields] == [("slug", "slug_taken")]


def test_of_two_who_take_a_slug_at_once_one_gets_it(real_database: Database) -> None:
    outcomes: list[object] = []
    ready = Barrier(2)

    def create() -> None:
        try:
            ready.wait()
            with real_database.begin(writes=True) as db:
                cycles.create_cycle(db, SYSTEM, new())
            outcomes.append("created")
        except Invalid as error:
            outcomes.append([(f.field, f.code) for f in error.fields])

    threads = [Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [[("slug", "slug_taken")], "created"]


def test_the_slug_is_fixed_once_published(db: DbSession, make: Make) -> None:
    cycle = make.cycle(slug="leaders", release_number=1)
    with pytest.raises(Invalid) as error:
        cycles.change_cycle(db, SYSTEM, cycle.id, CycleChange(slug="chiefs"))
    assert problems(error) == [
        (
            "slug",
            "slug_fixed",
            "The cycle has been published at /c/leaders; that address stays.",
        )
    ]
    same = cycles.change_cycle(db, SYSTEM, cycle.id, CycleChange(slug="leaders", capacity=3))
    assert (same.slug, same.capacity) == ("leaders", 3)


def test_the_slug_of_a_draft_may_change(db: DbSession, make: Make) -> None:
    cycle = make.cycle(slug="leaders")
    assert cycles.change_cycle(db, SYSTEM, cycle.id, CycleChange(slug="chiefs")).slug == "chiefs"
    assert cycles.cycle_for_slug(db, SYSTEM, "chiefs").id == cycle.id
    with pytest.raises(NotFound):
        cycles.cycle_for_slug(db, SYSTEM, "leaders")


def test_only_what_is_given_changes(db: DbSession, make: Make) -> None:
    cycle = make.cycle(capacity=40, contact_email="hola@example.org", approval=True)
    before = cycle.model_dump()
    changed = cycles.change_cycle(
        db, SYSTEM, cycle.id, CycleChange(capacity=None, title={"pt": "Novo"}), revision=1
    )
    assert changed.model_dump() == before | {
        "capacity": None,
        "title": {"pt": "Novo"},
        "revision": 2,
    }
    again = cycles.change_cycle(db, SYSTEM, cycle.id, CycleChange(contact_email=None), revision=2)
    assert (again.contact_email, again.approval) == ("", True)
    with pytest.raises(Stale):
        cycles.change_cycle(db, SYSTEM, cycle.id, CycleChange(capacity=1), revision=2)


@pytest.mark.parametrize(
    ("notice", "version"),
    [
        ({"en": "We keep your data for a year."}, 1),
        ({"en": "We keep your data for two years."}, 2),
        ({"en": "We keep your data for a year.", "es": "Un año."}, 2),
        ({}, 2),
    ],
)
def test_another_notice_is_another_version(
    db: DbSession, make: Make, notice: dict[str, str], version: int
) -> None:
    cycle = make.cycle(privacy_notice={"en": "We keep your data for a year."})
    changed = cycles.change_cycle(db, SYSTEM, cycle.id, CycleChange(privacy_notice=notice))
    assert (changed.privacy_notice, changed.privacy_version) == (notice, version)
    other = cycles.change_cycle(db, SYSTEM, cycle.id, CycleChange(capacity=5))
    assert other.privacy_version == version


def test_a_rule_that_nobody_can_meet_is_refused(db: DbSession, make: Make) -> None:
    rule = CompletionRule(min_sessions=5, of=4, min_percent_of_each=75)
    expected = [
        (
            "completion_rule.min_sessions",
            "rule_impossible",
            "At most 4 sessions can be asked for: no more are counted.",
        )
    ]
    with pytest.raises(Invalid) as created:
        cycles.create_cycle(db, SYSTEM, new(completion_rule=rule))
    cycle = make.cycle()
    with pytest.raises(Invalid) as changed:
        cycles.change_cycle(db, SYSTEM, cycle.id, CycleChange(completion_rule=rule))
    assert (problems(created), problems(changed)) == (expected, expected)


@pytest.mark.parametrize(
    ("capacity", "statuses"),
    [
        (1, ["confirmed", "waitlisted", "waitlisted"]),
        (2, ["confirmed", "confirmed", "waitlisted"]),
        (None, ["confirmed", "confirmed", "confirmed"]),
    ],
)
def test_more_places_go_to_those_who_wait(
    db: DbSession, make: Make, capacity: int | None, statuses: list[str]
) -> None:
    cycle = make.cycle(capacity=1)
    for status in ("confirmed", "waitlisted", "waitlisted"):
        make.enrolment(cycle, status=status)
    cycles.change_cycle(db, SYSTEM, cycle.id, CycleChange(capacity=capacity), at=NOW)
    rows = db.exec(select(Enrolment).order_by(col(Enrolment.status_at), col(Enrolment.id)))
    assert sorted(row.status for row in rows) == statuses
    assert len(db.exec(select(Message)).all()) == statuses.count("confirmed") - 1


@pytest.mark.parametrize("wrong", ["none", "", "\0", "é"])
def test_an_unknown_cycle_is_not_found(db: DbSession, wrong: str) -> None:
    for call in (
        lambda: cycles.get_cycle(db, SYSTEM, wrong),
        lambda: cycles.cycle_for_slug(db, SYSTEM, wrong),
        lambda: cycles.change_cycle(db, SYSTEM, wrong, CycleChange(capacity=1)),
        lambda: cycles.archive_cycle(db, SYSTEM, wrong),
        lambda: cycles.restore_cycle(db, SYSTEM, wrong),
        lambda: cycles.delete_cycle(db, SYSTEM, wrong),
        lambda: cycles.set_institutions(db, SYSTEM, wrong, CycleInstitutionsIn(institutions=[])),
    ):
        with pytest.raises(NotFound):
            call()


def test_cycles_come_newest_first(db: DbSession, make: Make) -> None:
    for slug in "abc":
        make.cycle(slug=slug, id=slug * 26)
    rows, after = cycles.list_cycles(db, SYSTEM, limit=2)
    rest, end = cycles.list_cycles(db, SYSTEM, after=after, limit=2)
    assert ([c.slug for c in rows], [c.slug for c in rest], end) == (["c", "b"], ["a"], None)


def put(db: DbSession, cycle: Cycle, *items: tuple[str, str]) -> Cycle:
    entries = [CycleInstitutionIn(institution_id=i, role=InstitutionRole(r)) for i, r in items]
    return cycles.set_institutions(db, SYSTEM, cycle.id, CycleInstitutionsIn(institutions=entries))


def test_institutions_stand_in_the_order_given(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    caf, bid = make.institution(name="CAF"), make.institution(name="BID")
    first = put(db, cycle, (caf.id, "organizer"), (bid.id, "host"), (caf.id, "host"))
    rows = {(row.institution_id, row.role): row.id for row in first.institutions}
    assert carried(first) == [("CAF", "organizer"), ("BID", "host"), ("CAF", "host")]
    put(db, cycle, (bid.id, "partner"), (caf.id, "host"), (caf.id, "organizer"))
    db.commit()
    db.expunge_all()
    kept = cycles.get_cycle(db, SYSTEM, cycle.id)
    assert carried(kept) == [("BID", "partner"), ("CAF", "host"), ("CAF", "organizer")]
    # Who is still there keeps the row, so nothing that refers to it is lost.
    assert [row.id for row in kept.institutions][1:] == [
        rows[caf.id, "host"],
        rows[caf.id, "organizer"],
    ]
    assert carried(put(db, kept)) == []
    assert db.exec(select(func.count()).select_from(CycleInstitution)).one() == 0


def test_what_is_wrong_with_institutions_is_said_at_each(db: DbSession, make: Make) -> None:
    cycle, caf = make.cycle(), make.institution(name="CAF")
    with pytest.raises(Invalid) as error:
        put(
            db,
            cycle,
            (caf.id, "host"),
            ("none", "host"),
            (caf.id, "partner"),
            (caf.id, "host"),
            ("\0", "host"),
        )
    unknown = "This institution is not in the directory. Add it there first."
    assert problems(error) == [
        ("institutions.1.institution_id", "unknown_institution", unknown),
        ("institutions.3.role", "twice", "CAF is here twice in the same role."),
        ("institutions.4.institution_id", "unknown_institution", unknown),
    ]
    db.expunge_all()
    assert carried(cycles.get_cycle(db, SYSTEM, cycle.id)) == []


def test_institutions_changed_meanwhile_are_not_overwritten(db: DbSession, make: Make) -> None:
    cycle, caf = make.cycle(), make.institution()
    put(db, cycle, (caf.id, "host"))
    with pytest.raises(Stale):
        cycles.set_institutions(
            db, SYSTEM, cycle.id, CycleInstitutionsIn(institutions=[]), revision=1
        )


@pytest.mark.parametrize(("releases", "status"), [(0, "draft"), (2, "published")])
def test_a_cycle_is_put_away_and_taken_out_again(
    db: DbSession, make: Make, releases: int, status: str
) -> None:
    cycle = make.cycle(release_number=releases, status=status)
    seen = [
        act(db, SYSTEM, cycle.id).status
        for act in (
            cycles.restore_cycle,
            cycles.archive_cycle,
            cycles.archive_cycle,
            cycles.restore_cycle,
            cycles.restore_cycle,
        )
    ]
    assert seen == [status, "archived", "archived", status, status]
    assert cycles.get_cycle(db, SYSTEM, cycle.id).revision == 3  # two acts changed something


TABLES: list[type[SQLModel]] = [
    Cycle,
    CycleInstitution,
    Session,
    Segment,
    Part,
    Message,
    Evidence,
    Release,
]


def test_a_draft_goes_with_all_that_is_in_it(db: DbSession, make: Make) -> None:
    cycle, ana = make.cycle(), make.person()
    make.carries(cycle, make.institution())
    make.part(make.segment(make.session(cycle)), ana)
    cycles.delete_cycle(db, SYSTEM, cycle.id)
    db.commit()
    db.expunge_all()
    counts = {t.__name__: db.exec(select(func.count()).select_from(t)).one() for t in TABLES}
    assert counts == dict.fromkeys(counts, 0)


def test_what_somebody_has_seen_stays(db: DbSession, make: Make) -> None:
    published = make.cycle(release_number=1)
    enrolled = make.cycle()
    make.enrolment(enrolled, status="withdrawn")
    codes = []
    for cycle in (published, enrolled):
        with pytest.raises(Clash) as error:
            cycles.delete_cycle(db, SYSTEM, cycle.id)
        codes.append(error.value.code)
    assert codes == ["published", "has_enrolments"]
    assert len(cycles.list_cycles(db, SYSTEM)[0]) == 2


@pytest.mark.parametrize("rows", [1, 3])
def test_queries_do_not_grow_with_rows(
    db: DbSession, make: Make, count_queries: Counting, rows: int
) -> None:
    for _ in range(rows):
        cycle = make.cycle(slug=f"cycle-{make._next()}")
        for _ in range(rows):
            make.carries(cycle, make.institution())
    calls: dict[str, Callable[[], object]] = {
        "list": lambda: cycles.list_cycles(db, SYSTEM),
        "get": lambda: cycles.get_cycle(db, SYSTEM, cycle.id),
        "slug": lambda: cycles.cycle_for_slug(db, SYSTEM, cycle.slug),
    }
    counts = {}
    for name, call in calls.items():
        db.expunge_all()
        with count_queries() as queries:
            call()
        counts[name] = len(queries)
    assert counts == {"list": 2, "get": 2, "slug": 2}
