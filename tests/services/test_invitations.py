"""Invitations for organizers: whose calendar is stale and why, answers, sending again."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlmodel import select

from app.db import DbSession
from app.domain.errors import Clash, NotFound
from app.models import Message, Person
from app.schemas.directory import PersonChange
from app.services import invitations, outbox, people
from app.services.invitations import Overview, Stale, send_again, tally
from app.services.publishing import preview, publish, reach
from tests.factories import NOW, Make
from tests.services.mailing_world import LATER, OLGA, World, invited_world, planned_world

Count = Callable[[], AbstractContextManager[list[str]]]
Row = tuple[Stale, str]
MUCH_LATER = LATER + timedelta(hours=1)


@pytest.fixture
def world(db: DbSession) -> World:
    return invited_world(db)


def stale(found: Overview) -> list[Row]:
    return [(row.why, row.name) for row in found.stale]


# Whose calendar is stale, and why


def unsent(world: World, status: str) -> None:
    """The mail to Ana is where it should not be."""
    message_id = world.row(world.ana).message_id
    assert message_id is not None
    world.db.get_one(Message, message_id).status = status
    world.db.flush()


def without_address(world: World) -> None:
    world.make.enrolment(world.cycle, world.make.person(name="Zoe", email=None))


def at_another_address(world: World) -> None:
    people.change_person(
        world.db, OLGA, world.ana.id, PersonChange(email="new@example.org"), now=LATER
    )


def off(world: World) -> None:
    world.session.status = "cancelled"
    world.publish()


def back(world: World) -> None:
    world.cycle.invites = True
    world.withdraw(world.ana)
    world.new()
    world.stop()
    world.enrol("ana")


def changed(world: World) -> None:
    world.retitle()
    world.publish()


def left_out(world: World) -> None:
    world.retitle()
    world.publish(invite=True, leave_out={world.ana.id})


EVERYBODY = ("Ana", "Beto", "Hugo")
REASONS: dict[Stale, tuple[Callable[[World], object], list[str], int]] = {
    # Who has done what while the cycle does not invite: whose calendars are stale, mails missing.
    Stale.NEW: (lambda w: w.enrol(), ["Carla"], 1),
    Stale.CHANGED: (changed, [*EVERYBODY], 3),
    Stale.BACK: (back, ["Ana"], 1),
    Stale.ADDRESS: (at_another_address, ["Ana"], 2),
    Stale.CANCELLED: (off, [*EVERYBODY], 3),
    Stale.LEFT: (lambda w: w.withdraw(w.ana), ["Ana"], 1),
    Stale.LEFT_OUT: (left_out, ["Ana"], 1),
    Stale.NO_ADDRESS: (without_address, ["Zoe"], 0),
    Stale.WAITING: (lambda w: unsent(w, "queued"), ["Ana"], 0),
    Stale.FAILED: (lambda w: unsent(w, "failed"), ["Ana"], 0),
    Stale.BOUNCED: (lambda w: unsent(w, "bounced"), ["Ana"], 0),
    Stale.EXPIRED: (lambda w: unsent(w, "expired"), ["Ana"], 0),
}


def test_there_are_no_other_reasons() -> None:
    assert list(REASONS) == list(Stale)


@pytest.mark.parametrize("why", Stale)
def test_why_a_calendar_is_stale(world: World, why: Stale) -> None:
    act, names, missing = REASONS[why]
    world.stop()
    assert world.overview().stale == ()
    act(world)
    if why is not Stale.WAITING:
        world.new()
    found = world.overview()
    assert stale(found) == [(why, name) for name in names]
    assert (found.count_missing, found.people) == (missing, min(missing, len(names)))


@pytest.mark.parametrize("why", Stale)
def test_of_what_is_over_nothing_is_stale(world: World, why: Stale) -> None:
    world.stop()
    REASONS[why][0](world)
    found = world.overview(world.session.ends_at)
    assert (found.stale, found.count_missing) == ((), 0)


def test_a_stale_row_says_where_the_mail_would_go_or_has_gone(world: World) -> None:
    world.stop()
    unsent(world, "bounced")
    at_another_address(world)
    world.retitle()
    world.publish(invite=True, leave_out={world.beto.id, world.ana.id})
    sent = world.row(world.hugo).message_id
    found = [(r.why, r.address, r.message_id, r.release_number) for r in world.overview().stale]
    assert found == [
        (Stale.LEFT_OUT, "new@example.org", "", 2),
        (Stale.LEFT_OUT, "beto@example.org", "", 2),
        (Stale.WAITING, "hugo@example.org", sent, 0),
    ]


def test_whom_nothing_concerns_needs_no_address(world: World) -> None:
    """Somebody with parts and without an address is listed; not once they have declined."""
    world.stop()
    people.change_person(world.db, OLGA, world.hugo.id, PersonChange(email=None), now=LATER)
    world.up_to_date(people=[world.hugo.id])
    world.new()
    assert stale(world.overview()) == [(Stale.NO_ADDRESS, "Hugo")]
    world.part().status = "declined"
    world.db.flush()
    assert stale(world.overview()) == []


def test_before_the_first_release_there_is_nothing_to_look_at(db: DbSession) -> None:
    world = planned_world(db)
    for act in (world.overview, world.up_to_date):
        with pytest.raises(Clash) as raised:
            act()
        assert raised.value.code == "not_published"


@pytest.mark.parametrize("cycle_id", ["nothing", "a\0b"])
def test_no_such_cycle(db: DbSession, cycle_id: str) -> None:
    for act in (
        lambda: invitations.overview(db, OLGA, cycle_id, NOW),
        lambda: invitations.bring_up_to_date(db, OLGA, cycle_id, NOW),
        lambda: invitations.stop_inviting(db, OLGA, cycle_id),
        lambda: send_again(db, OLGA, cycle_id, "x", "x", NOW),
    ):
        with pytest.raises(NotFound):
            act()


# Left out of a release


def test_whoever_is_left_out_is_told_later_and_once(world: World) -> None:
    before = world.row(world.ana).model_dump()
    world.retitle()
    world.publish(leave_out={world.ana.id, "a stranger"})
    assert world.new() == [("invitation-update", "beto", 1), ("invitation-update", "hugo", 1)]
    assert world.row(world.ana).model_dump() == before | {"left_out": 2}
    found = world.overview()
    assert [(r.why, r.name, r.release_number) for r in found.stale] == [(Stale.LEFT_OUT, "Ana", 2)]
    assert found.missing == Counter({("invitation-update", "es"): 1})
    assert (world.up_to_date(), world.new()) == (1, [("invitation-update", "ana", 1)])
    assert (world.up_to_date(), world.new(), stale(world.overview())) == (0, [], [])


def test_who_was_never_told_and_is_left_out_is_invited_later(db: DbSession) -> None:
    world = planned_world(db)
    world.publish(invite=True, leave_out={world.ana.id})
    assert world.new() == [("invitation", "beto", 0), ("invitation", "hugo", 0)]
    row = world.row(world.ana)
    assert (row.method, row.left_out, row.message_id, row.address) == ("", 1, None, "")
    assert stale(world.overview()) == [(Stale.LEFT_OUT, "Ana")]
    assert (world.up_to_date(), world.new()) == (1, [("invitation", "ana", 0)])
    assert stale(world.overview()) == []


def test_whoever_is_left_out_is_told_of_the_next_release(world: World) -> None:
    world.retitle()
    world.publish(leave_out={world.ana.id})
    world.new()
    world.retitle("A third")
    world.publish(MUCH_LATER)
    assert world.new() == [("invitation-update", name, 2) for name in ("ana", "beto", "hugo")]


def test_who_was_left_out_and_has_been_told_is_so_no_more(world: World) -> None:
    """What is published afterwards is what they lack, not what they once were left out of."""
    world.retitle()
    world.publish(leave_out={world.ana.id})
    world.up_to_date()
    world.new()
    world.stop()
    world.retitle("A third")
    world.publish(MUCH_LATER)
    assert stale(world.overview()) == [(Stale.CHANGED, name) for name in EVERYBODY]


# Stopping, and going on


def test_after_stopping_nothing_is_mailed_and_going_on_tells_what_is_needed(world: World) -> None:
    world.stop()
    world.retitle()
    world.publish()
    world.withdraw(world.ana)
    world.enrol()
    at_another_address(world)
    assert world.new() == [("enrolment-confirmed", "carla", None)]
    assert (world.up_to_date(), world.cycle.invites) == (4, True)
    assert world.new() == [
        ("invitation", "carla", 1),
        ("invitation-cancel", "ana", 1),
        ("invitation-update", "beto", 1),
        ("invitation-update", "hugo", 1),
    ]
    world.withdraw(world.beto)
    assert world.new() == [("invitation-cancel", "beto", 2)]


def test_publishing_goes_on_as_well(world: World) -> None:
    world.stop()
    world.withdraw(world.ana)
    world.retitle()
    world.publish()
    assert world.new() == []
    world.retitle("A third")
    world.publish(MUCH_LATER, invite=True)
    assert world.new() == [
        ("invitation-cancel", "ana", 2),
        ("invitation-update", "beto", 2),
        ("invitation-update", "hugo", 2),
    ]


def test_some_are_told_and_the_cycle_still_does_not_invite(world: World) -> None:
    world.stop()
    world.retitle()
    world.publish()
    assert world.up_to_date(people=[world.ana.id], note="For you") == 1
    assert [mail.context["note"] for mail in world.mails()] == ["For you"]
    assert world.cycle.invites is False
    assert stale(world.overview()) == [(Stale.CHANGED, "Beto"), (Stale.CHANGED, "Hugo")]


# Sending again


def again(world: World, person: Person | None = None) -> int:
    person = person or world.ana
    return send_again(world.db, OLGA, world.cycle.id, person.id, world.session.id, MUCH_LATER)


def mail_of(world: World) -> Message:
    return world.db.exec(select(Message).where(Message.id == world.row(world.ana).message_id)).one()


@pytest.mark.parametrize("status", ["sent", "bounced"])
def test_what_has_gone_goes_once_more_and_is_the_same(world: World, status: str) -> None:
    """The same SEQUENCE and DTSTAMP: a calendar that has the first is not disturbed."""
    changed(world)
    world.new()
    unsent(world, status)
    before, row = mail_of(world), world.row(world.ana).model_dump()
    assert again(world) == 1
    (mail,) = world.mails()
    same = {"kind", "context", "to_address", "to_name", "language", "lane", "expires_at"}
    same |= {"cycle_id", "guest_id", "session_id", "release_number"}
    assert mail.model_dump(include=same) == before.model_dump(include=same)
    assert (mail.id != before.id, mail.message_id != before.message_id) == (True, True)
    assert mail.created_at == MUCH_LATER
    assert world.row(world.ana).model_dump() == row | {"message_id": mail.id}
    assert stale(world.overview()) == []


@pytest.mark.parametrize("status", ["queued", "failed"])
def test_what_has_not_gone_is_tried_again(world: World, status: str) -> None:
    unsent(world, status)
    before = mail_of(world).id
    assert (again(world), world.new()) == (1, [("invitation", "ana", 0)])
    assert (mail_of(world).id, mail_of(world).due_at) == (before, MUCH_LATER)
    assert len(world.db.exec(select(Message)).all()) == 3


def test_a_cancellation_can_be_sent_again(world: World) -> None:
    world.withdraw(world.ana)
    world.new()
    assert (again(world), world.new()) == (1, [("invitation-cancel", "ana", 1)])


def test_what_is_missing_goes_instead_and_only_of_that_session(world: World) -> None:
    second = world.make.session(world.cycle, 2, minutes=30)
    world.stop()
    world.retitle()
    world.publish()
    assert (again(world), world.new()) == (1, [("invitation-update", "ana", 1)])
    assert (again(world), world.new()) == (1, [("invitation-update", "ana", 1)])
    assert send_again(world.db, OLGA, world.cycle.id, world.ana.id, second.id, LATER) == 1
    assert world.new() == [("invitation", "ana", 0)]
    assert world.cycle.invites is False


def test_a_mail_sent_again_from_the_outbox_is_what_the_ledger_knows_of(world: World) -> None:
    """As from the list of mails: the calendar is no longer stale for the mail that came back."""
    unsent(world, "bounced")
    message = outbox.retry(world.db, OLGA, mail_of(world).id, MUCH_LATER)
    assert world.row(world.ana).message_id == message.id
    assert stale(world.overview()) == [(Stale.WAITING, "Ana")]
    world.new()
    assert (stale(world.overview()), again(world)) == ([], 1)


@pytest.mark.parametrize("who", ["a stranger", "withdrawn before", "no address"])
def test_nothing_is_sent_to_whom_it_does_not_concern(world: World, who: str) -> None:
    email = None if who == "no address" else "zoe@example.org"
    zoe = world.make.person(name="Zoe", email=email)
    if who != "a stranger":
        status = "confirmed" if email is None else "withdrawn"
        world.make.enrolment(world.cycle, zoe, status=status)
    with pytest.raises(Clash) as raised:
        again(world, zoe)
    assert (raised.value.code, world.new()) == ("nothing_to_send", [])


def test_of_what_is_over_nothing_is_sent_again(world: World) -> None:
    at = world.session.ends_at
    with pytest.raises(Clash) as raised:
        send_again(world.db, OLGA, world.cycle.id, world.ana.id, world.session.id, at)
    assert (raised.value.code, world.new()) == ("over", [])


# Counting


def test_mails_are_counted_by_kind_and_language(world: World) -> None:
    world.enrolment(world.beto).language = "en"
    world.stop()
    world.withdraw(world.ana)
    world.make.enrolment(world.cycle, language="en")
    world.retitle()
    found = preview(world.db, OLGA, world.cycle.id, NOW)
    planned = reach(world.db, OLGA, world.cycle.id, found.next_schedule, NOW)
    assert tally(planned) == Counter(
        {
            ("invitation", "en"): 1,
            ("invitation-cancel", "es"): 1,
            ("invitation-update", "en"): 1,
            ("invitation-update", "es"): 1,
        }
    )


def test_queries_do_not_grow(db: DbSession, make: Make, count_queries: Count) -> None:
    counts = []
    for number in (1, 3):
        cycle = make.cycle()
        person_id, *_ = [make.enrolment(cycle).person_id for _ in range(number)]
        sessions = [make.session(cycle, each + 1, minutes=30) for each in range(number)]
        for session in sessions:
            make.part(make.segment(session), make.person(), "host")
        found = preview(db, OLGA, cycle.id, NOW)
        with count_queries() as reaching:
            planned = reach(db, OLGA, cycle.id, found.next_schedule, NOW)
        with count_queries() as tallying:
            assert tally(planned).total() == number * (number + 1)
        publish(db, OLGA, cycle.id, accept_warnings=True, now=NOW, invite=True)
        with count_queries() as looking:
            invitations.overview(db, OLGA, cycle.id, NOW)
        for message in db.exec(select(Message)):
            message.status = "sent"
        db.flush()
        with count_queries() as sending:
            assert send_again(db, OLGA, cycle.id, person_id, sessions[0].id, NOW) == 1
        counts.append([len(each) for each in (reaching, tallying, looking, sending)])
    assert counts == [[7, 0, 9, 24]] * 2
