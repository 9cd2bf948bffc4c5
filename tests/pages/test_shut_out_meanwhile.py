"""Whoever is shut out while a hash is computed, or a code is looked at, is out: that takes a while,
and they can try all the time."""

from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database, DbSession
from app.domain.permissions import AccountStanding, Role
from app.main import create_app
from app.models import AddressChange, ApiToken, SignIn, TeamInvitation, TeamMember, User, now
from app.services import accounts, address_changes, proofs, second_factor, sign_ins
from app.services.actor import Actor
from app.services.links import Links, Purpose
from app.settings import Settings
from app.web.security import COOKIE
from tests.conftest import BASE_URL
from tests.factories import Make
from tests.routes import with_known_routes
from tests.services.at_once import in_the_midst

OLD, NEW, THIEFS = "three small green boats", "four large yellow trains", "five grey heavy stones"
ACCOUNT = "/organize/account"


class Owner:
    """Has an account with a password that a thief knows, and acts while a hash is computed."""

    def __init__(self, database: Database, user_id: str, links: Links) -> None:
        self.database, self.user_id, self.links = database, user_id, links
        with database.begin(writes=True) as db:
            accounts.set_password(db, self.user(db), OLD, keep_cookie="")

    def user(self, db: Any) -> User:
        user: User = db.get_one(User, self.user_id)
        return user

    def new_password(self) -> None:
        with self.database.begin(writes=True) as db:
            accounts.set_password(db, self.user(db), NEW)

    def signs_out_others(self) -> None:
        with self.database.begin(writes=True) as db:
            sign_ins.end_others(db, self.user_id)

    def turns_on_second_step(self) -> None:
        with self.database.begin(writes=True) as db:
            user = self.user(db)
            second_factor.begin(db, self.links, user)
            code = pyotp.TOTP(second_factor.pending(self.links, user)[0]).at(now())
            second_factor.confirm(db, self.links, user, code, now())

    def cookies(self) -> list[str]:
        with self.database.begin(writes=False) as db:
            return list(db.exec(select(SignIn.id).where(col(SignIn.user_id) == self.user_id)))


@pytest.fixture
def owner(database: Database, organizer: Actor, links: Links) -> Owner:
    return Owner(database, organizer.id, links)


def meanwhile(monkeypatch: pytest.MonkeyPatch, module: Any, deed: Callable[[], None]) -> None:
    """Once, when a password was found right."""
    right = module.password_is_right
    done: list[bool] = []

    def slow(*args: Any) -> bool:
        found: bool = right(*args)
        if not done:
            done.append(True)
            deed()
        return found

    monkeypatch.setattr(module, "password_is_right", slow)


def test_the_password_of_before_signs_nobody_in(
    client: TestClient, owner: Owner, organizer: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, accounts, owner.new_password)
    answer = client.post("/organize/sign-in", data={"email": organizer.email, "password": OLD})
    assert (answer.status_code, owner.cookies()) == (422, [])


def test_a_second_step_that_is_turned_on_is_asked_for(
    client: TestClient, owner: Owner, organizer: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, accounts, owner.turns_on_second_step)
    answer = client.post("/organize/sign-in", data={"email": organizer.email, "password": OLD})
    assert (answer.headers["location"], owner.cookies()) == ("/organize/sign-in/code", [])


def test_nor_does_the_first_step_that_was_done_before(
    client: TestClient, owner: Owner, organizer: Actor, monkeypatch: pytest.MonkeyPatch, app: Any
) -> None:
    owner.turns_on_second_step()
    with owner.database.begin(writes=True) as db:
        code, *_ = second_factor.renew_recovery_codes(db, owner.user(db))
    client.post("/organize/sign-in", data={"email": organizer.email, "password": OLD})
    take = app.state.limiter.take

    def slow(*args: Any) -> Any:
        owner.new_password()
        return take(*args)

    monkeypatch.setattr(app.state.limiter, "take", slow)
    answer = client.post("/organize/sign-in/code", data={"code": code})
    assert (answer.headers["location"], owner.cookies()) == ("/organize/sign-in", [])


@pytest.mark.parametrize("deed", ["new_password", "signs_out_others"])
@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("password", {"password": THIEFS, "repeat": THIEFS}),
        ("address", {"email": "thief@example.org"}),
        ("tokens", {"name": "x", "scope-read": "on", "expires": "", "endless": "on"}),
        ("second-step/begin", {}),
    ],
)
def test_nor_does_it_prove_anything(
    organizer_client: TestClient,
    owner: Owner,
    organizer: Actor,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    deed: str,
    path: str,
    typed: dict[str, str],
) -> None:
    with database.begin(writes=True) as db:
        cookie = accounts.start_sign_in(db, organizer.id, now())
    organizer_client.cookies.clear()
    organizer_client.cookies.set("convoca_session", cookie)
    meanwhile(monkeypatch, proofs, getattr(owner, deed))
    answer = organizer_client.post(f"{ACCOUNT}/{path}", data={**typed, "current": OLD})
    assert (answer.status_code, organizer.email in answer.text) == (401, False)
    with database.begin(writes=False) as db:
        user = owner.user(db)
        assert accounts.password_is_right(user.password_hash, THIEFS) is False
        assert user.totp_secret == ""
        assert db.exec(select(AddressChange)).all() == []
        assert db.exec(select(ApiToken)).all() == []


@pytest.mark.parametrize("real_database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("standing", [AccountStanding.ADMINISTRATOR, AccountStanding.MEMBER])
def test_whoever_is_just_asking_somebody_in_asks_nobody(
    real_database: Database,
    settings: Settings,
    links: Links,
    monkeypatch: pytest.MonkeyPatch,
    standing: AccountStanding,
) -> None:
    """SQLite lets one write after the other: there nobody is let in while an owner undoes it."""
    with real_database.begin(writes=True) as db:
        user = accounts.add_user(db, "Olga", "olga@example.org", standing=standing)
        cycle = Make(db).cycle(slug="leaders")
        db.add(TeamMember(cycle_id=cycle.id, user_id=user.id, role=Role.OWNER))
        address_changes.ask(db, user, "thief@example.org", now())
        [change] = db.exec(select(AddressChange)).all()
        address_changes.confirm(db, links, links.token(Purpose.NEW_ADDRESS, change.id), now())
        token = links.token(Purpose.OLD_ADDRESS, change.id)
        cookie = accounts.start_sign_in(db, user.id, now())
    application = with_known_routes(create_app(settings, database=real_database))
    path, typed = {
        AccountStanding.ADMINISTRATOR: ("/organize/accounts/invite", {"standing": "member"}),
        AccountStanding.MEMBER: ("/organize/c/leaders/team/invite", {"role": "owner"}),
    }[standing]

    def undoes(db: DbSession) -> str:
        address_changes.undo(db, links, token, now())
        return "undone"

    with TestClient(application, base_url=BASE_URL, follow_redirects=False) as thief:
        thief.cookies.set(COOKIE, cookie)
        thief.headers["sec-fetch-site"] = "same-origin"

        def asks(_: DbSession) -> int:
            return thief.post(path, data={**typed, "email": "again@example.org"}).status_code

        place = (address_changes, "end_asked_since")
        assert in_the_midst(real_database, monkeypatch, place, undoes, asks) == ["401", "undone"]
    with real_database.begin(writes=False) as db:
        assert db.exec(select(TeamInvitation)).all() == []
