"""What was published, when and by whom."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, Session
from app.services import publishing
from app.services.actor import Actor
from tests.factories import NOW, Make
from tests.pages.reading import Page

URL = "/organize/c/lideres/releases"


def test_no_release_yet(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres")

    assert Page(organizer_client.get(URL).text).text(".empty") == [
        "Nothing is published yet The first release comes with the first publishing. Publish"
    ]


def test_releases_are_told_newest_first(
    organizer_client: TestClient, database: Database, organizer: Actor
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        make.session(make.cycle(slug="lideres"))
    for step, title in enumerate(("Session 1", "Opening")):
        with database.begin(writes=True) as db:
            db.exec(select(Session)).one().title = {"en": title}
            db.flush()
            cycle_id = db.exec(select(Cycle.id)).one()
            moment = NOW + timedelta(hours=step)
            publishing.publish(db, organizer, cycle_id, accept_warnings=True, now=moment)

    page = Page(organizer_client.get(URL).text)

    assert page.text(".release") == [
        "Release 2 Monday 23 November 2026, 11:00, Bogotá time · Olga Organizer One change "
        "Session 1 Opening Session 1 is now called “Opening” (before: “Session 1”).",
        "Release 1 Monday 23 November 2026, 10:00, Bogotá time · Olga Organizer One change "
        "Session 1 Session 1 Session 1, “Session 1”, is new: "
        "Tuesday 1 December 2026, 09:00–10:30, Bogotá time.",
    ]


def _publish_titles(database: Database, organizer: Actor, *titles: str) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        make.session(make.cycle(slug="lideres"))
    for step, title in enumerate(titles):
        with database.begin(writes=True) as db:
            db.exec(select(Session)).one().title = {"en": title}
            db.flush()
            publishing.publish(
                db,
                organizer,
                db.exec(select(Cycle.id)).one(),
                accept_warnings=True,
                now=NOW + timedelta(hours=step),
                note=f"Note {step + 1}",
            )


def _compared(client: TestClient, query: str = "") -> tuple[dict[str, str], list[str], list[str]]:
    page = Page(client.get(f"{URL}/compare{query}").text)
    return page.fields, page.text(".told"), page.text(".prose")


def test_two_releases_are_compared(
    organizer_client: TestClient, database: Database, organizer: Actor
) -> None:
    _publish_titles(database, organizer, "One", "Two", "Three")

    page = Page(organizer_client.get(URL).text)
    assert page.text(".prose") == ["Note 3", "Note 2", "Note 1"]
    compared = _compared(organizer_client, "?from=1&to=3")
    assert compared == (
        {"from": "1", "to": "3"},
        ["Session 1 Three Session 1 is now called “Three” (before: “One”)."],
        ["Note 3", "Note 1"],
    )
    back = _compared(organizer_client, "?from=3&to=1")
    assert back[1] == ["Session 1 One Session 1 is now called “One” (before: “Three”)."]
    assert _compared(organizer_client, "?from=2&to=2")[1] == []
    options = Page(organizer_client.get(f"{URL}/compare").text).options["to"]
    assert options == [
        ("draft", "The draft, as it is now"),
        ("3", "Release 3, Monday 23 November 2026, 12:00"),
        ("2", "Release 2, Monday 23 November 2026, 11:00"),
        ("1", "Release 1, Monday 23 November 2026, 10:00"),
    ]


def test_the_newest_is_compared_with_the_draft(
    organizer_client: TestClient, database: Database, organizer: Actor
) -> None:
    _publish_titles(database, organizer, "One")
    assert _compared(organizer_client) == ({"from": "1", "to": "draft"}, [], ["Note 1"])
    with database.begin(writes=True) as db:
        db.exec(select(Session)).one().status = "cancelled"
    assert _compared(organizer_client)[1] == [
        "Session 1 One Session 1, “One”, Tuesday 1 December 2026, 09:00–10:30, Bogotá time, "
        "is cancelled."
    ]
    back = _compared(organizer_client, "?from=draft&to=1")[1]
    assert back == [
        "Session 1 One Session 1, “One”, takes place after all: "
        "Tuesday 1 December 2026, 09:00–10:30, Bogotá time."
    ]


def test_nothing_to_compare_yet(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres")
    assert _compared(organizer_client) == ({"from": "draft", "to": "draft"}, [], [])


@pytest.mark.parametrize(
    "which", ["0", "2", "-1", "1.0", "٣", "99999999", "999999999", "x", "%00", "1 "]
)
def test_a_release_that_is_none(
    organizer_client: TestClient, database: Database, organizer: Actor, which: str
) -> None:
    _publish_titles(database, organizer, "One")
    for query in (f"?from={which}&to=1", f"?from=1&to={which}"):
        assert organizer_client.get(f"{URL}/compare{query}").status_code == 404


def test_comparing_takes_the_same_queries_however_many_releases(
    organizer_client: TestClient,
    database: Database,
    organizer: Actor,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    counted = []
    for titles in (("One",), ("One", "Two", "Three")):
        with database.begin(writes=True) as db:
            for row in db.exec(select(Cycle)).all():
                db.delete(row)
        _publish_titles(database, organizer, *titles)
        with count_queries() as queries:
            assert organizer_client.get(f"{URL}/compare").status_code == 200
        counted.append(len(queries))
    assert counted == [10, 10]
