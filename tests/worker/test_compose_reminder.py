"""What reminders and follow-ups say, and when they are not sent after all."""

import re
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from sqlmodel import select

from app.db import DbSession
from app.mail.failures import Reason, SendError
from app.mail.values import Sender
from app.models import (
    Cycle,
    Enrolment,
    Guest,
    Invitation,
    MailText,
    Material,
    Message,
    Part,
    Person,
    Reminder,
    Session,
)
from app.services import feedback, feedback_forms, publishing, reminders
from app.services.actor import SYSTEM
from app.services.guests import guest_of
from app.services.links import Links
from app.worker.compose import compose
from tests.factories import NOW, Make
from tests.services.test_feedback import form_in

SENDER = Sender("convoca@example.org", "Convoca")
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def publish(db: DbSession, cycle: Cycle) -> None:
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW - timedelta(days=30))


@pytest.fixture
def cycle(db: DbSession, make: Make) -> Cycle:
    """One session, Ana in Madrid takes part, Sara speaks; reminded a day before, thanked after."""
    cycle = make.cycle(language="en", title={"en": "Clusters"}, contact_email="help@example.org")
    make.carries(cycle, make.institution(name="ECLAC"))
    session = make.session(cycle, 1)
    segment = make.segment(session, minutes=90, title="Trust")
    make.part(segment, make.person(name="Sara", zone="America/Lima", language="en"), "speaker")
    make.enrolment(cycle, make.person(name="Ana"), zone="Europe/Madrid", language="en")
    publish(db, cycle)
    for anchor, minutes in (("start", 1440), ("end", 30)):
        db.add(
            Reminder(
                cycle_id=cycle.id,
                anchor=anchor,
                minutes=minutes,
                audience="all",
                since=NOW - timedelta(days=90),
            )
        )
    db.flush()
    return cycle


def session_of(db: DbSession, cycle: Cycle) -> Session:
    return db.exec(select(Session).where(Session.cycle_id == cycle.id)).one()


def queued(db: DbSession, cycle: Cycle, name: str = "Ana", *, after: bool = False) -> Message:
    session = session_of(db, cycle)
    at = session.ends_at + HOUR if after else session.starts_at - DAY
    reminders.run_due(db, at)
    kind = "follow-up" if after else "reminder"
    return db.exec(select(Message).where(Message.to_name == name, Message.kind == kind)).one()


def mail(
    db: DbSession, links: Links, message: Message, now: datetime | None = None
) -> tuple[EmailMessage, str, str]:
    """The mail, its plain text and its HTML."""
    built = compose(db, links, SENDER, message, now or message.due_at)
    parsed = message_from_bytes(built.raw, EmailMessage, policy=default)
    plain, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    assert plain is not None
    assert html is not None
    return parsed, plain.get_content().replace("\r\n", "\n"), html.get_content()


def enrolment_page(db: DbSession, links: Links, cycle: Cycle) -> str:
    enrolment = db.exec(select(Enrolment).where(Enrolment.cycle_id == cycle.id)).one()
    return links.my(enrolment.id, 1)


def test_a_reminder(db: DbSession, links: Links, cycle: Cycle) -> None:
    parsed, text, html = mail(db, links, queued(db, cycle))
    page = enrolment_page(db, links, cycle)
    assert parsed["Subject"] == "Reminder: Session 1, Tuesday 1 December 2026, 15:00"
    assert str(parsed["Reply-To"]) == "help@example.org"
    assert (
        text
        == f"""\
Your session is coming up

Clusters

  Tuesday 1 December 2026
  15:00–16:30, Madrid time
  (09:00–10:30, Bogotá time)
  1. Session 1

Hello Ana,

This is a reminder of a session that you are enrolled for.

Join the session:
{page}/sessions/1/join

This link is yours alone: whoever has it can act for you. Please do not pass it on.

Open your page:
{page}

--
You get this mail because you are enrolled in “Clusters”.

Questions? Write to help@example.org.
"""
    )
    assert f'href="{page}/sessions/1/join"' in html


