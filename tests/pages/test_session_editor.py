"""Organizers list, make, change, cancel and delete sessions."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, Session
from app.services import publishing
from app.services.actor import SYSTEM
from tests.factories import NOW, Make
from tests.pages.reading import Page

CountQueries = Callable[[], AbstractContextManager[list[str]]]
LIST = "/organize/c/lideres/sessions"
NEW = {
    "title-es": "Apertura",
    "date": "2026-12-01",
    "time": "09:00",
    "zone": "America/Bogota",
    "minutes": "90",
    "status": "scheduled",
    "meeting_url": "",
}


@pytest.fixture
def cycle(database: Database) -> str:
    with database.begin(writes=True) as db:
        return str(Make(db).cycle(slug="lideres").id)


@pytest.fixture
def session(database: Database) -> str:
    with database.begin(writes=True) as db:
        make = Make(db)
        return str(make.session(make.cycle(slug="lideres")).id)


def only(database: Database) -> Session:
    with database.begin(writes=False) as db:
        return db.exec(select(Session)).one()


def publish(database: Database) -> None:
    with database.begin(writes=True) as db:
        cycle_id = db.exec(select(Session.cycle_id)).first()
        publishing.publish(db, SYSTEM, cycle_id or "", accept_warnings=True, now=NOW)


def test_a_new_session(organizer_client: TestClient, database: Database, cycle: str) -> None:
    answer = organizer_client.post(f"{LIST}/new", data=NEW)

    assert (answer.status_code, answer.headers["location"]) == (303, f"{LIST}/1")
    row = only(database)
    assert (row.title, row.wall_start, row.zone, row.minutes, row.status, row.starts_at) == (
        {"es": "Apertura"},
        datetime(2026, 12, 1, 9),
        "America/Bogota",
        90,
        "scheduled",
        datetime(2026, 12, 1, 14, tzinfo=UTC),
    )


def test_a_new_session_begins_like_the_last_one(organizer_client: TestClient, session: str) -> None:
    fields = Page(organizer_client.get(f"{LIST}/new").text).fields

    assert (fields["time"], fields["minutes"], fields["zone"], fields["date"]) == (
        "09:00",
        "90",
        "America/Bogota",
        "",
    )


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"title-es": "", "title-pt": ""}, "title-es", "Fill this in, in at least one language."),
        ({"date": ""}, "date", "Enter the day like 2026-11-26."),
        ({"date": "2026-02-30"}, "date", "Enter the day like 2026-11-26."),
        ({"date": "1999-12-31"}, "time", "Choose a date between 2000 and 2100."),
        ({"time": "nine"}, "time", "Enter the time like 09:00."),
        ({"minutes": ""}, "minutes", "Enter a whole number."),
        ({"minutes": "1441"}, "minutes", "This must be at most 1440."),
        (
            {"zone": "Bogota"},
            "zone",
            "This time zone is not known. Choose one like America/Bogota.",
        ),
        ({"number": "0"}, "number", "This must be at least 1."),
        ({"meeting_url": "meet"}, "meeting_url", "Enter a whole link that begins with https://."),
        (
            {"date": "2027-03-28", "time": "02:30", "zone": "Europe/Madrid"},
            "time",
            "In Europe/Madrid the clocks jump over 2027-03-28 02:30. The nearest times that exist "
            "are 2027-03-28 01:59 and 2027-03-28 03:00.",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_the_field_and_nothing_is_lost(
    organizer_client: TestClient,
    database: Database,
    cycle: str,
    change: dict[str, str],
    field: str,
    sentence: str,
) -> None:
    typed = NEW | {"title-pt": "Palavras que custaram tempo"} | change

    answer = organizer_client.post(f"{LIST}/new", data=typed)

    page = Page(answer.text)
    assert answer.status_code == 422
    assert page.text(f"#{field}-error") == [f"Error: {sentence}"]
    assert f'href="#{field}"' in answer.text
    kept = {n: page.fields[n] for n in typed if n != "zone"}
    assert kept == {n: v for n, v in typed.items() if n != "zone"}
    with database.begin(writes=False) as db:
        assert db.exec(select(Session)).all() == []


def test_all_that_is_wrong_is_said_at_once(organizer_client: TestClient, cycle: str) -> None:
    typed = NEW | {"title-es": "", "date": "", "minutes": "", "meeting_url": "meet"}

    answer = organizer_client.post(f"{LIST}/new", data=typed)

    assert answer.status_code == 422
    assert re.findall(r'<li><a href="#([^"]*)">', answer.text) == [
        "date", "title-es", "minutes", "meeting_url",
    ]  # fmt: skip


def test_an_hour_that_comes_twice_is_asked_about(
    organizer_client: TestClient, database: Database, cycle: str
) -> None:
    typed = NEW | {"date": "2027-10-31", "time": "02:30", "zone": "Europe/Madrid"}

    answer = organizer_client.post(f"{LIST}/new", data=typed)
    page = Page(answer.text)
    assert answer.status_code == 422
    assert page.text("#fold") == [
        "This time exists twice on that day. Which one is meant? "
        "The clocks are set back that night. The first time, at UTC+02:00 "
        "The second time, an hour or so later, at UTC+01:00"
    ]
    assert {n: page.fields[n] for n in typed} == typed

    assert organizer_client.post(f"{LIST}/new", data=typed | {"fold": "1"}).status_code == 303
    assert only(database).starts_at == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    fields = Page(organizer_client.get(f"{LIST}/1").text).fields
    assert fields["fold"] == "1"
    assert organizer_client.post(f"{LIST}/1", data=fields).status_code == 303
    assert only(database).starts_at == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)


def test_every_field_is_saved(
    organizer_client: TestClient, database: Database, session: str
) -> None:
    typed: dict[str, Any] = Page(organizer_client.get(f"{LIST}/1").text).fields | {
        "title-en": "Opening",
        "title-es": "",
        "description-pt": "Duas\r\nlinhas",
        "date": "2026-12-02",
        "time": "10:30",
        "zone": "America/Santiago",
        "minutes": "75",
        "number": "7",
        "meeting_url": "https://meet.example.org/a",
        "meeting_passcode": "s3cret",
        "backstage_url": "https://meet.example.org/b",
        "check_in_before": "0",
        "check_in_after": "45",
        "check_in_word": "quena",
        "check_in_word_rotates": "yes",
        "status": "draft",
    }

    answer = organizer_client.post(f"{LIST}/1", data=typed)

    assert (answer.status_code, answer.headers["location"]) == (303, f"{LIST}/7")
    row = only(database)
    assert row.model_dump(
        exclude={"id", "uid", "room_code", "created_at", "cycle_id", "revision"}
    ) == {
        "closed_at": None,
        "number": 7,
        "title": {"en": "Opening"},
        "description": {"pt": "Duas\nlinhas"},
        "wall_start": datetime(2026, 12, 2, 10, 30),
        "zone": "America/Santiago",
        "fold": 0,
        "minutes": 75,
        "starts_at": datetime(2026, 12, 2, 13, 30, tzinfo=UTC),
        "ends_at": datetime(2026, 12, 2, 14, 45, tzinfo=UTC),
        "status": "draft",
        "meeting_url": "https://meet.example.org/a",
        "meeting_passcode": "s3cret",
        "backstage_url": "https://meet.example.org/b",
        "check_in_before": 0,
        "check_in_after": 45,
        "check_in_word": "quena",
        "check_in_word_rotates": True,
    }
    again = Page(organizer_client.get(f"{LIST}/7").text).fields
    assert {n: again[n] for n in typed if n not in ("revision", "description-pt")} == {
        n: v for n, v in typed.items() if n not in ("revision", "description-pt")
    }


def test_the_list_says_how_each_session_stands(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="lideres")
        start = datetime(2090, 12, 1, 9)
        one = make.session(
            cycle, 1, wall_start=start, minutes=150, meeting_url="https://meet.example.org/1"
        )
        make.session(cycle, 2, wall_start=datetime(2026, 1, 5, 9), status="cancelled")
        make.session(cycle, 3, wall_start=start)
        for n in range(5):
            make.part(make.segment(one, n), make.person(name=f"Person {n}", email=""))

    page = Page(organizer_client.get(LIST).text)

    assert page.text(".session-number") == ["2", "1", "3"]
    assert [text.split(" ", 2)[0] for text in page.text(".when-main")] == [
        "Monday", "Friday", "Friday",
    ]  # fmt: skip
    assert page.text(".session-people") == [
        "Nobody has a part yet",
        "Person 0, Person 1, Person 2, Person 3 and 1 more",
        "Nobody has a part yet",
    ]
    assert page.text(".session-states") == [
        "Cancelled",
        "Scheduled",
        "One conflict One thing to check",
        "Scheduled No link yet",
        "One conflict 2 things to check",
    ]


def test_an_empty_list_says_how_to_begin(organizer_client: TestClient, cycle: str) -> None:
    page = Page(organizer_client.get(LIST).text)

    assert page.text(".empty") == [
        "No sessions yet Make a whole series in one step, or begin with the first. "
        "Add a series Add a session"
    ]


def test_the_hours_of_those_who_take_part_are_drawn(
    organizer_client: TestClient, database: Database, session: str
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        row = db.get_one(Session, session)
        segment = make.segment(row)
        make.part(segment, make.person(name="Marc", zone="Europe/Madrid"), "host")
        cycle = db.get_one(Cycle, row.cycle_id)
        make.enrolment(cycle, zone="America/Lima")
        make.enrolment(cycle, zone="America/Santiago")
        make.enrolment(cycle, zone="America/Santiago", status="withdrawn")

    page = Page(organizer_client.get(f"{LIST}/1").text)

    assert page.text(".zone-row") == [
        "Bogotá, Lima 1 participant 09:00–10:30, during the day",
        "Santiago 1 participant 11:00–12:30, during the day",
        "Madrid Marc 15:00–16:30, during the day",
    ]


def test_a_session_is_cancelled_and_takes_place_again(
    organizer_client: TestClient, database: Database, session: str
) -> None:
    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle)).one()
        cycle.completion_rule = {"min_sessions": 1, "of": 4, "mandatory": [session]}
    refused = organizer_client.post(f"{LIST}/1/cancel")
    assert (refused.status_code, Page(refused.text).text("h1")) == (409, ["Cancel session 1?"])
    assert "Change the rule first, then cancel the session." in refused.text
    with database.begin(writes=True) as db:
        db.get_one(Cycle, cycle.id).completion_rule = None
    ask = organizer_client.get(f"{LIST}/1/cancel")
    assert Page(ask.text).text("h1") == ["Cancel session 1?"]
    assert only(database).status == "scheduled"

    assert organizer_client.post(f"{LIST}/1/cancel").headers["location"] == f"{LIST}/1"
    assert only(database).status == "cancelled"
    editor = Page(organizer_client.get(f"{LIST}/1").text)
    assert "status" not in editor.fields
    assert organizer_client.post(f"{LIST}/1", data=editor.fields).status_code == 303
    assert only(database).status == "cancelled"

    assert Page(organizer_client.get(f"{LIST}/1/reinstate").text).text("h1") == [
        "Let session 1 take place after all?"
    ]
    assert organizer_client.post(f"{LIST}/1/reinstate").headers["location"] == f"{LIST}/1"
    assert only(database).status == "scheduled"


def test_a_session_nobody_has_heard_of_is_deleted(
    organizer_client: TestClient, database: Database, session: str
) -> None:
    assert Page(organizer_client.get(f"{LIST}/1/delete").text).text("h1") == ["Delete session 1?"]

    assert organizer_client.post(f"{LIST}/1/delete").headers["location"] == LIST
    with database.begin(writes=False) as db:
        assert db.exec(select(Session)).all() == []


def test_a_published_session_is_not_deleted(
    organizer_client: TestClient, database: Database, session: str
) -> None:
    publish(database)
    assert Page(organizer_client.get(f"{LIST}/1/delete").text).text("h1") == [
        "Session 1 cannot be deleted"
    ]

    answer = organizer_client.post(f"{LIST}/1/delete")

    assert answer.status_code == 409
    assert Page(answer.text).text(".notice-error") == [
        "Not possible. Session 1 has been published and stands in people's calendars. "
        "Cancel it instead, and publish that. Cancel it instead"
    ]
    assert only(database).number == 1


def test_a_published_session_does_not_become_a_draft(
    organizer_client: TestClient, database: Database, session: str
) -> None:
    publish(database)
    fields = Page(organizer_client.get(f"{LIST}/1").text).fields
    assert "status" not in fields

    answer = organizer_client.post(f"{LIST}/1", data=fields | {"status": "draft"})

    assert answer.status_code == 422
    assert Page(answer.text).text(".error-summary") == [
        "One thing needs a change This session has been published, so it cannot be a draft again. "
        "Cancel it."
    ]


@pytest.mark.parametrize("path", ["", "/cancel", "/delete", "/reinstate", "/print"])
def test_a_session_that_is_not_there(organizer_client: TestClient, session: str, path: str) -> None:
    assert organizer_client.get(f"{LIST}/2{path}").status_code == 404
    assert organizer_client.get(f"{LIST}/99999999999999999999{path}").status_code == 404
    assert organizer_client.get(f"/organize/c/nothing/sessions/1{path}").status_code == 404


def test_queries_of_the_list_do_not_grow(
    organizer_client: TestClient, database: Database, count_queries: CountQueries
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="lideres")
        make.part(make.segment(make.session(cycle, 1)), make.person())
    with count_queries() as one:
        organizer_client.get(LIST)
    with database.begin(writes=True) as db:
        make = Make(db)
        for n in (2, 3):
            segment = make.segment(make.session(db.merge(cycle), n))
            make.part(segment, make.person(email=""))
    with count_queries() as three:
        organizer_client.get(LIST)

    assert (len(one), len(one)) == (len(three), 10)
