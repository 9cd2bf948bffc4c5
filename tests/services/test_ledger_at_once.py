"""Several at once: whatever comes between, everybody is told exactly once what holds."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Barrier, BrokenBarrierError, Event
from typing import Any

import pytest
from sqlmodel import col, select

from app.db import Database, DbSession
from app.models import Cycle, Guest, Material, Message, Session
from app.schemas.directory import PersonChange
from app.schemas.enrolment import EnrolmentChange, EnrolmentIn
from app.schemas.part import GuestDetailsIn, PartAnswerIn, SlidesIn
from app.services import (
    enrolments,
    invitations,
    issuing,
    ledger,
    materials,
    part_details,
    parts,
    people,
    publishing,
)
from app.services.files import Stored
from app.services.guests import guest_of
from tests.factories import NOW
from tests.services.at_once import PATIENCE, Many
from tests.services.mailing_world import LATER, OLGA, Told, invited_world, planned_world, short

UPDATES: list[Told] = [("invitation-update", name, 1) for name in ("ana", "beto", "hugo")]


@dataclass(frozen=True)
class Ids:
    """Two sessions, hosted by Hugo; the first is another in the draft, which is not published."""

    slug: str
    cycle: str
    sessions: tuple[str, str]
    ana: str
    enrolment: str
    hugo: str
    part: str


@pytest.fixture
def ids(real_database: Database) -> Ids:
    with real_database.begin(writes=True) as db:
        world = invited_world(db)
        part, make = world.part(), world.make
        second = make.session(world.cycle, 2, minutes=30)
        make.part(make.segment(second), world.hugo, "host")
        world.publish(NOW)
        assert len(world.mails()) == 3
        world.retitle()
        return Ids(
            world.cycle.slug,
            world.cycle.id,
            (world.session.id, second.id),
            world.ana.id,
            world.enrolment(world.ana).id,
            world.hugo.id,
            part.id,
        )


def publish(db: DbSession) -> int:
    cycle_id = db.exec(select(Cycle)).one().id  # as a router does, to find it by its short name
    return publishing.publish(db, OLGA, cycle_id, accept_warnings=True, now=LATER).number


def told(database: Database) -> list[Told]:
    """The invitations that wait, and nothing is missing."""
    with database.begin(writes=False) as db:
        query = select(Message).where(
            Message.status == "queued", col(Message.kind).startswith("invitation")
        )
        mails = [(m.kind, short(m.to_address), m.context["sequence"]) for m in db.exec(query)]
        cycle_id = db.exec(select(Cycle.id)).one()
        found = invitations.overview(db, OLGA, cycle_id, LATER)
        assert ({row.why.value for row in found.stale}, found.count_missing) == ({"waiting"}, 0)
    return sorted(mails)


def all_meet(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    """Whoever has planned waits for the other to have planned too: without a guard both do, and
    each has a plan of which the other has not written anything yet."""
    both_planned = Barrier(2)

    def planned(*args: Any, **values: Any) -> ledger.Plan:
        found = ledger.plan(*args, **values)
        with suppress(BrokenBarrierError):
            both_planned.wait(PATIENCE)
        return found

    monkeypatch.setattr(module, "plan", planned)


def test_two_who_publish_the_same_tell_everybody_once(
    real_database: Database, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_meet(monkeypatch, publishing)
    many = Many(real_database)
    for _ in range(2):
        many.start(publish)
    assert many.wait() == ["3", "nothing_to_publish"]
    assert told(real_database) == UPDATES


def test_two_who_publish_each_their_own_change_tell_everybody_of_each_once(
    real_database: Database, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    with real_database.begin(writes=True) as db:
        publish(db)
        for message in db.exec(select(Message)):
            message.status = "sent"
    all_meet(monkeypatch, publishing)

    def change(session_id: str) -> Callable[[DbSession], int]:
        def act(db: DbSession) -> int:
            db.get_one(Session, session_id).title = {"en": "By one of them"}
            return publish(db)

        return act

    many = Many(real_database)
    for session_id in ids.sessions:
        many.start(change(session_id))
    assert many.wait() == ["4", "5"]
    assert told(real_database) == sorted(update(name, n) for _, name, _ in UPDATES for n in (1, 2))


def test_two_who_invite_tell_everybody_once(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_meet(monkeypatch, invitations)
    with real_database.begin(writes=True) as db:
        world = planned_world(db)
        world.publish()
        cycle_id = world.cycle.id
    many = Many(real_database)
    for _ in range(2):
        many.start(lambda db: invitations.bring_up_to_date(db, OLGA, cycle_id, LATER))
    assert many.wait() == ["0", "3"]
    assert told(real_database) == [("invitation", name, 0) for name in ("ana", "beto", "hugo")]


def test_two_who_tell_some_of_a_change_tell_each_once(
    real_database: Database, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody becomes a guest and the cycle stays as it is, so nothing else holds them apart."""
    with real_database.begin(writes=True) as db:
        invitations.stop_inviting(db, OLGA, ids.cycle)
        publish(db)
        some = list(db.exec(select(Guest.person_id)))
    all_meet(monkeypatch, invitations)
    many = Many(real_database)
    for _ in range(2):
        many.start(lambda db: invitations.bring_up_to_date(db, OLGA, ids.cycle, LATER, people=some))
    assert many.wait() == ["0", "3"]
    assert told(real_database) == UPDATES


# Somebody comes or goes while it is being published


def enrols(db: DbSession, ids: Ids) -> None:
    given = EnrolmentIn(name="Carla", email="carla@example.org", consent=True)
    enrolments.enrol(db, ids.slug, given, LATER)