def test_somebody_with_a_part_gets_their_own_links_and_hours(
    db: DbSession, links: Links, cycle: Cycle
) -> None:
    _, text, _ = mail(db, links, queued(db, cycle, "Sara"))
    row = db.exec(select(Guest).where(Guest.id == queued(db, cycle, "Sara").guest_id)).one()
    join = links.part(row.id, 1, "/sessions/1/join")
    assert f"\nJoin the session:\n{join}\n" in text
    assert "\nYour part\n\n  09:00–10:30, Lima time\n  Trust (speaker)\n" in text
    assert "  09:00–10:30, Lima time\n  1. Session 1\n" in text  # the same hours elsewhere


def test_late_says_so(db: DbSession, links: Links, cycle: Cycle) -> None:
    message = queued(db, cycle)
    sentence = (
        "\nThis reminder comes late: it was meant for Monday 30 November 2026, 15:00, "
        "Madrid time.\n"
    )
    _, in_time, _ = mail(db, links, message, message.due_at + HOUR)
    assert sentence not in in_time
    _, late, _ = mail(db, links, message, message.due_at + HOUR + timedelta(seconds=1))
    assert sentence in late


def test_who_was_invited_is_asked_while_they_have_not_answered(
    db: DbSession, links: Links, cycle: Cycle
) -> None:
    message = queued(db, cycle)
    assert message.guest_id is not None
    session = session_of(db, cycle)
    db.add(Invitation(guest_id=message.guest_id, session_id=session.id, uid=session.uid))
    db.flush()
    _, text, _ = mail(db, links, message)
    page = enrolment_page(db, links, cycle)
    assert f"  Yes: {page}/sessions/1/answer?answer=accepted\n" in text


def test_a_follow_up_names_what_may_be_seen(db: DbSession, links: Links, cycle: Cycle) -> None:
    session = session_of(db, cycle)
    for title, more in (
        ("Slides", {}),
        ("Secret talk", {"visible_from": session.ends_at + timedelta(days=9), "kind": "recording"}),
        ("More", {"visible_from": session.ends_at + timedelta(days=9), "kind": "recording"}),
    ):
        values: dict[str, Any] = {"kind": "link", "url": "https://example.org/x", **more}
        db.add(Material(session_id=session.id, title=title, **values))
    db.flush()
    parsed, text, html = mail(db, links, queued(db, cycle, after=True))
    page = enrolment_page(db, links, cycle)
    assert parsed["Subject"] == "Thank you: Session 1"
    later = "The recording will be on your page from Thursday 10 December 2026, 16:30, Madrid time."
    assert f"\nMaterials\n\n  Slides\n\n{later}\n\nOpen your page:\n{page}" in text
    assert html.count(later) == 1
    assert "Secret talk" not in text
    assert f'href="{page}" style=' in html
    assert "late" not in text


def test_a_follow_up_passes_on_no_links_of_somebody_without_an_account(
    db: DbSession, links: Links, cycle: Cycle
) -> None:
    session = session_of(db, cycle)
    sara = db.exec(select(Person).where(Person.name == "Sara")).one()
    giver = guest_of(db, cycle.id, sara.id)
    for title in ("My talk www.evil.example", "evil.example"):
        db.add(
            Material(session_id=session.id, kind="slides", title=title, file="x", given_by=giver.id)
        )
    db.flush()
    _, text, html = mail(db, links, queued(db, cycle, after=True))
    assert "\nMaterials\n\n  My talk\n  Slides\n" in text
    assert "evil" not in html


def test_a_follow_up_without_materials(db: DbSession, links: Links, cycle: Cycle) -> None:
    _, text, _ = mail(db, links, queued(db, cycle, after=True))
    assert "\nWhen there are materials, you will find them on your page.\n" in text
    assert "join" not in text


