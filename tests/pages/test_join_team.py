"""Joining a team by the link in a mail."""

import re
from datetime import timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.permissions import Role
from app.models import AuditEntry, SignIn, TeamInvitation, TeamMember, User, now
from app.services import accounts
from app.services.links import Links, Purpose
from app.web.security import COOKIE
from tests.factories import Make


@pytest.fixture
def asked_id(database: Database) -> str:
    """An invitation to be an editor."""
    with database.begin(writes=True) as db:
        cycle = Make(db).cycle(title={"en": "Flowers"})
        row = TeamInvitation(
            cycle_id=cycle.id,
            email="ana@example.org",
            email_key="ana@example.org",
            role=Role.EDITOR,
            invited_by="Olga",
            expires_at=now() + timedelta(days=1),
        )
        db.add(row)
        db.flush()
        return row.id


@pytest.fixture
def path(links: Links, asked_id: str) -> str:
    """Where its mail leads."""
    return f"/organize/join/{links.token(Purpose.TEAM, asked_id)}"


def _joined(database: Database) -> list[tuple[str, str]]:
    with database.begin(writes=False) as db:
        query = select(User.name, TeamMember.role).join(TeamMember)
        return [(row[0], row[1]) for row in db.exec(query)]


def test_looking_changes_nothing(client: TestClient, database: Database, path: str) -> None:
    for _ in range(2):
        page = client.get(path)
        assert page.status_code == 200
        assert "set-cookie" not in page.headers
    assert "Join the team of “Flowers”" in page.text
    assert _joined(database) == []


def test_a_new_account_is_made_once(client: TestClient, database: Database, path: str) -> None:
    client.headers["sec-fetch-site"] = "same-origin"
    nameless = client.post(path, data={"name": " "})
    assert (nameless.status_code, _joined(database)) == (422, [])
    firefox = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Firefox/150.0"}
    answer = client.post(path, data={"name": "Ana Ruiz"}, headers=firefox)
    assert (answer.status_code, answer.headers["location"]) == (303, "/organize")
    assert _joined(database) == [("Ana Ruiz", "editor")]
    with database.begin(writes=False) as db:
        query = select(AuditEntry.noun, AuditEntry.actor_name).where(AuditEntry.channel == "page")
        lines = sorted(tuple(row) for row in db.exec(query))
    assert lines == [("team_member", "Ana Ruiz"), ("user_account", "Ana Ruiz")]
    home = client.get("/organize")
    assert (home.status_code, "Welcome. Your account is made." in home.text) == (200, True)
    with database.begin(writes=False) as db:
        assert db.exec(select(SignIn.browser)).all() == ["Firefox, Linux"]
    again = client.post(path, data={"name": "Somebody else"})
    assert again.status_code == 410
    assert "accepted already" in again.text
    assert re.findall(r'<a class="button[^"]*" href="([^"]+)">', again.text) == [
        "/organize/sign-in"
    ]
    assert "Ask for a new link" not in again.text
    assert _joined(database) == [("Ana Ruiz", "editor")]


@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
def test_what_is_no_longer_open(
    client: TestClient, database: Database, asked_id: str, path: str, column: str
) -> None:
    with database.begin(writes=True) as db:
        setattr(db.get_one(TeamInvitation, asked_id), column, now() - timedelta(seconds=1))
    for answer in (client.get(path), client.post(path, data={"name": "Ana"})):
        assert answer.status_code == 410
        assert "Ask whoever invited you for a new one" in answer.text
    assert _joined(database) == []


def test_a_wrong_link(client: TestClient, database: Database, path: str) -> None:
    for wrong in (path[:-1], f"{path}x", "/organize/join/x"):
        assert client.get(wrong).status_code == 404
        assert client.post(wrong, data={"name": "Ana"}).status_code == 404
    assert _joined(database) == []


def test_somebody_else_is_signed_in(client: TestClient, database: Database, path: str) -> None:
    with database.begin(writes=True) as db:
        other = accounts.add_user(db, "Other", "other@example.org")
        cookie = accounts.start_sign_in(db, other.id, now())
    client.cookies.set(COOKIE, cookie)
    client.headers["sec-fetch-site"] = "same-origin"
    page = client.get(path).text
    assert (
        "This invitation is for ana@example.org, and you are signed in as other@example.org" in page
    )
    assert 'name="name"' not in page
    assert client.post(path, data={"name": "Ana"}).status_code == 409
    assert _joined(database) == []
