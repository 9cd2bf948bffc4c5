"""Two guests who are one person: each mailbox shows what it should, and nothing is lost."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest
from sqlmodel import col, select

from app.db import DbSession
from app.domain.answers import Answer, AnswerSource, Given
from app.mail.values import Sender
from app.models import (
    Cycle,
    Guest,
    InboundMail,
    Invitation,
    Message,
    Part,
    Person,
    Release,
    Session,
)
from app.schemas.directory import PersonChange
from app.services import answers, invitations, merging, people
from app.services.actor import SYSTEM
from app.services.issuing import settle_everywhere
from app.services.links import Links
from app.services.publishing import publish
from app.services.schedules import released_schedule
from app.worker.compose import compose
from app.worker.kept import Kept
from tests.calendar.ical_strict import parse
from tests.calendar.itip_replay import Mailbox
from tests.factories import NOW, Make

SENDER = Sender("convoca@example.org", "Convoca")
LATER = NOW + timedelta(hours=1)


@dataclass
class World:
    """A published cycle with two sessions: Ana, at her office, speaks in the first; as a private
    person she takes part in both."""

    cycle: Cycle
    sessions: list[Session]
    office: Person
    home: Person


@pytest.fixture
def world(db: DbSession, make: Make) -> World:
    cycle = make.cycle(status="published")
    sessions = [make.session(cycle, n, minutes=60) for n in (1, 2)]
    office = make.person(name="Ana Ruiz", email="office@example.org")
    home = make.person(name="Ana R", email="home@example.org")
    segments = [make.segment(session, minutes=60) for session in sessions]
    make.part(segments[0], office)
    make.part(segments[1], make.person(name="Luz", email="luz@example.org"))
    make.enrolment(cycle, home, language="en")
    publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    return World(cycle, sessions, office, home)


def invite(db: DbSession, world: World) -> None:
    invitations.bring_up_to_date(db, SYSTEM, world.cycle.id, NOW)


def merge(db: DbSession, keep: Person, duplicate: Person) -> None:
    """Merges, and forgets what was loaded, so that the database is asked."""
    merging.merge_people(db, SYSTEM, keep.id, duplicate.id, at=LATER)
    db.commit()
    db.expunge_all()


def guests(db: DbSession, person: Person) -> list[Guest]:
    return list(db.exec(select(Guest).where(Guest.person_id == person.id)))


def ledger(db: DbSession, person: Person) -> dict[str, Invitation]:
    query = select(Invitation).join(Guest, col(Guest.id) == col(Invitation.guest_id))
    return {row.session_id: row for row in db.exec(query.where(Guest.person_id == person.id))}


def answer(db: DbSession, row: Invitation, what: Answer) -> None:
    assert answers.give(db, row.id, Given(what, NOW, row.sequence, AnswerSource.MAIL))


def mails(db: DbSession, since: datetime = NOW) -> list[Message]:
    query = select(Message).where(
        col(Message.kind).startswith("invitation"), Message.created_at >= since
    )
    return list(db.exec(query.order_by(col(Message.id))))


def calendar(db: DbSession, links: Links, message: Message, kept: Kept | None = None) -> bytes:
    parsed = message_from_bytes(compose(db, links, SENDER, message, LATER, kept).raw)
    (part,) = (p for p in parsed.walk() if p.get_content_type() == "text/calendar")
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data


def arrived(db: DbSession, links: Links) -> dict[str, Mailbox]:
    """Everybody's calendar, after all that was ever queued, in order."""
    boxes: dict[str, Mailbox] = {}
    for message in mails(db):
        box = boxes.setdefault(message.to_address, Mailbox(message.to_address))
        box.take(calendar(db, links, message))
    return boxes


def event(db: DbSession, links: Links, message: Message) -> tuple[str, int, str]:
    """Method, SEQUENCE and organizer of a mail's entry."""
    found = parse(calendar(db, links, message))
    (entry,) = found.all("VEVENT")
    return found["METHOD"], int(entry["SEQUENCE"]), entry["ORGANIZER"]


def organizer(reply_code: str) -> str:
    return f"mailto:convoca+{reply_code}@example.org"


