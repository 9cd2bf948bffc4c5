"""Invitations from rows: what each reader gets to read and what their calendar gets."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.documents import to_document
from app.domain.ids import new_id
from app.languages import zone_label
from app.mail.failures import Reason, SendError
from app.mail.values import Mail, Sender
from app.models import Cycle, Enrolment, Guest, MailText, Message, Part, Person, Release, Session
from app.services.links import Links
from app.services.schedules import draft_schedule
from app.worker.compose import compose
from app.worker.kept import Kept
from tests.calendar import ical_oracles as oracles
from tests.calendar import ical_strict as strict
from tests.factories import NOW, Make

SENDER = Sender("convoca@example.org", "Convoca")
STAMP = "2026-11-23T15:00:00Z"


@dataclass
class Read:
    """A mail as its reader's program takes it apart."""

    mail: EmailMessage
    text: str
    html: str
    calendar: bytes

    @property
    def event(self) -> strict.Component:
        (event,) = strict.parse(self.calendar).all("VEVENT")
        return event


def read(mail: Mail) -> Read:
    parsed = message_from_bytes(mail.raw, EmailMessage, policy=default)
    plain, html, calendar, attachment = (p for p in parsed.walk() if not p.is_multipart())
    assert parsed.defects == []
    data = calendar.get_payload(decode=True)
    assert isinstance(data, bytes)
    assert attachment.get_payload(decode=True) == data
    assert calendar["Content-Type"].params["method"] == strict.parse(data)["METHOD"]
    return Read(parsed, plain.get_content().replace("\r\n", "\n"), html.get_content(), data)


def release(db: DbSession, cycle: Cycle) -> int:
    """Publishes the draft; the number of the release."""
    db.flush()
    cycle.release_number += 1
    document = to_document(draft_schedule(db, cycle.id).without_meeting_links())
    db.add(Release(cycle_id=cycle.id, number=cycle.release_number, document=document))
    db.flush()
    return cycle.release_number


def guest(db: DbSession, cycle: Cycle, person: Person) -> Guest:
    row = Guest(cycle_id=cycle.id, person_id=person.id, reply_code=f"code{person.id[-8:]}")
    db.add(row)
    db.flush()
    return row


def queue(
    db: DbSession, cycle: Cycle, to: Guest, session: Session, kind: str = "invitation", **more: Any
) -> Message:
    """A row as the ledger writes it; `more` goes into the context or is a column."""
    columns: dict[str, Any] = {
        "to_name": "Ana Ruiz",
        "to_address": "ana@example.org",
        "language": "en",
    }
    columns |= {key: more.pop(key) for key in list(more) if key in columns}
    identity = new_id()
    message = Message(
        id=identity,
        intent=identity,
        message_id=f"<{identity}@example.org>",
        kind=kind,
        cycle_id=cycle.id,
        guest_id=to.id,
        session_id=session.id,
        release_number=cycle.release_number,
        created_at=NOW,
        context={
            "guest_id": to.id,
            "session_id": session.id,
            "release": cycle.release_number,
            "method": "CANCEL" if kind == "invitation-cancel" else "REQUEST",
            "why": "new",
            "sequence": 0,
            "stamp": STAMP,
            "created": STAMP,
            "partstat": "NEEDS-ACTION",
            "starts": session.starts_at.isoformat(),
            "ends": session.ends_at.isoformat(),
            "was_starts": "",
            "was_ends": "",
            "note": "",
            **more,
        },
        **columns,
    )
    db.add(message)
    db.flush()
    return message


@dataclass
class World:
    cycle: Cycle
    session: Session
    enrolment: Enrolment
    guest: Guest


@pytest.fixture
def world(db: DbSession, make: Make) -> World:
    """A published cycle with one session and one participant, who lives in Madrid."""
    cycle = make.cycle(
        title={"en": "Cluster & territory", "es": "Clúster y territorio"},
        contact_email="help@example.org",
        language="en",
    )
    make.carries(cycle, make.institution(name="ECLAC"))
    session = make.session(
        cycle, 3, title={"en": "Governance <now>", "es": "Gobernanza", "pt": "Governança"}
    )
    panel = make.segment(session, 0, kind="panel", title="", minutes=40)
    make.part(panel, make.person(name="Rosa Díaz", position="Director"), "moderator")
    make.part(panel, make.person(name="Ivo Sá"), "panelist", institution="BNDES")
    enrolment = make.enrolment(cycle, zone="Europe/Madrid", language="en")
    person = db.get(Person, enrolment.person_id)
    assert person is not None
    release(db, cycle)
    return World(cycle, session, enrolment, guest(db, cycle, person))


