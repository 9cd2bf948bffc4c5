"""Mails that came back: what they mark, what they cannot, and what clears the mark."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.db import DbSession
from app.domain.answers import Answer, AnswerSource, Given
from app.mail.inbound import read
from app.models import Message, Person
from app.services.answers import give
from app.services.inbound import receive
from tests.factories import Make
from tests.mail import inbound_corpus as corpus
from tests.services.test_inbound import NOTHING, RECEIVED, answer, became, invite

HOUR = timedelta(hours=1)
LATER = RECEIVED + 9 * HOUR


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


def test_a_server_that_renames_mails_marks_the_newest_mail_to_the_guest(db: DbSession) -> None:
    """So that the page of whose calendar is stale shows it."""
    invited = invite(db)
    mails = [
        sent(db, message_id=f"<m{n}@x>", guest_id=invited.guest.id, sent_at=RECEIVED + n * HOUR)
        for n in (1, 3, 2)
    ]
    elsewhere = sent(db, "old@x.org", message_id="<m4@x>", guest_id=invited.guest.id, sent_at=LATER)
    raw = corpus.notification(original="<renamed@relay.example>", reply_to=invited.to)
    assert became(receive(db, raw, RECEIVED)) == ("bounce", "placed", "")
    for each in (*mails, elsewhere):
        db.refresh(each)
    assert [m.status for m in mails] == ["sent", "bounced", "sent"]
    assert elsewhere.status == "sent"


@pytest.mark.parametrize(
    ("sender", "recipient"),
    [
        ("Eve <eve@evil.example>", corpus.GUEST),
        ("MAILER-DAEMON@mx.example.org", "other@example.org"),
    ],
)
def test_a_tag_alone_is_not_believed(db: DbSession, sender: str, recipient: str) -> None:
    invited = invite(db)
    message = sent(db, guest_id=invited.guest.id)
    raw = corpus.notification(original="<x@y>", reply_to=invited.to, recipient=recipient)
    raw = raw.replace(b"MAILER-DAEMON@mx.example.org (Mail Delivery System)", sender.encode())
    assert became(receive(db, raw, RECEIVED)) == ("bounce", "open", "unknown-bounce")
    db.refresh(message)
    assert (message.status, bounced(db, invited.person)) == ("sent", (None, ""))


@pytest.mark.parametrize("status", ["sent", "bounced"])
def test_the_guests_address_says_nothing_of_others(db: DbSession, status: str) -> None:
    """A guest knows it, and can write as a machine does: of an address of somebody else, who is in
    whichever team's cycle."""
    invited = invite(db)
    sent(db, guest_id=invited.guest.id, status=status)
    other = Make(db).person(email="other@example.org")
    raw = corpus.notification(original="<x@y>", reply_to=invited.to)
    theirs = raw[raw.index(b"Final-Recipient:") : raw.index(b"Diagnostic-Code:")]
    more = theirs.replace(corpus.GUEST.encode(), b"other@example.org")
    assert more != theirs
    raw = raw.replace(b"Final-Recipient:", more + b"\r\nFinal-Recipient:", 1)
    row = receive(db, raw, RECEIVED)
    assert len(row.details["failed"]) == 2
    assert became(row) == ("bounce", "placed", "")
    assert bounced(db, other) == (None, "")
    assert bounced(db, invited.person)[0] == RECEIVED


def test_without_a_delivery_status_it_must_name_the_address_that_the_mail_went_to(
    db: DbSession,
) -> None:
    invited, message = invite(db), sent(db)
    raw = corpus.qmail(recipient="somebody.else@example.org")
    assert became(receive(db, raw, RECEIVED)) == ("bounce", "open", "unknown-bounce")
    db.refresh(message)
    assert (message.status, bounced(db, invited.person)) == ("sent", (None, ""))


@pytest.mark.parametrize(
    ("status", "diagnostic", "marked"),
    [
        ("5.1.1", "smtp; 550 no", True),
        ("5.1.10", "smtp; 556 null MX", True),
        ("5.2.1", "smtp; 550 disabled", True),
        ("5.4.4", "x-postfix; Host or domain name not found", True),  # the domain is not there
        ("5.0.0", "smtp; 550 No such user here", True),
        ("5.0.0", "smtp; 554 refused", False),
        ("5.1.7", "smtp; 553 bad sender", False),
        ("5.1.8", "smtp; 553 sender rejected", False),
        ("5.2.2", "smtp; 552 mailbox full", False),
        ("5.7.1", "smtp; 550 looks like spam", False),
        ("5.7.26", "smtp; 550 unauthenticated", False),
        ("5.4.1", "smtp; 550 relay access denied", False),
    ],
)
def test_only_an_address_that_is_wrong_is_marked(
    db: DbSession, status: str, diagnostic: str, marked: bool
) -> None:
    invited, message = invite(db), sent(db)
    receive(db, corpus.notification(status=status, diagnostic=diagnostic), RECEIVED)
    db.refresh(message)
    at, _ = bounced(db, invited.person)
    assert (message.status, at) == ("bounced", RECEIVED if marked else None)


@pytest.mark.parametrize("source", list(AnswerSource))
def test_an_answer_clears_the_mark_but_not_one_that_an_organizer_notes(
    db: DbSession, source: AnswerSource
) -> None:
    invited, _ = invite(db), sent(db)
    receive(db, corpus.notification(), RECEIVED)
    stays = bounced(db, invited.person)
    before = Given(Answer.ACCEPTED, RECEIVED - HOUR, 2, source)
    give(db, invited.invitation.id, before)
    assert bounced(db, invited.person) == stays
    give(db, invited.invitation.id, Given(Answer.ACCEPTED, LATER, 2, source))
    cleared = source is not AnswerSource.ORGANIZER
    assert bounced(db, invited.person) == ((None, "") if cleared else stays)


def test_what_is_in_a_text_that_came_back_is_no_address() -> None:
    raw = corpus.qmail().replace(
        b"Hi. This", b"Message-ID: <m1@example.org>\r\n Message-Id: <x@y.example>\r\n\r\nHi. This"
    )
    bounce = read(raw).bounce
    assert bounce is not None
    assert [failed.address for failed in bounce.failed] == [corpus.GUEST]
