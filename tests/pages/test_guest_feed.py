"""The calendar of somebody with parts, enrolled or not; and what the ledger issued."""

import gzip
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import icalendar
import pytest
from sqlalchemy import update
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database, DbSession
from app.models import Cycle, Enrolment, Guest, Invitation, Part, Person, Release, Segment, now
from app.models import Session as SessionRow
from app.schemas.directory import PersonChange
from app.schemas.session import AgendaIn, SessionChange
from app.services import agendas, enrolments, guests, people, sessions
from app.services.actor import SYSTEM
from app.services.links import Links, Purpose
from app.services.publishing import publish
from tests.factories import Make
from tests.pages.published import Published, make_published

Count = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def there(database: Database, links: Links) -> Published:
    """Marco speaks in both sessions."""
    return make_published(database, links)


@pytest.fixture
def guest_id(database: Database, there: Published) -> str:
    with database.begin(writes=True) as db:
        return guests.guest_of(db, there.cycle_id, there.person_id).id


@pytest.fixture
def feed(links: Links, guest_id: str) -> str:
    return f"/feed/{links.token(Purpose.GUEST_FEED, guest_id, 1)}.ics"


@pytest.fixture
def part_page(links: Links, guest_id: str) -> str:
    return links.part(guest_id, 1)


def events(client: TestClient, feed: str) -> list[Any]:
    answer = client.get(feed)
    assert answer.status_code == 200, answer.text
    return list(icalendar.Calendar.from_ical(answer.content).walk("VEVENT"))


def shown(client: TestClient, feed: str) -> list[tuple[str, str]]:
    """UID and STATUS."""
    return [(str(e["uid"]), str(e["status"])) for e in events(client, feed)]


def release_again(db: DbSession, there: Published) -> None:
    db.flush()
    publish(db, SYSTEM, there.cycle_id, accept_warnings=True, now=now() + timedelta(seconds=1))


def take_off(db: DbSession, there: Published, session: int) -> None:
    """Nobody has a part in it any more."""
    agenda = AgendaIn.model_validate({"segments": [{"kind": "panel", "minutes": 90}]})
    agendas.put_agenda(db, SYSTEM, there.session_ids[session], agenda)
    release_again(db, there)


def decline(
    db: DbSession,
    there: Published,
    session: int,
    at: datetime | None = None,
    status: str = "declined",
) -> None:
    """By a statement that passes the revisions by."""
    where = (
        col(Part.session_id) == there.session_ids[session],
        col(Part.person_id) == there.person_id,
    )
    values = {"status": status, "answered_at": at}
    db.connection().execute(update(Part).where(*where).values(**values))


def issued(
    db: DbSession, guest_id: str, session_id: str, method: str = "REQUEST", **values: Any
) -> Invitation:
    row = Invitation(guest_id=guest_id, session_id=session_id, uid="x", method=method, **values)
    db.add(row)
    db.flush()
    return row


def test_it_says_their_part_and_leads_to_their_page(
    client: TestClient, there: Published, feed: str, part_page: str
) -> None:
    answer = client.get(f"{feed}?lang=en")
    calendar = icalendar.Calendar.from_ical(answer.content)
    assert str(calendar["source"]) == f"http://testserver{feed}"
    found = calendar.walk("VEVENT")
    assert len(found) == 2
    for number, event in enumerate(found, 1):
        link = f"{part_page}/sessions/{number}/join"
        assert (str(event["location"]), str(event["url"]), str(event["conference"])) == (
            link,
            link,
            link,
        )
        # In their zone, like their mails.
        assert "Your part (Santiago time):\n– 11:00–12:30 Segment 1 (speaker)" in str(
            event["description"]
        )
        assert "attendee" not in event
    assert b"meet.example.org" not in answer.content


