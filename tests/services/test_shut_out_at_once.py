"""Who begins something by which they come in later, while its owner shuts everybody out."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import col, func, select

from app.db import Database, DbSession
from app.models import AddressChange, OutsideIdentity, SignIn, SignInLink, User, now
from app.openid import Identity
from app.services import accounts, address_changes, outbox, outside, sign_ins
from app.services.account_rows import hold_user
from app.services.links import Links, Purpose
from tests.services.at_once import in_the_midst

OWNERS, THIEFS = "olga@example.org", "thief@example.org"
THEM = Identity("https://id.example.org", "thief", THIEFS, True)


class Account:
    """Has been given the address of a thief, which the one of before can undo."""

    def __init__(self, db: DbSession, links: Links) -> None:
        user = accounts.add_user(db, "Olga", OWNERS)
        self.id, self.links = user.id, links
        address_changes.ask(db, user, THIEFS, now())
        self.change = db.exec(select(AddressChange)).one().id
        address_changes.confirm(db, links, links.token(Purpose.NEW_ADDRESS, self.change), now())
        outside.account_of(db, THEM, now())
        self.link = accounts.new_link(db, links, user, now()).rpartition("/")[2]

    def undo(self, db: DbSession) -> str:
        token = self.links.token(Purpose.OLD_ADDRESS, self.change)
        return address_changes.undo(db, self.links, token, now()).id

    def new_password(self, db: DbSession) -> str:
        accounts.set_password(db, db.get_one(User, self.id), "three small green boats")
        return "done"

    def has_a_link_sent(self, db: DbSession) -> str:
        accounts.request_link(db, THIEFS, now())
        return "done"

    def asks_for_another_address(self, db: DbSession) -> str:
        user = hold_user(db, self.id)
        assert user is not None
        address_changes.ask(db, user, "again@example.org", now())
        return "done"

    def comes_in_from_elsewhere(self, db: DbSession) -> str:
        user = outside.account_of(db, THEM, now())
        accounts.start_sign_in(db, user.id, now())
        return "done"

    def comes_in_from_elsewhere_for_the_first_time(self, db: DbSession) -> str:
        identity = Identity("https://other.example.org", "thief", THIEFS, True)
        user = outside.account_of(db, identity, now())
        accounts.start_sign_in(db, user.id, now())
        return "done"

    def comes_in(self, db: DbSession) -> str:
        user = accounts.use_link(db, self.links, self.link, now())
        accounts.start_sign_in(db, user.id, now())
        return "done"


@pytest.fixture
def account(real_database: Database, links: Links) -> Account:
    with real_database.begin(writes=True) as db:
        return Account(db, links)


@pytest.mark.parametrize("shuts", ["undo", "new_password"])
@pytest.mark.parametrize(
    ("thief", "place"),
    [
        ("has_a_link_sent", (outbox, "enqueue")),
        ("asks_for_another_address", (outbox, "enqueue")),
        ("comes_in", (accounts, "start_sign_in")),
        ("comes_in_from_elsewhere", (accounts, "start_sign_in")),
        ("comes_in_from_elsewhere_for_the_first_time", (accounts, "start_sign_in")),
    ],
)
def test_what_is_just_being_begun_ends_too(
    real_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    account: Account,
    shuts: str,
    thief: str,
    place: tuple[Any, str],
) -> None:
    deed: Callable[[DbSession], str] = getattr(account, shuts)
    in_the_midst(real_database, monkeypatch, place, getattr(account, thief), deed)
    with real_database.begin(writes=False) as db:
        links = select(func.count()).where(
            col(SignInLink.used_at).is_(None), SignInLink.user_id == account.id
        )
        waiting = select(func.count()).where(
            col(AddressChange.confirmed_at).is_(None), AddressChange.user_id == account.id
        )
        sign_ins_left = select(func.count()).where(SignIn.user_id == account.id)
        assert [db.exec(each).one() for each in (links, waiting, sign_ins_left)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("thief", "said"),
    [
        ("has_a_link_sent", "done"),
        ("comes_in", "used"),
        ("comes_in_from_elsewhere", "no_account"),
        ("comes_in_from_elsewhere_for_the_first_time", "no_account"),
    ],
)
def test_nor_is_anything_begun_after_that(
    real_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    account: Account,
    thief: str,
    said: str,
) -> None:
    place = (sign_ins, "end_unconfirmed")
    results = in_the_midst(real_database, monkeypatch, place, account.undo, getattr(account, thief))
    assert results == sorted([account.change, said])
    with real_database.begin(writes=False) as db:
        links = select(func.count()).where(
            col(SignInLink.used_at).is_(None), SignInLink.user_id == account.id
        )
        assert db.exec(links).one() == 0
        assert db.exec(select(SignIn)).all() == []
        assert db.exec(select(OutsideIdentity)).all() == []
