"""The ledger: what everybody's calendar was told, and telling what it lacks."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from app.db import DbSession
from app.domain.answers import Answer, AnswerSource, Given
from app.domain.documents import from_document
from app.domain.invitations import Method, Why
from app.models import Guest, Message, Person
from app.services import answers, issuing, outbox
from app.services.guests import ensure_guests
from app.services.issuing import issue, lane, settle
from app.services.ledger import Plan, plan
from app.services.publishing import publish
from app.services.schedules import newest_release
from tests.factories import NOW, Make
from tests.services.mailing_world import LATER, OLGA, World, invited_world, planned_world

Count = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def world(db: DbSession) -> World:
    return invited_world(db)


def planned(world: World, only: set[str] | None = None) -> Plan:
    release = newest_release(world.db, world.cycle.id)
    assert release is not None
    return plan(world.db, world.cycle, from_document(release.document), LATER, only)


def test_a_plan_tells_nobody_and_makes_nobody_a_guest(db: DbSession) -> None:
    world = planned_world(db)
    world.publish()
    found = planned(world)
    assert sorted((due.entry.guest_id, found.reader(due).name) for due in found.due) == sorted(
        (f"new:{person.id}", person.name) for person in (world.ana, world.beto, world.hugo)
    )
    assert (db.exec(select(Guest)).all(), world.ledger(), world.new()) == ([], [], [])


def test_a_plan_for_some_looks_at_them_only(db: DbSession) -> None:
    world = planned_world(db)
    world.publish()
    for some in ({world.ana.id}, {world.hugo.id}, {"nobody"}, set[str]()):
        found = planned(world, only=some)
        told = {found.reader(due).guest.person_id for due in found.due}
        assert told == some - {"nobody"}
        assert {r.guest.person_id for r in found.readers.values()} == told


def test_what_was_issued_stands_in_the_ledger_and_in_the_mail(world: World) -> None:
    before, was = world.row(world.ana), (world.session.starts_at, world.session.ends_at)
    answers.give(world.db, before.id, Given(Answer.ACCEPTED, NOW, 0, AnswerSource.MAIL))
    world.move()
    world.publish(note="  One day later. ")
    (mail,) = (m for m in world.mails() if m.to_address == "ana@example.org")
    row = world.row(world.ana)
    assert row.model_dump() == before.model_dump() | {
        "method": "REQUEST",
        "sequence": 1,
        "stamp": LATER,
        "digest": row.digest,
        "starts_at": datetime(2026, 12, 2, 14, tzinfo=UTC),
        "ends_at": datetime(2026, 12, 2, 14, 30, tzinfo=UTC),
        "time_sequence": 1,
        "release_number": 2,
        "message_id": mail.id,
    }
    assert mail.model_dump(exclude={"id", "message_id", "status"}) == {
        "created_at": LATER,
        "intent": f"request:{row.guest_id}:{row.session_id}:1",
        "kind": "invitation-update",
        "cycle_id": world.cycle.id,
        "to_name": "Ana",
        "to_address": "ana@example.org",
        "language": "es",
        "context": {
            "guest_id": row.guest_id,
            "session_id": row.session_id,
            "release": 2,
            "method": "REQUEST",
            "why": "changed",
            "sequence": 1,
            "stamp": "2026-11-23T16:00:00Z",
            "created": before.created_at.isoformat().replace("+00:00", "Z"),
            "declined": [],
            "partstat": "NEEDS-ACTION",
            "starts": "2026-12-02T14:00:00Z",
            "ends": "2026-12-02T14:30:00Z",
            "was_starts": was[0].isoformat().replace("+00:00", "Z"),
            "was_ends": was[1].isoformat().replace("+00:00", "Z"),
            "was_release": 1,
            "note": "One day later.",
        },
        "guest_id": row.guest_id,
        "session_id": row.session_id,
        "release_number": 2,
        "lane": lane(row.guest_id, row.session_id, "ana@example.org"),
        "rank": 1,
        "expires_at": row.ends_at,
        "attempts": 0,
        "due_at": LATER,
        "leased_until": None,
        "leased_by": "",
        "last_error": "",
        "sent_at": None,
    }


@pytest.mark.parametrize(("moved", "days"), [(-1, 0), (1, 1)])
def test_a_mail_is_of_use_until_both_the_old_and_the_new_time_are_over(
    world: World, moved: int, days: int
) -> None:
    ends = world.session.ends_at
    world.move(moved)
    world.session.status = "cancelled"
    world.publish()
    assert [mail.expires_at for mail in world.mails()] == [ends + timedelta(days=days)] * 3


@pytest.mark.parametrize("size", [1, 2, 500])
def test_however_many_go_at_a_time_each_is_told_once(
    db: DbSession, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(issuing, "_CHUNK", size)
    world = planned_world(db)
    world.publish(NOW, invite=True)
    names = ("ana", "beto", "hugo")
    assert world.new() == [("invitation", name, 0) for name in names]
    world.retitle()
    world.publish()
    assert world.new() == [("invitation-update", name, 1) for name in names]
    assert len(world.ledger()) == 3


@pytest.mark.parametrize(
    ("method", "why", "kind"),
    [
        (Method.REQUEST, Why.NEW, outbox.INVITATION),
        (Method.REQUEST, Why.BACK, outbox.INVITATION),
        (Method.REQUEST, Why.ADDRESS, outbox.INVITATION),
        (Method.REQUEST, Why.CHANGED, outbox.UPDATE),
        (Method.CANCEL, Why.CANCELLED, outbox.CANCEL),
        (Method.CANCEL, Why.LEFT, outbox.CANCEL),
        (Method.CANCEL, Why.ADDRESS, outbox.CANCEL),
    ],
)
def test_the_kind_of_mail(db: DbSession, method: Method, why: Why, kind: str) -> None:
    world = planned_world(db)
    world.publish()
    due = planned(world).due[0]
    due = replace(due, why=why, entry=replace(due.entry, method=method))
    assert planned(world).kind(due) == kind


def test_a_lane_is_one_guests_entry_at_one_address() -> None:
    same = {lane("g", "s", address) for address in ("ana@example.org", " ANA@Example.org")}
    assert len(same) == 1
    others = {lane("h", "s", "ana@example.org"), lane("g", "t", "ana@example.org")}
    assert len(same | others | {lane("g", "s", "beto@example.org")}) == 4
    assert "@" not in same.pop()


def test_queries_do_not_grow(db: DbSession, make: Make, count_queries: Count) -> None:
    """With so many sessions, each with a host and a participant: first they are invited, then
    their address is another, then they are told of a change."""
    counts = []
    for number in (1, 3):
        cycle = make.cycle()
        for each in range(number):
            session = make.session(cycle, each + 1, minutes=30)
            make.part(make.segment(session), make.person(), "host")
            make.enrolment(cycle)
        publish(db, OLGA, cycle.id, accept_warnings=True, now=NOW)
        cycle.invites = True
        ensure_guests(db, cycle.id)
        row = newest_release(db, cycle.id)
        assert row is not None
        schedule = from_document(row.document)
        with count_queries() as planning:
            found = plan(db, cycle, schedule, NOW)
        with count_queries() as written:
            assert issue(db, cycle, 1, found, NOW) == number * (number + 1)
        moved = db.exec(select(Guest.person_id).where(col(Guest.cycle_id) == cycle.id)).all()
        for person_id in moved:
            person = db.get_one(Person, person_id)
            person.email = person.email_key = f"new.{person.email}"
        db.flush()
        with count_queries() as settling:
            assert settle(db, cycle.id, moved, LATER) == 2 * number * (number + 1)
        counts.append([len(planning), len(written), len(settling)])
    assert counts == [[6, 4, 13]] * 2
    assert len(db.exec(select(Message)).all()) == 3 * (2 + 12)