def test_headers_304_head_and_gzip(client: TestClient, there: Published, feed: str) -> None:
    first = client.get(feed, headers={"accept-encoding": "identity"})
    assert first.headers["content-type"] == "text/calendar; charset=utf-8"
    assert first.headers["cache-control"] == "private, max-age=300"
    assert first.headers["last-modified"].endswith(" GMT")
    tag = first.headers["etag"]
    assert (tag[0], tag[-1]) == ('"', '"')
    assert client.get(feed, headers={"if-none-match": tag}).status_code == 304
    head = client.head(feed, headers={"accept-encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(first.content))
    with client.stream("GET", feed, headers={"accept-encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert (packed.headers["content-encoding"], gzip.decompress(raw)) == ("gzip", first.content)


@pytest.mark.parametrize("lang", ["", "?lang=en"])
def test_a_renewed_address_ends_the_old_one_at_once(
    client: TestClient, database: Database, links: Links, guest_id: str, feed: str, lang: str
) -> None:
    for _ in range(2):  # warm
        assert client.get(feed + lang).status_code == 200
    tag = client.get(feed + lang).headers["etag"]
    with database.begin(writes=True) as db:
        db.get_one(Guest, guest_id).feed_generation += 1
    old = client.get(feed + lang, headers={"if-none-match": tag})
    assert old.status_code == 410
    token = links.token(Purpose.GUEST_FEED, guest_id, 2)
    assert client.get(f"/feed/{token}.ics").status_code == 200
    never = links.token(Purpose.GUEST_FEED, guest_id, 3)
    assert client.get(f"/feed/{never}.ics").status_code == 410


def test_tokens_for_other_purposes_are_nonsense(
    client: TestClient, links: Links, guest_id: str, there: Published
) -> None:
    for purpose, row_id in (
        (Purpose.PART, guest_id),
        (Purpose.FEED, guest_id),
        (Purpose.GUEST_FEED, there.enrolment_id),
        (Purpose.GUEST_FEED, "nothing"),
    ):
        token = links.token(purpose, row_id, 1)
        assert client.get(f"/feed/{token}.ics").status_code == 404


def test_only_sessions_with_a_part_are_in_it(
    client: TestClient, database: Database, links: Links, there: Published, feed: str
) -> None:
    with database.begin(writes=True) as db:
        other = Make(db).person(name="Luis", email="luis@example.org")
        Make(db).part(db.get_one(Segment, there.segment_id), other)
        release_again(db, there)
        guest_id = guests.guest_of(db, there.cycle_id, other.id).id
        nobody_id = guests.guest_of(
            db, there.cycle_id, Make(db).person(email="nobody@example.org").id
        ).id
    both = shown(client, feed)
    assert [status for _, status in both] == ["CONFIRMED", "CONFIRMED"]
    theirs = f"/feed/{links.token(Purpose.GUEST_FEED, guest_id, 1)}.ics"
    assert shown(client, theirs) == both[:1]
    answer = client.get(f"/feed/{links.token(Purpose.GUEST_FEED, nobody_id, 1)}.ics")
    assert b"BEGIN:VTIMEZONE" in answer.content  # never quite empty
    assert b"BEGIN:VEVENT" not in answer.content


class TestWithoutInvitations:
    """Nothing was issued: what they see comes from releases and answers alone."""

    def stamps(self, client: TestClient, feed: str) -> list[tuple[str, int, datetime]]:
        return [
            (str(e["status"]), int(e["sequence"]), e["dtstamp"].dt) for e in events(client, feed)
        ]

    def test_what_they_declined_is_cancelled(
        self, client: TestClient, database: Database, there: Published, feed: str
    ) -> None:
        (_, sequence, stamp), second = self.stamps(client, feed)
        at = stamp + timedelta(hours=1)
        with database.begin(writes=True) as db:
            decline(db, there, 0, at)
        assert self.stamps(client, feed) == [("CANCELLED", sequence + 1, at), second]
        event = events(client, f"{feed}?lang=en")[0]
        assert str(event["description"]) == "You are no longer expected in this session."
        modified = parsedate_to_datetime(client.get(feed).headers["last-modified"])
        assert modified == at
        later = at + timedelta(hours=1)
        with database.begin(writes=True) as db:
            decline(db, there, 0, later, "confirmed")
        assert self.stamps(client, feed) == [("CONFIRMED", sequence, later), second]
        with database.begin(writes=True) as db:
            decline(db, there, 0, later + timedelta(hours=1))
        found = self.stamps(client, feed)[0]
        assert found == ("CANCELLED", sequence + 1, later + timedelta(hours=1))

    def test_what_they_were_taken_off_is_cancelled(
        self, client: TestClient, database: Database, there: Published, feed: str
    ) -> None:
        first, (_, sequence, stamp) = self.stamps(client, feed)
        for number in (1, 2):  # in the release before, and in one before that
            with database.begin(writes=True) as db:
                if number == 1:
                    take_off(db, there, 1)
                else:
                    db.get_one(Segment, there.segment_id).title = "Other"
                    release_again(db, there)
            found = self.stamps(client, feed)
            assert (found[1][:2], found[1][2] > stamp) == (("CANCELLED", sequence + 1), True)
            assert found[0][0] == first[0]
        event = events(client, f"{feed}?lang=en")[1]
        assert str(event["description"]) == "You are no longer expected in this session."

    @pytest.mark.parametrize("how", [take_off, decline])
    def test_for_thirty_days(
        self,
        client: TestClient,
        database: Database,
        app: Any,
        there: Published,
        feed: str,
        monkeypatch: pytest.MonkeyPatch,
        how: Callable[[DbSession, Published, int], None],
    ) -> None:
        with database.begin(writes=True) as db:
            how(db, there, 0)
            starts = db.get_one(SessionRow, there.session_ids[0]).starts_at
        at = [starts + timedelta(days=30) - timedelta(seconds=1)]
        monkeypatch.setattr(app.state.representations, "_clock", lambda: at[0].timestamp())
        monkeypatch.setattr("app.routers.pages.calendars.now", lambda: at[0])
        assert [status for _, status in shown(client, feed)] == ["CANCELLED", "CONFIRMED"]
        at[0] += timedelta(seconds=1)
        assert [status for _, status in shown(client, feed)] == ["CONFIRMED"]


@pytest.mark.parametrize("how", [take_off, decline])
@pytest.mark.parametrize("method", ["REQUEST", "CANCEL"])
def test_a_lost_part_that_the_ledger_knows_is_cancelled(
    client: TestClient,
    database: Database,
    there: Published,
    guest_id: str,
    feed: str,
    how: Callable[[DbSession, Published, int], None],
    method: str,
) -> None:
    both = shown(client, feed)
    with database.begin(writes=True) as db:
        issued(db, guest_id, there.session_ids[0], method, sequence=7, stamp=now())
        how(db, there, 0)
    assert shown(client, feed) == [(both[0][0], "CANCELLED"), both[1]]
    event = events(client, f"{feed}?lang=en")[0]
    # One more than their calendar has, where that does not know yet.
    assert int(event["sequence"]) == (8 if method == "REQUEST" else 7)
    assert str(event["description"]) == "You are no longer expected in this session."
    assert ("location" in event, "url" in event, "conference" in event) == (False, False, False)


def test_it_stays_cancelled_for_thirty_days(
    client: TestClient,
    database: Database,
    app: Any,
    there: Published,
    guest_id: str,
    feed: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with database.begin(writes=True) as db:
        issued(db, guest_id, there.session_ids[0], "CANCEL")
        decline(db, there, 0)
        starts = db.get_one(SessionRow, there.session_ids[0]).starts_at
    at = [starts + timedelta(days=30) - timedelta(seconds=1)]
    monkeypatch.setattr(app.state.representations, "_clock", lambda: at[0].timestamp())
    monkeypatch.setattr("app.routers.pages.calendars.now", lambda: at[0])
    assert [status for _, status in shown(client, feed)] == ["CANCELLED", "CONFIRMED"]
    at[0] += timedelta(seconds=1)
    assert [status for _, status in shown(client, feed)] == ["CONFIRMED"]


def test_a_session_that_is_off_for_all(
    client: TestClient, database: Database, there: Published, feed: str
) -> None:
    with database.begin(writes=True) as db:
        change = SessionChange.model_validate({"status": "cancelled"})
        sessions.change_session(db, SYSTEM, there.session_ids[0], change)
        release_again(db, there)
    assert [status for _, status in shown(client, feed)] == ["CANCELLED", "CONFIRMED"]
    said = str(events(client, f"{feed}?lang=en")[0]["description"])
    assert said.startswith("This session will not take place.")


class TestParticipantsWithParts:
    @pytest.fixture
    def both(self, database: Database, links: Links, there: Published, guest_id: str) -> list[str]:
        """The feeds of the guest and of the participant, who are one person with a part in the
        first session only."""
        with database.begin(writes=True) as db:
            take_off(db, there, 1)
            cycle_id, person = there.cycle_id, db.get_one(Person, there.person_id)
            row = Make(db).enrolment(db.get_one(Cycle, cycle_id), person, language="en")
            return [
                f"/feed/{links.token(Purpose.GUEST_FEED, guest_id, 1)}.ics",
                f"/feed/{links.token(Purpose.FEED, row.id, 1)}.ics",
            ]

    def enrolment(self, db: DbSession, there: Published) -> Enrolment:
        query = select(Enrolment).where(Enrolment.person_id == there.person_id)
        found = db.exec(query).one()
        return enrolments.get_enrolment(db, SYSTEM, found.id)

    def test_both_feeds_say_the_same(
        self,
        client: TestClient,
        database: Database,
        links: Links,
        there: Published,
        both: list[str],
        part_page: str,
    ) -> None:
        with database.begin(writes=False) as db:
            my = links.my(self.enrolment(db, there).id, 1)
        for feed in both:
            first, second = events(client, feed)
            assert str(first["url"]) == f"{part_page}/sessions/1/join"
            assert str(second["url"]) == f"{my}/sessions/2/join"
            assert "Your part" in str(first["description"])
            assert "Your part" not in str(second["description"])

    def test_who_withdraws_keeps_what_they_have_a_part_in(
        self, client: TestClient, database: Database, there: Published, both: list[str]
    ) -> None:
        for feed in both:
            assert [s for _, s in shown(client, feed)] == ["CONFIRMED", "CONFIRMED"]
        with database.begin(writes=True) as db:
            enrolments.withdraw(db, self.enrolment(db, there), now())
        for feed in both:
            assert [s for _, s in shown(client, feed)] == ["CONFIRMED", "CANCELLED"]


class TestLedger:
    """No personal feed falls behind what was issued, and a new message is seen at once."""

    @pytest.fixture(params=["guest", "participant"])
    def feed_of(
        self, request: pytest.FixtureRequest, database: Database, there: Published, feed: str
    ) -> tuple[str, str]:
        """The feed and the id of its guest."""
        with database.begin(writes=True) as db:
            person_id = there.person_id
            if request.param == "participant":
                person_id = db.get_one(Enrolment, there.enrolment_id).person_id
            guest_id = guests.guest_of(db, there.cycle_id, person_id).id
        return (feed if request.param == "guest" else there.feed), guest_id

    def test_sequence_and_stamp_are_never_lower(
        self,
        client: TestClient,
        database: Database,
        there: Published,
        feed_of: tuple[str, str],
    ) -> None:
        feed, guest_id = feed_of
        first, second = events(client, feed)
        stamp = (now() + timedelta(hours=1)).replace(microsecond=0)
        with database.begin(writes=True) as db:
            issued(db, guest_id, there.session_ids[0], sequence=5, stamp=stamp)
            old = first["dtstamp"].dt - timedelta(days=9)
            issued(db, guest_id, there.session_ids[1], sequence=0, stamp=old)
        now_first, now_second = events(client, feed)
        assert (int(now_first["sequence"]), now_first["dtstamp"].dt) == (5, stamp)
        assert now_first["last-modified"].dt == stamp
        assert now_second == second
        modified = parsedate_to_datetime(client.get(feed).headers["last-modified"])
        assert modified == stamp

    def test_every_new_message_is_seen_at_once(
        self,
        client: TestClient,
        database: Database,
        there: Published,
        feed_of: tuple[str, str],
    ) -> None:
        feed, guest_id = feed_of
        seen = [client.get(feed).content]
        with database.begin(writes=True) as db:
            row_id = issued(db, guest_id, there.session_ids[0], sequence=3).id
        seen.append(client.get(feed).content)
        with database.begin(writes=True) as db:  # as the ledger writes: no revision is raised
            values = {"sequence": 4, "stamp": now() + timedelta(minutes=1)}
            statement = update(Invitation).where(col(Invitation.id) == row_id)
            db.connection().execute(statement.values(**values))
        seen.append(client.get(feed).content)
        assert len(set(seen)) == 3

    def test_an_answer_changes_nothing(
        self,
        client: TestClient,
        database: Database,
        there: Published,
        feed_of: tuple[str, str],
    ) -> None:
        feed, guest_id = feed_of
        with database.begin(writes=True) as db:
            row = issued(db, guest_id, there.session_ids[0], sequence=3)
            row_id = row.id
        before = client.get(feed)
        with database.begin(writes=True) as db:
            db.get_one(Invitation, row_id).answer = "accepted"
        after = client.get(feed)
        assert (after.headers["etag"], after.content) == (before.headers["etag"], before.content)


def new_link(db: DbSession, there: Published) -> None:
    db.exec(select(Guest)).one().link_generation += 1


def other_segment(db: DbSession, there: Published) -> None:
    db.get_one(Segment, there.segment_id).title = "Other"
    release_again(db, there)


def speaks_another_language(db: DbSession, there: Published) -> None:
    people.change_person(db, SYSTEM, there.person_id, PersonChange(language="pt"), now=now())


def enrols(db: DbSession, there: Published) -> None:
    cycle, person = db.get_one(Cycle, there.cycle_id), db.get_one(Person, there.person_id)
    Make(db).enrolment(cycle, person, language="en")


WRITES: dict[str, Callable[[DbSession, Published], None]] = {
    "language": speaks_another_language,
    "new link to the page": new_link,
    "enrolled": enrols,
    "declined": lambda db, there: decline(db, there, 1),
    "agenda": lambda db, there: take_off(db, there, 0),
    "segment": other_segment,
}


@pytest.mark.parametrize("what", WRITES)
def test_no_write_leaves_a_stale_feed(
    client: TestClient, database: Database, there: Published, feed: str, what: str
) -> None:
    before = client.get(feed).content
    with database.begin(writes=True) as db:
        WRITES[what](db, there)
    assert client.get(feed).content != before


@pytest.mark.parametrize("rows", [1, 3])
def test_queries(
    client: TestClient, database: Database, links: Links, count_queries: Count, rows: int
) -> None:
    there = make_published(database, links, sessions=rows)
    with database.begin(writes=True) as db:
        guest = guests.guest_of(db, there.cycle_id, there.person_id)
        for session_id in there.session_ids:
            issued(db, guest.id, session_id)
        feed = f"/feed/{links.token(Purpose.GUEST_FEED, guest.id, 1)}.ics"
    with count_queries() as cold:
        etag = client.get(feed).headers["etag"]
    # The version; whose it is (2); the cycle with its release; what was issued; what was
    # declined.
    assert len(cold) == 6
    with count_queries() as warm:
        assert client.get(feed, headers={"if-none-match": etag}).status_code == 304
    # On PostgreSQL these tests run within a savepoint, whose mark is always another one.
    assert len(warm) == (0 if database.engine.name == "sqlite" else 1)
    with database.begin(writes=True) as db:  # somebody else's business
        Make(db).person()
    with count_queries() as checked:
        assert client.get(feed, headers={"if-none-match": etag}).status_code == 304
    assert len(checked) == 1
    with database.begin(writes=False) as db:
        assert len(db.exec(select(Release)).all()) == 1
