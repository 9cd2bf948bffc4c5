"""Organizers see whose calendar is right, who comes, and send what is missing."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.answers import Answer, AnswerSource, Given
from app.models import Cycle, Invitation, MailPace, Message, Person, Session, now
from app.services import answers, invitations, publishing
from app.services.actor import SYSTEM
from app.services.invitations import Stale, StaleRow
from app.services.mail_limits import Limits
from app.services.mail_progress import Progress
from tests.factories import Make
from tests.pages.reading import Page

Count = Callable[[], AbstractContextManager[list[str]]]
URL = "/organize/c/lideres/invitations"


@pytest.fixture
def cycle(database: Database) -> str:
    """A published cycle with a session to come, a host and two participants; nobody invited."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="lideres")
        start = (now() + timedelta(days=9)).replace(tzinfo=None, second=0, microsecond=0)
        session = make.session(cycle, minutes=60, wall_start=start, title={"es": "Trampas"})
        host = make.person(name="Ana Ruiz", email="ana@example.org")
        make.part(make.segment(session, minutes=60), host, "host")
        make.enrolment(cycle, make.person(name="Beto Díaz", email="beto@example.org"))
        make.enrolment(cycle, make.person(name="Carla Paz", email="carla@example.org"))
        publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=now())
        return str(cycle.id)


def addresses(database: Database) -> list[str]:
    with database.begin(writes=False) as db:
        kinds = ("invitation", "invitation-update", "invitation-cancel")
        query = select(Message.to_address).where(col(Message.kind).in_(kinds))
        return sorted(db.exec(query))


def deliver(database: Database, **values: Any) -> None:
    with database.begin(writes=True) as db:
        for message in db.exec(select(Message)):
            message.status = "sent"
            message.sent_at = now()
            for name, value in values.items():
                setattr(message, name, value)


def test_before_the_first_release(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres")
    page = Page(organizer_client.get(URL).text)
    assert page.text(".empty") == [
        "Nothing is published yet Publish the cycle first; then people can be invited. Publish"
    ]


def test_all_are_invited_after_the_consequence_is_shown(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    page = Page(organizer_client.get(URL).text)
    assert page.text(".notice-warning") == [
        "The calendars of 3 people are not right Invitations: 3 Send the 3 mails that mend it …"
    ]
    asked = Page(organizer_client.get(URL + "/send").text)
    assert asked.text(".confirm-consequences") == [
        "Invitations: 3 (Español 3) They go to 3 people. From then on calendars are kept right by "
        "mail: whoever enrols or leaves, and whatever you publish, is told by itself."
    ]
    assert addresses(database) == []

    answer = organizer_client.post(URL + "/send", data={"note": "Welcome"})

    assert (answer.status_code, answer.headers["location"]) == (303, URL)
    assert addresses(database) == ["ana@example.org", "beto@example.org", "carla@example.org"]
    shown = Page(organizer_client.get(URL).text)
    assert shown.text(".flashes") == ["Done. 3 mails are on their way."]
    organizer_client.post(URL + "/send", data={})
    assert len(addresses(database)) == 3


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (
            "unreachable",
            "The mail server cannot be reached. So it has been since 22:53; the next attempt is at "
            "22:55.",
        ),
        ("hour", "At most 1900 mails an hour may go; it goes on at 22:55."),
    ],
)
def test_it_is_said_why_nothing_moves(
    organizer_client: TestClient, database: Database, cycle: str, why: str, words: str
) -> None:
    organizer_client.post(URL + "/send")
    moment = datetime(2026, 11, 20, 22, 54, tzinfo=ZoneInfo("America/Bogota")).astimezone(UTC)
    limits = Limits("mail.example.org:25", None, 2000)
    organizer_client.app.state.mail_limits = limits  # type: ignore[attr-defined]
    with database.begin(writes=True) as db:
        since, until = moment - timedelta(minutes=1), moment + timedelta(minutes=1)
        db.add(MailPace(server=limits.server, pause=why, since=since, until=until))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("app.routers.pages.invitations.now", lambda: moment)
        page = Page(organizer_client.get(URL).text)
    assert page.text("#progress") == [f"0 of 3 mails have gone out. {words}"]


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(seconds=10), "About one minute to go."),
        (timedelta(minutes=89), "About 90 minutes to go."),
        (timedelta(hours=8, minutes=50), "About 9 hours to go."),
        (timedelta(days=2), "About 2 days to go."),
    ],
)
def test_how_long_it_takes(
    organizer_client: TestClient,
    database: Database,
    cycle: str,
    monkeypatch: pytest.MonkeyPatch,
    left: timedelta,
    words: str,
) -> None:
    organizer_client.post(URL + "/send")
    found = Progress(3, 1, 2, 0, 0, 1.0, None)

    def progress(_db: object, _cycle: object, _release: object, now: datetime, *_: object) -> Any:
        return replace(found, ends_at=now + left)

    monkeypatch.setattr("app.routers.pages.invitations.progress", progress)
    page = Page(organizer_client.get(URL).text)
    assert page.text("#progress") == [f"1 of 3 mails have gone out. {words}"]


