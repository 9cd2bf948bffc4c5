"""Somebody who takes part and speaks is written to in one way, whatever the mail."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from sqlmodel import select

from app.db import DbSession
from app.domain.enrolment import EnrolmentStatus
from app.mail.values import Sender
from app.models import Cycle, Message, Person, Reminder
from app.services import part_requests, publishing, reminders
from app.services.actor import SYSTEM
from app.services.feed_calendars import feed_calendar
from app.services.feeds import subscriber_of
from app.services.guests import guest_of
from app.services.links import Links, Purpose
from app.worker.compose import compose
from tests.factories import NOW, Make

SENDER = Sender("convoca@example.org", "Convoca")
START = datetime(2026, 12, 1, 14, tzinfo=UTC)
HOURS = {"15:00–16:30": "Madrid", "11:00–12:30": "São Paulo", "09:00–10:30": "Bogotá"}


def told(db: DbSession, links: Links, cycle: Cycle) -> dict[str, tuple[str, str, str]]:
    """What is said of them in each kind of mail: name, language, zone."""
    since = NOW - timedelta(days=90)
    db.add(Reminder(cycle_id=cycle.id, anchor="start", minutes=60, audience="all", since=since))
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, invite=True, now=NOW)
    part_requests.ask(db, SYSTEM, cycle.id, NOW)
    reminders.run_due(db, START - timedelta(minutes=59))
    found = {}
    for message in db.exec(select(Message)):
        raw = compose(db, links, SENDER, message, message.due_at).raw
        mail = message_from_bytes(raw, EmailMessage, policy=default)
        body = mail.get_body(("plain",))
        assert body is not None
        (zone,) = (zone for hours, zone in HOURS.items() if f"\n  {hours}, " in body.get_content())
        found[message.kind] = (mail["To"].addresses[0].display_name, message.language, zone)
    return found


@pytest.mark.parametrize(
    ("status", "manner"),
    [
        (EnrolmentStatus.CONFIRMED, ("Ana R.", "en", "Madrid")),
        (EnrolmentStatus.PENDING, ("Ana Ruiz", "pt", "São Paulo")),
        (EnrolmentStatus.WITHDRAWN, ("Ana Ruiz", "pt", "São Paulo")),
    ],
)
def test_one_manner_in_every_mail_and_in_the_calendar(
    db: DbSession,
    make: Make,
    links: Links,
    status: EnrolmentStatus,
    manner: tuple[str, str, str],
) -> None:
    cycle = make.cycle(language="es", slug="x")
    ana = make.person(name="Ana Ruiz", language="pt", zone="America/Sao_Paulo")
    make.part(make.segment(make.session(cycle), minutes=90), ana)
    make.enrolment(cycle, ana, status=status, name="Ana R.", language="en", zone="Europe/Madrid")

    assert told(db, links, cycle) == dict.fromkeys(
        ("invitation", "part-request", "reminder"), manner
    )
    guest = guest_of(db, cycle.id, ana.id)
    who = subscriber_of(db, links, links.token(Purpose.GUEST_FEED, guest.id, 1))
    body = feed_calendar(db, links, who, "", NOW).body.decode().replace("\r\n ", "")
    assert who.language == manner[1]
    assert manner[2] in body.partition("DESCRIPTION:")[2].partition("\r\n")[0]


def test_whoever_said_nothing_is_written_to_as_the_cycle_has_it(
    db: DbSession, make: Make, links: Links
) -> None:
    cycle = make.cycle(language="es")
    make.part(make.segment(make.session(cycle), minutes=90), make.person(name="Ana Ruiz"))
    assert db.exec(select(Person.zone)).all() == [""]
    kinds = ("invitation", "part-request", "reminder")
    assert told(db, links, cycle) == dict.fromkeys(kinds, ("Ana Ruiz", "es", "Bogotá"))
