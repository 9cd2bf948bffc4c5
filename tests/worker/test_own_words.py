"""Organizers' own words in every kind of mail: as they were looked at, so they go out."""

from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from sqlmodel import select

from app.db import DbSession
from app.domain.schedule import Session
from app.mail.samples import NAME
from app.mail.values import Sender
from app.models import (
    Cycle,
    Enrolment,
    MailText,
    Message,
    Part,
    Person,
)
from app.schemas.mail_text import MailTextIn
from app.services import mail_texts, outbox, publishing
from app.services.actor import SYSTEM
from app.services.guests import guest_of
from app.services.links import Links
from app.services.mail_previews import preview
from app.services.schedules import released_schedule
from app.worker.compose import compose
from tests.factories import NOW, Make

SENDER = Sender("convoca@example.org", "Convoca")
HOUR = timedelta(hours=1)


@pytest.fixture
def cycle(db: DbSession, make: Make) -> Cycle:
    """One session; Ana, who lives where it is at home, takes part and is asked to speak."""
    cycle = make.cycle(language="en", title={"en": "Clusters"})
    make.carries(cycle, make.institution(name="ECLAC"))
    ana = make.person(name=NAME, language="en", zone=cycle.zone)
    make.part(make.segment(make.session(cycle, 1)), ana, status="invited")
    make.enrolment(cycle, ana)
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    return cycle


def queued(db: DbSession, cycle: Cycle, session: Session, kind: str) -> Message:
    ana = db.exec(select(Person)).one()
    enrolment = db.exec(select(Enrolment)).one()
    guest_id = guest_of(db, cycle.id, ana.id).id
    return outbox.enqueue(
        db,
        kind=kind,
        intent=kind,
        to_name=NAME,
        to_address="ana@example.org",
        language="en",
        cycle_id=cycle.id,
        guest_id=guest_id,
        session_id=session.id,
        release_number=1,
        now=NOW,
        context={
            "enrolment_id": enrolment.id,
            "certificate_id": Make(db).certificate(enrolment).id,
            "person_id": ana.id,
            "guest_id": guest_id,
            "session_id": session.id,
            "release": 1,
            "method": "CANCEL" if kind == outbox.CANCEL else "REQUEST",
            "why": "cancelled" if kind == outbox.CANCEL else "new",
            "sequence": 0,
            "stamp": NOW.isoformat(),
            "starts": session.starts.isoformat(),
            "ends": session.ends.isoformat(),
            "due": NOW.isoformat(),
        },
    )


@pytest.mark.parametrize("kind", mail_texts.KINDS)
def test_a_mail_fills_the_same_placeholders_as_its_preview(
    db: DbSession, links: Links, cycle: Cycle, kind: str
) -> None:
    names = [name for name in mail_texts.placeholders(kind) if name != "link"]
    words = "\n".join(f"{name}: [{{{name}}}]" for name in names)
    new = MailTextIn(subject="{cycle} {organizer}", text=f"{words}\nlink: {{link}} .")
    seen = preview(db, links, cycle, kind, "en", new, NOW)
    db.add(MailText(cycle_id=cycle.id, kind=kind, language="en", **new.model_dump()))
    schedule = released_schedule(db, cycle.id)
    assert schedule is not None
    (session,) = schedule.sessions

    raw = compose(db, links, SENDER, queued(db, cycle, session, kind), NOW).raw

    mail = message_from_bytes(raw, EmailMessage, policy=default)
    body = mail.get_body(("plain",))
    assert body is not None
    values = {
        "name": NAME,
        "cycle": "Clusters",
        "session": "Session 1",
        "number": "1",
        "date": "Tuesday 1 December 2026",
        "time": "09:00–10:30",
        "zone": "Bogotá time",
        "organizer": "ECLAC",
    }
    filled = "\n".join(f"{name}: [{values[name]}]" for name in names)
    for text in (seen.text, body.get_content().replace("\r\n", "\n")):
        assert f"{filled}\nlink: http" in text
    assert mail["Subject"] == seen.subject == "Clusters ECLAC"


@pytest.mark.parametrize("released", [False, True])
def test_a_part_is_asked_for_in_the_name_of_the_organizers(
    db: DbSession, links: Links, make: Make, released: bool
) -> None:
    cycle = make.cycle(language="en")
    make.carries(cycle, make.institution(name="ECLAC"))
    make.part(make.segment(make.session(cycle, 1)), make.person(name=NAME), status="invited")
    if released:
        publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    db.add(
        MailText(cycle_id=cycle.id, kind="part-request", language="en", subject="By {organizer}")
    )
    guest_id = guest_of(db, cycle.id, db.exec(select(Part)).one().person_id).id
    message = outbox.enqueue(
        db,
        kind="part-request",
        intent="x",
        to_name=NAME,
        to_address="ana@example.org",
        language="en",
        cycle_id=cycle.id,
        guest_id=guest_id,
        context={"guest_id": guest_id},
        now=NOW,
    )
    raw = compose(db, links, SENDER, message, NOW).raw
    assert b"\r\nSubject: By ECLAC\r\n" in raw
