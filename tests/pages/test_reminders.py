"""The page of reminders."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, Reminder, Session, now
from app.services import reminders
from app.services.actor import SYSTEM
from app.services.publishing import publish
from tests.factories import Make
from tests.pages.reading import Page

CountQueries = Callable[[], AbstractContextManager[list[str]]]
URL = "/organize/c/clusters/reminders"
NEW = {"minutes": "2", "unit": "hours", "anchor": "start", "audience": "speakers"}


@pytest.fixture(autouse=True)
def cycle(database: Database) -> str:
    """Published, with one session in ten days, a participant and a speaker."""
    with database.begin(writes=True) as db:
        make = Make(db)
        row = make.cycle(slug="clusters", language="en")
        wall = (now() + timedelta(days=10)).replace(
            hour=9, minute=0, second=0, microsecond=0, tzinfo=None
        )
        session = make.session(row, 1, wall_start=wall, title={"en": "Trust"})
        make.part(make.segment(session, minutes=90), make.person())
        make.enrolment(row)
        publish(db, SYSTEM, row.id, accept_warnings=True, now=now())
        return str(row.id)


def stored(database: Database) -> list[tuple[str, int, str, bool]]:
    with database.begin(writes=False) as db:
        query = select(Reminder).where(col(Reminder.removed).is_(False)).order_by(col(Reminder.id))
        return [(r.anchor, r.minutes, r.audience, r.on) for r in db.exec(query)]


def only_id(database: Database) -> str:
    with database.begin(writes=False) as db:
        return db.exec(select(Reminder.id).where(col(Reminder.removed).is_(False))).one()


def test_without_reminders_the_usual_ones_are_offered(
    organizer_client: TestClient, database: Database
) -> None:
    page = Page(organizer_client.get(URL).text)
    assert page.text(".empty")[0].startswith("No reminders")
    answer = organizer_client.post(f"{URL}/usual")
    assert (answer.status_code, answer.headers["location"]) == (303, URL)
    usual = [("start", 1440, "all", True), ("start", 60, "all", True), ("end", 30, "all", True)]
    assert sorted(stored(database)) == sorted(usual)
    html = organizer_client.get(URL).text
    said = ("1 day before the start", "1 hour before the start", "30 minutes after the end")
    assert [html.count(words) for words in said] == [2, 2, 2]  # the rule, and when it goes out


def test_a_cycle_that_keeps_calendars_lives_by_the_usual_ones(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        db.exec(select(Cycle)).one().invites = True
    html = organizer_client.get(URL).text
    assert "These are the usual reminders." in html
    assert "/remove" not in html
    assert stored(database) == []
    organizer_client.post(f"{URL}/usual")
    html = organizer_client.get(URL).text
    assert "These are the usual reminders." not in html
    assert html.count("/remove") == 3


def test_add_change_switch_and_remove(organizer_client: TestClient, database: Database) -> None:
    assert organizer_client.post(URL, data=NEW).status_code == 303
    assert stored(database) == [("start", 120, "speakers", True)]
    row = only_id(database)
    fields = Page(organizer_client.get(f"{URL}/{row}").text).fields
    assert fields == NEW
    organizer_client.post(f"{URL}/{row}/off")
    assert stored(database) == [("start", 120, "speakers", False)]
    assert "Switched off" in organizer_client.get(URL).text
    organizer_client.post(f"{URL}/{row}/on")
    organizer_client.post(f"{URL}/{row}", data=NEW | {"audience": "all"})
    assert (only_id(database), stored(database)) == (row, [("start", 120, "all", True)])
    organizer_client.post(f"{URL}/{row}", data=NEW | {"unit": "days", "anchor": "end"})
    assert stored(database) == [("end", 2880, "speakers", True)]
    assert organizer_client.get(f"{URL}/{row}").status_code == 404
    organizer_client.post(f"{URL}/{only_id(database)}/remove")
    assert stored(database) == []
    organizer_client.post(f"{URL}/usual")
    assert len(stored(database)) == 3


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"minutes": ""}, "minutes", "Enter a whole number."),
        ({"minutes": "-5"}, "minutes", "This must be at least 0."),
        ({"minutes": "1.5"}, "minutes", "Enter a whole number."),
        ({"minutes": "61", "unit": "days"}, "minutes", "Choose at most 60 days."),
        ({"anchor": "middle"}, "anchor", "Choose one of:"),
        ({"audience": "nobody"}, "audience", "Choose one of:"),
    ],
)
def test_what_cannot_be(
    organizer_client: TestClient, database: Database, fields: dict[str, str], field: str, said: str
) -> None:
    organizer_client.post(URL, data=NEW)
    row = only_id(database)
    for url in (URL, f"{URL}/{row}"):
        answer = organizer_client.post(url, data=NEW | fields)
        assert answer.status_code == 422
        page = Page(answer.text)
        (error,) = page.text(".field-error")
        assert said in error
        assert page.fields["minutes"] == (NEW | fields)["minutes"]
    assert stored(database) == [("start", 120, "speakers", True)]


def test_twice_the_same(organizer_client: TestClient, database: Database) -> None:
    organizer_client.post(URL, data=NEW)
    answer = organizer_client.post(URL, data=NEW)
    assert answer.status_code == 422
    assert "There is such a reminder already." in answer.text
    assert len(stored(database)) == 1


def test_what_went_out_is_told(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle)).one()
        since = now() - timedelta(days=50)
        for minutes in (11 * 1440, 24 * 60):  # due a day ago, and in nine days
            db.add(
                Reminder(
                    cycle_id=cycle.id, anchor="start", minutes=minutes, audience="all", since=since
                )
            )
        db.flush()
        assert reminders.run_due(db, now()) == 0  # due before it was published
    page = Page(organizer_client.get(URL).text)
    assert page.text("#ran-title") == []
    assert page.text("#planned-title") == ["Still to go out"]
    with database.begin(writes=True) as db:
        starts = db.exec(select(Session.starts_at)).one()
        assert reminders.run_due(db, starts - timedelta(hours=12)) == 2
    page = Page(organizer_client.get(URL).text)
    assert page.text("#planned-title") == []
    assert page.text("#ran-title") == ["Gone out"]


def test_only_for_organizers(client: TestClient) -> None:
    assert client.get(URL).status_code == 303
    assert client.post(URL, data=NEW).status_code == 401


def test_queries_do_not_grow(
    organizer_client: TestClient, database: Database, count_queries: CountQueries
) -> None:
    counts = []
    for number in (1, 3):
        for n in range(number):
            organizer_client.post(URL, data=NEW | {"minutes": str(number * 10 + n)})
        with count_queries() as queries:
            organizer_client.get(URL)
        counts.append(len(queries))
    assert counts[0] == counts[1]
