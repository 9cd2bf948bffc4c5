"""Details of participants go when their time is over, and numbers stay."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from app.db import Database, DbSession
from app.domain import retention as rules
from app.domain.errors import Clash
from app.models import (
    AuditEntry,
    Certificate,
    Cycle,
    Enrolment,
    Guest,
    InboundMail,
    Message,
    Part,
    Person,
    PrivacyNotice,
    ReportImport,
    ReportRow,
)
from app.schemas.enrolment import EnrolmentIn
from app.schemas.privacy import RetentionIn
from app.services import enrolments, retention
from app.services.actor import SYSTEM
from app.services.files import FileStore
from app.services.glance import glance
from app.worker.chores import Chores
from tests.factories import NOW, Make
from tests.services.attendance_world import OVER, Attended
from tests.services.marked_world import AT, NAME, OLGA, Marked
from tests.services.test_erasure import found_in, numbers

LAST = datetime(2026, 12, 22, 16, tzinfo=UTC)
DUE = datetime(2027, 3, 22, 16, tzinfo=UTC)


def keep(db: DbSession, cycle_id: str, months: int | None, now: datetime = NOW) -> Cycle:
    command = RetentionIn.model_validate({"months": months})
    return retention.set_retention(db, OLGA, cycle_id, command, now)


@pytest.mark.parametrize(
    ("at", "months", "later"),
    [
        ("2026-11-30T15:00:00+00:00", 3, "2027-02-28T15:00:00+00:00"),
        ("2026-12-22T16:00:00+00:00", 12, "2027-12-22T16:00:00+00:00"),
        ("2027-01-01T03:00:00+00:00", 3, "2027-04-01T03:00:00+00:00"),  # 31 December there
    ],
)
def test_months_are_those_of_the_calendar(at: str, months: int, later: str) -> None:
    found = rules.months_after(datetime.fromisoformat(at), months, "America/Bogota")
    assert found == datetime.fromisoformat(later)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=1, max_size=30),
    st.integers(2, 6),
)
def test_what_stays_has_as_many_like_it(people: list[tuple[str, str]], least: int) -> None:
    given_by_all = [({"country": c, "gender": g}, 1) for c, g in people]
    country, gender = people[0]
    kept = rules.that_stays({"country": country, "gender": gender}, given_by_all, least)
    alike = [
        each
        for each, _ in given_by_all
        if all(each[name] == value for name, value in kept.items() if value)
    ]
    assert not any(kept.values()) or len(alike) >= least


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Marked:
    return Marked(database, FileStore(tmp_path / "files"), tmp_path / "mail")


def test_when_it_is(db: DbSession) -> None:
    world = Attended(db)
    cycle = keep(db, world.cycle.id, 3)
    assert glance(db, SYSTEM, cycle.id, DUE - timedelta(days=15)).todos is not None
    for before, shown in ((timedelta(days=15), []), (timedelta(days=13), ["details_go"])):
        todos = glance(db, SYSTEM, cycle.id, DUE - before).todos
        assert [each.code for each in todos if each.code == "details_go"] == shown
    assert retention.due_now(db, DUE - timedelta(seconds=1)) is None
    assert retention.due_now(db, DUE) == cycle.id
    retention.postpone(db, OLGA, cycle.id, DUE - timedelta(days=1))
    assert cycle.retention_until == datetime(2027, 6, 22, 16, tzinfo=UTC)
    assert retention.due_now(db, DUE) is None
    keep(db, cycle.id, None)
    assert retention.due_now(db, DUE + timedelta(days=3650)) is None
    with pytest.raises(Clash):
        retention.postpone(db, OLGA, cycle.id, DUE)


def test_a_time_that_is_over_already_gives_two_weeks(db: DbSession) -> None:
    world = Attended(db)
    late = DUE + timedelta(days=100)
    cycle = keep(db, world.cycle.id, 3, late)
    assert cycle.retention_until == late + timedelta(days=14)
    assert retention.due_now(db, late + timedelta(days=13)) is None


def test_the_houses_notice_says_how_long(db: DbSession) -> None:
    world = Attended(db)
    world.cycle.privacy_notice = {}
    keep(db, world.cycle.id, 6)
    keep(db, world.cycle.id, 6)
    assert world.cycle.privacy_version == 2
    assert "6 months" in db.exec(select(PrivacyNotice)).one().texts["en"]


def test_the_worker_keeps_to_it(world: Marked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piece by piece, and a kill between two costs nothing; twice is once."""
    monkeypatch.setattr(retention, "PIECE", 2)
    with world.database.begin(writes=True) as db:
        keep(db, world.cycle_id, 3, OVER)
        before = numbers(db, world)
    with world.database.begin(writes=True) as db:
        assert retention.erase_piece(db, world.cycle_id, DUE)
    Chores(world.database, world.store, world.mail_dir)._retain(DUE - timedelta(days=1))
    with world.database.begin(writes=False) as db:
        erased = select(Person.id).where(Person.erased_at != None)  # noqa: E711
        assert len(db.exec(erased).all()) == 2
    for _ in range(2):  # another worker, and once more
        chores = Chores(world.database, world.store, world.mail_dir)
        chores._retain(DUE)
        chores._take_away(DUE)
    with world.database.begin(writes=False) as db:
        assert numbers(db, world) == before
        here = Enrolment.cycle_id == world.cycle_id
        assert set(db.exec(select(Enrolment.name).where(here))) == {"—"}
        assert db.exec(select(Message).where(Message.cycle_id == world.cycle_id)).all() == []
        mails = select(InboundMail).where(InboundMail.cycle_id == world.cycle_id)
        assert db.exec(mails).all() == []
        assert {(r.name, r.email) for r in db.exec(select(ReportRow))} == {("", "")}
        assert db.exec(select(ReportImport.status)).all() == ["applied"]
        held: Certificate = db.exec(world.certificate).one()
        assert (held.holder, held.status, held.document["identity"]) == (NAME, "live", "")
        # She speaks in it, and takes part in another cycle: there she is as before.
        assert db.exec(select(Part.person_id)).all() == [world.person_id]
        assert db.get_one(Enrolment, world.other_enrolment_id).name == NAME
        cycle = db.get_one(Cycle, world.cycle_id)
        assert cycle.details_erased_at == DUE
        assert retention.due_now(db, AT + timedelta(days=365)) is None