def composed(db: DbSession, links: Links, message: Message) -> Read:
    return read(compose(db, links, SENDER, message, NOW))


def test_an_invitation(db: DbSession, links: Links, world: World) -> None:
    found = composed(db, links, queue(db, world.cycle, world.guest, world.session))
    page = links.my(world.enrolment.id, 1)
    assert found.mail["Subject"] == "Invitation: Governance <now>, Tuesday 15 December 2026, 15:00"
    assert found.mail["Reply-To"] == f"convoca+{world.guest.reply_code}@example.org"
    assert found.mail["Auto-Submitted"] is None
    assert found.text == (
        f"""\
You are invited

Cluster & territory

  Tuesday 15 December 2026
  15:00–16:30, Madrid time
  (09:00–10:30, Bogotá time)
  3. Governance <now>

Hello Ana Ruiz,

This mail puts the session into your calendar. Please say whether you will come.

Will you come?

  Yes: {page}/sessions/3/answer?answer=accepted
  Maybe: {page}/sessions/3/answer?answer=tentative
  No: {page}/sessions/3/answer?answer=declined

Your way in
When it begins, enter by this link. It stays the same, also if the room changes.
{page}/sessions/3/join

This link is yours alone: whoever has it can act for you. Please do not pass it on.

Who is on
  Rosa Díaz, Director (moderator)
  Ivo Sá, BNDES (panelist)

Open your page:
{page}

--
You get this mail because you are enrolled in “Cluster & territory”.

Questions? Write to help@example.org.
"""
    )
    assert re.findall(r'href="([^"]+)"', found.html) == [
        f"{page}/sessions/3/answer?answer=accepted",
        f"{page}/sessions/3/answer?answer=tentative",
        f"{page}/sessions/3/answer?answer=declined",
        f"{page}/sessions/3/join",
        page,
    ]
    assert "3. Governance &lt;now&gt;" in found.html
    assert "src=" not in found.html
    join = f"{page}/sessions/3/join"
    written = strict.logical_lines(found.calendar)
    assert written[written.index("BEGIN:VEVENT") :] == [
        "BEGIN:VEVENT",
        f"UID:{world.session.uid}",
        "DTSTAMP:20261123T150000Z",
        "CREATED:20261123T150000Z",
        "LAST-MODIFIED:20261123T150000Z",
        "SEQUENCE:0",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        "DTSTART;TZID=America/Bogota:20261215T090000",
        "DTEND;TZID=America/Bogota:20261215T103000",
        "SUMMARY:Governance <now>",
        r"DESCRIPTION:Cluster & territory\n\nWith:\n– Rosa Díaz\, Director (moderator)"
        rf"\n– Ivo Sá\, BNDES (panelist)\n\n{join}",
        f"LOCATION:{join}",
        f"URL:{join}",
        f"CONFERENCE;VALUE=URI;FEATURE=AUDIO,VIDEO:{join}",
        f'ORGANIZER;CN="ECLAC":mailto:convoca+{world.guest.reply_code}@example.org',
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE"
        ';CN="Ana Ruiz":mailto:ana@example.org',
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:In 15 minutes: Governance <now>",
        "TRIGGER:-PT15M",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    ]