@pytest.mark.parametrize("anonymous", [True, False])
def test_a_follow_up_asks_for_feedback(
    db: DbSession, links: Links, cycle: Cycle, anonymous: bool
) -> None:
    session = session_of(db, cycle)
    form = form_in(anonymous=anonymous, days=3)
    feedback_forms.save_form(db, SYSTEM, session.id, form)
    message = queued(db, cycle, after=True)
    page = enrolment_page(db, links, cycle)
    _, text, html = mail(db, links, message)
    named = "The organizers see your name with your answers."
    unnamed = "Your name is not kept with your answers."
    assert (unnamed in text, named in text) == (anonymous, not anonymous)
    assert "Open until Friday 4 December 2026, 16:30, Madrid time." in text
    assert f"\nGive feedback:\n{page}/sessions/1/feedback\n" in text
    (button,) = re.findall(r'href="([^"]+)" style="display:inline-block', html)
    assert button == f"{page}/sessions/1/feedback"
    assert f'href="{page}" style=' in html  # the page itself is still there, quietly
    speaker = queued(db, cycle, "Sara", after=True)
    assert "feedback" not in mail(db, links, speaker)[1]  # she takes no part
    _, late, _ = mail(db, links, message, session.ends_at + timedelta(days=3))
    assert "/feedback" not in late
    enrolment = db.exec(select(Enrolment)).one()
    asked = feedback.paper_of(db, enrolment, 1).questions
    feedback.give(db, enrolment, 1, {asked[0].id: ["4"]}, message.due_at)
    _, text, html = mail(db, links, message)
    assert "/feedback" not in text + html
    (button,) = re.findall(r'href="([^"]+)" style="display:inline-block', html)
    assert button == page


def test_own_words_stand_in_place_of_the_house_s(db: DbSession, links: Links, cycle: Cycle) -> None:
    db.add(
        MailText(
            cycle_id=cycle.id,
            kind="reminder",
            language="en",
            subject="{number}. {session}: {time}",
            text="See you on {date}, <b>{name}</b>!\nat {time}, {zone}\n\nYours, {organizer} {x}",
        )
    )
    db.flush()
    parsed, text, html = mail(db, links, queued(db, cycle))
    assert parsed["Subject"] == "1. Session 1: 15:00–16:30"
    assert (
        "Hello Ana,\n\nSee you on Tuesday 1 December 2026, <b>Ana</b>!\n"
        "at 15:00–16:30, Madrid time\n\nYours, ECLAC {x}\n\nJoin the session:\n"
    ) in text
    assert "&lt;b&gt;Ana&lt;/b&gt;!<br>at 15:00" in html
    assert "reminder of a session" not in text


def test_a_name_that_is_none_is_not_passed_on(db: DbSession, links: Links, cycle: Cycle) -> None:
    message = queued(db, cycle)
    message.to_name = "{link} http://evil.example"
    db.add(MailText(cycle_id=cycle.id, kind="reminder", language="en", subject="Dear {name}: soon"))
    db.flush()
    parsed, text, _ = mail(db, links, message)
    assert parsed["Subject"] == "Dear: soon"
    assert parsed["To"] == message.to_address
    assert "evil" not in text


def _cancel(db: DbSession, cycle: Cycle) -> None:
    session_of(db, cycle).status = "cancelled"
    publish(db, cycle)


def _move(db: DbSession, cycle: Cycle) -> None:
    session = session_of(db, cycle)
    session.wall_start += HOUR
    session.starts_at += HOUR
    session.ends_at += HOUR
    publish(db, cycle)


def _withdraw(db: DbSession, cycle: Cycle) -> None:
    db.exec(select(Enrolment).where(Enrolment.cycle_id == cycle.id)).one().status = "withdrawn"
    db.flush()


def _decline(db: DbSession, cycle: Cycle) -> None:
    session = session_of(db, cycle)
    message = db.exec(select(Message).where(Message.to_name == "Ana")).one()
    assert message.guest_id is not None
    db.add(
        Invitation(
            guest_id=message.guest_id, session_id=session.id, uid=session.uid, answer="declined"
        )
    )
    db.flush()


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (_cancel, Reason.MOVED),
        (_move, Reason.MOVED),
        (_withdraw, Reason.MOOT),
        (_decline, Reason.MOOT),
    ],
)
def test_what_no_longer_holds_is_not_sent(
    db: DbSession, links: Links, cycle: Cycle, happens: Any, reason: Reason
) -> None:
    message = queued(db, cycle)
    happens(db, cycle)
    with pytest.raises(SendError) as raised:
        compose(db, links, SENDER, message, message.due_at)
    assert (raised.value.reason, raised.value.final) == (reason, True)