def is_right(db: DbSession, world: World) -> bool:
    """Whether nobody's calendar lacks anything."""
    return invitations.bring_up_to_date(db, SYSTEM, world.cycle.id, LATER) == 0


def test_a_guest_moves_with_links_and_ledger(
    db: DbSession, links: Links, make: Make, world: World
) -> None:
    invite(db, world)
    keep = make.person(name="Ana Ruiz", email="new@example.org")
    uids = [session.uid for session in world.sessions]
    (before,) = guests(db, world.office)
    was = before.id, before.reply_code, before.link_generation, before.feed_generation
    (row,) = ledger(db, world.office).values()
    answer(db, row, Answer.ACCEPTED)
    merge(db, keep, world.office)
    (guest,) = guests(db, keep)
    now = guest.id, guest.reply_code, guest.link_generation, guest.feed_generation
    assert now == was
    gone, new = mails(db, LATER)
    assert [(m.kind, m.to_address, m.guest_id) for m in (gone, new)] == [
        ("invitation-cancel", "office@example.org", guest.id),
        ("invitation", "new@example.org", guest.id),
    ]
    assert (event(db, links, gone), event(db, links, new)) == (
        ("CANCEL", 1, organizer(guest.reply_code)),
        ("REQUEST", 2, organizer(guest.reply_code)),
    )
    assert new.context["partstat"] == "ACCEPTED"
    boxes = arrived(db, links)
    assert {address: sorted(box.entries) for address, box in boxes.items()} == {
        "office@example.org": [],
        "new@example.org": uids[:1],
        "home@example.org": sorted(uids),
        "luz@example.org": uids[1:],
    }
    assert is_right(db, world)


def test_who_gets_the_same_address_gets_no_mail(db: DbSession, make: Make, world: World) -> None:
    """A speaker stays one, although what was published names the duplicate."""
    invite(db, world)
    keep = make.person(name="Ana Ruiz", email=None)
    merge(db, keep, world.office)
    assert mails(db, LATER) == []
    schedule = released_schedule(db, world.cycle.id)
    assert schedule is not None
    assert [
        (p.person_id, p.name) for s in schedule.sessions for g in s.segments for p in g.parts
    ] == [(keep.id, "Ana Ruiz"), (schedule.sessions[1].segments[0].parts[0].person_id, "Luz")]
    assert is_right(db, world)


def test_a_worker_that_remembers_the_release_knows_the_speaker(
    db: DbSession, links: Links, make: Make, world: World
) -> None:
    invite(db, world)
    kept = Kept()
    for message in mails(db):
        calendar(db, links, message, kept)
    keep = make.person(name="Ana Ruiz", email="new@example.org")
    merge(db, keep, world.office)
    found = mails(db, LATER)
    assert len(found) == 2
    for message in found:
        assert calendar(db, links, message, kept) == calendar(db, links, message)


@pytest.mark.parametrize("invites", [True, False])
@pytest.mark.parametrize("keeps", ["office", "home"])
def test_of_two_guests_one_is_taken_back(
    db: DbSession, links: Links, world: World, keeps: str, invites: bool
) -> None:
    """Also where the cycle sends nothing by itself: who loses an entry at one address has it at
    the other."""
    invite(db, world)
    if not invites:
        invitations.stop_inviting(db, SYSTEM, world.cycle.id)
    for row in ledger(db, world.home).values():
        answer(db, row, Answer.DECLINED)
    uids = sorted(session.uid for session in world.sessions)
    keep, duplicate = (
        (world.office, world.home) if keeps == "office" else (world.home, world.office)
    )
    (stays,), (goes,) = guests(db, keep), guests(db, duplicate)
    was, code = stays.id, goes.reply_code
    told = len(ledger(db, duplicate))
    merge(db, keep, duplicate)
    (guest,) = guests(db, keep)
    assert (guest.id, guest.reply_code) == (was, stays.reply_code)
    taken_back = [m for m in mails(db, LATER) if m.to_address == duplicate.email]
    assert [(m.kind, m.guest_id, m.context["reply_code"]) for m in taken_back] == [
        ("invitation-cancel", guest.id, code)
    ] * told
    assert [event(db, links, m) for m in taken_back] == [("CANCEL", 1, organizer(code))] * told
    boxes = arrived(db, links)
    assert sorted(boxes[str(keep.email)].entries) == uids
    assert sorted(boxes[str(duplicate.email)].entries) == []
    for entry in boxes[str(keep.email)].entries.values():
        (one,) = parse(entry).all("VEVENT")
        assert one["ORGANIZER"] == organizer(guest.reply_code)
        assert one["ATTENDEE"] == f"mailto:{keep.email}"
    rows = ledger(db, keep)
    assert {n: (row.method, row.answer) for n, row in rows.items()} == {
        session.id: ("REQUEST", "declined") for session in world.sessions
    }
    assert [row.answer_sequence >= row.time_sequence for row in rows.values()] == [True, True]
    assert is_right(db, world)