@pytest.mark.parametrize(
    ("language", "zone", "date", "hours", "title"),
    [
        ("en", "Asia/Tokyo", "Tuesday 15 December 2026", "23:00–00:30", "Governance <now>"),
        ("es", "America/Bogota", "Martes 15 de diciembre de 2026", "09:00–10:30", "Gobernanza"),
        ("pt", "America/Sao_Paulo", "Terça-feira, 15 de dezembro de 2026", "11:00–12:30",
         "Governança"),
    ],
)  # fmt: skip
def test_in_the_readers_language_and_zone(
    db: DbSession,
    links: Links,
    world: World,
    language: str,
    zone: str,
    date: str,
    hours: str,
    title: str,
) -> None:
    world.enrolment.zone = zone
    db.flush()
    found = composed(
        db, links, queue(db, world.cycle, world.guest, world.session, language=language)
    )
    shown = found.text.splitlines()[4:6]
    assert shown == [f"  {date}", f"  {hours}, {zone_label(zone, language)}"]
    assert f"3. {title}\n" in found.text
    at_home = f"(09:00–10:30, {zone_label('America/Bogota', language)})"
    assert (at_home in found.text) is (zone != "America/Bogota")
    assert found.mail["Content-Language"] == language
    assert found.event["DTSTART"] == "20261215T090000"  # the session's own zone, for everybody
    assert found.event["SUMMARY"] == title


@pytest.fixture
def speaker(db: DbSession, make: Make, world: World) -> tuple[Guest, Part]:
    """Somebody who opens, then sits in the panel; not a participant."""
    person = make.person(name="Ana Ruiz", zone="America/Lima", language="en")
    opening = make.segment(world.session, 1, kind="opening", title="Welcome", minutes=10)
    part = make.part(opening, person, "host")
    [panel] = [s for s in draft_schedule(db, world.cycle.id).sessions[0].segments if not s.title]
    db.add(
        Part(session_id=world.session.id, segment_id=panel.id, person_id=person.id, role="panelist")
    )
    release(db, world.cycle)
    return guest(db, world.cycle, person), part


def test_somebody_on_the_programme(
    db: DbSession, links: Links, world: World, speaker: tuple[Guest, Part]
) -> None:
    found = composed(db, links, queue(db, world.cycle, speaker[0], world.session))
    page = links.part(speaker[0].id, 1)
    assert found.text == (
        f"""\
You have a part in this session

Cluster & territory

  Tuesday 15 December 2026
  09:00–10:30, Lima time
  3. Governance <now>

Hello Ana Ruiz,

You are on the programme. This mail puts the session into your calendar; please say whether you \
will be there.

Your part

  09:00–09:40, Lima time
  Panel (panelist)
  With:
    Rosa Díaz, Director (moderator)
    Ivo Sá, BNDES (panelist)

  09:40–09:50, Lima time
  Welcome (host)

Will you be there?

  Yes: {page}/sessions/3/answer?answer=accepted
  Maybe: {page}/sessions/3/answer?answer=tentative
  No: {page}/sessions/3/answer?answer=declined

Your way in
You enter the session and meet the others beforehand by this link. It stays the same, also if \
the room changes.
{page}/sessions/3/join

This link is yours alone: whoever has it can act for you. Please do not pass it on.

Who is on
  Rosa Díaz, Director (moderator)
  Ivo Sá, BNDES (panelist)
  Ana Ruiz (panelist, host)

Open your page:
{page}

--
You get this mail because you have a part in “Cluster & territory”.

Questions? Write to help@example.org.
"""
    )
    assert found.event.line("DESCRIPTION").text == (
        f"""\
Cluster & territory

Your part (Lima time):
– 09:00–09:40 Panel (panelist)
   With: Rosa Díaz, Director (moderator); Ivo Sá, BNDES (panelist)
– 09:40–09:50 Welcome (host)

With:
– Rosa Díaz, Director (moderator)
– Ivo Sá, BNDES (panelist)
– Ana Ruiz (panelist, host)

{page}/sessions/3/join"""
    )
    assert found.event["LOCATION"] == found.event["URL"] == f"{page}/sessions/3/join"


def test_a_part_that_was_declined_is_not_told(
    db: DbSession, links: Links, world: World, speaker: tuple[Guest, Part]
) -> None:
    message = queue(db, world.cycle, speaker[0], world.session)
    speaker[1].status = "declined"
    db.flush()
    assert "Welcome" not in composed(db, links, message).text