def test_what_was_given_up_goes_again(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    organizer_client.post(URL + "/send")
    deliver(database, status="failed", last_error="refused: 550 5.1.1 no")
    page = Page(organizer_client.get(URL).text)
    assert page.text(".notice-error") == [
        "3 mails could not be delivered Send these 3 again See why"
    ]
    again = organizer_client.post(
        "/organize/mail/again", data={"cycle": cycle, "from": "invitations"}
    )
    assert again.headers["location"] == URL
    page = Page(organizer_client.get(URL).text)
    assert page.text(".flashes") == ["Done. 3 mails are on their way again."]
    assert page.text(".notice-error") == []


def test_progress_is_shown_until_all_have_gone(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    organizer_client.post(URL + "/send")
    html = organizer_client.get(URL).text
    assert html.count("<progress") == 1
    assert "0 of 3 mails have gone out." in html
    deliver(database)
    html = organizer_client.get(URL).text
    assert html.count("<progress") == 0
    assert Page(html).text(".notice-success") == [
        "Up to date. Everybody’s calendar says what is published."
    ]


def test_progress_has_an_address_that_looks_at_mails_only(
    organizer_client: TestClient, database: Database, cycle: str, count_queries: Count
) -> None:
    """Nothing is planned, however many people there are."""
    organizer_client.post(URL + "/send")
    assert f'data-progress="{URL}/progress"' in organizer_client.get(URL).text
    with count_queries() as queries:
        piece = organizer_client.get(URL + "/progress").text
    assert Page(piece).text("p") == ["0 of 3 mails have gone out.", "Look again"]
    assert piece.count("<progress") == 1
    assert [q for q in queries if "FROM guest" in q or "FROM invitation" in q] == []
    # How far these are, the pace of late, and all that waits for the same server.
    assert len([q for q in queries if "FROM message" in q]) == 3
    deliver(database)
    done = organizer_client.get(URL + "/progress").text
    assert Page(done).text("p") == ["3 of 3 mails have gone out.", "Look again"]
    assert done.count("<progress") == 0


def test_what_did_not_arrive_is_listed_and_sent_again(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    organizer_client.post(URL + "/send")
    deliver(database)
    with database.begin(writes=True) as db:
        message = db.exec(select(Message).where(Message.to_address == "beto@example.org")).one()
        message.status = "bounced"
    page = Page(organizer_client.get(URL).text)
    assert page.text("tbody")[1] == (
        "Beto Díaz beto@example.org 1. Trampas The mail came back. Check the address. The mail Send"
    )
    answer = organizer_client.post(
        URL + "/again", data={"person": page.fields["person"], "session": page.fields["session"]}
    )
    assert answer.status_code == 303
    assert addresses(database) == [
        "ana@example.org",
        "beto@example.org",
        "beto@example.org",
        "carla@example.org",
    ]


def test_who_comes_is_counted_and_listed(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    organizer_client.post(URL + "/send")
    with database.begin(writes=True) as db:
        rows = db.exec(select(Invitation).order_by(col(Invitation.address))).all()
        given = Given(Answer.DECLINED, now(), 0, AnswerSource.MAIL, "On holiday")
        answers.give(db, rows[1].id, given)
    page = Page(organizer_client.get(URL).text)
    assert page.text("tbody")[0].endswith("3 0 0 1 0 2")
    listed = Page(organizer_client.get(URL + "/1?answer=declined").text)
    (row,) = listed.text("tbody")
    assert row.startswith("Beto Díaz beto@example.org Not coming")
    assert "by mail" in row
    assert "“On holiday”" in row
    silent = Page(organizer_client.get(URL + "/1?answer=none").text)
    assert [t.split(" ")[0] for t in silent.text("tbody")] == ["Ana"]


def test_an_organizer_notes_an_answer(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    organizer_client.post(URL + "/send")
    page = Page(organizer_client.get(URL + "/1").text)
    data = {key: page.fields[key] for key in ("person", "session")} | {"answer": "accepted"}
    assert organizer_client.post(URL + "/1/answer", data=data).status_code == 303
    with database.begin(writes=False) as db:
        found = [(r.address, r.answer, r.answer_source) for r in db.exec(select(Invitation))]
    assert sorted(f for f in found if f[1]) == [("carla@example.org", "accepted", "organizer")]


def test_it_can_be_stopped(organizer_client: TestClient, database: Database, cycle: str) -> None:
    organizer_client.post(URL + "/send")
    assert organizer_client.get(URL + "/stop").status_code == 200
    organizer_client.post(URL + "/stop")
    with database.begin(writes=False) as db:
        assert db.get_one(Cycle, cycle).invites is False


def test_another_cycles_person_is_not_written_to(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    organizer_client.post(URL + "/send")
    with database.begin(writes=True) as db:
        stranger = Make(db).person().id
        session = db.exec(select(Invitation.session_id)).first()
    answer = organizer_client.post(
        URL + "/again", data={"person": stranger, "session": str(session)}
    )
    assert answer.status_code == 303
    assert Page(organizer_client.get(URL).text).text(".flashes") == [
        "Check this. There is nothing to send: this session does not concern them."
    ]
    assert len(addresses(database)) == 3


def test_the_queries_do_not_grow(
    organizer_client: TestClient, database: Database, cycle: str, count_queries: Any
) -> None:
    organizer_client.post(URL + "/send")
    for path in (URL, URL + "/1"):
        with count_queries() as few:
            organizer_client.get(path)
        with database.begin(writes=True) as db:
            make = Make(db)
            for n in range(2):
                person = make.person(email=f"{n}-of-{len(path)}@example.com")
                make.enrolment(db.get_one(Cycle, cycle), person)
        organizer_client.post(URL + "/send")
        with count_queries() as more:
            organizer_client.get(path)
        assert len(few) == len(more)
        assert len(more) <= 17


REASONS = {
    Stale.NEW: "Not invited yet.",
    Stale.CHANGED: "Has not been told of the latest change.",
    Stale.BACK: "Was told that it is off, and it is on.",
    Stale.ADDRESS: "Was invited at another address.",
    Stale.CANCELLED: "Has not been told that it is cancelled.",
    Stale.LEFT: "Is no longer in it and has not been told.",
    Stale.LEFT_OUT: "Was left out of release 7.",
    Stale.NO_ADDRESS: "We have no address.",
    Stale.FAILED: "The mail could not be delivered.",
    Stale.BOUNCED: "The mail came back. Check the address.",
    Stale.EXPIRED: "The mail came too late: the session was over.",
}


@pytest.mark.parametrize("why", Stale)
def test_every_reason_is_told(
    organizer_client: TestClient, cycle: str, why: Stale, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(planned: Any, schedule: Any, *_: Any) -> list[StaleRow]:
        session = schedule.sessions[0]
        return [StaleRow(why, "x", "Zoe", "zoe@example.org", session, release_number=7)]

    monkeypatch.setattr(invitations, "stale_rows", rows)

    answer = organizer_client.get(URL)

    assert answer.status_code == 200
    shown = [t for t in Page(answer.text).text("tbody") if t.startswith("Zoe")]
    said = REASONS.get(why)
    button = "" if why in (Stale.NO_ADDRESS, Stale.EXPIRED) else " Send"
    assert shown == ([f"Zoe zoe@example.org 1. Trampas {said}{button}"] if said else [])


def test_whoever_was_left_out_is_named_with_the_release(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    with database.begin(writes=True) as db:
        beto = db.exec(select(Person.id).where(Person.name == "Beto Díaz")).one()
        db.exec(select(Session)).one().title = {"es": "Escaleras"}
        db.flush()
        publishing.publish(
            db, SYSTEM, cycle, accept_warnings=True, now=now(), invite=True, leave_out=[beto]
        )

    for language, said in [("en", "Was left out of release 2."), ("es", ""), ("pt", "")]:
        answer = organizer_client.get(URL, headers={"accept-language": language})
        assert answer.status_code == 200
        (row,) = Page(answer.text).text("tbody")[1:]
        assert row.startswith("Beto Díaz beto@example.org 1. Escaleras " + said)


def test_first_invitations_are_folded(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    page = Page(organizer_client.get(URL).text)

    assert page.text("#stale-title") == []
    assert page.text("summary") == ["3 calendar entries; the button above sends the invitations"]
    assert len(Page(organizer_client.get(URL).text).text("details")) == 1