def withdraws(db: DbSession, ids: Ids) -> None:
    change = EnrolmentChange.model_validate({"status": "withdrawn"})
    enrolments.change_enrolment(db, OLGA, ids.enrolment, change, now=LATER)


def moves(db: DbSession, ids: Ids) -> None:
    people.change_person(db, OLGA, ids.ana, PersonChange(email="new@example.org"), now=LATER)


def declines(db: DbSession, ids: Ids) -> None:
    guest = guest_of(db, ids.cycle, ids.hugo)
    parts.answer(db, guest, ids.part, PartAnswerIn(confirm=False), LATER)


def invitation(name: str, sequence: int) -> Told:
    return ("invitation", name, sequence)


def cancel(name: str, sequence: int) -> Told:
    return ("invitation-cancel", name, sequence)


def update(name: str, sequence: int = 1) -> Told:
    return ("invitation-update", name, sequence)


Act = Callable[[DbSession, Ids], None]
AFTER: dict[Act, list[Told]] = {  # besides UPDATES
    enrols: [invitation("carla", 0), invitation("carla", 1)],
    withdraws: [cancel("ana", 1), cancel("ana", 2)],
    moves: [cancel("ana", 1), cancel("ana", 2), invitation("new", 2), invitation("new", 3)],
    declines: [cancel("hugo", 2)],
}
BEFORE: dict[Act, list[Told]] = {
    # Whoever has not read the invitation is invited, not told of a change.
    enrols: [invitation("carla", 0)] * 2 + [invitation("carla", 1), *UPDATES],
    withdraws: [cancel("ana", 1)] * 2 + UPDATES[1:],
    moves: [cancel("ana", 1)] * 2 + [invitation("new", n) for n in (2, 2, 3)] + UPDATES[1:],
    declines: [cancel("hugo", 1), *UPDATES[:2]],
}


def one_then_the_other(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    first: Callable[[DbSession], object],
    second: Callable[[DbSession], object],
) -> list[str]:
    """The first has planned and written nothing when the second begins: it goes on when that one
    is through, or after a while, since with a guard that one waits for it."""
    has_planned, through = Event(), Event()

    def planned(*args: Any, **values: Any) -> ledger.Plan:
        found = plan(*args, **values)
        if not has_planned.is_set():
            has_planned.set()
            through.wait(PATIENCE)
        return found

    plan = ledger.plan
    monkeypatch.setattr(module, "plan", planned)
    many = Many(database)
    many.start(first)
    assert has_planned.wait(10)

    def run(db: DbSession) -> object:
        found = second(db)
        db.commit()
        through.set()
        return found

    many.start(run)
    return many.wait()


@pytest.mark.parametrize("act", AFTER)
def test_whoever_comes_or_goes_while_it_is_published_is_told_what_is_new(
    real_database: Database, ids: Ids, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    results = one_then_the_other(
        real_database, monkeypatch, publishing, publish, lambda db: act(db, ids)
    )
    assert results == ["3", "None"]
    assert told(real_database) == sorted(AFTER[act] + UPDATES)


@pytest.mark.parametrize("act", BEFORE)
def test_what_is_published_while_somebody_comes_or_goes_is_told_to_who_is_there_then(
    real_database: Database, ids: Ids, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    results = one_then_the_other(
        real_database, monkeypatch, issuing, lambda db: act(db, ids), publish
    )
    assert results == ["3", "None"]
    assert told(real_database) == sorted(BEFORE[act])


def test_an_address_and_an_enrolment_that_change_at_once_do_not_wait_for_each_other(
    real_database: Database, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one needs the cycle for telling, the other holds it and needs the enrolment."""
    begun, go_on = Event(), Event()
    settle = issuing.settle_everywhere

    def settled(*args: Any) -> int:
        begun.set()
        go_on.wait(PATIENCE)
        return settle(*args)

    def rename(db: DbSession) -> None:
        change = EnrolmentChange.model_validate({"name": "Ana Ruiz"})
        enrolments.change_enrolment(db, OLGA, ids.enrolment, change, now=LATER)

    monkeypatch.setattr(people, "settle_everywhere", settled)
    many = Many(real_database)
    many.start(lambda db: moves(db, ids))
    assert begun.wait(10)
    many.start(rename)
    assert many.wait() == ["None", "None"]
    assert told(real_database) == sorted([cancel("ana", 1)] * 2 + [invitation("new", 2)] * 2)


def test_slides_and_details_that_are_given_at_once_do_not_wait_for_each_other(
    real_database: Database, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both hold their guest's row and raise the cycle's revision."""
    begun, go_on = Event(), Event()
    add_file = materials.add_file

    def added(*args: Any, **values: Any) -> Material:
        begun.set()
        go_on.wait(PATIENCE)
        return add_file(*args, **values)

    def give(db: DbSession) -> None:
        stored = Stored("0" * 64, 1, "application/pdf")
        guest = guest_of(db, ids.cycle, ids.hugo)
        part_details.add_slides(db, guest, ids.part, SlidesIn(title="Mine"), stored, "a.pdf")

    def introduce(db: DbSession) -> None:
        given = GuestDetailsIn(name="Hugo Paz", zone="UTC", language="es")
        part_details.save_details(db, guest_of(db, ids.cycle, ids.hugo), given, LATER)

    monkeypatch.setattr(materials, "add_file", added)
    many = Many(real_database)
    many.start(give)
    assert begun.wait(10)
    many.start(introduce)
    assert many.wait() == ["None", "None"]
