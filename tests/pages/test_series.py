"""Organizers make a whole series in one step."""

import re

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Session
from tests.factories import Make
from tests.pages.reading import Page

URL = "/organize/c/lideres/sessions/series"
FORM = {
    "title-es": "Sesión",
    "title-en": "",
    "title-pt": "",
    "date": "2026-12-10",
    "time": "09:00",
    "zone": "America/Bogota",
    "minutes": "90",
    "meeting_url": "",
    "every": "7",
    "every_days": "",
    "count": "3",
    "skip": "2026-12-24, 2026-12-31",
}


@pytest.fixture(autouse=True)
def cycle(database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres")


def made(database: Database) -> list[str]:
    with database.begin(writes=False) as db:
        rows = db.exec(select(Session).order_by(col(Session.number)))
        return [f"{row.number} {row.wall_start:%m-%d %H:%M} {row.title['es']}" for row in rows]


def test_dates_left_out_are_passed_over(organizer_client: TestClient, database: Database) -> None:
    answer = organizer_client.post(URL, data=FORM)

    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/organize/c/lideres/sessions",
    )
    assert made(database) == [
        "1 12-10 09:00 Sesión 1",
        "2 12-17 09:00 Sesión 2",
        "3 01-07 09:00 Sesión 3",
    ]


def test_the_dates_are_shown_before_anything_is_made(
    organizer_client: TestClient, database: Database
) -> None:
    typed = FORM | {"every": "other", "every_days": "10", "skip": ""}

    answer = organizer_client.post(URL, data=typed | {"action": "preview"})

    page = Page(answer.text)
    assert answer.status_code == 200
    assert page.text(".when-main") == [
        "Thursday 10 December 2026, 09:00–10:30",
        "Sunday 20 December 2026, 09:00–10:30",
        "Wednesday 30 December 2026, 09:00–10:30",
    ]
    assert {name: page.fields[name] for name in typed} == typed
    assert made(database) == []
    assert organizer_client.post(URL, data=page.fields).status_code == 303
    assert len(made(database)) == 3


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"title-es": ""}, "title-es", "Fill this in, in at least one language."),
        ({"date": "soon"}, "date", "Enter the day like 2026-11-26."),
        ({"count": "0"}, "count", "This must be at least 1."),
        ({"count": "101"}, "count", "This must be at most 100."),
        ({"every": "other"}, "every_days", "Enter a whole number."),
        ({"every": "other", "every_days": "400"}, "every_days", "This must be at most 366."),
        ({"skip": "Christmas"}, "skip", "Enter a date like 2026-11-26."),
        (
            {"date": "2027-03-14", "time": "02:30", "zone": "Europe/Madrid", "skip": ""},
            "time",
            "In Europe/Madrid the clocks jump over 2027-03-28 02:30. The nearest times that exist "
            "are 2027-03-28 01:59 and 2027-03-28 03:00.",
        ),
    ],
)
def test_what_is_wrong_is_said_at_the_field(
    organizer_client: TestClient,
    database: Database,
    change: dict[str, str],
    field: str,
    sentence: str,
) -> None:
    typed = FORM | change

    answer = organizer_client.post(URL, data=typed)

    page = Page(answer.text)
    assert answer.status_code == 422
    assert page.text(f"#{field}-error") == [f"Error: {sentence}"]
    assert {name: page.fields[name] for name in typed} == typed
    assert made(database) == []


def test_all_that_is_wrong_is_said_at_once(
    organizer_client: TestClient, database: Database
) -> None:
    typed = FORM | {"title-es": "", "date": "soon", "time": "", "count": "0", "skip": "Christmas"}

    answer = organizer_client.post(URL, data=typed)

    assert answer.status_code == 422
    assert re.findall(r'<li><a href="#([^"]*)">', answer.text) == [
        "date", "time", "title-es", "count", "skip",
    ]  # fmt: skip
    assert made(database) == []