def _answer(answer: str) -> Any:
    def happens(db: DbSession, cycle: Cycle) -> None:
        session = session_of(db, cycle)
        for guest in db.exec(select(Guest)):
            values: dict[str, Any] = {
                "guest_id": guest.id,
                "session_id": session.id,
                "uid": session.uid,
            }
            db.add(Invitation(**values, answer=answer))
        db.flush()

    return happens


def _confirm(db: DbSession, cycle: Cycle) -> None:
    db.exec(select(Part)).one().status = "confirmed"
    db.flush()


@pytest.mark.parametrize(
    ("name", "audience", "happens", "goes"),
    [
        ("Ana", "unanswered", _answer(""), True),
        ("Ana", "unanswered", _answer("accepted"), False),
        ("Ana", "all", _answer("accepted"), True),
        ("Sara", "unanswered", _confirm, False),
        ("Sara", "speakers", _confirm, True),
    ],
)
def test_who_has_answered_meanwhile_may_not_be_meant_any_more(
    db: DbSession, links: Links, cycle: Cycle, name: str, audience: str, happens: Any, goes: bool
) -> None:
    for row in db.exec(select(Reminder)):
        row.audience = audience
    message = queued(db, cycle, name)
    happens(db, cycle)
    if goes:
        assert mail(db, links, message)[0]["To"] == f"{name} <{message.to_address}>"
        return
    with pytest.raises(SendError) as raised:
        compose(db, links, SENDER, message, message.due_at)
    assert (raised.value.reason, raised.value.final) == (Reason.MOOT, True)


def test_after_the_start_it_says_that_it_has_begun(
    db: DbSession, links: Links, cycle: Cycle
) -> None:
    message = queued(db, cycle)
    starts = session_of(db, cycle).starts_at
    heads = [
        (parsed["Subject"], text.splitlines()[0], f">{text.splitlines()[0]}<" in html)
        for at in (starts - timedelta(seconds=1), starts)
        for parsed, text, html in [mail(db, links, message, at)]
    ]
    when = "Session 1, Tuesday 1 December 2026, 15:00"
    assert heads == [
        (f"Reminder: {when}", "Your session is coming up", True),
        (f"It has begun: {when}", "Your session has begun", True),
    ]


def test_nobody_is_reminded_of_what_is_over(db: DbSession, links: Links, cycle: Cycle) -> None:
    message = queued(db, cycle)
    with pytest.raises(SendError) as raised:
        compose(db, links, SENDER, message, session_of(db, cycle).ends_at)
    assert raised.value.reason is Reason.MOOT


def test_a_draft_of_another_time_changes_nothing(db: DbSession, links: Links, cycle: Cycle) -> None:
    message = queued(db, cycle)
    session_of(db, cycle).starts_at += HOUR
    db.flush()
    _, text, _ = mail(db, links, message)
    assert "15:00–16:30, Madrid time" in text


WARNING = "You need this session to complete the cycle: you may not miss it."
RULE = {"min_sessions": 1, "of": 1, "min_percent_of_each": 70, "warn": True}


@pytest.mark.parametrize(
    ("rule", "name", "said"),
    [
        (RULE, "Ana", True),
        ({**RULE, "warn": False}, "Ana", False),
        (None, "Ana", False),
        (RULE, "Sara", False),
    ],
)
def test_who_may_not_miss_a_session_is_told_if_it_is_wanted(
    db: DbSession, links: Links, cycle: Cycle, rule: dict[str, Any] | None, name: str, said: bool
) -> None:
    cycle.completion_rule = rule
    db.flush()
    _, text, html = mail(db, links, queued(db, cycle, name))
    assert ((WARNING in text), (WARNING in html)) == (said, said)
