"""The application that is reached over https, on a world that keeps nothing of what it is told."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.services.links import Links
from app.settings import Settings
from tests.access.world import World, build_world, forgetful
from tests.routes import with_known_routes

HOME = "https://convoca.example"
EVIL = "evil.invalid"
FORWARDED = {
    "forwarded": f"host={EVIL};proto=http",
    "x-forwarded-host": EVIL,
    "x-forwarded-server": EVIL,
    "x-forwarded-proto": "http",
    "x-forwarded-port": "8666",
    "x-forwarded-prefix": f"/{EVIL}",
    "x-script-name": f"/{EVIL}",
    "x-original-url": f"/{EVIL}",
    "x-rewrite-url": f"/{EVIL}",
    "x-host": EVIL,
    "referer": f"https://{EVIL}/",
}
"""Whatever any proxy or framework is known to believe about where it is reached."""


@pytest.fixture
def world(real_database: Database, links: Links) -> World:
    """Two cycles, and somebody of each kind."""
    return build_world(real_database, links)


@pytest.fixture
def asked(settings: Settings, world: World, real_database: Database) -> Iterator[FastAPI]:
    """The application, with an address of its own."""
    url = real_database.engine.url.render_as_string(hide_password=False)
    with forgetful(url) as database:
        reached = replace(settings, base_url=HOME, metrics_token="of a test, long enough")
        yield with_known_routes(create_app(reached, database=database))


@pytest.fixture
def anybody(asked: FastAPI) -> Iterator[TestClient]:
    """A browser that names another host; what breaks is answered, not raised."""
    with TestClient(
        asked, base_url=f"https://{EVIL}", follow_redirects=False, raise_server_exceptions=False
    ) as client:
        yield client