def test_an_entry_that_is_new_there_says_what_was_answered(
    db: DbSession, links: Links, world: World
) -> None:
    invite(db, world)
    for row in ledger(db, world.home).values():
        answer(db, row, Answer.ACCEPTED)
    merge(db, world.office, world.home)
    second = [m for m in mails(db, LATER) if m.to_address == "office@example.org"]
    assert [(m.session_id, m.context["why"], m.context["partstat"]) for m in second] == [
        (world.sessions[1].id, "new", "ACCEPTED")
    ]


def test_the_kept_ones_answer_stays(db: DbSession, world: World) -> None:
    invite(db, world)
    (own,) = ledger(db, world.office).values()
    answer(db, own, Answer.TENTATIVE)
    for row in ledger(db, world.home).values():
        answer(db, row, Answer.DECLINED)
    merge(db, world.office, world.home)
    rows = ledger(db, world.office)
    assert [rows[s.id].answer for s in world.sessions] == ["tentative", "declined"]


def test_what_is_over_is_left_alone(db: DbSession, links: Links, world: World) -> None:
    invite(db, world)
    after = world.sessions[0].ends_at
    merging.merge_people(db, SYSTEM, world.office.id, world.home.id, at=after)
    told = [(m.kind, m.to_address, m.session_id) for m in mails(db, after)]
    assert told == [
        ("invitation-cancel", "home@example.org", world.sessions[1].id),
        ("invitation", "office@example.org", world.sessions[1].id),
    ]


def test_who_was_never_written_to_takes_over_the_others_entries(
    db: DbSession, links: Links, make: Make, world: World
) -> None:
    """With the address that the entries know for replies: no calendar notices anything."""
    keep = make.person(name="Ana", email=None)
    make.enrolment(world.cycle, keep)
    invite(db, world)
    (stays,), (goes,) = guests(db, keep), guests(db, world.home)
    was, code = stays.id, goes.reply_code
    for row in ledger(db, world.home).values():
        answer(db, row, Answer.ACCEPTED)
    merge(db, keep, world.home)
    (guest,) = guests(db, keep)
    assert (guest.id, guest.reply_code, mails(db, LATER)) == (was, code, [])
    assert {row.answer for row in ledger(db, keep).values()} == {"accepted"}
    assert len(ledger(db, keep)) == 2
    assert [event(db, links, m)[2] for m in mails(db) if m.guest_id == was] == [organizer(code)] * 2
    assert is_right(db, world)


def test_in_one_mailbox_what_comes_counts_for_more(
    db: DbSession, links: Links, world: World
) -> None:
    """The kept one had an address once: the duplicate's entries are at what is now theirs."""
    invite(db, world)
    office = world.office
    people.change_person(db, SYSTEM, office.id, PersonChange(email=None), now=NOW)
    merge(db, office, world.home)
    boxes = arrived(db, links)
    (guest,) = guests(db, office)
    assert sorted(boxes["office@example.org"].entries) == []
    entries = boxes["home@example.org"].entries
    assert sorted(entries) == sorted(session.uid for session in world.sessions)
    for entry in entries.values():
        (one,) = parse(entry).all("VEVENT")
        assert one["ORGANIZER"] == organizer(guest.reply_code)
    assert is_right(db, world)


