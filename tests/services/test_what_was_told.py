"""What a mail says hangs on what its reader knows: what has reached them, in the language that they
read, at the address that is theirs now."""

from datetime import datetime, timedelta

import pytest

from app.db import DbSession
from app.models import Message, Person, Segment
from app.schemas.directory import PersonChange
from app.schemas.part import PartAnswerIn
from app.services import parts, people
from app.services.guests import guest_of
from app.services.invitations import Stale
from app.worker import claims
from tests.factories import NOW
from tests.services.mailing_world import LATER, OLGA, World, invited_world, planned_world


@pytest.fixture
def world(db: DbSession) -> World:
    return invited_world(db)


def waiting(world: World, person: Person) -> Message:
    """The mail to somebody that waits, and goes on waiting."""
    world.db.flush()
    row = world.row(person)
    assert row.message_id is not None
    message = world.db.get_one(Message, row.message_id)
    assert message.status == "queued"
    return message


def was(message: Message) -> tuple[str, str, int]:
    context = message.context
    return context["was_starts"], context["was_ends"], context["was_release"]


def utc(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def has(world: World, status: str) -> None:
    """The mails that wait have become something else."""
    for message in world.mails():
        message.status = status
    world.db.flush()


# What has not reached anybody nobody knows.


@pytest.mark.parametrize("ended", ["queued", "failed", "expired", "bounced"])
def test_a_time_that_nobody_was_told_is_not_the_time_before(world: World, ended: str) -> None:
    known = utc(world.session.starts_at), utc(world.session.ends_at), 1
    world.move()
    world.publish()
    assert was(waiting(world, world.ana)) == known
    if ended != "queued":
        has(world, ended)
    world.retitle()
    world.publish()
    assert was(waiting(world, world.ana)) == known


def test_what_was_sent_is_the_time_before(world: World) -> None:
    world.move()
    world.publish()
    world.new()
    known = utc(world.session.starts_at), utc(world.session.ends_at), 2
    world.retitle()
    world.publish()
    assert was(waiting(world, world.ana)) == known


def test_what_is_being_sent_counts_as_told(world: World) -> None:
    world.move()
    world.publish()
    waiting(world, world.ana).leased_until = LATER + timedelta(minutes=5)
    known = utc(world.session.starts_at), utc(world.session.ends_at), 2
    world.retitle()
    world.publish()
    assert was(waiting(world, world.ana)) == known


@pytest.mark.parametrize("ended", ["queued", "failed"])
def test_who_has_read_no_invitation_is_invited_and_not_told_of_a_change(
    world: World, ended: str
) -> None:
    world.enrol()
    if ended != "queued":
        has(world, ended)
    world.retitle()
    world.publish()
    kinds = {m.to_address: m.kind for m in world.mails() if m.context.get("sequence") == 1}
    assert kinds == {
        "ana@example.org": "invitation-update",
        "beto@example.org": "invitation-update",
        "carla@example.org": "invitation",
        "hugo@example.org": "invitation-update",
    }


# Moved to where it is over.


def test_a_session_moved_into_the_past_is_told_while_calendars_show_it_as_to_come(
    world: World,
) -> None:
    shown = world.session.ends_at
    world.move(days=-30)
    world.publish()
    mail = waiting(world, world.ana)
    assert (mail.kind, mail.expires_at) == ("invitation-update", shown)
    assert claims.expire(world.db, LATER) == set()
    has(world, "failed")
    assert {(r.why, r.name) for r in world.overview().stale} == {
        (Stale.FAILED, name) for name in ("Ana", "Beto", "Hugo")
    }
    assert world.overview(shown).stale == ()


# Who is published and no longer in the draft.


def test_somebody_whom_the_draft_has_dropped_can_be_invited_as_published(db: DbSession) -> None:
    world = planned_world(db)
    world.publish(NOW)
    db.delete(world.part())
    db.flush()
    assert world.up_to_date() == 3
    assert ("invitation", "hugo", 0) in world.new()
    world.publish()
    assert world.new() == [
        ("invitation-cancel", "hugo", 1),
        ("invitation-update", "ana", 1),  # he is announced no longer
        ("invitation-update", "beto", 1),
    ]


def declines(world: World) -> None:
    guest = guest_of(world.db, world.cycle.id, world.hugo.id)
    parts.answer(world.db, guest, world.part().id, PartAnswerIn(confirm=False), LATER)


def drops(world: World) -> None:
    """Hugo's part is somebody else's, in the draft."""
    part = world.part()
    segment = world.db.get_one(Segment, part.segment_id)
    world.make.part(segment, world.make.person(email="nina@example.org"), "host")
    world.db.delete(part)
    world.db.flush()


def test_who_declined_is_not_asked_again_when_somebody_else_takes_the_part(world: World) -> None:
    declines(world)
    assert world.new() == [("invitation-cancel", "hugo", 1)]
    drops(world)
    assert world.up_to_date() == 0
    people.change_person(
        world.db, OLGA, world.hugo.id, PersonChange(email="hugo@other.example"), now=LATER
    )
    assert world.new() == []
    assert world.overview().stale == ()
    world.publish()
    assert world.new() == [
        ("invitation", "nina", 1),
        ("invitation-update", "ana", 1),
        ("invitation-update", "beto", 1),
    ]


def test_who_takes_part_and_declined_a_part_is_left_as_they_were_told(world: World) -> None:
    world.make.enrolment(world.cycle, world.hugo, status_at=NOW)
    declines(world)
    assert world.new() == [("invitation-update", "hugo", 1)]
    drops(world)
    assert world.up_to_date() == 0
    people.change_person(
        world.db, OLGA, world.hugo.id, PersonChange(email="hugo@other.example"), now=LATER
    )
    mails = [m for m in world.mails() if m.kind == "invitation"]
    assert [(m.to_address, m.context["declined"]) for m in mails] == [
        ("hugo@other.example", mails[0].context["declined"])
    ]
    assert len(mails[0].context["declined"]) == 1


# In the language that they read.


def test_words_of_another_language_concern_nobody(world: World) -> None:
    title = dict(world.session.title)
    world.session.title = {**title, "en": "Only in English"}
    world.publish()
    assert world.new() == []  # all read Spanish
    world.session.title = {**world.session.title, "es": "También en español"}
    world.publish()
    assert world.new() == [("invitation-update", name, 2) for name in ("ana", "beto", "hugo")]


def test_another_language_alone_writes_to_nobody_and_counts_from_then_on(world: World) -> None:
    enrolment = world.enrolment(world.ana)
    enrolment.language = "en"
    world.db.flush()
    assert world.up_to_date() == 0
    world.session.title = {**world.session.title, "es": "Otro título"}
    world.publish()
    # Her entry is still in Spanish: it says what is no longer so.
    assert world.new() == [("invitation-update", name, 1) for name in ("ana", "beto", "hugo")]
    world.session.title = {**world.session.title, "es": "Y otro más"}
    world.publish()
    assert world.new() == [("invitation-update", name, 2) for name in ("beto", "hugo")]


# At the address that is theirs.


def test_an_address_that_is_taken_away_does_not_tell_them_that_they_are_out(world: World) -> None:
    people.change_person(world.db, OLGA, world.ana.id, PersonChange(email=None), now=LATER)
    (mail,) = world.mails()
    assert (mail.kind, mail.to_address, mail.context["why"]) == (
        "invitation-cancel",
        "ana@example.org",
        "address",
    )


def test_the_next_one_at_an_address_is_told_above_what_it_was_told_before(world: World) -> None:
    people.change_person(
        world.db, OLGA, world.ana.id, PersonChange(email="ana@other.example"), now=LATER
    )
    assert world.new() == [
        ("invitation", "ana@other.example", 2),
        ("invitation-cancel", "ana", 1),
    ]
    carla = world.make.person(name="Carla", email="")
    world.make.enrolment(world.cycle, carla, status_at=NOW)
    assert world.up_to_date() == 0  # she has no address yet
    people.change_person(world.db, OLGA, carla.id, PersonChange(email="ana@example.org"), now=LATER)
    (mail,) = world.mails()
    assert (mail.to_address, mail.context["sequence"]) == ("ana@example.org", 2)
    assert datetime.fromisoformat(mail.context["stamp"]) > LATER


def test_so_is_whoever_gets_the_address_of_somebody_who_left(world: World) -> None:
    world.withdraw(world.ana)
    assert world.new() == [("invitation-cancel", "ana", 1)]
    people.change_person(world.db, OLGA, world.ana.id, PersonChange(email=None), now=LATER)
    carla = world.make.person(name="Carla", email="ana@example.org")
    world.make.enrolment(world.cycle, carla, status_at=NOW)
    assert world.up_to_date(people=[carla.id]) == 1
    assert world.new() == [("invitation", "ana", 2)]


def test_addresses_that_change_hands_in_one_release(world: World) -> None:
    world.stop()
    world.ana.email, world.beto.email = "x@example.org", "y@example.org"
    world.ana.email_key, world.beto.email_key = "x@example.org", "y@example.org"
    world.db.flush()
    world.ana.email = world.ana.email_key = "beto@example.org"
    world.beto.email = world.beto.email_key = "ana@example.org"
    world.db.flush()
    assert world.up_to_date() == 4
    told = sorted((m.to_address, m.context["sequence"], m.kind) for m in world.mails())
    assert told == [
        ("ana@example.org", 1, "invitation-cancel"),
        ("ana@example.org", 2, "invitation"),
        ("beto@example.org", 1, "invitation-cancel"),
        ("beto@example.org", 2, "invitation"),
    ]
