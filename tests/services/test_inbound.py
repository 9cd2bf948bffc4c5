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
from app.mail.inbound import LIMIT
from app.models import Cycle, Guest, InboundMail, Invitation, Message, Person, Session, metadata
from app.services.answers import give
from app.services.inbound import receive
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
    "no_stamp_no_sequence": ("accepted", 0, ""),
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
    give(db, invited.invitation.id, Given(Answer.DECLINED, STAMP, 2, AnswerSource.LINK))
    row = receive(db, invited.mail(), RECEIVED)
    assert became(row) == ("reply", "placed", "")
    assert [a["became"] for a in row.details["answers"]] == ["older"]
    assert answer(db, invited) == ("declined", 2, "")


def test_an_answer_to_an_older_time_is_to_be_confirmed_again(db: DbSession) -> None:
    invited = invite(db)
    receive(db, invited.mail(corpus.no_stamp_no_sequence), RECEIVED)
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


def test_without_a_tag_the_address_tells(db: DbSession) -> None:
    invited = invite(db)
    other = invite(db, "eva@example.org", invited.session)
    row = receive(db, invited.mail(to="convoca@example.org"), RECEIVED)
    assert (became(row), row.guest_id) == (("reply", "placed", ""), invited.guest.id)
    assert (answer(db, invited)[0], answer(db, other)) == ("accepted", NOTHING)


def test_an_address_that_was_changed_since_still_answers(db: DbSession) -> None:
    invited = invite(db)
    invited.person.email = invited.person.email_key = "new@example.org"
    db.flush()
    for number, to in enumerate((invited.to, "convoca@example.org")):
        raw = invited.mail(to=to, message_id=f"<n{number}@x>")
        assert became(receive(db, raw, RECEIVED)) == ("reply", "placed", "")


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


def test_an_alias_that_sends_is_believed_if_the_attendee_is_the_guest(db: DbSession) -> None:
    invited = invite(db)
    raw = invited.mail(corpus.google, sender="Ana <ana.privately@mail.example>")
    assert became(receive(db, raw, RECEIVED)) == ("reply", "placed", "")
    other = invited.mail(
        to="convoca@example.org", sender="Ana <ana.privately@mail.example>", message_id="<2@x>"
    )
    assert became(receive(db, other, RECEIVED)) == ("reply", "open", "unknown-guest")


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
    columns = {"answer", "answer_source", "answered_at", "answer_sequence", "comment"}
    assert invited.invitation.model_dump(exclude=columns) == {
        k: v for k, v in mine.items() if k not in columns
    }


# Bounces, machines, letters.


def sent(db: DbSession, to: str = corpus.GUEST, **values: Any) -> Message:
    values.setdefault("message_id", "<m1@example.org>")
    values.setdefault("status", "sent")
    message = Message(
        intent=values["message_id"],
        kind="invitation",
        to_address=to,
        language="en",
        **values,
    )
    db.add(message)
    db.flush()
    return message


def bounced(db: DbSession, person: Person) -> tuple[datetime | None, str]:
    db.refresh(person)
    return person.bounced_at, person.bounce


def test_a_bounce_marks_the_mail_and_the_address(db: DbSession) -> None:
    invited = invite(db)
    message = sent(db, guest_id=invited.guest.id, cycle_id=invited.guest.cycle_id)
    revision = invited.person.revision
    row = receive(db, corpus.notification(), RECEIVED)
    assert became(row) == ("bounce", "placed", "")
    assert (row.guest_id, row.cycle_id) == (invited.guest.id, invited.guest.cycle_id)
    db.refresh(message)
    said = "550 5.1.1 <ana@example.org>: user unknown"
    assert (message.status, message.last_error) == ("bounced", f"bounced: {said}")
    assert bounced(db, invited.person) == (RECEIVED, said)
    assert invited.person.revision == revision
    assert answer(db, invited) == NOTHING