def test_what_refers_to_a_guest_moves(db: DbSession, make: Make, world: World) -> None:
    invite(db, world)
    (stays,), (goes,) = guests(db, world.office), guests(db, world.home)
    stays.biography = "Long known."
    goes.biography, goes.photo = "Other.", "photo.jpg"
    goes.unavailable = [["2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"]]
    slides = make.material(world.sessions[0], given_by=goes.id)
    mail = InboundMail(key="k", kind="reply", status="placed", guest_id=goes.id, raw=b"")
    request = Message(
        intent="r",
        message_id="r",
        kind="part-request",
        cycle_id=world.cycle.id,
        to_address="home@example.org",
        language="en",
        guest_id=goes.id,
        context={"guest_id": goes.id},
    )
    reminder = Message(
        intent="m",
        message_id="m",
        kind="reminder",
        cycle_id=world.cycle.id,
        to_address="home@example.org",
        language="en",
        guest_id=goes.id,
        context={"person_id": world.home.id},
    )
    db.add_all([mail, request, reminder])
    db.flush()
    was = stays.id
    merge(db, world.office, world.home)
    (guest,) = guests(db, world.office)
    assert (guest.biography, guest.photo, guest.unavailable) == (
        "Long known.",
        "photo.jpg",
        [["2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"]],
    )
    rows: list[Any] = [db.get(type(row), row.id) for row in (mail, request, reminder)]
    assert [row.guest_id for row in rows] == [was] * 3
    assert [row.context for row in rows[1:]] == [
        {"guest_id": was},
        {"person_id": world.office.id},
    ]
    given = db.get(type(slides), slides.id)
    assert given is not None
    assert given.given_by == was
    ids = db.exec(select(Guest.id).where(Guest.cycle_id == world.cycle.id)).all()
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("kept", "duplicate", "merged"),
    [
        ("invited", "confirmed", "confirmed"),
        ("planned", "invited", "invited"),
        ("confirmed", "declined", "confirmed"),
        ("declined", "invited", "invited"),
        ("declined", "declined", "declined"),
        ("planned", "confirmed", "confirmed"),
    ],
)
def test_equal_parts_have_the_stronger_status(
    db: DbSession, make: Make, kept: str, duplicate: str, merged: str
) -> None:
    cycle, keep, other = make.cycle(status="published"), make.person(), make.person()
    segment = make.segment(make.session(cycle, minutes=30))
    one = make.part(segment, keep, status=kept, comment=f"{kept} 1", asked_at=NOW)
    make.part(segment, other, status=duplicate, comment=f"{duplicate} 2", asked_at=LATER)
    publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    invitations.bring_up_to_date(db, SYSTEM, cycle.id, NOW)
    merge(db, keep, other)
    (part,) = db.exec(select(Part)).all()
    own = kept == merged
    assert (part.id, part.status, part.comment, part.asked_at) == (
        one.id,
        merged,
        f"{kept} 1" if own else f"{duplicate} 2",
        NOW if own else LATER,
    )
    document = db.exec(select(Release.document)).one()
    parts = [p for s in document["sessions"] for g in s["segments"] for p in g["parts"]]
    assert [(p["id"], p["person_id"]) for p in parts] == [(one.id, keep.id)]
    assert invitations.bring_up_to_date(db, SYSTEM, cycle.id, LATER) == 0


def test_a_bounce_goes_with_its_address(db: DbSession, make: Make) -> None:
    back = {"bounced_at": NOW, "bounce": "550 no such user"}
    with_address = make.person(email="a@example.org")
    nobody, gone = make.person(email=None), make.person(email="b@example.org", **back)
    other = make.person(email="c@example.org", **back)
    merge(db, nobody, gone)
    merge(db, with_address, other)
    found = [db.get(Person, each.id) for each in (nobody, with_address)]
    assert [(p.email, p.bounced_at, p.bounce) for p in found if p] == [
        ("b@example.org", NOW, "550 no such user"),
        ("a@example.org", None, ""),
    ]


def test_merging_sends_no_more_than_it_must(db: DbSession, world: World) -> None:
    invite(db, world)
    merge(db, world.office, world.home)
    assert settle_everywhere(db, world.office.id, LATER) == 0
    assert len(mails(db, LATER)) == 3