def test_who_declined_every_part_and_takes_part_is_a_participant(
    db: DbSession, links: Links, make: Make, world: World, speaker: tuple[Guest, Part]
) -> None:
    person = db.get(Person, speaker[0].person_id)
    enrolment = make.enrolment(world.cycle, person, zone="America/Lima")
    for part in db.exec(select(Part).where(col(Part.person_id) == speaker[0].person_id)):
        part.status = "declined"
    db.flush()
    found = composed(db, links, queue(db, world.cycle, speaker[0], world.session))
    assert found.event["URL"] == links.my(enrolment.id, 1, "/sessions/3/join")
    assert "You are invited" in found.text


def test_an_update_says_the_old_and_the_new_time(db: DbSession, links: Links, world: World) -> None:
    session = world.session
    was = {"was_starts": session.starts_at.isoformat(), "was_ends": session.ends_at.isoformat()}
    moved = timedelta(days=1, hours=2)
    session.wall_start += moved
    session.starts_at += moved
    session.ends_at += moved
    release(db, world.cycle)
    message = queue(
        db, world.cycle, world.guest, session, "invitation-update", why="changed", sequence=1, **was
    )
    found = composed(db, links, message)
    assert found.mail["Subject"] == "New time: Governance <now>, Wednesday 16 December 2026, 17:00"
    assert found.text.startswith(
        """\
The session has a new time

Cluster & territory

  Wednesday 16 December 2026
  17:00–18:30, Madrid time
  (11:00–12:30, Bogotá time)
  3. Governance <now>

Before: Tuesday 15 December 2026, 15:00–16:30, Madrid time

Hello Ana Ruiz,

This mail moves the session in your calendar. Please say whether you can come at the new time.

Will you come?
"""
    )
    assert "Before: Tuesday 15 December 2026, 15:00–16:30, Madrid time" in found.html
    assert found.event["SEQUENCE"] == "1"
    assert found.event["DTSTART"] == "20261216T110000"


def test_an_update_of_the_rest_says_what_is_different(
    db: DbSession, links: Links, make: Make, world: World
) -> None:
    session = world.session
    same = {"was_starts": session.starts_at.isoformat(), "was_ends": session.ends_at.isoformat()}
    session.title = {"en": "Governance, again"}
    session.description = {"en": "All of it."}
    make.part(make.segment(session, 5), make.person(name="New Face"))
    release(db, world.cycle)
    message = queue(
        db, world.cycle, world.guest, session, "invitation-update",
        why="changed", partstat="ACCEPTED", **same,
    )  # fmt: skip
    found = composed(db, links, message)
    assert found.mail["Subject"] == "Updated: Governance, again, Tuesday 15 December 2026, 15:00"
    assert found.text.startswith(
        """\
Something about this session is different

Cluster & territory

  Tuesday 15 December 2026
  15:00–16:30, Madrid time
  (09:00–10:30, Bogotá time)
  3. Governance, again

Hello Ana Ruiz,

The time stays as it was. This mail brings your calendar up to date.

It has another title. Before, it was “Governance <now>”.
Who is on is different.
The description is different.

Will you come?
You said yes. If that has changed, tell us here.
"""
    )
    assert "“Governance &lt;now&gt;”" in found.html
    assert found.event.line("ATTENDEE").params["PARTSTAT"] == "ACCEPTED"


def test_an_update_names_all_that_an_entry_says_otherwise(
    db: DbSession, links: Links, world: World
) -> None:
    session = world.session
    same = {"was_starts": session.starts_at.isoformat(), "was_ends": session.ends_at.isoformat()}
    session.number = 7
    world.cycle.title = {"en": "Clusters"}
    session.zone = "America/Lima"  # the same hours as in Bogotá
    release(db, world.cycle)
    message = queue(
        db, world.cycle, world.guest, session, "invitation-update", why="changed", **same
    )
    found = composed(db, links, message)
    lines = found.text.split("up to date.\n\n")[1].split("\n\n")[0].splitlines()
    assert lines == [
        "The cycle has another name: “Clusters”.",
        "It is session 7 of the cycle now.",
        "Its hours are those of Lima now.",
    ]


