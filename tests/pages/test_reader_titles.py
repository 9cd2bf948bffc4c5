"""Organizers read a cycle's title in their own language, in the window's title as in the page."""

import re

import pytest
from starlette.testclient import TestClient

from app.db import Database
from tests.factories import Make

CYCLE = {"es": "Líderes", "en": "Leaders"}
SESSION = {"es": "Inicio", "en": "Beginning"}


@pytest.fixture
def _cycle(database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="leaders", language="es", title=CYCLE)
        make.session(cycle, title=SESSION)


@pytest.mark.usefixtures("_cycle")
@pytest.mark.parametrize(
    ("path", "titles"),
    [
        ("", CYCLE),
        ("/settings", CYCLE),
        ("/institutions", CYCLE),
        ("/sessions", CYCLE),
        ("/sessions/1", CYCLE),
        ("/sessions/1/attendance", SESSION),
        ("/attendance", CYCLE),
        ("/participants", CYCLE),
        ("/publish", CYCLE),
        ("/releases", CYCLE),
    ],
)
def test_the_title_is_the_reader_s(
    organizer_client: TestClient, path: str, titles: dict[str, str]
) -> None:
    shown = {}
    for language in titles:
        answer = organizer_client.get(f"/organize/c/leaders{path}?lang={language}")
        window = re.findall(r"<title>(.*?)</title>", answer.text, re.S)[0]
        shown[language] = [w for w in (*CYCLE.values(), *SESSION.values()) if w in window]
    assert shown == {language: [title] for language, title in titles.items()}
