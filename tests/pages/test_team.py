"""The page of a cycle's team, as a browser uses it."""

import re

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.permissions import AccountStanding, Role
from app.models import Message, TeamInvitation, TeamMember, User, now
from app.services.accounts import start_sign_in
from app.web.security import COOKIE
from tests.factories import Make


@pytest.fixture
def team(database: Database) -> dict[str, str]:
    """The ids and cookies of an owner and a viewer, and the cycle's slug."""
    found: dict[str, str] = {}
    with database.begin(writes=True) as db:
        cycle = Make(db).cycle()
        for role in (Role.OWNER, Role.VIEWER):
            name, address = role.title(), f"{role}@example.org"
            user = User(name=name, email=address, email_key=address)
            user.standing = AccountStanding.MEMBER
            db.add(user)
            db.flush()
            db.add(TeamMember(cycle_id=cycle.id, user_id=user.id, role=role))
            found |= {role: user.id, f"{role}-cookie": start_sign_in(db, user.id, now())}
        return {**found, "path": f"/organize/c/{cycle.slug}/team"}


def _as(client: TestClient, team: dict[str, str], role: str) -> TestClient:
    client.cookies.set(COOKIE, team[f"{role}-cookie"])
    client.headers["sec-fetch-site"] = "same-origin"
    return client


def _roles(database: Database) -> dict[str, str]:
    with database.begin(writes=False) as db:
        return {row.user_id: row.role for row in db.exec(select(TeamMember))}


def test_a_viewer_sees_who_is_in_it_and_may_leave(
    client: TestClient, database: Database, team: dict[str, str]
) -> None:
    page = _as(client, team, "viewer").get(team["path"]).text
    leave = f"{team['path']}/{team['viewer']}/remove"
    assert re.findall(r'href="([^"]+/remove)"', page) == [leave]
    assert "owner@example.org" not in page
    assert f'action="{team["path"]}' not in page
    assert client.get(leave).status_code == 200
    assert len(_roles(database)) == 2
    assert client.post(leave).headers["location"] == "/organize"
    assert _roles(database) == {team["owner"]: "owner"}
    assert client.get(team["path"]).status_code == 404


def test_an_owner_asks_and_takes_back(
    client: TestClient, database: Database, team: dict[str, str]
) -> None:
    owner = _as(client, team, "owner")
    data = {"email": "New@Example.org", "role": "desk"}
    assert owner.post(f"{team['path']}/invite", data=data).status_code == 303
    with database.begin(writes=False) as db:
        asked = db.exec(select(TeamInvitation)).one()
        assert (asked.email, asked.role) == ("New@example.org", "desk")
        assert db.exec(select(Message.kind)).all() == ["team-invitation"]
    assert asked.email in owner.get(team["path"]).text
    back = f"{team['path']}/invitations/{asked.id}/take-back"
    assert owner.post(back).headers["location"] == team["path"]
    assert asked.email not in owner.get(team["path"]).text


@pytest.mark.parametrize(
    ("email", "role", "field"),
    [("no address", "desk", "email"), ("viewer@example.org", "desk", "email")],
)
def test_what_is_wrong_is_said_and_stays_typed(
    client: TestClient, team: dict[str, str], email: str, role: str, field: str
) -> None:
    data = {"email": email, "role": role}
    answer = _as(client, team, "owner").post(f"{team['path']}/invite", data=data)
    assert answer.status_code == 422
    assert re.findall(r'id="(\w+)-error"', answer.text) == [field]
    assert f'value="{email}"' in answer.text


def test_roles_change_and_one_owner_stays(
    client: TestClient, database: Database, team: dict[str, str]
) -> None:
    owner = _as(client, team, "owner")
    path = team["path"]
    assert owner.post(f"{path}/{team['viewer']}/role", data={"role": "editor"}).status_code == 303
    assert _roles(database)[team["viewer"]] == "editor"
    refused = owner.post(f"{path}/{team['owner']}/role", data={"role": "viewer"})
    assert (refused.status_code, _roles(database)[team["owner"]]) == (409, "owner")
    assert owner.post(f"{path}/{team['owner']}/remove").status_code == 409
    for wrong in ({"role": "king"}, {}):
        assert owner.post(f"{path}/{team['viewer']}/role", data=wrong).status_code == 404
    assert owner.post(f"{path}/{team['viewer']}/remove").headers["location"] == path
    assert _roles(database) == {team["owner"]: "owner"}
