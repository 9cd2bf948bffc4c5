"""Settling: what else than a release changes somebody's calendar."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.db import DbSession
from app.schemas.directory import PersonChange
from app.schemas.enrolment import EnrolmentChange
from app.schemas.part import PartAnswerIn
from app.services import enrolments, parts, people
from app.services.guests import guest_of
from app.services.issuing import settle, settle_everywhere
from app.services.publishing import publish
from tests.factories import NOW
from tests.services.mailing_world import LATER, OLGA, Told, World, invited_world, planned_world

OVER = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
"""When the session of the world ends."""


@pytest.fixture
def world(db: DbSession) -> World:
    return invited_world(db)


def given(**values: str) -> Callable[[World], object]:
    return lambda w: enrolments.change_enrolment(
        w.db, OLGA, w.enrolment(w.ana).id, EnrolmentChange.model_validate(values), now=LATER
    )


def known(who: str, **values: str | None) -> Callable[[World], object]:
    return lambda w: people.change_person(
        w.db, OLGA, getattr(w, who).id, PersonChange.model_validate(values), now=LATER
    )


def says(confirm: bool) -> Callable[[World], object]:
    return lambda w: parts.answer(
        w.db,
        guest_of(w.db, w.cycle.id, w.hugo.id),
        w.part().id,
        PartAnswerIn(confirm=confirm),
        LATER,
    )


OFF: list[Told] = [("invitation-cancel", "ana", 1)]
MOVED: list[Told] = [("invitation", "new", 2), ("invitation-cancel", "ana", 1)]
ACTS: dict[str, tuple[Callable[[World], object], list[Told], list[Told]]] = {
    # What happens: who does it, the mails that are no invitations, those that are.
    "somebody enrols": (
        lambda w: w.enrol(),
        [("enrolment-confirmed", "carla", None)],
        [("invitation", "carla", 0)],
    ),
    "somebody withdraws": (lambda w: w.withdraw(w.ana), [], OFF),
    "an organizer withdraws them": (given(status="withdrawn"), [], OFF),
    "their address is another": (known("ana", email="new@example.org"), [], MOVED),
    "their address is gone": (known("ana", email=None), [], OFF),
    "their address is written otherwise": (known("ana", email="Ana@Example.org"), [], []),
    "their name is another": (known("ana", name="Ana Ruiz"), [], []),
    "they enrolled under another name": (given(name="Ana Ruiz"), [], []),
    "their language is another": (given(language="en"), [], []),
    "their zone is another": (given(zone="Europe/Madrid"), [], []),
    "a host's name is another, which is to be published": (known("hugo", name="Hugo P"), [], []),
}
ANSWERS: dict[str, tuple[Callable[[World], object], list[Told], list[Told]]] = {
    "a part is confirmed": (says(True), [], []),
    "a part is declined": (says(False), [], [("invitation-cancel", "hugo", 1)]),
}
BOTH = ACTS | ANSWERS


@pytest.mark.parametrize(("act", "others", "told"), BOTH.values(), ids=BOTH)
def test_whoever_is_concerned_is_told_at_once_and_nobody_else(
    world: World, act: Callable[[World], object], others: list[Told], told: list[Told]
) -> None:
    act(world)
    assert world.new() == [*others, *told]
    assert world.overview().count_missing == 0
    assert world.up_to_date() == 0


@pytest.mark.parametrize(("act", "others", "told"), BOTH.values(), ids=BOTH)
def test_where_the_cycle_does_not_invite_no_calendar_is_written_to(
    db: DbSession, act: Callable[[World], object], others: list[Told], told: list[Told]
) -> None:
    world = planned_world(db)
    world.publish()
    act(world)
    assert (world.new(), world.ledger()) == (others, [])


@pytest.mark.parametrize(("act", "others", "told"), ACTS.values(), ids=ACTS)
def test_of_a_session_that_is_cancelled_nobody_is_told(
    world: World, act: Callable[[World], object], others: list[Told], told: list[Told]
) -> None:
    world.session.status = "cancelled"
    world.publish()
    assert world.new() == [("invitation-cancel", name, 1) for name in ("ana", "beto", "hugo")]
    act(world)
    assert world.new() == others


@pytest.mark.parametrize(("minutes", "told"), [(-1, 1), (0, 0)])
def test_of_a_session_that_is_over_nobody_is_told(world: World, minutes: int, told: int) -> None:
    at = OVER + timedelta(minutes=minutes)
    world.withdraw(world.ana, at)
    world.enrol(now=at)
    kinds = [kind for kind, _, _ in world.new()]
    assert kinds == ["enrolment-confirmed", *["invitation", "invitation-cancel"] * told]


def test_whoever_comes_late_is_told_of_what_is_to_come(world: World) -> None:
    second = world.make.session(world.cycle, 2, minutes=30)
    world.publish()
    world.new()
    world.enrol(now=OVER)
    mails = [(m.kind, m.session_id) for m in world.mails()]
    assert mails == [("enrolment-confirmed", None), ("invitation", second.id)]


def test_nobody_is_told_before_the_first_release(db: DbSession) -> None:
    world = planned_world(db)
    world.cycle.invites = True
    assert settle(db, world.cycle.id, [world.ana.id], NOW) == 0
    assert settle(db, "nothing", [world.ana.id], NOW) == 0
    world.publish()
    assert settle(db, world.cycle.id, [], NOW) == 0
    assert len(world.new()) == 3


def test_who_waits_for_a_place_is_invited_when_it_becomes_free(world: World) -> None:
    world.cycle.capacity = 2
    world.enrol()
    assert world.new() == [("enrolment-waitlisted", "carla", None)]
    world.withdraw(world.ana)
    assert world.new() == [
        ("enrolment-confirmed", "carla", None),
        ("invitation", "carla", 0),
        ("invitation-cancel", "ana", 1),
    ]


def test_who_waits_for_an_organizer_is_invited_when_that_one_agrees(world: World) -> None:
    world.cycle.approval = True
    carla = world.enrol()
    assert world.new() == [("enrolment-pending", "carla", None)]
    yes = EnrolmentChange.model_validate({"status": "confirmed"})
    enrolments.change_enrolment(world.db, OLGA, carla.id, yes, now=LATER)
    assert world.new() == [("enrolment-confirmed", "carla", None), ("invitation", "carla", 0)]


def test_whoever_comes_back_is_invited_anew(world: World) -> None:
    world.withdraw(world.ana)
    says(False)(world)
    known("beto", email=None)(world)
    assert [told[:2] for told in world.new()] == [
        ("invitation-cancel", name) for name in ("ana", "beto", "hugo")
    ]
    world.enrol("ana")
    says(True)(world)
    known("beto", email="beto@example.org")(world)
    assert world.new() == [
        ("enrolment-confirmed", "ana", None),
        *[("invitation", name, 2) for name in ("ana", "beto", "hugo")],
    ]


def test_who_was_left_out_is_not_told_because_somebody_else_comes(world: World) -> None:
    world.retitle()
    world.publish(leave_out={world.ana.id})
    world.new()
    world.enrol()
    world.withdraw(world.beto)
    assert world.new() == [
        ("enrolment-confirmed", "carla", None),
        ("invitation", "carla", 1),
        ("invitation-cancel", "beto", 2),
    ]
    assert [row.name for row in world.overview().stale] == ["Ana"]


def test_the_next_mail_is_to_the_name_and_in_the_language_of_the_enrolment(world: World) -> None:
    given(name="Ana Ruiz", language="en")(world)
    world.withdraw(world.beto)
    world.retitle()
    world.publish()
    # Who has left is written to as the directory has it.
    assert [(m.kind, m.to_name, m.language) for m in world.mails()] == [
        ("invitation-cancel", "Beto", "es"),
        ("invitation-update", "Ana Ruiz", "en"),
        ("invitation-update", "Hugo", "es"),
    ]


def test_somebody_is_settled_in_every_cycle_that_invites(world: World) -> None:
    make, cycles = world.make, []
    for invites in (True, False):
        cycle = make.cycle()
        make.part(make.segment(make.session(cycle, 3, minutes=30)), make.person(), "host")
        make.enrolment(cycle, world.ana)
        publish(world.db, OLGA, cycle.id, accept_warnings=True, now=NOW, invite=invites)
        cycles.append(cycle.id)
    world.new()
    world.ana.email, world.ana.email_key = "new@example.org", "new@example.org"
    world.db.flush()
    assert settle_everywhere(world.db, world.ana.id, LATER) == 4
    mails = [(m.cycle_id, m.kind, m.to_address) for m in world.mails()]
    assert sorted(mails) == sorted(
        (cycle_id, kind, address)
        for cycle_id in (world.cycle.id, cycles[0])
        for kind, address in (
            ("invitation", "new@example.org"),
            ("invitation-cancel", "ana@example.org"),
        )
    )
    assert settle_everywhere(world.db, world.ana.id, LATER) == 0
    assert settle_everywhere(world.db, "nobody", LATER) == 0
