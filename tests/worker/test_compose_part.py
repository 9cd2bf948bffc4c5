"""The mails that ask people to confirm their parts."""

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from app.db import DbSession
from app.mail.failures import Reason, SendError
from app.models import MailText, Message
from app.schemas.part import PartAnswerIn
from app.services import part_requests, parts
from app.services.actor import SYSTEM
from app.services.guests import guest_of
from app.services.links import Links
from app.worker.compose import compose
from tests.factories import NOW, Make
from tests.worker.written import SENDER, written

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")


def asked(db: DbSession, make: Make) -> tuple[Message, str, list[str]]:
    """A request to somebody with two parts: the mail, the guest's id, the parts' ids."""
    cycle = make.cycle(
        title={"en": "Clusters & territory"}, language="en", contact_email="help@example.org"
    )
    session = make.session(cycle, title={"en": "What <clusters> need"})
    panel = make.segment(session, 0, kind="panel", title="The <panel>")
    closing = make.segment(session, 1, kind="closing", title="", minutes=10)
    ana = make.person(name="Ana Ruiz", zone="Europe/Madrid")
    luis = make.person(name="Luis Paz", position="Director")
    ids = [make.part(panel, ana, role="panelist").id, make.part(closing, ana, role="host").id]
    make.part(panel, luis, role="moderator", institution="CEPAL")
    part_requests.ask(db, SYSTEM, cycle.id, NOW, only=[ana.id])
    return db.exec(select(Message)).one(), guest_of(db, cycle.id, ana.id).id, ids


def test_it_names_all_parts_in_the_readers_zone(db: DbSession, make: Make, links: Links) -> None:
    message, guest_id, _ = asked(db, make)
    mail, text, html = written(db, links, message)
    assert mail["Subject"] == "Please confirm your part in Clusters & territory"
    assert str(mail["Reply-To"]) == "help@example.org"
    assert (
        text
        == f"""\
Can you be there?

Clusters & territory

Hello Ana Ruiz,

We would like to have you on the programme. Please confirm each part or decline it.

  Tuesday 1 December 2026
  15:00–15:30, Madrid time
  The <panel> (panelist)
  1. What <clusters> need
  With:
    Luis Paz, Director, CEPAL (moderator)

  Tuesday 1 December 2026
  15:30–15:40, Madrid time
  Closing (host)
  1. What <clusters> need

Confirm or decline:
{links.part(guest_id, 1)}

On the same page you tell us how to introduce you, give us your photo and slides, and say when you \
cannot.

This link is yours alone: whoever has it can act for you. Please do not pass it on.

--
You get this mail because the organizers of “Clusters & territory” have planned you in.

Questions? Answer this mail or write to help@example.org.
"""
    )
    assert "The &lt;panel&gt; (panelist)" in html
    assert "<panel>" not in html
    assert f'href="{links.part(guest_id, 1)}"' in html


def test_what_was_answered_meanwhile_is_not_in_it(db: DbSession, make: Make, links: Links) -> None:
    message, guest_id, ids = asked(db, make)
    guest = guest_of(
        db, str(message.cycle_id), parts.placed_parts(db, str(message.cycle_id))[0].part.person_id
    )
    assert guest.id == guest_id
    parts.answer(db, guest, ids[0], PartAnswerIn(confirm=False), NOW)
    _, text, _ = written(db, links, message)
    assert ("The <panel>" in text, "Closing (host)" in text) == (False, True)
    parts.answer(db, guest, ids[1], PartAnswerIn(confirm=True), NOW)
    with pytest.raises(SendError) as error:
        compose(db, links, SENDER, message, NOW)
    assert (error.value.reason, error.value.final) == (Reason.MOOT, True)


def test_a_new_time_is_said(db: DbSession, make: Make, links: Links) -> None:
    message, _, ids = asked(db, make)
    placed = parts.placed_parts(db, str(message.cycle_id))
    guest = guest_of(db, str(message.cycle_id), placed[0].part.person_id)
    parts.answer(db, guest, ids[0], PartAnswerIn(confirm=True), NOW)
    session = placed[0].session
    session.wall_start += timedelta(hours=1)
    session.starts_at += timedelta(hours=1)
    session.ends_at += timedelta(hours=1)
    db.flush()
    _, text, _ = written(db, links, message)
    assert text.count("The time has changed since you answered.") == 1
    part_requests.ask(db, SYSTEM, str(message.cycle_id), NOW)  # who is asked again is told as well
    for kind in ("part-request", "part-reminder"):
        message.kind = kind
        _, text, _ = written(db, links, message)
        assert text.count("The time has changed since you answered.") == 1
    assert "We still need your answer to what stands below." in text


def test_the_reminder_and_an_organizers_own_words(db: DbSession, make: Make, links: Links) -> None:
    message, _, _ = asked(db, make)
    part_requests.remind(db, SYSTEM, str(message.cycle_id), NOW + timedelta(days=1))
    reminder = db.exec(select(Message).where(Message.kind == "part-reminder")).one()
    mail, text, _ = written(db, links, reminder)
    assert mail["Subject"] == "We are waiting for your answer: Clusters & territory"
    assert "A no helps us as well." in text
    own = MailText(cycle_id=str(message.cycle_id), kind="part-request", language="en")
    own.subject, own.text = "Dear {name}", "Will you, {name}?\nSay so: {link}"
    db.add(own)
    db.flush()
    mail, text, _ = written(db, links, message)
    assert mail["Subject"] == "Dear Ana Ruiz"
    assert "Will you, Ana Ruiz?\nSay so: http" in text
    assert "We would like to have you" not in text


def test_a_guest_who_is_gone(db: DbSession, make: Make, links: Links) -> None:
    message, _, _ = asked(db, make)
    message.context = {"guest_id": "nobody"}
    with pytest.raises(SendError) as error:
        compose(db, links, SENDER, message, NOW)
    assert error.value.reason == Reason.GONE
