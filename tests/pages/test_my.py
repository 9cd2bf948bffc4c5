"""A participant's own pages."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database, DbSession
from app.models import Enrolment, Evidence, Message, Person, Session
from app.services import guests
from app.services.links import Links, Purpose
from tests.pages.published import SLUG, Published, make_published


@pytest.fixture
def there(database: Database, links: Links) -> Published:
    return make_published(database, links)


@pytest.fixture
def at(
    database: Database, there: Published, monkeypatch: pytest.MonkeyPatch
) -> Callable[[timedelta], datetime]:
    """Sets the clock relative to the first session's start."""
    with database.begin(writes=False) as db:
        starts = db.exec(select(Session.starts_at).where(Session.number == 1)).one()

    def set_clock(offset: timedelta) -> datetime:
        monkeypatch.setattr("app.routers.pages.my.now", lambda: starts + offset)
        return starts + offset

    return set_clock


def _actions(text: str) -> list[str]:
    """Where the buttons of the main part lead: links that are primary, and forms."""
    found = re.findall(
        r'<a class="button button-primary[^"]*" href="([^"]*)"'
        r'|<form method="post"[^>]* action="([^"]*)"',
        text,
    )
    return [link or form for link, form in found]


def _evidence(database: Database) -> list[str]:
    with database.begin(writes=False) as db:
        return [str(kind) for kind in db.exec(select(Evidence.kind)).all()]


def test_the_button_fits_the_moment(
    client: TestClient, there: Published, at: Callable[[timedelta], datetime]
) -> None:
    join, check_in = (f"{there.my}/sessions/1/{act}" for act in ("join", "check-in"))
    calendar = f"{there.my}/calendar"
    at(timedelta(days=-3))
    assert _actions(client.get(there.my).text) == [calendar]
    at(timedelta(minutes=-10))
    assert _actions(client.get(there.my).text) == [join]
    assert client.post(join).headers["location"] == "https://meet.example.org/secret-1"
    at(timedelta(minutes=5))
    assert _actions(client.get(there.my).text) == [check_in, join]
    assert client.post(check_in).headers["location"] == there.my
    assert _actions(client.get(there.my).text) == [join]
    at(timedelta(minutes=91))
    assert _actions(client.get(there.my).text) == [calendar]  # the second session is next


def test_after_the_end_one_can_still_check_in(
    client: TestClient, there: Published, at: Callable[[timedelta], datetime]
) -> None:
    at(timedelta(minutes=95))
    assert _actions(client.get(there.my).text) == [f"{there.my}/sessions/1/check-in"]


def test_a_get_changes_nothing(
    client: TestClient,
    database: Database,
    there: Published,
    at: Callable[[timedelta], datetime],
) -> None:
    at(timedelta(minutes=5))
    for end in ("", "/calendar", "/withdraw", "/sessions/1/join", "/sessions/1/check-in"):
        assert client.get(there.my + end).status_code == 200
    assert _evidence(database) == []
    with database.begin(writes=False) as db:
        assert db.exec(select(Enrolment.status, Enrolment.revision)).one() == ("confirmed", 1)


def test_twice_is_once(
    client: TestClient,
    database: Database,
    there: Published,
    at: Callable[[timedelta], datetime],
) -> None:
    at(timedelta(minutes=5))
    for _ in range(2):
        assert client.post(f"{there.my}/sessions/1/check-in").status_code == 303
    assert _evidence(database) == ["check_in"]


@pytest.mark.parametrize(
    ("act", "offset", "words"),
    [
        ("join", timedelta(hours=-2), "15 minutes before the start"),
        ("check-in", timedelta(hours=-2), "Check-in is not open yet"),
        ("check-in", timedelta(hours=3), "Check-in is closed"),
        ("join", timedelta(hours=3), "This session is over"),
    ],
)
def test_outside_its_window_it_says_when(
    client: TestClient,
    database: Database,
    there: Published,
    at: Callable[[timedelta], datetime],
    act: str,
    offset: timedelta,
    words: str,
) -> None:
    at(offset)
    path = f"{there.my}/sessions/1/{act}"
    looked, tried = client.get(f"{path}?lang=en"), client.post(path)
    assert (looked.status_code, tried.status_code) == (200, 409)
    assert words in looked.text
    assert words in tried.text
    assert "<form" not in looked.text.split("<main")[1].split("</main")[0]
    assert _evidence(database) == []


