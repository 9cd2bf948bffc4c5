"""Another address for one's account, as a browser does it."""

import re

import pytest
from fastapi import FastAPI
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.limits import NEW_ADDRESS
from app.models import AddressChange, AuditEntry, Message, SignIn, User
from app.services import accounts, address_changes
from app.services.actor import Actor
from app.services.links import Links

PAGE = "/organize/account/address"
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def asked(organizer_client: TestClient, database: Database, links: Links) -> dict[str, str]:
    """Asked for: where the two mails lead."""
    answer = organizer_client.post(PAGE, data={"email": "New@Example.org"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/organize/account")
    with database.begin(writes=False) as db:
        change = db.exec(select(AddressChange)).one()
    found = {
        "confirm": address_changes.confirm_link(links, change.id),
        "undo": address_changes.undo_link(links, change.id),
    }
    return {name: url.removeprefix("http://testserver") for name, url in found.items()}


def _address(database: Database) -> str:
    with database.begin(writes=False) as db:
        return db.exec(select(User.email)).one()


def test_it_is_changed_by_a_press_in_the_new_mailbox(
    client: TestClient, organizer_client: TestClient, asked: dict[str, str], database: Database
) -> None:
    said = organizer_client.get("/organize/account", headers=ENGLISH).text
    assert "A mail with a link is on its way to New@example.org." in said
    for _ in range(3):  # as scanners do
        shown = client.get(asked["confirm"], headers=ENGLISH)
        assert shown.status_code == 200
        assert "New@example.org" in shown.text
    assert _address(database) == "olga@example.org"
    assert client.post(asked["confirm"]).status_code == 303
    assert _address(database) == "New@example.org"
    with database.begin(writes=False) as db:
        mails = db.exec(select(Message.kind, Message.to_address).order_by(col(Message.id))).all()
        line = db.exec(select(AuditEntry).order_by(col(AuditEntry.at).desc())).first()
    assert line is not None
    assert (line.noun, line.actor_name) == ("user_account", "Olga Organizer")
    assert [tuple(m) for m in mails] == [
        ("new-address", "New@example.org"),
        ("address-changed", "olga@example.org"),
    ]
    assert client.post(asked["confirm"]).status_code == 410
    assert organizer_client.get("/organize/account").status_code == 200


def test_and_undone_by_a_press_in_the_old_one(
    client: TestClient, organizer_client: TestClient, asked: dict[str, str], database: Database
) -> None:
    assert client.get(asked["undo"]).status_code == 404  # nothing to undo
    client.post(asked["confirm"])
    assert client.get(asked["undo"], headers=ENGLISH).status_code == 200
    assert _address(database) == "New@example.org"
    undone = client.post(asked["undo"])
    assert (undone.status_code, undone.headers["location"]) == (303, "/organize/sign-in")
    assert _address(database) == "olga@example.org"
    with database.begin(writes=False) as db:
        assert db.exec(select(SignIn)).all() == []
    assert organizer_client.get("/organize/account").status_code == 303
    again = client.post(asked["undo"], headers=ENGLISH)
    assert (again.status_code, '<a class="button' in again.text) == (410, True)
    assert re.findall(r'<a class="button[^"]*" href="([^"]+)">', again.text) == [
        "/organize/account"
    ]


def test_wrong_links_are_nothing(client: TestClient, asked: dict[str, str]) -> None:
    swapped = asked["undo"].replace("/undo", ""), asked["confirm"].replace("ess/", "ess/undo/")
    for wrong in (*swapped, asked["confirm"] + "x", "/organize/address/x", "/organize/address/%00"):
        for method in ("GET", "POST"):
            assert client.request(method, wrong).status_code == 404


def test_who_has_an_account_is_not_told(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        accounts.add_user(db, "Other", "other@example.org")
    pages = []
    for email in ("other@example.org", "nobody@example.org"):
        answer = organizer_client.post(PAGE, data={"email": email})
        assert answer.status_code == 303
        shown = organizer_client.get("/organize/account", headers=ENGLISH)
        pages.append(shown.text.replace(email, "ADDRESS"))
    assert pages[0] == pages[1]
    with database.begin(writes=False) as db:
        assert list(db.exec(select(Message.to_address))) == ["nobody@example.org"]


def test_what_is_wrong_is_said_and_kept(organizer_client: TestClient, database: Database) -> None:
    for typed in ("ana", "", "olga@example.org"):
        answer = organizer_client.post(PAGE, data={"email": typed})
        assert answer.status_code == 422
        assert re.findall(r'id="(\w+)-error"', answer.text) == ["email"]
        assert f'type="email" value="{typed}"' in answer.text
    with database.begin(writes=False) as db:
        assert db.exec(select(Message)).all() == []


def test_strangers_are_not_flooded(organizer_client: TestClient, database: Database) -> None:
    found = [
        organizer_client.post(PAGE, data={"email": f"stranger{n}@example.org"}).status_code
        for n in range(NEW_ADDRESS.most + 1)
    ]
    assert found == [303] * NEW_ADDRESS.most + [429]
    with database.begin(writes=False) as db:
        assert len(db.exec(select(Message)).all()) == NEW_ADDRESS.most


def test_it_takes_an_account(client: TestClient) -> None:
    assert client.get(PAGE).headers["location"] == f"/organize/sign-in?next={PAGE}"
    assert client.post(PAGE, data={"email": "x@example.org"}).status_code == 401


class TestOneHost:
    """Over https the cookie has a prefix, which binds it to this very host."""

    @pytest.fixture
    def secure(self, app: FastAPI, client: TestClient) -> TestClient:
        app.state.secure_cookies = True
        return client

    def test_the_cookie(self, secure: TestClient, database: Database, organizer: Actor) -> None:
        with database.begin(writes=True) as db:
            user = db.get_one(User, organizer.id)
            accounts.set_password(db, user, "three small green boats")
        data = {"email": "olga@example.org", "password": "three small green boats"}
        answer = secure.post("/organize/sign-in", data=data)
        session, browser = answer.headers.get_list("set-cookie")
        assert re.sub(r"=[\w-]{43};", "=X;", session) == (
            "__Host-convoca_session=X; HttpOnly; Max-Age=1209600; Path=/; SameSite=lax; Secure"
        )
        assert browser.startswith("convoca_browser=")
        assert browser.endswith(
            "; HttpOnly; Max-Age=31536000; Path=/organize/sign-in; SameSite=lax; Secure"
        )
        value = session.split(";")[0].split("=", 1)[1]
        for name, status in (("convoca_session", 303), ("__Host-convoca_session", 200)):
            headers = {"cookie": f"{name}={value}", "sec-fetch-site": "same-origin"}
            assert secure.get("/organize/account", headers=headers).status_code == status
        headers = {"cookie": f"__Host-convoca_session={value}", "sec-fetch-site": "same-origin"}
        gone = secure.post("/organize/sign-out", headers=headers)
        cookies = gone.headers.get_list("set-cookie")
        [taken_away] = [each for each in cookies if each.startswith("__Host-")]
        assert taken_away.endswith("; HttpOnly; Max-Age=0; Path=/; SameSite=lax; Secure")
