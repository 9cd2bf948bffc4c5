"""Changes in words on the pages that tell of them: whose clock, which language, both texts."""

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, Session
from app.services import publishing
from app.services.actor import SYSTEM
from tests.factories import NOW, Make
from tests.pages.reading import Page

PUBLIC = "/c/lideres/changes"
OURS = "/organize/c/lideres/releases"
LATER = NOW.replace(hour=NOW.hour + 1)
TEXTS = {"es": "Una hora.\n\nY media.", "en": "One hour."}


@pytest.fixture
def cycle_id(database: Database) -> str:
    """Published, in Spanish first."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="lideres", language="es")
        make.session(cycle, title={"es": "Apertura", "en": "Opening"}, description=TEXTS)
        publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
        return cycle.id


def release(database: Database, cycle_id: str, **values: object) -> None:
    with database.begin(writes=True) as db:
        session = db.exec(select(Session)).one()
        for name, value in values.items():
            setattr(session, name, value)
        db.flush()
        publishing.publish(db, SYSTEM, cycle_id, accept_warnings=True, now=LATER)


def told(client: TestClient, url: str, **query: str) -> list[str]:
    """Of the newest release."""
    return Page(client.get(url, params=query).text).text(".told")[:1]


def test_the_readers_time_comes_first(
    organizer_client: TestClient, client: TestClient, database: Database, cycle_id: str
) -> None:
    with database.begin(writes=False) as db:
        session = db.exec(select(Session)).one()
        times = (session.starts_at, session.ends_at)
    hour = times[1] - times[0]
    release(
        database,
        cycle_id,
        starts_at=times[0] + hour,
        ends_at=times[1] + hour,
        wall_start=session.wall_start + hour,
    )
    said = (
        "Session 1 Opening Session 1 is now on Tuesday 1 December 2026, 16:30–18:00, Madrid time "
        "/ 10:30–12:00, Bogotá time (before: Tuesday 1 December 2026, 15:00–16:30, Madrid time / "
        "09:00–10:30, Bogotá time)."
    )
    compare = f"{OURS}/compare"
    for reader, url, more in (
        (client, PUBLIC, {}),
        (organizer_client, OURS, {}),
        (organizer_client, compare, {"from": "1", "to": "2"}),
    ):
        assert told(reader, url, lang="en", zone="Europe/Madrid", **more) == [said]
        home = told(reader, url, lang="en", zone="America/Bogota", **more)
        assert home == [
            "Session 1 Opening Session 1 is now on Tuesday 1 December 2026, 10:30–12:00, "
            "Bogotá time (before: Tuesday 1 December 2026, 09:00–10:30, Bogotá time)."
        ]


def test_before_publishing_too(
    organizer_client: TestClient, database: Database, cycle_id: str
) -> None:
    with database.begin(writes=True) as db:
        Make(db).session(db.exec(select(Cycle)).one(), 2)
    query = {"lang": "en", "zone": "Europe/Madrid"}
    page = Page(organizer_client.get("/organize/c/lideres/publish", params=query).text)
    assert page.text(".told")[0].endswith(
        "Tuesday 8 December 2026, 15:00–16:30, Madrid time / 09:00–10:30, Bogotá time."
    )


def test_both_texts_are_shown(
    organizer_client: TestClient, client: TestClient, database: Database, cycle_id: str
) -> None:
    release(database, cycle_id, description=TEXTS | {"en": "Two <b>\nhours."})
    said = (
        "Session 1 Opening Session 1 has a new description. "
        "Before and after Before One hour. Now Two <b> hours."
    )
    assert told(client, PUBLIC, lang="en") == [said]
    assert told(organizer_client, OURS, lang="en") == [said]
    release(database, cycle_id, description={})
    assert told(client, PUBLIC, lang="en") == [
        "Session 1 Opening Session 1 has a new description. "
        "Before and after Before Two <b> hours. Now —"
    ]


def test_what_changed_in_another_language_only(
    organizer_client: TestClient, client: TestClient, database: Database, cycle_id: str
) -> None:
    release(
        database,
        cycle_id,
        title={"es": "Bienvenida", "en": "Opening"},
        description=TEXTS | {"es": "Dos horas."},
    )

    assert told(organizer_client, OURS, lang="en") == [
        "Session 1 Opening "
        "Session 1 is now called “Bienvenida” in Spanish (before: “Apertura”). "
        "Session 1 has a new description in Spanish. "
        "Before and after Before Una hora. Y media. Now Dos horas."
    ]
    page = Page(client.get(PUBLIC, params={"lang": "en"}).text)
    assert page.text(".told") == []
    assert page.text("#release-2")[0].endswith("The look or the words around the cycle changed.")
    assert len(told(client, PUBLIC, lang="es")) == 1