def shifted(db: DbSession, links: Links, world: World, to: Guest) -> Read:
    """An update after newer zone data for Bogotá: the same hour there, two hours later than by the
    data of when it was published."""
    session, by = world.session, timedelta(hours=2)
    session.starts_at -= by
    session.ends_at -= by
    release(db, world.cycle)
    was = {"was_starts": session.starts_at.isoformat(), "was_ends": session.ends_at.isoformat()}
    session.starts_at += by
    session.ends_at += by
    release(db, world.cycle)
    more: dict[str, Any] = {"kind": "invitation-update", "why": "changed", **was}
    return composed(db, links, queue(db, world.cycle, to, session, **more))


CLOCKS = "The rules for the clocks in Bogotá have changed."


def test_newer_zone_data_is_another_time_for_who_is_elsewhere(
    db: DbSession, links: Links, world: World
) -> None:
    found = shifted(db, links, world, world.guest)
    assert found.mail["Subject"] == "New time: Governance <now>, Tuesday 15 December 2026, 15:00"
    assert "Before: Tuesday 15 December 2026, 13:00–14:30, Madrid time" in found.text
    assert CLOCKS in found.text


def test_newer_zone_data_is_no_other_time_where_the_session_is_at_home(
    db: DbSession, links: Links, make: Make, world: World
) -> None:
    at_home = make.person(name="Bea", zone="America/Bogota")
    make.enrolment(world.cycle, at_home, zone="America/Bogota")
    found = shifted(db, links, world, guest(db, world.cycle, at_home))
    assert found.mail["Subject"].startswith("Updated: Governance <now>, Tuesday 15 December 2026")
    assert "Before:" not in found.text
    assert CLOCKS in found.text


def test_a_part_that_moves_with_its_session_is_not_called_different(
    db: DbSession, links: Links, world: World, speaker: tuple[Guest, Part]
) -> None:
    session = world.session
    was = {"was_starts": session.starts_at.isoformat(), "was_ends": session.ends_at.isoformat()}
    session.wall_start += timedelta(hours=1)
    session.starts_at += timedelta(hours=1)
    session.ends_at += timedelta(hours=1)
    release(db, world.cycle)
    more: dict[str, Any] = {"kind": "invitation-update", "why": "changed", **was}
    found = composed(db, links, queue(db, world.cycle, speaker[0], session, **more))
    assert "Your part is different" not in found.text
    assert "10:40–10:50, Lima time\n  Welcome" in found.text
    speaker[1].role = "moderator"
    release(db, world.cycle)
    found = composed(db, links, queue(db, world.cycle, speaker[0], session, **more))
    assert "Your part is different: please look at it below.\n" in found.text


@pytest.mark.parametrize(
    ("why", "subject", "headline", "words"),
    [
        (
            "cancelled",
            "Cancelled: Governance <now>, Tuesday 15 December 2026",
            "This session will not take place",
            "The session was cancelled. This mail takes it out of your calendar; there is nothing "
            "for you to do.",
        ),
        (
            "left",
            "No longer in your calendar: Governance <now>, Tuesday 15 December 2026",
            "This session is no longer in your calendar",
            "You are no longer expected in this session. This mail takes it out of your calendar; "
            "there is nothing for you to do.",
        ),
        (
            "address",
            "No longer in your calendar: Governance <now>, Tuesday 15 December 2026",
            "This session is no longer in your calendar",
            "Your invitations go to another address from now on. This mail takes the session out "
            "of the calendar at this one.",
        ),
    ],
)
def test_a_cancellation(
    db: DbSession, links: Links, world: World, why: str, subject: str, headline: str, words: str
) -> None:
    message = queue(
        db, world.cycle, world.guest, world.session, "invitation-cancel",
        why=why, sequence=4, to_address="old@example.org",
    )  # fmt: skip
    found = composed(db, links, message)
    assert found.mail["Subject"] == subject
    label = "It was to be:" if why == "cancelled" else "It was in your calendar:"
    assert found.text == (
        f"""\
{headline}

Cluster & territory

{label}
  Tuesday 15 December 2026
  15:00–16:30, Madrid time
  (09:00–10:30, Bogotá time)
  3. Governance <now>

Hello Ana Ruiz,

{words}

--
You get this mail because this session of “Cluster & territory” was in your calendar.

Questions? Write to help@example.org.
"""
    )
    assert "href=" not in found.html
    assert found.html.count("<s>") == (2 if why == "cancelled" else 0)  # both zones' times
    event = found.event
    assert event["STATUS"] == "CANCELLED"
    assert event["SEQUENCE"] == "4"
    assert event["ATTENDEE"] == "mailto:old@example.org"
    assert event["SUMMARY"] == "Cancelled: Governance <now>"
    assert {"LOCATION", "URL", "CONFERENCE"} & set(event.names) == set()
    assert event.parts == []
    assert oracles.Libical().allowed(found.calendar)


