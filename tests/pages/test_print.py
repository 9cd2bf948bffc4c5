"""The run of show on paper."""

from starlette.testclient import TestClient

from app.db import Database
from tests.factories import Make
from tests.pages.reading import Page

URL = "/organize/c/lideres/sessions/1/print"


def test_everybody_with_their_own_hours(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        session = make.session(
            make.cycle(slug="lideres"),
            meeting_url="https://meet.example.org/1",
            meeting_passcode="s3cret",
            check_in_word="quena",
        )
        opening = make.segment(session, 0, kind="opening", title="", minutes=20)
        panel = make.segment(session, 1, kind="panel", title="Strategies", minutes=40)
        ana = make.person(name="Ana", email="ana@example.org", zone="America/Bogota")
        marc = make.person(name="Marc", email="", zone="Asia/Tokyo")
        make.part(opening, ana, "host", position="Executive", institution="ECLAC")
        make.part(panel, marc, "moderator")
        make.part(panel, ana, "panelist", order=1)

    page = Page(organizer_client.get(URL).text)

    assert page.text(".page-header-meta") == ["Tuesday 1 December 2026, 09:00–10:30 , Bogotá time"]
    assert page.text(".definitions") == [
        "Meeting link https://meet.example.org/1 Passcode s3cret "
        "Check-in opens 15 minutes before the start, closes 30 minutes after the end "
        "Word of the day quena"
    ]
    assert page.text(".run-item") == [
        "09:00 – to 09:20 Opening Ana , host Executive, ECLAC",
        "09:20 – to 10:00 Panel Strategies Marc , moderator 23:20–00:00, Tokyo time Ana , panelist",
    ]
    assert page.text(".table") == [
        "Who is needed when From Who Role Where they live Address "
        "09:00 Ana host, panelist the same time ana@example.org "
        "09:20 Marc moderator 23:20, Tokyo time"
    ]


def test_without_a_run_of_show(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        make.session(make.cycle(slug="lideres"))

    page = Page(organizer_client.get(URL).text)

    assert page.text("section") == ["Run of show There is no run of show yet."]
