"""The installation's accounts, as an administrator sees to them."""

import re

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Message, SignIn, User, now
from app.services import accounts
from app.services.actor import Actor

PATH = "/organize/accounts"


@pytest.fixture
def other(database: Database) -> str:
    """Another account, signed in."""
    with database.begin(writes=True) as db:
        user = accounts.add_user(db, "Ana <b>Ruiz</b>", "ana@example.org")
        accounts.start_sign_in(db, user.id, now())
        return user.id


def test_the_list(organizer_client: TestClient, organizer: Actor, other: str) -> None:
    page = organizer_client.get(PATH).text
    assert "Ana &lt;b&gt;Ruiz&lt;/b&gt;" in page
    assert re.findall(r'href="/organize/accounts/(\w+)/remove"', page) == [other]  # not oneself


def test_asking_somebody(organizer_client: TestClient, database: Database) -> None:
    data = {"email": "new@example.org", "standing": "member"}
    assert organizer_client.post(f"{PATH}/invite", data=data).headers["location"] == PATH
    with database.begin(writes=False) as db:
        sent = db.exec(select(Message.kind, Message.to_address)).all()
    assert [tuple(row) for row in sent] == [("team-invitation", "new@example.org")]
    wrong = organizer_client.post(f"{PATH}/invite", data={**data, "email": "no address"})
    assert (wrong.status_code, re.findall(r'id="(\w+)-error"', wrong.text)) == (422, ["email"])


def test_what_an_account_is(organizer_client: TestClient, database: Database, other: str) -> None:
    change = f"{PATH}/{other}/standing"
    assert organizer_client.post(change, data={"standing": "member"}).status_code == 303
    with database.begin(writes=False) as db:
        assert db.get_one(User, other).standing == "member"
    assert organizer_client.post(change, data={"standing": "king"}).status_code == 404


def test_the_last_administrator_stays_one(
    organizer_client: TestClient, organizer: Actor, database: Database, other: str
) -> None:
    change = f"{PATH}/{organizer.id}/standing"
    refused = organizer_client.post(change, data={"standing": "member"})
    assert refused.status_code == 409
    with database.begin(writes=False) as db:
        assert db.get_one(User, organizer.id).standing == "administrator"


def test_signing_somebody_out(organizer_client: TestClient, database: Database, other: str) -> None:
    assert organizer_client.post(f"{PATH}/{other}/sign-out").headers["location"] == PATH
    with database.begin(writes=False) as db:
        assert other not in db.exec(select(SignIn.user_id)).all()
    assert organizer_client.get(PATH).status_code == 200


def test_taking_one_away(organizer_client: TestClient, database: Database, other: str) -> None:
    assert organizer_client.get(f"{PATH}/{other}/remove").status_code == 200
    with database.begin(writes=False) as db:
        assert db.get(User, other) is not None  # looking changes nothing
    assert organizer_client.post(f"{PATH}/{other}/remove").headers["location"] == PATH
    with database.begin(writes=False) as db:
        assert db.get(User, other) is None
    for missing in (other, "a%00b", "x"):
        assert organizer_client.post(f"{PATH}/{missing}/remove").status_code == 404


def test_an_invitation_is_taken_back(organizer_client: TestClient) -> None:
    data = {"email": "wrong@example.org", "standing": "administrator"}
    organizer_client.post(f"{PATH}/invite", data=data)
    page = organizer_client.get(PATH).text
    [path] = re.findall(rf'action="({PATH}/invitations/\w+/take-back)"', page)
    assert "wrong@example.org" in page
    assert organizer_client.post(path).headers["location"] == PATH
    assert "wrong@example.org" not in organizer_client.get(PATH).text
