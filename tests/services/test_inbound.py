"""Mail that comes in: whose answer it is, that it counts once, and what it can never do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.addresses import address_key
from app.domain.answers import Answer, AnswerSource, Given, holds
from app.models import Cycle, Guest, InboundMail, Invitation, Person, Session, metadata
from app.services.actor import AccountStanding, Actor
from app.services.answers import give
from app.services.inbound import receive
from app.services.inbound_lists import place
from tests.factories import NOW, Make
from tests.mail import inbound_corpus as corpus

RECEIVED = NOW + timedelta(days=2)  # after DTSTAMP of the corpus
STAMP = datetime.fromisoformat("2026-11-24T15:00:00+00:00")


@dataclass
class Invited:
    """A guest who was invited to a session, and the address that takes the answers."""

    guest: Guest
    person: Person
    session: Session
    invitation: Invitation

    @property
    def to(self) -> str:
        return f"convoca+{self.guest.reply_code.upper()}@example.org"

    def mail(self, factory: Callable[..., bytes] = corpus.google, **values: Any) -> bytes:
        values.setdefault("to", self.to)
        values.setdefault("uid", self.session.uid)
        raw = factory(**values)
        # The corpus names one organizer; what counts is whom it is sent to.
        return raw.replace(corpus.OURS.encode(), values["to"].encode())


def invite(
    db: DbSession, email: str = corpus.GUEST, session: Session | None = None, sequence: int = 2
) -> Invited:
    make = Make(db)
    if session is None:
        session = make.session(make.cycle(slug=f"c-{address_key(email)[:3]}"))
    person = db.exec(select(Person).where(Person.email_key == address_key(email))).first()
    person = person or make.person(email=email)
    guest = db.exec(
        select(Guest).where(Guest.cycle_id == session.cycle_id, Guest.person_id == person.id)
    ).first() or Guest(cycle_id=session.cycle_id, person_id=person.id)
    db.add(guest)
    db.flush()
    invitation = Invitation(
        guest_id=guest.id,
        session_id=session.id,
        uid=session.uid,
        method="REQUEST",
        sequence=sequence,
        time_sequence=1,
        address=email,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
    )
    db.add(invitation)
    db.flush()
    return Invited(guest, person, session, invitation)


def answer(db: DbSession, invited: Invited) -> tuple[str, int, str]:
    db.refresh(invited.invitation)
    row = invited.invitation
    return row.answer, row.answer_sequence, row.comment


def became(row: InboundMail) -> tuple[str, str, str]:
    return row.kind, row.status, row.reason


ORGANIZER = Actor(id="o", name="Olga", standing=AccountStanding.ADMINISTRATOR)
NOTHING = ("", 0, "")
OPEN = {
    "ios_proposal": "proposes",
    "ios_proposal_unquoted": "proposes",
    "outlook_counter": "proposes",
    "delegated": "delegated",
    "two_events": "unknown-session",
}
ANSWERS = {
    "apple_mail": ("declined", 2, "On a flight"),
    "ios_proposal": ("tentative", 2, ""),
    "ios_proposal_unquoted": ("declined", 2, ""),
    "google": ("accepted", 2, "See you, friends\nAna"),
    "exchange": ("tentative", 2, "Quizás llegue tarde"),
    "bare_line_feeds": (
        "accepted",
        2,
        "Más tarde, quizás: no sé aún si llego a tiempo por el tráfico de la mañana",
    ),
    "latin_1_that_says_utf_8": ("accepted", 2, "Mañana no"),
    "outlook_counter": ("tentative", 2, ""),
    "delegated": NOTHING,
}


@pytest.mark.parametrize("name", sorted(corpus.REPLIES))
def test_every_programs_answer_is_taken(db: DbSession, name: str) -> None:
    invited = invite(db)
    row = receive(db, invited.mail(corpus.REPLIES[name]), RECEIVED)
    reason = OPEN.get(name, "")
    assert became(row) == ("reply", "open" if reason else "placed", reason)
    assert (row.guest_id, row.cycle_id) == (invited.guest.id, invited.guest.cycle_id)
    assert answer(db, invited) == ANSWERS.get(name, ("accepted", 2, ""))
    if invited.invitation.answer:
        assert invited.invitation.answer_source == "mail"


def test_it_was_given_when_it_says_but_never_later_than_it_came(db: DbSession) -> None:
    for factory, at in (
        (corpus.google, STAMP),
        (corpus.exchange, STAMP),
        (corpus.from_the_future, RECEIVED),
        (corpus.no_stamp_no_sequence, STAMP + timedelta(seconds=10)),  # the mail's date
    ):
        invited = invite(db, f"{factory.__name__}@example.org")
        raw = invited.mail(factory).replace(
            corpus.GUEST.encode(), f"{factory.__name__}@example.org".encode()
        )
        receive(db, raw.replace(b"<1@", f"<{factory.__name__}@".encode()), RECEIVED)
        db.refresh(invited.invitation)
        assert invited.invitation.answered_at == at, factory.__name__


def test_the_same_mail_counts_once(db: DbSession) -> None:
    invited = invite(db)
    first = receive(db, invited.mail(corpus.apple_mail), RECEIVED)
    give(
        db,
        invited.invitation.id,
        Given(Answer.ACCEPTED, RECEIVED, 2, AnswerSource.PAGE),
    )
    again = receive(db, invited.mail(corpus.apple_mail), RECEIVED + timedelta(days=1))
    assert (again.id, again.received_at) == (first.id, RECEIVED)
    assert answer(db, invited) == ("accepted", 2, "")
    assert len(db.exec(select(InboundMail)).all()) == 1


def test_without_an_id_its_bytes_tell(db: DbSession) -> None:
    invited = invite(db)
    raw = invited.mail(corpus.apple_mail).replace(b"Message-ID: <1@mail.example.org>\r\n", b"")
    assert receive(db, raw, RECEIVED).id == receive(db, raw, RECEIVED).id
    assert receive(db, raw + b"\r\n", RECEIVED).id != receive(db, raw, RECEIVED).id


def test_at_once_it_counts_once(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        raw = invite(db).mail()
    barrier, ids = Barrier(4), []

    def take() -> None:
        barrier.wait()
        with real_database.begin(writes=True) as db:
            ids.append(receive(db, raw, RECEIVED).id)

    threads = [Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4
    assert len(set(ids)) == 1


def test_a_newer_answer_stays(db: DbSession) -> None:
    invited = invite(db)
    later = STAMP + timedelta(seconds=1)
    give(db, invited.invitation.id, Given(Answer.DECLINED, later, 2, AnswerSource.LINK))
    row = receive(db, invited.mail(), RECEIVED)
    assert became(row) == ("reply", "placed", "")
    assert [a["became"] for a in row.details["answers"]] == ["older"]
    assert answer(db, invited) == ("declined", 2, "")


def test_an_answer_to_an_older_time_is_to_be_confirmed_again(db: DbSession) -> None:
    invited = invite(db)
    raw = invited.mail(corpus.outlook_com_root).replace(b"SEQUENCE:2", b"SEQUENCE:0")
    receive(db, raw, RECEIVED)
    db.refresh(invited.invitation)
    row = invited.invitation
    assert (row.answer, holds(row.answer_sequence, row.time_sequence)) == ("accepted", False)


def test_a_sequence_that_nobody_issued_is_capped(db: DbSession) -> None:
    invited = invite(db)
    receive(db, invited.mail(corpus.from_the_future), RECEIVED)
    assert answer(db, invited) == ("accepted", 2, "")
    newer = Given(Answer.DECLINED, RECEIVED + timedelta(seconds=1), 2, AnswerSource.PAGE)
    assert give(db, invited.invitation.id, newer) is not None


def test_several_events_are_answered_each(db: DbSession) -> None:
    one = invite(db)
    two = invite(db, session=Make(db).session(db.get_one(Cycle, one.session.cycle_id), 2))
    row = receive(db, one.mail(corpus.two_events, other=two.session.uid), RECEIVED)
    assert became(row) == ("reply", "placed", "")
    assert [answer(db, each)[0] for each in (one, two)] == ["accepted", "declined"]


# Whose it is.


def test_without_a_tag_a_person_decides(db: DbSession) -> None:
    """Anybody can write a sender, and UIDs are public: only the tag is known to the guest alone. So
    a guest's own address says whose it may be, and no more."""
    invited = invite(db)
    other = invite(db, "eva@example.org", invited.session)
    row = receive(db, invited.mail(to="convoca@example.org"), RECEIVED)
    assert (became(row), row.guest_id) == (("reply", "open", "untagged"), invited.guest.id)
    assert (answer(db, invited), answer(db, other)) == (NOTHING, NOTHING)