@pytest.mark.parametrize("factory", [corpus.qmail, corpus.exim])
def test_older_servers_are_understood(db: DbSession, factory: Callable[[], bytes]) -> None:
    invited, message = invite(db), sent(db)
    assert became(receive(db, factory(), RECEIVED)) == ("bounce", "placed", "")
    db.refresh(message)
    assert (message.status, bounced(db, invited.person)[0]) == ("bounced", RECEIVED)


@pytest.mark.parametrize(
    ("action", "status", "marks"),
    [("failed", "4.4.7", "bounced"), ("delayed", "4.4.1", "sent"), ("relayed", "2.0.0", "sent")],
)
def test_what_may_pass_marks_no_address(
    db: DbSession, action: str, status: str, marks: str
) -> None:
    invited, message = invite(db), sent(db)
    raw = corpus.notification(action=action, status=status, diagnostic="smtp; timeout")
    row = receive(db, raw, RECEIVED)
    assert row.status == ("placed" if marks == "bounced" else "ignored")
    db.refresh(message)
    assert (message.status, bounced(db, invited.person)) == (marks, (None, ""))


def test_a_bounce_of_a_mail_that_is_not_ours_marks_nobody(db: DbSession) -> None:
    """Anybody can write that somebody cannot be reached."""
    invited, message = invite(db), sent(db)
    raw = corpus.notification(original="<forged@example.org>")
    assert became(receive(db, raw, RECEIVED)) == ("bounce", "open", "unknown-bounce")
    db.refresh(message)
    assert (message.status, bounced(db, invited.person)) == ("sent", (None, ""))


def test_a_server_that_renames_mails_is_understood_by_the_guests_address(db: DbSession) -> None:
    invited = invite(db)
    raw = corpus.notification(original="<renamed@relay.example>", reply_to=invited.to)
    row = receive(db, raw, RECEIVED)
    assert (became(row), row.guest_id) == (("bounce", "placed", ""), invited.guest.id)
    assert bounced(db, invited.person)[0] == RECEIVED


def test_an_address_that_was_changed_since_is_not_marked(db: DbSession) -> None:
    invited, message = invite(db), sent(db)
    invited.person.email = invited.person.email_key = "new@example.org"
    db.flush()
    receive(db, corpus.notification(), RECEIVED)
    db.refresh(message)
    assert (message.status, bounced(db, invited.person)) == ("bounced", (None, ""))


def test_machines_are_ignored_and_never_answered(db: DbSession) -> None:
    invited = invite(db)
    row = receive(db, corpus.out_of_office(to=invited.to), RECEIVED)
    assert (became(row), row.guest_id) == (("automatic", "ignored", "automatic"), invited.guest.id)
    assert db.exec(select(Message)).all() == []


def test_letters_are_for_a_person(db: DbSession) -> None:
    invited = invite(db)
    row = receive(db, corpus.letter(to=invited.to), RECEIVED)
    assert (became(row), row.guest_id) == (("other", "open", "letter"), invited.guest.id)
    assert row.raw == corpus.letter(to=invited.to)


@pytest.mark.parametrize("size", [None, LIMIT + 1])
def test_what_is_too_large_is_listed_by_its_headers(db: DbSession, size: int | None) -> None:
    raw = corpus.letter() if size else corpus.letter() + b"x" * LIMIT
    row = receive(db, raw, RECEIVED, size=size)
    assert became(row) == ("other", "open", "too-large")
    assert row.details == {"size": size or len(raw)}
    assert row.raw == corpus.letter()[: corpus.letter().index(b"\r\n\r\n") + 4]


@pytest.mark.parametrize("raw", [b"", b"\0\xff\r", b"Subject: \0\xed\xa0\x80\n\n\0"])
def test_bytes_of_every_kind_are_kept(db: DbSession, raw: bytes) -> None:
    row = receive(db, raw, RECEIVED)
    assert (row.status, row.raw) == ("open", raw)
