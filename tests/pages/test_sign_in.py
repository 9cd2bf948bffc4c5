"""Signing in and out, as a browser does it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Message, SignIn, User, now
from app.routers.pages.sign_in import safe_next
from app.services import accounts
from app.services.links import Links

PASSWORD = "three small green boats"


@pytest.fixture
def user(database: Database) -> User:
    with database.begin(writes=True) as db:
        return accounts.add_user(db, "Rosa Ruiz", "rosa@example.org", PASSWORD, "es")


def _cookie(response: Any) -> str:
    return str(response.headers.get_list("set-cookie")[0])


def test_password_opens_the_organizers_side(client: TestClient, user: User) -> None:
    answer = client.post(
        "/organize/sign-in",
        data={"email": " Rosa@Example.org", "password": PASSWORD, "next": "/organize/mail"},
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/organize/mail")
    assert re.sub(r"=[\w-]{43};", "=X;", _cookie(answer)) == (
        "convoca_session=X; HttpOnly; Max-Age=1209600; Path=/; SameSite=lax"
    )
    client.headers["sec-fetch-site"] = "same-origin"
    assert client.get("/organize/account").status_code == 200


def test_cookie_is_secure_under_https(app: FastAPI, client: TestClient, user: User) -> None:
    app.state.secure_cookies = True
    answer = client.post("/organize/sign-in", data={"email": user.email, "password": PASSWORD})
    assert _cookie(answer).endswith("; Secure")


def test_unknown_address_and_wrong_password_look_alike(client: TestClient, user: User) -> None:
    pages = []
    for email in (user.email, "nobody@example.org"):
        data = {"email": email, "password": "not the password at all"}
        answer = client.post("/organize/sign-in", data=data)
        assert answer.status_code == 422
        assert "set-cookie" not in answer.headers
        pages.append(answer.text.replace(email, "ADDRESS"))
    assert pages[0] == pages[1]
    assert "do not go together" in pages[0]


@pytest.mark.parametrize("email", ["", "a\0b@example.org", "x" * 5000, "ä@ö.ü", "'\"<script>"])
def test_strange_addresses_are_just_wrong(client: TestClient, email: str) -> None:
    answer = client.post("/organize/sign-in", data={"email": email, "password": "x" * 100_000})
    assert answer.status_code == 422
    assert "<script>" not in answer.text
    if email:
        asked = client.post("/organize/sign-in/link", data={"email": email})
        assert asked.status_code == 200


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/organize", "/organize"),
        ("/organize/c/x/sessions/3?tab=a&b=c", "/organize/c/x/sessions/3?tab=a&b=c"),
        ("", "/organize"),
        ("//evil.example", "/organize"),
        ("/organize//evil.example", "/organize"),
        ("https://evil.example/organize", "/organize"),
        ("/\\evil.example", "/organize"),
        ("/organize\\@evil.example", "/organize"),
        ("/organize@evil.example", "/organize"),
        ("/organizers", "/organize"),
        ("/organize/../my/x", "/organize"),
        ("/organize/a\r\nset-cookie: x=y", "/organize"),
        ("/organize/a\n", "/organize"),
        ("/organize/sign-out", "/organize"),
        ("/organize/sign-in?next=/organize", "/organize"),
        ("/organize/" + "a" * 600, "/organize"),
        ("/c/public", "/organize"),
    ],
)
def test_only_organizers_pages_come_next(path: str, leads_to: str) -> None:
    assert safe_next(path) == leads_to


def test_whoever_is_signed_in_needs_no_form(organizer_client: TestClient) -> None:
    answer = organizer_client.get("/organize/sign-in?next=/organize/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/organize/account")


def test_mailed_link_needs_a_press(
    client: TestClient, user: User, links: Links, database: Database
) -> None:
    with database.begin(writes=True) as db:
        url = accounts.new_link(db, links, user, now())
    path = url.removeprefix("http://testserver")
    for _ in range(3):  # as scanners do
        shown = client.get(path)
        assert shown.status_code == 200
        assert "set-cookie" not in shown.headers
    assert '<html lang="es"' in shown.text
    assert user.email in shown.text
    used = client.post(path)
    assert (used.status_code, used.headers["location"]) == (303, "/organize")
    assert client.get("/organize/account").status_code == 200
    again = client.post(path, headers={"sec-fetch-site": "same-origin"})
    assert again.status_code == 410
    assert "set-cookie" not in again.headers
    assert client.get(path).status_code == 410


def test_expired_and_invented_links_lead_to_a_new_one(
    client: TestClient, user: User, links: Links, database: Database
) -> None:
    with database.begin(writes=True) as db:
        url = accounts.new_link(db, links, user, now() - timedelta(minutes=11))
    expired = client.get(url)
    assert expired.status_code == 410
    assert "ten minutes" in expired.text
    assert 'href="/organize/sign-in"' in expired.text
    assert client.post(url).status_code == 410
    assert client.get(url + "x").status_code == 404
    assert client.post("/organize/sign-in/nonsense").status_code == 404


def test_asking_for_a_link_says_the_same_to_everybody(
    client: TestClient, user: User, database: Database
) -> None:
    pages = []
    for email in (user.email, "nobody@example.org"):
        answer = client.post("/organize/sign-in/link", data={"email": email})
        assert answer.status_code == 200
        pages.append(answer.text.replace(email, "ADDRESS"))
    assert pages[0] == pages[1]
    with database.begin(writes=False) as db:
        assert [m.to_address for m in db.exec(select(Message))] == [user.email]


def test_no_address_is_said_at_the_field(client: TestClient) -> None:
    answer = client.post("/organize/sign-in/link", data={"email": " "})
    assert answer.status_code == 422
    assert 'id="link_email-error"' in answer.text
    assert '<a href="#link_email">' in answer.text


def test_signing_out_ends_the_row(organizer_client: TestClient, database: Database) -> None:
    answer = organizer_client.post("/organize/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/organize/sign-in")
    with database.begin(writes=False) as db:
        assert db.exec(select(SignIn)).all() == []
    organizer_client.cookies.set("convoca_session", "cookie-of-a-test")
    assert organizer_client.get("/organize/account").status_code == 303


def test_signing_in_ends_the_sign_in_before(
    organizer_client: TestClient, user: User, database: Database
) -> None:
    data = {"email": user.email, "password": PASSWORD}
    assert organizer_client.post("/organize/sign-in", data=data).status_code == 303
    with database.begin(writes=False) as db:
        assert [row.user_id for row in db.exec(select(SignIn))] == [user.id]


def test_another_site_cannot_sign_anybody_in(client: TestClient, user: User) -> None:
    data = {"email": user.email, "password": PASSWORD}
    answer = client.post("/organize/sign-in", data=data, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