def test_an_address_that_was_changed_since_still_answers(db: DbSession) -> None:
    invited = invite(db)
    invited.person.email = invited.person.email_key = "new@example.org"
    db.flush()
    assert became(receive(db, invited.mail(), RECEIVED)) == ("reply", "placed", "")
    raw = invited.mail(to="convoca@example.org", message_id="<n@x>")
    row = receive(db, raw, RECEIVED)
    assert (became(row), row.guest_id) == (("reply", "open", "untagged"), invited.guest.id)


@pytest.mark.parametrize(
    ("to", "sender", "reason"),
    [
        ("tag", "Eve <eve@evil.example>", "stranger"),
        ("", "Eve <eve@evil.example>", "unknown-guest"),
        ("", "", "unknown-guest"),
        ("convoca+0000000000000000@example.org", "Eve <eve@evil.example>", "unknown-guest"),
    ],
)
def test_a_stranger_answers_for_nobody(db: DbSession, to: str, sender: str, reason: str) -> None:
    invited = invite(db)
    raw = invited.mail(
        corpus.alias, to=invited.to if to == "tag" else to or "convoca@example.org", sender=sender
    )
    row = receive(db, raw, RECEIVED)
    assert became(row) == ("reply", "open", reason)
    assert row.cycle_id == invited.session.cycle_id
    assert answer(db, invited) == NOTHING