@pytest.mark.parametrize("why", ["cancelled", "left", "address"])
def test_own_words_of_a_cancellation_are_for_a_session_that_is_off(
    db: DbSession, links: Links, world: World, why: str
) -> None:
    db.add(
        MailText(
            cycle_id=world.cycle.id,
            kind="invitation-cancel",
            language="en",
            subject="It is off",
            text="We are sorry: nothing comes of it.",
        )
    )
    message = queue(
        db, world.cycle, world.guest, world.session, "invitation-cancel", why=why, sequence=4
    )
    found = composed(db, links, message)
    own = (found.mail["Subject"] == "It is off", "We are sorry" in found.text)
    assert own == (why == "cancelled", why == "cancelled")


def test_a_cancellation_has_the_time_that_they_knew(
    db: DbSession, links: Links, world: World
) -> None:
    had = world.session.starts_at - timedelta(days=2)
    times = {"starts": had.isoformat(), "ends": (had + timedelta(hours=1)).isoformat()}
    found = composed(
        db, links,
        queue(
            db, world.cycle, world.guest, world.session, "invitation-cancel", why="left", **times
        ),
    )  # fmt: skip
    assert (found.event["DTSTART"], found.event["DTEND"]) == ("20261213T090000", "20261213T100000")
    assert "  Sunday 13 December 2026\n  15:00–16:00, Madrid time\n" in found.text


def test_the_same_row_gives_the_same_bytes(db: DbSession, links: Links, world: World) -> None:
    kept = Kept()
    for kind in ("invitation", "invitation-update", "invitation-cancel"):
        message = queue(db, world.cycle, world.guest, world.session, kind, why="cancelled")
        first = compose(db, links, SENDER, message, NOW)
        later = NOW + timedelta(days=3)
        assert compose(db, links, SENDER, message, later) == first
        assert compose(db, links, SENDER, message, NOW, kept) == first
        assert compose(db, links, SENDER, message, later, kept) == first


def test_what_is_kept_is_for_all_who_share_it_and_nobody_else(
    db: DbSession, links: Links, make: Make, world: World
) -> None:
    """With one memory for all, each mail is what it is without."""
    kept = Kept()
    messages = []
    names = ["Ana Ruiz", "João", "call 5551234", "", "{link}", "A & B"]
    for n, name in enumerate(names * 2):
        person = make.person()
        make.enrolment(
            world.cycle, person, zone=["Europe/Madrid", "America/Lima"][n % 2], language="en"
        )
        reader = guest(db, world.cycle, person)
        for language in ("en", "es"):
            for partstat in ("NEEDS-ACTION", "DECLINED"):
                messages.append(
                    queue(
                        db,
                        world.cycle,
                        reader,
                        world.session,
                        partstat=partstat,
                        language=language,
                        to_name=name,
                        to_address=f"p{n}@example.org",
                        note="" if n < 4 else "Bring a pen.",
                    )
                )
    for message in messages:
        with_memory = compose(db, links, SENDER, message, NOW, kept)
        assert with_memory == compose(db, links, SENDER, message, NOW)


@pytest.mark.parametrize(
    "name",
    ["Win at https://evil.example", "evil.example", "call 5551234", "a" * 91, "x@evil.example"],
)
def test_a_name_that_is_an_advertisement_is_nowhere(
    db: DbSession, links: Links, world: World, name: str
) -> None:
    message = queue(db, world.cycle, world.guest, world.session, to_name=name)
    found = composed(db, links, message)
    assert "Hello" not in found.text
    for place in (found.text, found.html, found.calendar.decode(), str(found.mail["To"])):
        assert name not in place


