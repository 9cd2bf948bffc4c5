"""API tokens."""

from datetime import timedelta

import pytest

from app.db import DbSession
from app.domain.errors import Invalid, NotFound
from app.models import now
from app.services import accounts, tokens
from app.services.actor import AccountStanding, Actor, Scope


@pytest.fixture
def olga(db: DbSession) -> Actor:
    return accounts.actor_of_user(db, accounts.add_user(db, "Olga", "olga@example.org"))


def test_a_token_is_its_owner_with_fewer_rights(db: DbSession, olga: Actor) -> None:
    token, secret = tokens.create_token(db, olga, " A  program ", [Scope.WRITE, "read"])
    assert tokens.actor_of_token(db, secret) == Actor(
        id=olga.id,
        name="Olga",
        email="olga@example.org",
        standing=AccountStanding.ORGANIZER,
        scopes=frozenset({Scope.READ, Scope.WRITE}),
        token_id=token.id,
    )
    assert (token.name, token.scopes) == ("A program", ["read", "write"])
    assert secret not in token.model_dump_json()
    assert token.digest == tokens.digest(secret)


@pytest.mark.parametrize("wrong", ["", "x", "a\0b", "\udcff", "convoca_" + "x" * 43, "é" * 5000])
def test_a_wrong_secret_is_nobody(db: DbSession, olga: Actor, wrong: str) -> None:
    token, _ = tokens.create_token(db, olga, "x", ["read"])
    assert tokens.actor_of_token(db, wrong) is None
    assert tokens.actor_of_token(db, token.digest) is None


def test_an_end(db: DbSession, olga: Actor) -> None:
    soon = now() + timedelta(seconds=30)
    token, secret = tokens.create_token(db, olga, "x", ["read"], soon)
    assert tokens.actor_of_token(db, secret) is not None
    token.expires_at = now()
    assert tokens.actor_of_token(db, secret) is None


def test_revoked_for_good(db: DbSession, olga: Actor) -> None:
    token, secret = tokens.create_token(db, olga, "x", ["read"])
    at = now()
    tokens.revoke_token(db, olga, token.id, at)
    tokens.revoke_token(db, olga, token.id, at + timedelta(days=1))
    assert token.revoked_at == at
    assert tokens.actor_of_token(db, secret) is None
    assert [t.id for t in tokens.list_tokens(db, olga)] == [token.id]


def test_only_ones_own(db: DbSession, olga: Actor) -> None:
    other = accounts.actor_of_user(db, accounts.add_user(db, "Other", "other@example.org"))
    token, secret = tokens.create_token(db, other, "x", ["read"])
    with pytest.raises(NotFound):
        tokens.revoke_token(db, olga, token.id, now())
    assert tokens.actor_of_token(db, secret) is not None
    assert tokens.list_tokens(db, olga) == []


@pytest.mark.parametrize(
    ("name", "scopes", "days", "fields"),
    [
        ("", [], -1, ["name", "scopes", "expires"]),
        ("x" * 101, ["read"], 1, ["name"]),
        ("a\x07b", ["read"], 1, ["name"]),
        ("x", ["read", "everything"], 1, ["scopes"]),
    ],
)
def test_what_makes_no_token(
    db: DbSession, olga: Actor, name: str, scopes: list[str], days: int, fields: list[str]
) -> None:
    with pytest.raises(Invalid) as caught:
        tokens.create_token(db, olga, name, scopes, now() + timedelta(days=days))
    assert [f.field for f in caught.value.fields] == fields