def test_an_unknown_sender_is_for_a_person_to_look_at(db: DbSession) -> None:
    """Whoever holds a forwarded invitation has the tag, and their program names the guest as the
    attendee: that was believed before, so that a stranger could answer for the guest. An alias of
    the guest looks the same; an organizer says so once, and the next is placed by itself."""
    invited = invite(db)
    alias = "Ana <Ana.Privately@mail.example>"
    row = receive(db, invited.mail(corpus.google, sender=alias), RECEIVED)
    assert (became(row), row.guest_id) == (("reply", "open", "stranger"), invited.guest.id)
    assert answer(db, invited) == NOTHING
    place(db, ORGANIZER, row.id, invited.guest.id, RECEIVED)
    assert answer(db, invited)[0] == "accepted"
    later = invited.mail(corpus.apple_mail, sender=alias, message_id="<2@x>")
    later = later.replace(b"15:00:10", b"15:00:11")
    assert became(receive(db, later, RECEIVED)) == ("reply", "placed", "")
    assert answer(db, invited)[0] == "declined"
    stranger = invited.mail(corpus.google, sender="Eve <eve@evil.example>", message_id="<3@x>")
    assert became(receive(db, stranger, RECEIVED)) == ("reply", "open", "stranger")


def test_an_alias_is_one_guests(db: DbSession) -> None:
    """Eva answers by the address that was taken as Ana's: not known as hers. And an address that is
    another person's is nobody's alias."""
    ana = invite(db)
    eva = invite(db, "eva@example.org", ana.session)
    row = receive(db, ana.mail(sender="shared@mail.example"), RECEIVED)
    place(db, ORGANIZER, row.id, ana.guest.id, RECEIVED)
    assert (ana.guest.aliases, eva.guest.aliases) == (["shared@mail.example"], [])
    raw = eva.mail(sender="shared@mail.example", message_id="<2@x>")
    assert became(receive(db, raw, RECEIVED)) == ("reply", "open", "stranger")
    row = receive(db, ana.mail(sender="eva@example.org", message_id="<3@x>"), RECEIVED)
    place(db, ORGANIZER, row.id, ana.guest.id, RECEIVED)
    assert ana.guest.aliases == ["shared@mail.example"]


def test_the_guests_own_address_is_believed_whoever_the_attendee_is(db: DbSession) -> None:
    invited = invite(db)
    assert became(receive(db, invited.mail(corpus.alias), RECEIVED)) == ("reply", "placed", "")
    assert answer(db, invited)[0] == "accepted"