@pytest.mark.parametrize("name", ["Maria de los Angeles " * 4 + "Duran", "José M.Pérez"])
def test_a_long_name_and_one_with_initials_are_everywhere(
    db: DbSession, links: Links, world: World, name: str
) -> None:
    found = composed(db, links, queue(db, world.cycle, world.guest, world.session, to_name=name))
    assert f"Hello {name}," in found.text
    assert found.mail["To"].addresses[0].display_name == name
    calendar = found.calendar.decode().replace("\r\n ", "")
    assert f';CN="{name}":mailto:ana@example.org\r\n' in calendar


def test_the_organizers_words(db: DbSession, links: Links, world: World) -> None:
    db.add(
        MailText(
            cycle_id=world.cycle.id,
            kind="invitation",
            language="en",
            subject="{name}: {session}, {date}\r\nBcc: eve@evil.example",
            text="Dear {name},\n\n<b>{time}</b> ({zone}), {number}. of {cycle} by {organizer}\n"
            "{link} {{name}} {nobody} %(cycle)s\n",
        )
    )
    message = queue(
        db, world.cycle, world.guest, world.session, to_name="{zone} & {link}",
        note="Please be\nthere.\n\nThank you <all>. Slides: https://example.org/a?b&c",
    )  # fmt: skip
    found = composed(db, links, message)
    page = links.my(world.enrolment.id, 1)
    assert found.mail["Subject"] == (
        "{zone} & {link}: Governance <now>, Tuesday 15 December 2026 Bcc: eve@evil.example"
    )
    assert found.mail["Bcc"] is None
    said = (
        "Dear {zone} & {link},\n\n<b>15:00–16:30</b> (Madrid time), 3. of Cluster & territory by "
        f"ECLAC\n{page} {{{{zone}} & {{link}}}} {{nobody}} %(cycle)s\n\n"
        "From the organizers:\n\n> Please be\n> there.\n\n> Thank you <all>. Slides: "
        "https://example.org/a?b&c\n\nWill you come?"
    )
    assert said in found.text
    assert "This mail puts" not in found.text
    assert "&lt;b&gt;15:00–16:30&lt;/b&gt;" in found.html
    assert "Please be<br>there." in found.html
    # The organizers' own: their words and their note lead on alike.
    style = 'class="link" style="color:#14566b"'
    assert f'<a {style} href="{page}">{page}</a>' in found.html
    assert f'Slides: <a {style} href="https://example.org/a?b&amp;c"' in found.html
    assert "Dear {zone} &amp; {link}," in found.html
    other = queue(db, world.cycle, world.guest, world.session, language="es")
    assert "15:00–16:30</b>" not in composed(db, links, other).text


def _reason(db: DbSession, links: Links, message: Message) -> tuple[Reason, bool]:
    with pytest.raises(SendError) as caught:
        compose(db, links, SENDER, message, NOW)
    return caught.value.reason, caught.value.final


def test_what_is_gone_is_not_told(db: DbSession, links: Links, world: World) -> None:
    for more in ({"guest_id": "gone"}, {"session_id": "gone"}, {"release": 99}):
        message = queue(db, world.cycle, world.guest, world.session, **more)
        assert _reason(db, links, message) == (Reason.GONE, True)


@pytest.mark.parametrize("address", ["", "x", "a@b.c,d@e.f", "a@b.c\r\nBcc: d@e.f", "<a@b.c>"])
def test_an_address_that_is_none_is_given_up(
    db: DbSession, links: Links, world: World, address: str
) -> None:
    message = queue(db, world.cycle, world.guest, world.session, to_address=address)
    assert _reason(db, links, message) == (Reason.ADDRESS, True)


