"""API tokens."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import Invalid, NotFound
from app.domain.permissions import Permission, Role
from app.models import ApiToken, Cycle, TeamMember, User, now
from app.services import accounts, tokens
from app.services.actor import AccountStanding, Actor, Scope
from tests.factories import Make


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


@pytest.fixture
def member(db: DbSession) -> tuple[User, Cycle, Cycle]:
    """Somebody with a role in the first of two cycles, and none in the other."""
    make = Make(db)
    mine, other = make.cycle(), make.cycle()
    user = accounts.add_user(db, "Ana", "ana@example.org", standing=AccountStanding.MEMBER)
    db.add(TeamMember(cycle_id=mine.id, user_id=user.id, role=Role.EDITOR))
    db.flush()
    return user, mine, other


def test_for_one_cycle_where_they_have_a_role(
    db: DbSession, member: tuple[User, Cycle, Cycle]
) -> None:
    user, mine, other = member
    actor = accounts.actor_of_user(db, user)
    assert tokens.cycles_for_tokens(db, actor) == [mine]
    token, secret = tokens.create_token(db, actor, "x", ["read"], cycle_id=mine.id)
    program = tokens.actor_of_token(db, secret)
    assert program is not None
    assert (token.cycle_id, program.only) == (mine.id, mine.id)
    assert (program.knows(mine.id), program.knows(other.id)) == (True, False)
    for wrong in (other.id, "x", "a\0b", "é"):
        with pytest.raises(Invalid) as caught:
            tokens.create_token(db, actor, "x", ["read"], cycle_id=wrong)
        assert [each.field for each in caught.value.fields] == ["cycle"]


def test_administrators_choose_among_all(db: DbSession, member: tuple[User, Cycle, Cycle]) -> None:
    root = accounts.add_user(db, "R", "r@example.org", standing=AccountStanding.ADMINISTRATOR)
    actor = accounts.actor_of_user(db, root)
    offered = {cycle.id for cycle in tokens.cycles_for_tokens(db, actor)}
    assert offered == {member[1].id, member[2].id}
    _, secret = tokens.create_token(db, actor, "x", ["read"], cycle_id=member[2].id)
    program = tokens.actor_of_token(db, secret)
    assert program is not None
    assert (program.knows(member[1].id), program.knows(member[2].id)) == (False, True)


def test_each_request_asks_whether_the_owner_still_may(
    db: DbSession, member: tuple[User, Cycle, Cycle]
) -> None:
    user, mine, _ = member
    actor = accounts.actor_of_user(db, user)
    secrets = [
        tokens.create_token(db, actor, "x", ["write"], cycle_id=c)[1] for c in (None, mine.id)
    ]

    def may(permission: Permission) -> list[bool | None]:
        found = [tokens.actor_of_token(db, secret) for secret in secrets]
        return [each.may(permission, mine.id) if each else None for each in found]

    row = db.exec(select(TeamMember).where(TeamMember.user_id == user.id)).one()
    assert may(Permission.SCHEDULE_EDIT) == [True, True]
    row.role = Role.VIEWER
    db.flush()
    assert may(Permission.SCHEDULE_EDIT) == [False, False]
    assert may(Permission.CYCLE_READ) == [True, True]
    db.delete(row)
    db.flush()
    assert may(Permission.CYCLE_READ) == [False, False]
    db.delete(user)
    db.flush()
    assert may(Permission.CYCLE_READ) == [None, None]


def test_use_is_noted_to_the_hour_and_once_an_hour(real_database: Database) -> None:
    at = datetime(2026, 11, 26, 15, 42, 7, 9, tzinfo=UTC)
    with real_database.begin(writes=True) as db:
        user = accounts.add_user(db, "Ana", "ana@example.org")
        token, secret = tokens.create_token(db, accounts.actor_of_user(db, user), "x", ["read"])
        token_id = token.id
    noted = []
    for moment in (at, at + timedelta(minutes=10), at + timedelta(hours=1), at):
        with real_database.jotting() as jot:
            tokens.note_use(jot, tokens.digest(secret), tokens.hour_of(moment))
        with real_database.begin(writes=False) as db:
            used = db.get_one(ApiToken, token_id).used_at
            assert used is not None
            noted.append(used.hour)
    assert noted == [15, 15, 16, 16]
    assert tokens.hour_of(at) == datetime(2026, 11, 26, 15, tzinfo=UTC)
