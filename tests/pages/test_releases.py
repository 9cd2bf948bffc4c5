"""What was published, when and by whom."""

from datetime import timedelta

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