def test_another_guest_cannot_answer_for_one(db: DbSession) -> None:
    """Eva, to whom Ana has forwarded her invitation, in every way in which a program may put it."""
    ana = invite(db)
    eva = invite(db, "eva@example.org", ana.session)
    for number, (to, sender, attendee) in enumerate(
        [
            (ana.to, "eva@example.org", "eva@example.org"),
            (ana.to, "eva@example.org", "ana@example.org"),
            (ana.to, "ana@example.org", "eva@example.org"),
            (eva.to, "ana@example.org", "ana@example.org"),
            (eva.to, "ana@example.org", "eva@example.org"),
            ("convoca@example.org", "ana@example.org", "eva@example.org"),
            (f"{ana.to}, {eva.to}", "ana@example.org", "ana@example.org"),
        ]
    ):
        raw = ana.mail(
            corpus.outlook_com_root, to=to, sender=sender, message_id=f"<{number}@x>"
        ).replace(b"mailto:ana@example.org", f"mailto:{attendee}".encode())
        row = receive(db, raw, RECEIVED)
        assert row.status == "open", (to, sender, attendee)
        assert (answer(db, ana), answer(db, eva)) == (NOTHING, NOTHING)


def test_a_session_that_one_is_not_invited_to_is_nothing_to_answer(db: DbSession) -> None:
    invited, other = invite(db), invite(db, "eva@example.org")
    row = receive(db, invited.mail(uid=other.session.uid), RECEIVED)
    assert became(row) == ("reply", "open", "unknown-session")
    assert answer(db, other) == NOTHING


@pytest.mark.parametrize(
    ("partstat", "taken"),
    [("TENTATIVE", "tentative"), ("DECLINED", "declined"), ("ACCEPTED", ""), ("", "")],
)
def test_another_time_is_for_a_person_to_look_at(db: DbSession, partstat: str, taken: str) -> None:
    invited = invite(db)
    row = receive(db, invited.mail(corpus.outlook_counter, partstat=partstat), RECEIVED)
    assert became(row) == ("reply", "open", "proposes")
    assert answer(db, invited)[0] == taken


@pytest.mark.parametrize("partstat", ["NEEDS-ACTION", "COMPLETED", "", "ACCEPTED;X"])
def test_no_answer_is_none(db: DbSession, partstat: str) -> None:
    invited = invite(db)
    raw = invited.mail(corpus.outlook_com_root).replace(
        b"PARTSTAT=3DACCEPTED", f"PARTSTAT=3D{partstat}".encode()
    )
    row = receive(db, raw, RECEIVED)
    expected = ("placed", "") if partstat == "ACCEPTED;X" else ("open", "no-answer")
    assert (row.status, row.reason) == expected


# What comes in can never do.


def _all_tables(db: DbSession) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the mails and the ledger."""
    return {
        table.name: sorted(map(tuple, db.connection().execute(table.select())), key=repr)
        for table in metadata.sorted_tables
        if table.name not in ("inbound_mail", "invitation")
    }


@pytest.mark.parametrize("name", [*sorted(corpus.REPLIES), "letter", "out_of_office"])
def test_no_mail_changes_a_time_or_anything_but_the_answer(db: DbSession, name: str) -> None:
    """Every mail of the corpus, each with an event in 1999: all tables are as before, but the mail
    itself, and of the ledger the columns of the answer."""
    invited = invite(db)
    other = invite(db, "eva@example.org", invited.session)
    factory = corpus.REPLIES.get(name) or getattr(corpus, name)
    raw = invited.mail(factory) if name in corpus.REPLIES else factory(to=invited.to)
    db.flush()
    others = _all_tables(db)
    mine, theirs = (each.invitation.model_dump() for each in (invited, other))
    receive(db, raw, RECEIVED)
    assert _all_tables(db) == others
    for each in (invited, other):
        db.refresh(each.invitation)
    assert other.invitation.model_dump() == theirs
    columns = {"answer", "answer_source", "answered_at", "answer_sequence", "answer_sent_at"}
    columns.add("comment")
    assert invited.invitation.model_dump(exclude=columns) == {
        k: v for k, v in mine.items() if k not in columns
    }