def test_few_questions(
    database: Database,
    links: Links,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    kept = Kept()
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        session = make.session(cycle)
        speaker = make.person()
        make.part(make.segment(session), speaker)
        release(db, cycle)
        readers = [speaker, *(make.enrolment(cycle).person_id for _ in range(4))]
        messages = []
        for each in readers:
            person = each if isinstance(each, Person) else db.get(Person, each)
            assert person is not None
            messages.append(queue(db, cycle, guest(db, cycle, person), session))
        db.flush()
        for number, message in enumerate(messages):
            with count_queries() as queries:
                compose(db, links, SENDER, message, NOW, kept)
            # The first reads the release; whoever has a part is asked for those they declined.
            assert len(queries) == (3 if number == 0 else 1)


def test_memory_is_bounded(db: DbSession, world: World) -> None:
    kept = Kept()
    for _ in range(Kept.MOST_RELEASES + 3):
        number = release(db, world.cycle)
        found = kept.release(db, world.cycle.id, number)
        assert found is not None
        assert kept.release(db, world.cycle.id, number) is found
    assert kept.release(db, world.cycle.id, 99) is None
    for n in range(Kept.MOST_THINGS + 3):
        assert kept.once(n, int, lambda n=n: n + 1000) == n + 1000  # type: ignore[misc]
        assert kept.once(n, int, lambda: 0) == n + 1000
    assert len(kept._releases) == Kept.MOST_RELEASES
    assert len(kept._things) == Kept.MOST_THINGS


def test_times_are_those_of_the_row(db: DbSession, links: Links, world: World) -> None:
    message = queue(db, world.cycle, world.guest, world.session, sequence=7)
    found = composed(db, links, message)
    assert found.event["SEQUENCE"] == "7"
    assert found.mail["Date"].datetime == message.created_at
    assert datetime.fromisoformat(STAMP).strftime("%Y%m%dT%H%M%SZ") == found.event["DTSTAMP"]


def test_a_part_on_another_day_than_its_session_has_its_date(
    db: DbSession, links: Links, make: Make, world: World
) -> None:
    """The session begins at 23:20 where they live, their part at midnight."""
    person = make.person(name="Ana Ruiz", zone="Pacific/Kiritimati", language="en")
    world.session.wall_start = datetime(2026, 12, 15, 4, 20)
    world.session.starts_at = datetime(2026, 12, 15, 9, 20, tzinfo=UTC)
    world.session.ends_at = world.session.starts_at + timedelta(minutes=90)
    make.part(make.segment(world.session, 1, title="Late", minutes=10), person, "host")
    release(db, world.cycle)
    message = queue(db, world.cycle, guest(db, world.cycle, person), world.session)
    found = composed(db, links, message)
    assert "\n  Tuesday 15 December 2026\n  23:20–00:50, Kiritimati time\n" in found.text
    hours = "Wednesday 16 December 2026, 00:00–00:10"
    assert f"\n  {hours}, Kiritimati time\n  Late (host)\n" in found.text
    assert f"<strong>{hours}, Kiritimati time</strong>" in found.html
    entry = found.event.line("DESCRIPTION").text
    assert f"Your part (Kiritimati time):\n– {hours} Late (host)\n" in entry


def test_the_answers_look_alike_and_the_old_time_is_within_a_sentence(
    db: DbSession, links: Links, world: World
) -> None:
    before = world.session.starts_at - timedelta(hours=2)
    message = queue(
        db, world.cycle, world.guest, world.session, "invitation-update",
        why="changed", language="es",
        was_starts=before.isoformat(), was_ends=(before + timedelta(hours=1)).isoformat(),
    )  # fmt: skip
    found = composed(db, links, message)
    choices = re.findall(r'<a class="link outline" href="[^"]*" (style="[^"]*")', found.html)
    assert (len(choices), len(set(choices))) == (3, 1)
    assert "Martes 15 de diciembre de 2026" in found.text
    assert ": martes 15 de diciembre de 2026, 13:00–14:00" in found.text
    assert "(martes" not in found.text  # the same day at home: hours only


@pytest.mark.parametrize("own", ["", "{session}: {date}, {time}"])
def test_a_long_title_leaves_room_for_date_and_hour(
    db: DbSession, links: Links, world: World, own: str
) -> None:
    world.session.title = {"en": "Long words " * 18}
    number = release(db, world.cycle)
    if own:
        row = MailText(cycle_id=world.cycle.id, kind="invitation", language="en", subject=own)
        db.add(row)
    message = queue(db, world.cycle, world.guest, world.session, release=number)
    subject = str(composed(db, links, message).mail["Subject"])
    assert len(subject) <= 200
    end = "Tuesday 15 December 2026, 15:00"
    assert re.fullmatch(rf"(Invitation: )?(Long words )+[Long words]*…[,:] {end}(–16:30)?", subject)
