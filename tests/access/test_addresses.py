"""Who reads the addresses of people: the permissions for them, and nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.permissions import Role
from app.main import create_app
from app.models import Person, TeamMember, User, Webhook, now
from app.routers.pages import live
from app.schemas.team import TeamInvitationIn
from app.services import teams
from app.services.actor import SYSTEM
from app.services.links import Links
from app.settings import Settings
from app.web.security import COOKIE
from tests.access.test_routes import address, ask
from tests.access.world import World, build_world, forgetful, ways_of
from tests.conftest import BASE_URL
from tests.routes import with_known_routes
from tests.web.test_live_streams import PATIENCE, Viewer, serving

# Where the rows of a report are matched, by the addresses that stand in it.
_BY_ADDRESS = "/organize/c/{slug}/sessions/{number}/attendance/reports/{import_id}"


@pytest.fixture
def world(database: Database, links: Links) -> World:
    return build_world(database, links)


@contextmanager
def asking(settings: Settings, database: Database) -> Iterator[tuple[FastAPI, TestClient]]:
    url = database.engine.url.render_as_string(hide_password=False)
    with forgetful(url) as forgets:
        app = with_known_routes(create_app(settings, database=forgets))
        with TestClient(app, base_url=BASE_URL, follow_redirects=False) as client:
            yield app, client


@pytest.mark.one_database
def test_the_desk_reads_no_addresses(
    settings: Settings, real_database: Database, links: Links
) -> None:
    world = build_world(real_database, links)
    with real_database.begin(writes=False) as db:
        wanted = set(db.exec(select(Person.email).where(col(Person.email).is_not(None))))
    found: dict[str, set[str]] = {"desk": set(), "viewer": set()}
    with asking(settings, real_database) as (app, client):
        for way in ways_of(app):
            if way.path.endswith("/events") or way.path.startswith(_BY_ADDRESS):
                continue
            if not way.permissions or way.permissions[0] in ("public", "link"):
                continue
            for visitor, places in found.items():
                path = address(way, world.values())
                text = ask(client, way, path, world, visitor).text
                if any(str(each) in text for each in wanted):
                    places.add(str(way))
    assert found["desk"] == set()
    assert {
        "GET /api/v1/sessions/{session_id}/attendance",
        "GET /organize/c/{slug}/sessions/{number}/attendance",
        "GET /organize/c/{slug}/sessions/{number}/live",
    } <= found["viewer"]


def test_whoever_watches_in_another_role_is_sent_back_for_what_it_shows(
    settings: Settings, real_database: Database, monkeypatch: pytest.MonkeyPatch, links: Links
) -> None:
    """The stream has the addresses of those on the programme for whoever may read them."""
    monkeypatch.setattr(live, "SIGNED_IN_FOR", 0.1)
    world = build_world(real_database, links)
    path = f"/organize/c/{world.mine.slug}/sessions/1/live/events"

    def addresses(viewer: Viewer) -> list[bool]:
        people: Any = viewer.next().state["people"]
        return [bool(each["email"]) for each in people]

    with serving(settings, real_database) as server:
        viewer = server.watch(world.cookies["viewer"], path)
        assert addresses(viewer) == [True]
        with real_database.begin(writes=True) as db:
            user = db.exec(select(User.id).where(User.email == "viewer@example.org")).one()
            db.exec(select(TeamMember).where(TeamMember.user_id == user)).one().role = Role.DESK
        assert viewer.ended.wait(PATIENCE)
        assert addresses(server.watch(world.cookies["viewer"], path)) == [False]


def test_the_trail_tells_an_editor_no_more_than_the_pages_do(
    settings: Settings, database: Database, world: World
) -> None:
    """Whom an owner asks in, and where webhooks go, is for who sees to these."""
    with database.begin(writes=True) as db:
        command = TeamInvitationIn(email="asked@example.org", role=Role.VIEWER)
        teams.invite(db, SYSTEM, world.mine.cycle_id, command, now())
        hook = "https://hooks.example.org/secret-path"
        db.add(Webhook(cycle_id=world.mine.cycle_id, address=hook, seed="x"))
    seen = {}
    with TestClient(create_app(settings, database=database), base_url=BASE_URL) as client:
        for visitor in ("editor", "owner", "administrator"):
            client.cookies.set(COOKIE, world.cookies[visitor])
            text = client.get(f"/organize/c/{world.mine.slug}/history").text
            told = ("asked@example.org", "hooks.example.org", "secret-path")
            seen[visitor] = [each in text for each in told]
            assert "Invitation to a team" in text
    theirs = [True, True, False]  # of an address that works like a password only the host is kept
    assert seen == {"editor": [False] * 3, "owner": theirs, "administrator": theirs}
