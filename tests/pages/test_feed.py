"""Everybody's own calendar."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import icalendar
import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.models import now
from app.schemas.cycle import CycleChange
from app.services import cycles, enrolments
from app.services.actor import SYSTEM
from app.services.links import Links, Purpose
from tests.factories import Make
from tests.pages.published import SLUG, Published, make_published


@pytest.fixture
def there(database: Database, links: Links) -> Published:
    return make_published(database, links)


def test_it_holds_the_personal_links(client: TestClient, there: Published) -> None:
    answer = client.get(there.feed)
    calendar = icalendar.Calendar.from_ical(answer.content)
    assert str(calendar["x-wr-calname"]) == "Ciclo 1"
    assert str(calendar["source"]) == f"http://testserver{there.feed}"
    assert str(calendar["x-published-ttl"]) == "PT1H"
    assert b"METHOD:PUBLISH\r\n" in answer.content
    events = calendar.walk("VEVENT")
    assert len(events) == 2
    for number, event in enumerate(events, 1):
        link = f"http://testserver{there.my}/sessions/{number}/join"
        assert (str(event["location"]), str(event["url"])) == (link, link)
        assert str(event["conference"]) == link
        assert "attendee" not in event
    assert b"meet.example.org" not in answer.content


def test_headers_and_304(client: TestClient, there: Published) -> None:
    first = client.get(there.feed, headers={"accept-encoding": "identity"})
    assert first.headers["content-type"] == "text/calendar; charset=utf-8"
    assert first.headers["cache-control"] == "private, max-age=300"
    headers = {"if-none-match": first.headers["etag"]}
    assert client.get(there.feed, headers=headers).status_code == 304
    head = client.head(there.feed, headers={"accept-encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(first.content))


@pytest.mark.parametrize("alter", ["x", "-", ".ics", "%00"])
def test_an_altered_token_is_404(client: TestClient, there: Published, alter: str) -> None:
    token = there.feed.removeprefix("/feed/").removesuffix(".ics")
    for bad in (token + alter, alter + token, token[:-1]):
        assert client.get(f"/feed/{bad}.ics").status_code == 404


def test_a_token_for_another_purpose_is_404(client: TestClient, there: Published) -> None:
    token = there.my.removeprefix("/my/")
    assert client.get(f"/feed/{token}.ics").status_code == 404


def test_a_renewed_feed_ends_the_old_address(
    client: TestClient, database: Database, links: Links, there: Published
) -> None:
    assert client.get(there.feed).status_code == 200
    with database.begin(writes=True) as db:
        enrolments.renew_feed(db, enrolments.get_enrolment(db, SYSTEM, there.enrolment_id))
    assert client.get(there.feed).status_code == 410
    token = links.token(Purpose.FEED, there.enrolment_id, 2)
    assert client.get(f"/feed/{token}.ics").status_code == 200


def test_a_generation_that_never_was_is_410(
    client: TestClient, links: Links, there: Published
) -> None:
    token = links.token(Purpose.FEED, there.enrolment_id, 9)
    assert client.get(f"/feed/{token}.ics").status_code == 410


def test_whoever_left_sees_what_was_to_come_cancelled(
    client: TestClient, database: Database, there: Published
) -> None:
    with database.begin(writes=True) as db:
        enrolments.withdraw(db, enrolments.get_enrolment(db, SYSTEM, there.enrolment_id), now())
    events = icalendar.Calendar.from_ical(client.get(there.feed).content).walk("VEVENT")
    assert [str(e["status"]) for e in events] == ["CANCELLED", "CANCELLED"]


@pytest.mark.parametrize(
    ("status", "title", "said"),
    [
        ("waitlisted", "Waiting list: Session 1", "You are on the waiting list."),
        ("pending", "To be confirmed: Session 1", "Your enrolment waits for confirmation."),
    ],
)
def test_whoever_waits_has_no_place_yet(
    client: TestClient,
    database: Database,
    there: Published,
    status: str,
    title: str,
    said: str,
) -> None:
    with database.begin(writes=True) as db:
        enrolments.get_enrolment(db, SYSTEM, there.enrolment_id).status = status
    answer = client.get(f"{there.feed}?lang=en")
    events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert [str(e["status"]) for e in events] == ["TENTATIVE", "TENTATIVE"]
    first = events[0]
    assert str(first["summary"]) == title
    assert str(first["description"]).startswith(said)
    assert str(first["url"]) == f"http://testserver/c/{SLUG}/1"
    assert ("location" in first, "conference" in first, first.walk("VALARM")) == (False, False, [])
    assert there.my.encode() not in answer.content


def test_every_change_of_an_enrolment_counts(
    client: TestClient, database: Database, there: Published
) -> None:
    def stamps() -> list[tuple[str, int, datetime]]:
        events: list[Any] = icalendar.Calendar.from_ical(client.get(there.feed).content).walk(
            "VEVENT"
        )
        return [(str(e["status"]), int(e["sequence"]), e["dtstamp"].dt) for e in events]

    seen = [stamps()]
    at = now()
    for status in ("waitlisted", "confirmed", "withdrawn", "pending", "confirmed"):
        at += timedelta(minutes=1)
        with database.begin(writes=True) as db:
            row = enrolments.get_enrolment(db, SYSTEM, there.enrolment_id)
            row.status, row.status_at = status, at
        seen.append(stamps())
    assert [one[0][0] for one in seen] == [
        "CONFIRMED", "TENTATIVE", "CONFIRMED", "CANCELLED", "TENTATIVE", "CONFIRMED",
    ]  # fmt: skip
    for before, after in pairwise(seen):
        for (_, sequence, stamp), (_, sequence_after, stamp_after) in zip(
            before, after, strict=True
        ):
            assert (sequence < sequence_after, stamp < stamp_after) == (True, True)


def test_two_people_have_two_feeds(
    client: TestClient, database: Database, links: Links, there: Published
) -> None:
    from sqlmodel import select

    from app.models import Cycle

    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle).where(Cycle.slug == SLUG)).one()
        other = Make(db).enrolment(cycle, Make(db).person(email="other@example.org"), language="en")
        token = links.token(Purpose.FEED, other.id, 1)
    one, two = client.get(there.feed), client.get(f"/feed/{token}.ics")
    assert (b"SUMMARY:Sesi" in one.content, b"SUMMARY:Session 1" in two.content) == (True, True)


@pytest.mark.parametrize("what", ["link", "contact"])
def test_a_date_alone_never_says_as_before(
    client: TestClient, database: Database, there: Published, what: str
) -> None:
    """Neither an enrolment nor a cycle keeps a stamp of its changes."""
    first = client.get(there.feed)
    since = first.headers["last-modified"]
    with database.begin(writes=True) as db:
        if what == "link":
            enrolments.renew_link(db, enrolments.get_enrolment(db, SYSTEM, there.enrolment_id))
        else:
            cycles.change_cycle(
                db, SYSTEM, there.cycle_id, CycleChange(contact_email="new@example.org")
            )
    changed = client.get(there.feed, headers={"if-modified-since": since})
    assert (changed.status_code, changed.content == first.content) == (200, False)
    assert changed.headers["last-modified"] == since
    tag = changed.headers["etag"]
    assert client.get(there.feed, headers={"if-none-match": tag}).status_code == 304
