"""One's own account, as a browser does it."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import ApiToken, SignIn, User, now
from app.services import accounts, tokens
from app.services.actor import Actor, Scope
from tests.factories import Make

CountQueries = Callable[[], AbstractContextManager[list[str]]]
PASSWORD = "three small green boats"


def test_account_needs_a_sign_in(client: TestClient) -> None:
    answer = client.get("/organize/account")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/organize/sign-in?next=/organize/account",
    )


def test_password_is_set_then_changed_and_others_are_signed_out(
    organizer_client: TestClient, organizer: Actor, database: Database
) -> None:
    with database.begin(writes=True) as db:
        accounts.start_sign_in(db, organizer.id, now())
    data = {"password": PASSWORD, "repeat": PASSWORD}
    answer = organizer_client.post("/organize/account/password", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, "/organize/account")
    with database.begin(writes=True) as db:
        assert len(db.exec(select(SignIn)).all()) == 1
    assert accounts.user_with_password(database, organizer.email, PASSWORD).id == organizer.id
    assert "Olga Organizer" in organizer_client.get("/organize/account").text
    new = "four large yellow trains"
    wrong = {"current": "wrong", "password": new, "repeat": new}
    refused = organizer_client.post("/organize/account/password", data=wrong)
    assert refused.status_code == 422
    assert 'id="current-error"' in refused.text
    right = {"current": PASSWORD, "password": new, "repeat": new}
    assert organizer_client.post("/organize/account/password", data=right).status_code == 303


@pytest.mark.parametrize(
    ("password", "repeat", "field"),
    [
        ("short", "short", "password"),
        ("aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaa", "password"),
        ("x7" * 600, "x7" * 600, "password"),
        (PASSWORD, PASSWORD + " ", "repeat"),
        ("", "", "password"),
    ],
)
def test_a_poor_password_is_said_at_its_field(
    organizer_client: TestClient, password: str, repeat: str, field: str
) -> None:
    data = {"password": password, "repeat": repeat}
    answer = organizer_client.post("/organize/account/password", data=data)
    assert answer.status_code == 422
    assert re.findall(r'id="(\w+)-error"', answer.text) == [field]
    assert not password or f'value="{password}"' not in answer.text


def test_another_browser_is_signed_out(
    organizer_client: TestClient, organizer: Actor, database: Database
) -> None:
    with database.begin(writes=True) as db:
        cookie = accounts.start_sign_in(db, organizer.id, now())
    path = f"/organize/account/sign-ins/{tokens.digest(cookie)}/end"
    assert path in organizer_client.get("/organize/account").text
    assert organizer_client.post(path).status_code == 303
    with database.begin(writes=False) as db:
        assert accounts.actor_of_cookie(db, cookie) is None


def test_every_other_browser_is_signed_out(
    organizer_client: TestClient, organizer: Actor, database: Database
) -> None:
    with database.begin(writes=True) as db:
        other = accounts.add_user(db, "Other", "other@example.org")
        theirs = accounts.start_sign_in(db, other.id, now())
        mine = accounts.start_sign_in(
            db, organizer.id, now(), browser="Firefox, Linux", network="198.51.100.0/24"
        )
    headers = {"accept-language": "en"}
    shown = organizer_client.get("/organize/account", headers=headers).text
    assert "Firefox, Linux" in shown
    assert "198.51.100.0/24" in shown
    assert shown.count("(this browser)") == 1
    assert organizer_client.post("/organize/account/sign-ins/end-others").status_code == 303
    with database.begin(writes=False) as db:
        assert accounts.actor_of_cookie(db, mine) is None
        assert accounts.actor_of_cookie(db, theirs) is not None
    shown = organizer_client.get("/organize/account", headers=headers).text
    assert "end-others" not in shown


def test_a_browser_is_noted_as_seen_once_a_day(
    organizer_client: TestClient, database: Database
) -> None:
    def seen(at: datetime | None) -> datetime | None:
        with database.begin(writes=True) as db:
            db.exec(select(SignIn)).one().seen_at = at
        organizer_client.get("/organize/account")
        with database.begin(writes=False) as db:
            return db.exec(select(SignIn.seen_at)).one()

    lately, long_ago = now() - timedelta(hours=23), now() - timedelta(hours=25)
    assert seen(lately) == lately
    for before in (long_ago, None):
        after = seen(before)
        assert after is not None
        assert now() - after < timedelta(minutes=1)


def test_a_stranger_is_not_signed_out(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        other = accounts.add_user(db, "Other", "other@example.org")
        cookie = accounts.start_sign_in(db, other.id, now())
    organizer_client.post(f"/organize/account/sign-ins/{tokens.digest(cookie)}/end")
    with database.begin(writes=False) as db:
        actor = accounts.actor_of_cookie(db, cookie)
        assert actor is not None
        assert actor.name == "Other"
    nothing = organizer_client.post("/organize/account/sign-ins/a%00b/end")
    assert nothing.status_code == 303


def test_token_is_shown_once_and_can_be_revoked(
    organizer_client: TestClient, database: Database
) -> None:
    day = (now() + timedelta(days=30)).date()
    data = {"name": "Reports & <b>more</b>", "scope-read": "yes", "expires": day.isoformat()}
    made = organizer_client.post("/organize/account/tokens", data=data)
    assert made.status_code == 200
    secret = re.search(r'value="(convoca_[\w-]{43})"', made.text)
    assert secret is not None
    assert "Reports &amp; &lt;b&gt;more" in made.text
    with database.begin(writes=False) as db:
        actor = tokens.actor_of_token(db, secret[1])
        assert actor is not None
        assert actor.scopes == {Scope.READ}
        token = db.exec(select(ApiToken)).one()
        assert token.expires_at is not None
        assert token.expires_at.date() == day + timedelta(days=1)
    assert secret[1] not in organizer_client.get("/organize/account").text
    revoke = f"/organize/account/tokens/{token.id}/revoke"
    assert organizer_client.post(revoke).status_code == 303
    with database.begin(writes=False) as db:
        assert tokens.actor_of_token(db, secret[1]) is None
    assert "Revoked" in organizer_client.get("/organize/account").text


@pytest.mark.parametrize("proof", ["password", "sign-in"])
def test_whoever_finds_the_browser_makes_no_token(
    organizer_client: TestClient, organizer: Actor, database: Database, proof: str
) -> None:
    """It would last when every browser was signed out and the password is another."""
    with database.begin(writes=True) as db:
        if proof == "password":
            accounts.set_password(
                db, db.get_one(User, organizer.id), PASSWORD, keep_cookie="cookie-of-a-test"
            )
        else:
            db.exec(select(SignIn)).one().created_at = now() - timedelta(hours=1)
    data = {"name": "x", "scope-write": "yes", "endless": "yes"}
    for typed in ({}, {"current": "wrong"}):
        refused = organizer_client.post("/organize/account/tokens", data={**data, **typed})
        assert refused.status_code == 422
        assert refused.text.count('href="#token-current"') == 1
        assert "checked" in re.findall(r'<input[^>]*name="endless"[^>]*>', refused.text)[0]
    with database.begin(writes=False) as db:
        assert db.exec(select(ApiToken)).all() == []
    if proof == "password":
        assert 'id="token-current-error"' in refused.text
        data["current"] = PASSWORD
        assert organizer_client.post("/organize/account/tokens", data=data).status_code == 200


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"name": "", "scope-read": "yes"}, "name"),
        ({"name": "x" * 101, "scope-read": "yes"}, "name"),
        ({"name": "a\x01b", "scope-read": "yes"}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scope-all": "yes"}, "scopes"),
        ({"name": "x", "scope-read": "yes", "expires": "2020-01-01"}, "expires"),
        ({"name": "x", "scope-read": "yes", "expires": "soon"}, "expires"),
        ({"name": "x", "scope-read": "yes", "expires": "9999-12-31"}, "expires"),
    ],
)
def test_what_is_wrong_with_a_token_is_said_at_its_field(
    organizer_client: TestClient, database: Database, data: dict[str, str], field: str
) -> None:
    answer = organizer_client.post("/organize/account/tokens", data=data)
    assert answer.status_code == 422
    assert re.findall(r'id="(\w+)-error"', answer.text) == [field]
    with database.begin(writes=False) as db:
        assert db.exec(select(ApiToken)).all() == []


def test_others_tokens_cannot_be_revoked(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        other = accounts.add_user(db, "Other", "other@example.org")
        token, _ = tokens.create_token(db, accounts.actor_of_user(db, other), "x", ["read"])
    assert organizer_client.post(f"/organize/account/tokens/{token.id}/revoke").status_code == 404
    assert organizer_client.post("/organize/account/tokens/a%00b/revoke").status_code == 404


def test_queries_do_not_grow(
    organizer_client: TestClient, organizer: Actor, database: Database, count_queries: CountQueries
) -> None:
    with database.begin(writes=True) as db:
        for n in range(5):
            accounts.start_sign_in(db, organizer.id, now())
            tokens.create_token(db, organizer, f"token {n}", ["read"])
        assert db.get(User, organizer.id) is not None
    with count_queries() as queries:
        assert organizer_client.get("/organize/account").status_code == 200
    assert len(queries) == 5  # who it is, the account, sign-ins, tokens, cycles to choose from


def _made(client: TestClient, database: Database, **data: str) -> ApiToken:
    answer = client.post(
        "/organize/account/tokens", data={"name": "x", "scope-read": "yes", **data}
    )
    assert answer.status_code == 200
    with database.begin(writes=False) as db:
        return db.exec(select(ApiToken)).one()


def test_a_token_ends_after_ninety_days_unless_no_end_is_chosen(
    organizer_client: TestClient, database: Database
) -> None:
    page = organizer_client.get("/organize/account").text
    offered = re.search(r'name="expires" type="date" value="([\d-]+)"', page)
    assert offered is not None
    assert offered[1] == (now() + timedelta(days=tokens.USUAL_DAYS)).date().isoformat()
    token = _made(organizer_client, database)
    assert token.expires_at is not None
    assert token.expires_at.date().isoformat() > offered[1]
    with database.begin(writes=True) as db:
        db.delete(db.get_one(ApiToken, token.id))
    assert _made(organizer_client, database, endless="yes").expires_at is None


def test_a_token_can_be_for_one_cycle(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        cycle = Make(db).cycle(title={"en": "Flowers & trade"})
        cycle_id = cycle.id
    token = _made(organizer_client, database, cycle=cycle_id)
    assert token.cycle_id == cycle_id
    assert "only in “Flowers &amp; trade”" in organizer_client.get("/organize/account").text
    data = {"name": "x", "scope-read": "yes", "cycle": "01m8m6dqghzrspkwm6c4jawv6t"}
    refused = organizer_client.post("/organize/account/tokens", data=data)
    assert (refused.status_code, re.findall(r'id="(\w+)-error"', refused.text)) == (422, ["cycle"])
