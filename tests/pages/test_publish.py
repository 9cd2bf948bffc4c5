"""Organizers see what publishing would change, and publish."""

import email.policy
import html
import re
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.zones import zone_data_version
from app.mail.values import Sender
from app.models import Cycle, Message, Release, Segment, Session, now
from app.services import zone_guard
from app.services.links import Links
from app.worker.compose import compose
from tests.factories import Make
from tests.pages.reading import Page
from tests.services.zones_world import as_if_an_hour_earlier

URL = "/organize/c/lideres/publish"


@pytest.fixture
def cycle(database: Database) -> str:
    """A session that nothing can be said against."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="lideres")
        session = make.session(cycle, minutes=60, meeting_url="https://meet.example.org/1")
        host = make.person(name="Ana Ruiz", zone="America/Bogota")
        make.part(make.segment(session, minutes=60, title="Traps"), host, "host")
        return str(cycle.id)


def change(database: Database, row: Any, **values: Any) -> None:
    with database.begin(writes=True) as db:
        found = db.exec(select(row)).first()
        for name, value in values.items():
            setattr(found, name, value)


def seen(database: Database) -> dict[str, str]:
    """What a form says of the schedule as it is now."""
    with database.begin(writes=False) as db:
        return {"revision": str(db.exec(select(Cycle.revision)).one())}


def releases(database: Database) -> list[tuple[int, str]]:
    with database.begin(writes=False) as db:
        return [(r.number, r.published_by) for r in db.exec(select(Release))]


def publish(client: TestClient, **more: str) -> Any:
    fields = Page(client.get(URL).text).fields
    return client.post(URL, data=fields | more)


def test_the_first_time(organizer_client: TestClient, database: Database, cycle: str) -> None:
    page = Page(organizer_client.get(URL).text)
    assert page.text("h1") == ["Publish this cycle"]
    assert page.text(".told") == [
        "Session 1 Session 1 "
        "Session 1, “Session 1”, is new: Tuesday 1 December 2026, 09:00–10:00, Bogotá time."
    ]

    answer = organizer_client.post(URL, data=page.fields)

    assert (answer.status_code, answer.headers["location"]) == (303, URL)
    assert releases(database) == [(1, "Olga Organizer")]
    page = Page(organizer_client.get(URL).text)
    assert page.text(".notice-success") == [
        "Done. The cycle is published. Everybody sees it now. 1 mail is on its way. Invitations",
        "Up to date. What everybody sees is what stands here. Nothing has changed since. "
        "Open the public page",
    ]
    assert page.text("button") == ["Sign out"]


def test_a_change_is_told_and_published(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    publish(organizer_client)
    change(database, Segment, title="Three traps")

    page = Page(organizer_client.get(URL).text)

    assert page.text("h1") == ["1 change to publish"]
    assert page.text(".told") == [
        "Session 1 Session 1 Session 1: “Traps” is now called “Three traps”."
    ]
    assert publish(organizer_client).status_code == 303
    assert Page(organizer_client.get(URL).text).text(".flashes") == [
        "Done. 1 change is published. Everybody sees it now. 1 mail is on its way. Invitations"
    ]
    assert releases(database) == [(1, "Olga Organizer"), (2, "Olga Organizer")]


def test_errors_refuse_it_and_say_the_way_out(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    change(database, Segment, minutes=61)

    html = organizer_client.get(URL).text
    page = Page(html)
    assert page.text(".conflict-error") == [
        "Conflict: “Traps” is planned for Tuesday 1 December 2026, 09:00–10:01, Bogotá time, but "
        "session 1 only lasts Tuesday 1 December 2026, 09:00–10:00, Bogotá time. "
        "Move or shorten the segment, or lengthen the session. Open session 1"
    ]
    assert html.count("disabled") == 1

    answer = organizer_client.post(URL, data=page.fields | {"warnings-read": "yes"})

    assert answer.status_code == 409
    assert Page(answer.text).text(".notice-error") == [
        "Not possible. The schedule has conflicts that must be mended first: 1."
    ]
    assert releases(database) == []


def test_warnings_have_to_be_read(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    change(database, Segment, minutes=50)

    page = Page(organizer_client.get(URL).text)
    assert page.text(".conflict-warning") == [
        "Check: Nothing is planned at the end of session 1, Tuesday 1 December 2026, 09:50–10:00, "
        "Bogotá time. Lengthen or add a segment, or let the session end earlier. Open session 1"
    ]

    answer = organizer_client.post(URL, data=page.fields)
    assert answer.status_code == 409
    assert Page(answer.text).text("#warnings-read-error") == [
        "Error: Please read the warnings (1), then publish."
    ]
    assert releases(database) == []
    assert publish(organizer_client, **{"warnings-read": "yes"}).status_code == 303
    assert releases(database) == [(1, "Olga Organizer")]


def test_what_changed_since_it_was_shown_is_shown_first(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    fields = Page(organizer_client.get(URL).text).fields
    change(database, Segment, title="Something else")

    answer = organizer_client.post(URL, data=fields)

    assert answer.status_code == 412
    assert Page(answer.text).text(".notice-error") == [
        "Not possible. Somebody changed the schedule while you were reading. Look at it once more."
    ]
    assert releases(database) == []


def test_nothing_to_publish(organizer_client: TestClient, database: Database, cycle: str) -> None:
    publish(organizer_client)
    change(database, Release, published_by="Somebody Else")

    answer = organizer_client.post(URL, data=seen(database))

    assert answer.status_code == 409
    assert Page(answer.text).text(".notice-error") == [
        "Not possible. Everything is published already: nothing has changed since."
    ]
    assert releases(database) == [(1, "Somebody Else")]


def test_a_cycle_without_sessions(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres")

    page = Page(organizer_client.get(URL).text)

    assert page.text(".empty") == [
        "There is no session to publish Add one, or set one that is a draft to scheduled. "
        "To the sessions"
    ]
    assert organizer_client.post(URL, data=seen(database)).status_code == 409


def test_an_archived_cycle_is_brought_back_first(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    change(database, Cycle, status="archived")

    assert Page(organizer_client.get(URL).text).text(".notice-warning") == [
        "Check this. This cycle is archived. Bring it back first, then publish. Bring it back"
    ]
    assert organizer_client.post(URL, data={}).status_code == 409


def test_who_is_reached_is_said(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        found = db.get_one(Cycle, cycle)
        for n in range(2):
            make.enrolment(found, make.person(email=f"p{n}@example.com"))

    page = Page(organizer_client.get(URL).text)
    assert page.text(".publish-reach") == [
        "The public page and its calendar show it at once. "
        "The calendar feeds of 2 participants follow, whenever their calendar programs look next.",
        "Invitations: 3 (Español 3)",
    ]
    assert page.text("tbody") == [
        "Ana Ruiz person2@example.org Session 1: invitation "
        "Person 1 p0@example.com Session 1: invitation "
        "Person 2 p1@example.com Session 1: invitation"
    ]


def queued(database: Database) -> list[tuple[str, str, str]]:
    with database.begin(writes=False) as db:
        rows = db.exec(select(Message).order_by(col(Message.id)))
        return [(row.kind, row.to_address, row.context["note"]) for row in rows]


def deliver(database: Database) -> None:
    with database.begin(writes=True) as db:
        db.execute(update(Message).values(status="sent"))


def test_mails_go_to_those_concerned_with_the_note(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    publish(organizer_client, invite="1", note="See you there.")
    assert queued(database) == [("invitation", "person2@example.org", "See you there.")]
    deliver(database)

    change(database, Session, title={"en": "Traps and ladders"})
    page = Page(organizer_client.get(URL).text)
    assert page.text(".publish-reach")[1] == (
        "Updates: 1 (Español 1) Without it the calendar of one person would be wrong."
    )
    publish(organizer_client)
    assert [kind for kind, _, _ in queued(database)] == ["invitation", "invitation-update"]


def test_whoever_is_left_out_is_not_written_to(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        person = make.person(email="ana@example.com")
        make.enrolment(db.get_one(Cycle, cycle), person)
        ana = person.id
    publish(organizer_client, invite="1", **{f"leave-{ana}": "1"})
    assert [address for _, address, _ in queued(database)] == ["person2@example.org"]


def test_an_address_that_nobody_has_is_said_and_all_is_kept(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    answer = publish(
        organizer_client, invite="1", leave_out="nobody@example.com", note="A word " + "x" * 20
    )
    assert answer.status_code == 422
    page = Page(answer.text)
    assert page.fields["note"] == "A word " + "x" * 20
    assert releases(database) == []
    assert queued(database) == []


def test_without_invitations_nothing_is_mailed(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    fields = Page(organizer_client.get(URL).text).fields
    del fields["invite"]
    organizer_client.post(URL, data=fields | {"warnings-read": "yes"})
    assert releases(database) == [(1, "Olga Organizer")]
    assert queued(database) == []


def test_the_queries_do_not_grow(
    organizer_client: TestClient, database: Database, cycle: str, count_queries: Any
) -> None:
    with count_queries() as one:
        organizer_client.get(URL)
    with database.begin(writes=True) as db:
        make = Make(db)
        found = db.get_one(Cycle, cycle)
        for n in (2, 3):
            start = datetime(2027, 1, n, 9)
            session: Session = make.session(found, n, wall_start=start)
            make.part(make.segment(session), make.person(email=""), "host")
    with count_queries() as three:
        organizer_client.get(URL)

    assert len(one) == len(three)
    assert len(three) <= 21


def test_sessions_that_zone_data_has_moved(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    assert Page(organizer_client.get(URL).text).text("#zones-title") == []
    with database.begin(writes=True) as db:  # as by older zone data
        as_if_an_hour_earlier(db.exec(select(Session)).one())
    publish(organizer_client)
    with database.begin(writes=True) as db:
        zone_guard.read_zones_again(db, now())

    page = Page(organizer_client.get(URL).text)

    assert page.text("#zones-title") == ["The time zones have changed"]
    assert page.text(".notice-warning") == [
        f"Check this. The zone data (tzdata {zone_data_version()}) has moved these sessions. "
        "Their local time is the same; for everybody elsewhere they begin at another hour. "
        "Session 1 : "
        "Tuesday 1 December 2026, 09:00, Bogotá time, was 13:00 UTC and is now 14:00 UTC."
    ]
    overview = Page(organizer_client.get("/organize/c/lideres").text)
    told = [t for t in overview.text(".todo") if "Time zones changed: sessions moved: 1." in t]
    assert len(told) == 1
    publish(organizer_client)
    assert Page(organizer_client.get(URL).text).text("#zones-title") == []


@pytest.fixture
def ana(database: Database, cycle: str) -> str:
    """A participant in Lisbon who reads Portuguese; her id."""
    with database.begin(writes=True) as db:
        make = Make(db)
        person = make.person(name="Ana <b>Sá</b>", email="ana@example.com")
        found = db.get_one(Cycle, cycle)
        make.enrolment(found, person, name="Ana Sá", language="pt", zone="Europe/Lisbon")
        return person.id


def look(client: TestClient, person_id: str, **more: str) -> Any:
    fields = Page(client.get(URL).text)
    (mail,) = [b for b in fields.buttons if b.startswith(f"mail={person_id}:")]
    return client.post(f"{URL}/mail", data=fields.fields | {"mail": mail[5:]} | more)


def definitions(answer: Any) -> list[str]:
    return Page(answer.text).text(".definitions")


def frame(answer: Any) -> str:
    (found,) = re.findall(r'srcdoc="([^"]*)"', answer.text)
    return html.unescape(found)


def test_a_mail_can_be_looked_at_before_it_is_sent(
    organizer_client: TestClient, database: Database, cycle: str, ana: str
) -> None:
    answer = look(organizer_client, ana, note="Até <i>logo</i>.")

    assert answer.status_code == 200
    assert definitions(answer) == [
        "To Ana Sá · ana@example.com Language Português "
        "Subject Convite: Sesión 1, terça-feira, 1 de dezembro de 2026, 14:00"
    ]
    shown = Page(frame(answer)).text("body")[0]
    assert "Até &lt;i&gt;logo&lt;/i&gt;." in frame(answer)
    assert "Olá, Ana Sá" in shown
    assert re.findall(r'href="([^"]*)/join"', frame(answer)) == [
        "http://testserver/my/…/sessions/1"
    ]
    assert queued(database) == []
    assert releases(database) == []


def test_an_update_says_what_is_different_from_what_they_were_told_last(
    organizer_client: TestClient, database: Database, cycle: str, ana: str
) -> None:
    publish(organizer_client, invite="1", **{"warnings-read": "1"})
    deliver(database)
    change(database, Session, title={"en": "Second", "es": "Segunda"})
    publish(organizer_client, **{f"leave-{ana}": "1", "warnings-read": "1"})
    change(database, Session, description={"en": "More of it"})

    shown = Page(frame(look(organizer_client, ana))).text("body")[0]

    # She was left out when the title changed.
    told = re.findall(r"O horário não muda.*?mudou\.", shown)
    assert told == [
        "O horário não muda. Este e-mail deixa seu calendário em dia. "
        "Tem outro título. Antes era “Sesión 1”. A descrição mudou."
    ]


def test_what_is_looked_at_is_what_is_sent(
    organizer_client: TestClient, database: Database, cycle: str, ana: str, links: Links
) -> None:
    publish(organizer_client, invite="1")
    deliver(database)
    change(database, Session, title={"en": "Second", "es": "Segunda"})
    seen = look(organizer_client, ana, note="Traps\nand ladders")

    publish(organizer_client, note="Traps\nand ladders")

    with database.begin(writes=False) as db:
        sent = db.exec(
            select(Message).where(
                Message.kind == "invitation-update", Message.to_address == "ana@example.com"
            )
        ).one()
        mail = compose(db, links, Sender("convoca@example.org", "Convoca"), sent, now())
    raw = email.message_from_bytes(mail.raw, policy=email.policy.default)
    body = raw.get_body(("html",))
    assert body is not None
    without_token = re.sub(r"/my/[^/\"]+", "/my/…", body.get_content())
    assert frame(seen).splitlines() == without_token.splitlines()
    assert str(raw["Subject"]) in definitions(seen)[0]


def test_a_mail_that_nobody_would_get(
    organizer_client: TestClient, database: Database, cycle: str, ana: str
) -> None:
    for typed in ("", ":", f"{ana}:nothing", f"nobody:{cycle}", "\0:\0"):
        assert organizer_client.post(f"{URL}/mail", data={"mail": typed}).status_code == 404
    answer = look(organizer_client, ana, note="x" * 2001)
    assert answer.status_code == 422
    assert Page(answer.text).fields["note"] == "x" * 2001
    assert organizer_client.get(f"{URL}/mail").headers["location"] == URL