def test_what_people_with_parts_told_goes_from_the_trail_too(world: Marked) -> None:
    told = "told in confidence"
    with world.database.begin(writes=True) as db:
        keep(db, world.cycle_id, 3, OVER)
        speaker = Make(db).person(name="Eva", email="eva@example.org")
        guest = Guest(cycle_id=world.cycle_id, person_id=speaker.id, biography=told)
        db.add(guest)
        db.exec(select(Part)).one().comment = told
    assert found_in(world.database, told) == [
        "audit_entry.private_after",
        "guest.biography",
        "part.comment",
    ]
    Chores(world.database, world.store, world.mail_dir)._retain(DUE)
    assert found_in(world.database, told) == []
    with world.database.begin(writes=False) as db:
        lines = db.exec(select(AuditEntry.change).where(AuditEntry.row_id == guest.id)).all()
        assert sorted(lines) == ["added", "changed"]


def test_whoever_enrols_when_it_was_done_goes_two_weeks_later(world: Marked) -> None:
    chores = Chores(world.database, world.store, world.mail_dir)
    with world.database.begin(writes=True) as db:
        keep(db, world.cycle_id, 3, OVER)
    chores._retain(DUE)
    late = EnrolmentIn(name="Late Comer", email="late.comer@example.org", consent=True)
    with world.database.begin(writes=True) as db:
        row = enrolments.enrol(db, "leaders", late, DUE)
        row.created_at = DUE + timedelta(days=1)
    for days, left in ((14, True), (15, False)):
        chores._retain(DUE + timedelta(days=days))
        found = found_in(world.database, "late.comer")
        assert bool(found) is left, found
    with world.database.begin(writes=False) as db:
        assert retention.due_now(db, DUE + timedelta(days=365)) is None