def test_the_policy_lets_the_form_reach_the_meeting_and_only_then(
    client: TestClient, there: Published, at: Callable[[timedelta], datetime]
) -> None:
    def form_action(path: str) -> str:
        policy = client.get(path).headers["content-security-policy"]
        found = re.search(r"form-action ([^;]*)", policy)
        assert found
        return found[1]

    at(timedelta(days=-3))
    assert form_action(there.my) == "'self'"
    at(timedelta(minutes=5))
    for path in (there.my, f"{there.my}/sessions/1/join"):
        assert form_action(path) == "'self' https:"


@pytest.mark.parametrize(
    "url",
    ["https://会议.example/a", "https://a;script-src.example/", "https://u:p@[::1]:8/x"],
)
def test_any_link_that_was_typed_leaves_the_page_whole(
    client: TestClient,
    database: Database,
    there: Published,
    at: Callable[[timedelta], datetime],
    url: str,
) -> None:
    with database.begin(writes=True) as db:
        for session in db.exec(select(Session)):
            session.meeting_url = url
    at(timedelta(minutes=5))
    for path in (there.my, f"{there.my}/sessions/1/join", f"{there.my}/sessions/1/check-in"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "form-action 'self' https:; base" in answer.headers["content-security-policy"]
    assert client.post(f"{there.my}/sessions/1/join").status_code == 303


def test_a_link_without_encryption_may_be_followed_too(
    client: TestClient,
    database: Database,
    there: Published,
    at: Callable[[timedelta], datetime],
) -> None:
    with database.begin(writes=True) as db:
        for session in db.exec(select(Session)):
            session.meeting_url = "http://meet.example.org/1"
    at(timedelta(minutes=5))
    policy = client.get(there.my).headers["content-security-policy"]
    assert "form-action 'self' http: https:; base" in policy


def test_the_meeting_link_is_never_in_a_page(
    client: TestClient, there: Published, at: Callable[[timedelta], datetime]
) -> None:
    at(timedelta(minutes=5))
    for end in ("", "/calendar", "/sessions/1/join", "/sessions/1/check-in"):
        assert "secret-1" not in client.get(there.my + end).text


def test_own_data_and_own_language(client: TestClient, there: Published) -> None:
    text = client.get(there.my).text
    assert '<html lang="es" data-zone="America/Bogota"' in text
    assert re.findall(r"person\d+@example.org", text) == ["person4@example.org"]


def test_leaving_shows_first_what_happens(
    client: TestClient, database: Database, there: Published
) -> None:
    assert _actions(client.get(f"{there.my}/withdraw").text) == []
    assert client.post(f"{there.my}/withdraw").headers["location"] == there.my
    with database.begin(writes=False) as db:
        assert db.exec(select(Enrolment.status)).one() == "withdrawn"
    assert f'href="/c/{SLUG}/enrol"' in client.get(there.my).text
    assert client.post(f"{there.my}/withdraw").status_code == 303


def test_whoever_has_read_the_calendar_is_out_once_it_is_ended(
    client: TestClient, database: Database, links: Links, there: Published
) -> None:
    """Their links to join stand in it, and behind those the calendar's new address."""
    with database.begin(writes=True) as db:
        guest = guests.guest_of(db, there.cycle_id, _person_id(db, there))
        opened = [
            there.my,
            there.feed,
            f"/part/{links.token(Purpose.PART, guest.id, 1)}",
            f"/feed/{links.token(Purpose.GUEST_FEED, guest.id, 1)}.ics",
        ]
    assert f"{there.my}/sessions/1/join" in client.get(there.feed).text.replace("\r\n ", "")
    assert [client.get(each).status_code for each in opened] == [200] * 4
    answer = client.post(f"{there.my}/calendar/renew?lang=en")
    # The new link goes to their mailbox; who pressed the button may be somebody else.
    new = links.token(Purpose.MY, there.enrolment_id, 2)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/c/{SLUG}?lang=en")
    page = client.get(f"/c/{SLUG}?lang=en").text
    assert "Your personal link and the address of your calendar have stopped working." in page
    assert "A mail with your new link is on its way." in page
    assert new not in page
    assert [client.get(each).status_code for each in opened] == [410] * 4
    assert client.get(f"/my/{new}").status_code == 200
    with database.begin(writes=False) as db:
        query = select(Message.to_address).where(Message.kind == "enrolment-link")
        person = db.get_one(Person, _person_id(db, there))
        assert db.exec(query).all() == [person.email]
    assert client.post(f"{there.my}/calendar/renew").status_code == 410


def test_who_has_left_is_promised_no_mail(
    client: TestClient, database: Database, there: Published
) -> None:
    """None goes to them. The ended link says whom to ask, for parts that they may still have."""
    client.post(f"{there.my}/withdraw")
    answer = client.post(f"{there.my}/calendar/renew?lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{there.my}?lang=en")
    page = client.get(f"{there.my}?lang=en")
    assert page.status_code == 410
    assert "A mail with your new link is on its way." not in page.text
    with database.begin(writes=False) as db:
        query = select(Message.to_address).where(Message.kind == "enrolment-link")
        assert db.exec(query).all() == []


def _person_id(db: DbSession, there: Published) -> str:
    return db.get_one(Enrolment, there.enrolment_id).person_id


@pytest.mark.parametrize("end", ["", "/calendar", "/withdraw", "/sessions/1/join"])
def test_wrong_and_replaced_links(
    client: TestClient, database: Database, links: Links, there: Published, end: str
) -> None:
    assert client.get(f"{there.my}x{end}").status_code == 404
    feed_token = there.feed.removeprefix("/feed/").removesuffix(".ics")
    assert client.get(f"/my/{feed_token}{end}").status_code == 404
    with database.begin(writes=True) as db:
        db.exec(select(Enrolment)).one().link_generation += 1
    assert client.get(f"{there.my}{end}").status_code == 410


@pytest.mark.parametrize("number", ["99", "0", "-1", "x", "9" * 30])
def test_a_session_that_is_not_there(client: TestClient, there: Published, number: str) -> None:
    for act in ("join", "check-in"):
        assert client.get(f"{there.my}/sessions/{number}/{act}").status_code == 404
        assert client.post(f"{there.my}/sessions/{number}/{act}").status_code == 404


@pytest.mark.parametrize("status", ["pending", "waitlisted"])
def test_who_has_no_place_gets_no_link(
    client: TestClient,
    database: Database,
    there: Published,
    at: Callable[[timedelta], datetime],
    status: str,
) -> None:
    with database.begin(writes=True) as db:
        db.exec(select(Enrolment)).one().status = status
    at(timedelta(minutes=5))
    assert f"{there.my}/sessions/1/join" not in _actions(client.get(there.my).text)
    assert client.post(f"{there.my}/sessions/1/join").status_code == 409


def test_from_another_site_nothing_is_done(
    client: TestClient, there: Published, at: Callable[[timedelta], datetime]
) -> None:
    at(timedelta(minutes=5))
    headers = {"sec-fetch-site": "cross-site"}
    assert client.post(f"{there.my}/sessions/1/check-in", headers=headers).status_code == 403


@pytest.mark.parametrize("rows", [1, 3])
def test_queries_do_not_grow_with_sessions(
    client: TestClient,
    database: Database,
    links: Links,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
    rows: int,
) -> None:
    there = make_published(database, links, sessions=rows)
    with count_queries() as queries:
        assert client.get(there.my).status_code == 200
    # The enrolment with its person, the cycle with its release, the sessions' windows,
    # the evidence, what is asked after them, the certificate.
    assert len(queries) == 9


def test_whoever_does_something_here_can_be_reached(
    client: TestClient, database: Database, there: Published
) -> None:
    def bounce() -> str:
        with database.begin(writes=False) as db:
            enrolment = db.get_one(Enrolment, there.enrolment_id)
            return db.get_one(Person, enrolment.person_id).bounce

    with database.begin(writes=True) as db:
        person = db.get_one(Person, db.get_one(Enrolment, there.enrolment_id).person_id)
        person.bounced_at = person.created_at - timedelta(days=999)
        person.bounce = "550 no such user"
    client.get(there.my)
    assert bounce() == "550 no such user"
    client.post(f"{there.my}/calendar/renew")
    assert bounce() == ""
