"""The public page of what has changed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, Session
from app.services import publishing, releases
from app.services.actor import Actor
from tests.factories import NOW, Make
from tests.pages.reading import Page

Counting = Callable[[], AbstractContextManager[list[str]]]
URL = "/c/lideres/changes"
ENGLISH = {"lang": "en"}


@pytest.fixture
def cycle_id(database: Database) -> str:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="lideres")
        make.session(cycle, 1)
        make.session(cycle, 2)
        return cycle.id


def _publish(
    database: Database, actor: Actor, cycle_id: str, step: int, title: str = "", note: str = ""
) -> None:
    with database.begin(writes=True) as db:
        if title:
            db.exec(select(Session).where(Session.number == 1)).one().title = {"en": title}
            db.flush()
        publishing.publish(
            db,
            actor,
            cycle_id,
            accept_warnings=True,
            now=NOW + timedelta(hours=step),
            note=note,
        )


def test_changes_are_told_newest_first(
    client: TestClient, database: Database, organizer: Actor, cycle_id: str
) -> None:
    _publish(database, organizer, cycle_id, 0, note="Welcome!")
    _publish(database, organizer, cycle_id, 1, "Opening", "First <b>\nline\n\nSecond")
    with database.begin(writes=True) as db:
        db.get_one(Cycle, cycle_id).accent = "#0b6e99"
    _publish(database, organizer, cycle_id, 2)

    answer = client.get(URL, params={"lang": "en", "zone": "Europe/Madrid"})

    assert Page(answer.text).text(".release") == [
        "Monday 23 November 2026, 18:00 , Madrid time 12:00, Bogotá time "
        "The look or the words around the cycle changed.",
        "Monday 23 November 2026, 17:00 , Madrid time 11:00, Bogotá time "
        "First <b> line Second "
        "Session 1 Opening Session 1 is now called “Opening” (before: “Session 1”).",
        "Monday 23 November 2026, 16:00 , Madrid time 10:00, Bogotá time Welcome! Published",
    ]
    assert organizer.name not in answer.text
    assert "Older changes are not shown." not in answer.text


def test_the_cycle_leads_there_once_something_has_changed(
    client: TestClient, database: Database, organizer: Actor, cycle_id: str
) -> None:
    _publish(database, organizer, cycle_id, 0)
    seen = [URL in client.get(f"/c/lideres{p}", params=ENGLISH).text for p in ("", "/1", "/2")]
    _publish(database, organizer, cycle_id, 26, "Opening")
    later = [client.get(f"/c/lideres{p}", params=ENGLISH).text for p in ("", "/1", "/2")]
    assert seen == [False, False, False]
    link = f'<a href="{URL}">'
    assert [link in page for page in later] == [True, True, False]
    assert f"{link}What has changed</a>" in later[0]
    assert f"{link}Changed on Tuesday 24 November 2026</a>" in later[1]


def test_what_is_not_published_is_not_there(client: TestClient, cycle_id: str) -> None:
    assert client.get(URL).status_code == 404
    assert client.get("/c/nobody/changes").status_code == 404


def test_of_many_only_the_newest_are_told(
    client: TestClient,
    database: Database,
    organizer: Actor,
    cycle_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for step, title in enumerate(("", "A", "B", "C")):
        _publish(database, organizer, cycle_id, step, title)
    with database.begin(writes=False) as db:
        told = releases.newest_told(db, cycle_id, most=2)
        whole = releases.newest_told(db, cycle_id)
    assert told == whole[:2]
    assert [each.release.number for each in whole] == [4, 3, 2, 1]
    assert [len(each.changes) for each in told] == [1, 1]
    monkeypatch.setattr("app.routers.pages.changes.newest_told", lambda db, _id: told)
    page = client.get(URL, params=ENGLISH).text
    assert len(Page(page).text(".release")) == 2
    assert "Older changes are not shown." in page


def test_queries_do_not_grow_with_releases(
    client: TestClient,
    database: Database,
    organizer: Actor,
    cycle_id: str,
    count_queries: Counting,
) -> None:
    counted = []
    for step, title in enumerate(("", "A", "B")):
        _publish(database, organizer, cycle_id, step, title)
        if step != 1:
            with count_queries() as queries:
                assert client.get(URL).status_code == 200
            counted.append(len(queries))
    # The version, the cycle with its newest release, the releases.
    assert counted == [3, 3]
