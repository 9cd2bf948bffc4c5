"""Signing in at an OpenID provider: a real one on 127.0.0.1, and one that lies."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from threading import Barrier, Thread
from time import monotonic, sleep
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import RSAKey
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.errors import Clash, Gone
from app.domain.limits import OUTSIDE_BY_NETWORK
from app.models import OutsideIdentity, OutsideSignIn, SignIn, User
from app.openid import Identity, OpenId, Provider
from app.routers.pages import sign_in_outside
from app.services import accounts, outside
from app.services.links import Links
from app.settings import Settings, SettingsError
from tests.factories import NOW
from tests.openid.provider import CLIENT, SECRET, Liar, lying

LEAVE, BACK = "/organize/sign-in/outside", "/organize/sign-in/outside/back"
ENGLISH = {"accept-language": "en"}


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider has the machine's clock."""
    monkeypatch.setattr(sign_in_outside, "now", lambda: datetime.now(UTC))


PEOPLE: tuple[dict[str, object], ...] = (
    {"sub": "olga", "email": "Olga@example.org", "email_verified": True},
    {"sub": "unverified", "email": "olga@example.org", "email_verified": False},
    {"sub": "stranger", "email": "stranger@example.org", "email_verified": True},
)


@pytest.fixture(scope="module")
def real() -> Iterator[str]:
    """The address of a provider, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    people = [word for each in PEOPLE for word in ("--user-claims", json.dumps(each))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "-n", *people]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process)
            yield url
        finally:
            process.terminate()


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = monotonic() + 30
    while monotonic() < end and process.poll() is None:
        with suppress(httpx.TransportError):
            httpx.get(url, trust_env=False)
            return
        sleep(0.05)
    raise AssertionError("the provider does not answer")


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture
def liar(app: FastAPI, key: RSAKey) -> Iterator[Liar]:
    """One that lies, as the provider of this installation."""
    with lying() as liar:
        liar.key = key
        app.state.openid = OpenId(Provider(liar.url, CLIENT, SECRET, "Example"))
        yield liar


@pytest.fixture
def at_real(app: FastAPI, real: str) -> str:
    app.state.openid = OpenId(Provider(real, CLIENT, SECRET, "Example ID"))
    return real


@pytest.fixture
def olga(database: Database) -> User:
    with database.begin(writes=True) as db:
        return accounts.add_user(db, "Olga", "olga@example.org", language="en")


def _leave(client: TestClient, next: str = "") -> str:
    """Where the page leads that is on the way."""
    answer = client.post(LEAVE, data={"next": next}, headers=ENGLISH)
    assert answer.status_code == 200
    [url] = re.findall(r'<meta http-equiv="refresh" content="0; url=([^"]+)">', answer.text)
    assert re.findall(r'<a class="button button-primary" href="([^"]+)"', answer.text) == [url]
    return unescape(url)


def _consent(url: str, who: str) -> str:
    """What the person does there; where the provider sends them."""
    answer = httpx.post(url, data={"sub": who}, follow_redirects=False)
    assert answer.status_code == 302
    found: str = answer.headers["location"]
    return found.removeprefix("http://testserver")


def _state(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def _back(client: TestClient, state: str, **more: str) -> Any:
    return client.get(f"{BACK}?{urlencode({'state': state, 'code': 'code', **more})}")


def _sign_ins(database: Database) -> list[str]:
    with database.begin(writes=False) as db:
        return list(db.exec(select(SignIn.user_id)))


class TestAtARealOne:
    def test_there_and_back(
        self, client: TestClient, at_real: str, olga: User, database: Database
    ) -> None:
        form = client.get("/organize/sign-in?next=/organize/mail", headers=ENGLISH).text
        assert "Sign in with Example ID" in form
        url = _leave(client, "/organize/mail")
        back = _consent(url, "olga")
        answer = client.get(back)
        assert (answer.status_code, answer.headers["location"]) == (303, "/organize/mail")
        assert "convoca_outside" not in client.cookies
        assert _sign_ins(database) == [olga.id]
        with database.begin(writes=False) as db:
            row = db.exec(select(OutsideIdentity)).one()
            assert (row.user_id, row.issuer, row.subject) == (olga.id, at_real, "olga")
            assert db.exec(select(OutsideSignIn)).all() == []
        again = client.get(back)
        assert again.status_code == 410
        client.cookies.clear()
        assert client.get(_consent(_leave(client), "olga")).status_code == 303
        with database.begin(writes=False) as db:
            assert len(db.exec(select(OutsideIdentity)).all()) == 1

    @pytest.mark.parametrize(
        ("who", "said"),
        [
            ("unverified", "Your address was not confirmed there"),
            ("stranger", "There is no account here for your address."),
        ],
    )
    def test_who_is_not_let_in(
        self,
        client: TestClient,
        at_real: str,
        olga: User,
        database: Database,
        who: str,
        said: str,
    ) -> None:
        answer = client.get(_consent(_leave(client), who), headers=ENGLISH)
        assert answer.status_code == 409
        assert said in answer.text
        assert _sign_ins(database) == []
        with database.begin(writes=False) as db:
            assert db.exec(select(OutsideIdentity)).all() == []

    def test_who_said_no(self, client: TestClient, at_real: str, olga: User) -> None:
        state = _state(_leave(client))["state"]
        answer = client.get(f"{BACK}?error=access_denied&state={state}", headers=ENGLISH)
        assert answer.status_code == 409
        assert "Signing in there did not work." in answer.text

    def test_a_code_that_was_used(
        self, app: FastAPI, client: TestClient, at_real: str, olga: User, database: Database
    ) -> None:
        """Somebody else's code, put into a sign-in of one's own: it goes with its own verifier."""
        thief = TestClient(app, base_url="http://testserver", follow_redirects=False)
        stolen = parse_qs(urlsplit(_consent(_leave(client), "olga")).query)["code"][0]
        state = _state(_leave(thief))["state"]
        assert _back(thief, state, code=stolen).status_code == 409
        assert _sign_ins(database) == []


class TestAtALiar:
    def _arrive(self, client: TestClient, liar: Liar, **more: str) -> Any:
        asked = _state(_leave(client))
        liar.nonce = asked["nonce"]
        return _back(client, asked["state"], **more)

    def test_as_it_should_be(
        self, client: TestClient, liar: Liar, olga: User, database: Database
    ) -> None:
        answer = self._arrive(client, liar, iss=liar.url)
        assert (answer.status_code, answer.headers["location"]) == (303, "/organize")
        assert _sign_ins(database) == [olga.id]

    @pytest.mark.parametrize(
        "claims",
        [
            {"nonce": "another"},
            {"aud": "somebody-else"},
            {"iss": "https://evil.example"},
            {"exp": 1},
            {"email_verified": "true"},
            {"email_verified": False},
            {"email": "ólga@example.org"},
            {"email": "оlga@example.org"},  # Cyrillic
            {"email": "olga@example.org\0"},
            {"email": "olga@example.org, x@evil.example"},
            {"email": ["olga@example.org"]},
            {"email": ""},
        ],
    )
    def test_nobody_is_let_in_by(
        self,
        client: TestClient,
        liar: Liar,
        olga: User,
        database: Database,
        claims: dict[str, Any],
    ) -> None:
        liar.claims |= claims
        assert self._arrive(client, liar).status_code == 409
        assert _sign_ins(database) == []
        with database.begin(writes=False) as db:
            assert db.exec(select(OutsideIdentity)).all() == []

    def test_nor_by_another_issuer_in_the_address(
        self, client: TestClient, liar: Liar, olga: User, database: Database
    ) -> None:
        assert self._arrive(client, liar, iss="https://evil.example").status_code == 409
        assert "/token" not in liar.asked
        assert _sign_ins(database) == []

    def test_a_state_counts_once_in_its_browser(
        self, app: FastAPI, client: TestClient, liar: Liar, olga: User, database: Database
    ) -> None:
        asked = _state(_leave(client))
        liar.nonce = asked["nonce"]
        other = TestClient(app, base_url="http://testserver", follow_redirects=False)
        for state in (asked["state"], "x", ""):
            assert _back(other, state).status_code == 410
        _leave(other)
        assert _back(other, asked["state"]).status_code == 410
        assert "/token" not in liar.asked
        assert _back(client, asked["state"]).status_code == 303
        client.cookies.clear()
        client.cookies.set("convoca_outside", asked["state"], path="/organize/sign-in")
        assert _back(client, asked["state"]).status_code == 410
        assert liar.asked.count("/token") == 1
        assert len(_sign_ins(database)) == 1

    def test_a_state_is_good_for_ten_minutes(
        self,
        client: TestClient,
        liar: Liar,
        olga: User,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        asked = _state(_leave(client))
        later = datetime.now(UTC) + timedelta(minutes=10)
        monkeypatch.setattr(sign_in_outside, "now", lambda: later)
        assert _back(client, asked["state"]).status_code == 410
        assert "/token" not in liar.asked

    def test_the_way_on_stays_here(self, client: TestClient, liar: Liar, olga: User) -> None:
        asked = _state(_leave(client, "https://evil.example/organize"))
        liar.nonce = asked["nonce"]
        assert _back(client, asked["state"]).headers["location"] == "/organize"

    def test_the_second_step_comes_all_the_same(
        self, client: TestClient, liar: Liar, olga: User, database: Database
    ) -> None:
        with database.begin(writes=True) as db:
            user = db.get_one(User, olga.id)
            user.totp_secret, user.totp_since = "sealed", NOW
        answer = self._arrive(client, liar)
        assert answer.headers["location"] == "/organize/sign-in/code"
        assert _sign_ins(database) == []

    def test_who_comes_later_with_the_address_of_one_who_left(
        self, client: TestClient, liar: Liar, olga: User, database: Database
    ) -> None:
        assert self._arrive(client, liar).status_code == 303
        client.cookies.clear()
        liar.claims["sub"] = "another-person"
        answer = self._arrive(client, liar)
        assert answer.status_code == 409
        assert len(_sign_ins(database)) == 1

    def test_who_is_known_stays_so_whatever_the_address(
        self, client: TestClient, liar: Liar, olga: User, database: Database
    ) -> None:
        with database.begin(writes=True) as db:
            accounts.add_user(db, "Other", "other@example.org")
        assert self._arrive(client, liar).status_code == 303
        client.cookies.clear()
        liar.claims |= {"email": "other@example.org"}
        assert self._arrive(client, liar).status_code == 303
        assert _sign_ins(database) == [olga.id, olga.id]

    def test_a_provider_that_is_away(self, client: TestClient, liar: Liar, olga: User) -> None:
        liar.answers["/.well-known/openid-configuration"] = lambda: (503, {}, b"")
        answer = client.post(LEAVE, headers=ENGLISH)
        assert answer.status_code == 409
        assert "Signing in there did not work." in answer.text
        assert client.get("/organize/sign-in").status_code == 200

    def test_connected_it_is_listed_and_can_be_disconnected(
        self, client: TestClient, liar: Liar, olga: User, database: Database
    ) -> None:
        self._arrive(client, liar)
        client.headers |= {"sec-fetch-site": "same-origin", **ENGLISH}
        shown = client.get("/organize/account").text
        assert re.findall(r'<th scope="row">(Example)</th>', shown) == ["Example"]
        [path] = re.findall(r'action="(/organize/account/outside/\w+/end)"', shown)
        assert client.post(path).status_code == 303
        assert "/organize/account/outside/" not in client.get("/organize/account").text
        with database.begin(writes=False) as db:
            assert db.exec(select(OutsideIdentity)).all() == []


def test_where_there_is_none(client: TestClient) -> None:
    assert "elsewhere" not in client.get("/organize/sign-in", headers=ENGLISH).text
    assert client.post(LEAVE).status_code == 404
    assert client.get(BACK).status_code == 404


def test_not_without_end(client: TestClient, liar: Liar) -> None:
    found = [client.post(LEAVE).status_code for _ in range(OUTSIDE_BY_NETWORK.most + 1)]
    assert found == [200] * OUTSIDE_BY_NETWORK.most + [429]


def test_of_two_who_come_back_at_once_one_is_first(real_database: Database, links: Links) -> None:
    with real_database.begin(writes=True) as db:
        state = outside.leave(db, links, "/organize", NOW).state
    start, found = Barrier(4), []

    def work() -> None:
        start.wait(10)
        try:
            with real_database.begin(writes=True) as db:
                outside.come_back(db, links, state, state, NOW)
            found.append("back")
        except Gone:
            found.append("gone")

    threads = [Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert sorted(found) == ["back", "gone", "gone", "gone"]


@pytest.mark.parametrize(
    ("owner", "said", "same"),
    [
        ("olga@example.org", "OLGA@Example.org", True),
        ("josé@example.org", "jose\u0301@example.org", True),
        ("josé@example.org", "JOSÉ@example.org", False),
        ("strasse@example.org", "straße@example.org", False),
        ("ana@fass.example", "ana@faß.example", False),
        ("ana@faß.example", "ana@xn--fa-hia.example", True),
        ("kate@example.org", "\u212aate@example.org", True),
        ("fiona@example.org", "ﬁona@example.org", False),
    ],
)
def test_an_account_is_found_by_its_own_address_only(
    database: Database, owner: str, said: str, same: bool
) -> None:
    identity = Identity("https://login.example.org", "subject", said, True)
    with database.begin(writes=True) as db:
        user = accounts.add_user(db, "Somebody", owner)
        if same:
            assert outside.account_of(db, identity, NOW).id == user.id
            assert outside.account_of(db, replace(identity, email=""), NOW).id == user.id
            return
        with pytest.raises(Clash):
            outside.account_of(db, identity, NOW)


def _env(**more: str) -> dict[str, str]:
    whole = {
        "CONVOCA_OIDC_ISSUER": "https://login.example.org/realms/one/",
        "CONVOCA_OIDC_CLIENT_ID": "convoca",
        "CONVOCA_OIDC_CLIENT_SECRET": "secret",
    }
    return {**whole, **{f"CONVOCA_OIDC_{name}": value for name, value in more.items()}}


def test_it_is_a_setting() -> None:
    assert Settings.from_environment({}).oidc is None
    issuer = "https://login.example.org/realms/one/"
    found = Settings.from_environment(_env()).oidc
    assert found == Provider(issuer, "convoca", "secret", "login.example.org")
    named = Settings.from_environment(_env(NAME=" Example ID ")).oidc
    assert named is not None
    assert named.name == "Example ID"
    local = Settings.from_environment(_env(ISSUER="http://127.0.0.1:9400")).oidc
    assert local is not None


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (_env(CLIENT_ID=""), "Set CONVOCA_OIDC_CLIENT_ID too"),
        (_env(ISSUER=""), "Set CONVOCA_OIDC_ISSUER too"),
        (_env(ISSUER="http://login.example.org"), "CONVOCA_OIDC_ISSUER must be"),
        (_env(ISSUER="https://login.example.org?x=y"), "CONVOCA_OIDC_ISSUER must be"),
        (_env(ISSUER="https://u:p@login.example.org"), "CONVOCA_OIDC_ISSUER must be"),
        (_env(ISSUER="login"), "CONVOCA_OIDC_ISSUER must be"),
        (_env(NAME="x" * 61), "CONVOCA_OIDC_NAME must be"),
    ],
)
def test_a_setting_that_cannot_be_used(env: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        Settings.from_environment(env)
