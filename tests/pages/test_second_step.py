"""The second step of signing in, as a browser does it."""

import re
from datetime import datetime, timedelta

import pyotp
import pytest
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.limits import PROOF, SECOND_STEP
from app.models import SignIn, User, now
from app.routers.pages import account_security, sign_in, sign_in_code
from app.services import accounts, second_factor
from app.services.actor import Actor
from app.services.links import Links
from app.web import sign_ins
from tests.factories import NOW

PASSWORD = "three small green boats"
PAGE = "/organize/account/second-step"
ENGLISH = {"accept-language": "en"}


class Clock:
    at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (sign_in, sign_in_code, sign_ins, account_security):
        monkeypatch.setattr(module, "now", clock)
    return clock


@pytest.fixture
def rosa(database: Database, links: Links) -> tuple[User, str, list[str]]:
    """Somebody with a password and a second step: the secret, and the codes for paper."""
    with database.begin(writes=True) as db:
        user = accounts.add_user(db, "Rosa Ruiz", "rosa@example.org", PASSWORD, "en")
        second_factor.begin(db, links, user)
        secret, _ = second_factor.pending(links, user)
        at = NOW - timedelta(hours=1)
        codes = second_factor.confirm(db, links, user, pyotp.TOTP(secret).at(at), at)
    return user, secret, codes


def _first_step(client: TestClient, next: str = "") -> str:
    data = {"email": "rosa@example.org", "password": PASSWORD, "next": next}
    answer = client.post("/organize/sign-in", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, "/organize/sign-in/code")
    cookies = [c.split("=")[0] for c in answer.headers.get_list("set-cookie")]
    assert cookies == ["convoca_half"]
    return client.cookies["convoca_half"]


def _signed_in(client: TestClient) -> bool:
    headers = {"sec-fetch-site": "same-origin"}
    return client.get("/organize/account", headers=headers).status_code == 200


def test_a_password_alone_opens_nothing(
    client: TestClient, rosa: tuple[User, str, list[str]], clock: Clock, database: Database
) -> None:
    _first_step(client, "/organize/mail")
    assert not _signed_in(client)
    with database.begin(writes=False) as db:
        assert db.exec(select(SignIn)).all() == []
    shown = client.get("/organize/sign-in/code", headers=ENGLISH)
    assert re.findall(r'<input class="input" id="(\w+)"', shown.text) == ["code"]
    wrong = client.post("/organize/sign-in/code", data={"code": "abc"})
    assert wrong.status_code == 422
    assert re.findall(r'id="(\w+)-error"', wrong.text) == ["code"]
    code = pyotp.TOTP(rosa[1]).at(clock.at)
    answer = client.post("/organize/sign-in/code", data={"code": code})
    assert (answer.status_code, answer.headers["location"]) == (303, "/organize/mail")
    assert _signed_in(client)
    assert "convoca_half" not in client.cookies


def test_nor_does_a_mailed_link(
    client: TestClient,
    rosa: tuple[User, str, list[str]],
    clock: Clock,
    links: Links,
    database: Database,
) -> None:
    with database.begin(writes=True) as db:
        url = accounts.new_link(db, links, rosa[0], clock.at)
    used = client.post(url)
    assert (used.status_code, used.headers["location"]) == (303, "/organize/sign-in/code")
    assert not _signed_in(client)
    assert client.post(url).status_code == 410
    answer = client.post("/organize/sign-in/code", data={"code": rosa[2][0]})
    assert answer.headers["location"] == "/organize"
    assert _signed_in(client)


def test_a_code_signs_in_once(
    app: FastAPI, client: TestClient, rosa: tuple[User, str, list[str]], clock: Clock
) -> None:
    """Whoever looked over the shoulder has a code that works no more."""
    half = _first_step(client)
    data = {"code": pyotp.TOTP(rosa[1]).at(clock.at)}
    assert client.post("/organize/sign-in/code", data=data).status_code == 303
    thief = TestClient(app, base_url="http://testserver", follow_redirects=False)
    thief.cookies.set("convoca_half", half, path="/organize/sign-in")
    assert thief.post("/organize/sign-in/code", data=data).status_code == 422
    assert "convoca_session" not in thief.cookies


def test_the_half_step_is_bound_to_the_browser_and_to_ten_minutes(
    app: FastAPI, client: TestClient, rosa: tuple[User, str, list[str]], clock: Clock
) -> None:
    code = {"code": rosa[2][0]}
    nobody = client.post("/organize/sign-in/code", data=code)
    assert (nobody.status_code, nobody.headers["location"]) == (303, "/organize/sign-in")
    half = _first_step(client)
    for forged in (half[:-1], half.replace("-", "-9", 1), "x", ""):
        client.cookies.clear()
        client.cookies.set("convoca_half", forged, path="/organize/sign-in")
        answer = client.post("/organize/sign-in/code", data=code)
        assert answer.headers.get("location") == "/organize/sign-in"
    client.cookies.clear()
    _first_step(client)
    clock.at += second_factor.HALF_FOR
    assert client.post("/organize/sign-in/code", data=code).headers["location"] == (
        "/organize/sign-in"
    )


def test_the_way_on_leads_nowhere_else(
    client: TestClient, rosa: tuple[User, str, list[str]], clock: Clock
) -> None:
    token = _first_step(client, "//evil.example").partition("|")[0].strip('"')
    client.cookies.clear()
    client.cookies.set("convoca_half", f"{token}|https://evil.example", path="/organize/sign-in")
    answer = client.post("/organize/sign-in/code", data={"code": rosa[2][0]})
    assert answer.headers["location"] == "/organize"


def test_codes_cannot_be_tried_for_long(
    client: TestClient, rosa: tuple[User, str, list[str]], clock: Clock
) -> None:
    found = []
    for n in range(SECOND_STEP.most + 1):
        client.cookies.clear()  # another browser each time is of no use
        _first_step(client)
        headers = {"x-forwarded-for": f"198.51.100.{n}", **ENGLISH}
        wrong = client.post("/organize/sign-in/code", data={"code": "abcdef"}, headers=headers)
        found.append(wrong.status_code)
    assert found == [422] * SECOND_STEP.most + [429]
    assert wrong.headers["retry-after"] == "900"
    assert "Too many wrong codes were typed for this account. Try again in 15 min." in wrong.text
    right = client.post("/organize/sign-in/code", data={"code": rosa[2][0]})
    assert right.status_code == 429
    clock.at += timedelta(minutes=15)
    _first_step(client)
    assert client.post("/organize/sign-in/code", data={"code": rosa[2][0]}).status_code == 303


def test_turning_it_on_and_off(
    organizer_client: TestClient, organizer: Actor, database: Database, links: Links
) -> None:
    client = organizer_client
    client.headers |= ENGLISH
    assert 'href="/organize/account/second-step"' in client.get("/organize/account").text
    began = client.post(f"{PAGE}/begin")
    [secret] = re.findall(r'id="secret" value="([A-Z2-7]{32})"', began.text)
    assert began.text.count('class="segno"') == 1
    assert began.headers["cache-control"] == "no-store"
    assert secret not in client.get(PAGE).text
    [begun] = re.findall(r'name="begun" value="([^"]+)"', began.text)
    wrong = client.post(f"{PAGE}/confirm", data={"code": "000", "begun": begun})
    assert (wrong.status_code, secret in wrong.text) == (422, False)
    assert re.findall(r'id="(\w+)-error"', wrong.text) == ["code"]
    [begun] = re.findall(r'name="begun" value="([^"]+)"', wrong.text)
    data = {"code": pyotp.TOTP(secret).at(now()), "begun": begun}
    on = client.post(f"{PAGE}/confirm", data=data)
    codes = re.findall(r"<li><code>([a-z0-9-]{19})</code></li>", on.text)
    assert (on.status_code, len(codes)) == (200, 10)
    assert client.get("/organize/account").status_code == 200
    later = client.get(PAGE).text
    assert "10 codes for paper are left." in later
    assert codes[0] not in later
    # Without a password a code is what proves who it is.
    refused = client.post(f"{PAGE}/off", data={"current": "nonsense"})
    assert (refused.status_code, re.findall(r'id="(\w+)-error"', refused.text)) == (
        422,
        ["current"],
    )
    renewed = client.post(f"{PAGE}/codes", data={"current": codes[0]})
    new = re.findall(r"<li><code>([a-z0-9-]{19})</code></li>", renewed.text)
    assert len(new) == 10
    assert client.post(f"{PAGE}/off", data={"current": codes[1]}).status_code == 422
    assert client.post(f"{PAGE}/off", data={"current": new[1]}).status_code == 303
    with database.begin(writes=False) as db:
        assert not second_factor.is_on(db.get_one(User, organizer.id))


def test_what_was_begun_and_left_is_nobodys_to_finish(
    organizer_client: TestClient, organizer: Actor, database: Database, links: Links, clock: Clock
) -> None:
    """A thief with the cookie, who may try codes for days, would be given the codes for paper."""
    began = organizer_client.post(f"{PAGE}/begin")
    [secret] = re.findall(r'id="secret" value="([A-Z2-7]{32})"', began.text)
    [begun] = re.findall(r'name="begun" value="([^"]+)"', began.text)
    other = organizer_client.post(f"{PAGE}/begin")  # what the page before has counts no more
    [secret] = re.findall(r'id="secret" value="([A-Z2-7]{32})"', other.text)
    with database.begin(writes=False) as db:
        half = second_factor.half_token(links, db.get_one(User, organizer.id), clock.at)
    for wrong in ("", begun, "x", half):
        data = {"code": pyotp.TOTP(secret).at(clock.at), "begun": wrong}
        answer = organizer_client.post(f"{PAGE}/confirm", data=data, headers=ENGLISH)
        assert (answer.status_code, "Begin again." in answer.text) == (422, True)
    [begun] = re.findall(r'name="begun" value="([^"]+)"', other.text)
    clock.at += second_factor.HALF_FOR
    data = {"code": pyotp.TOTP(secret).at(clock.at), "begun": begun}
    assert organizer_client.post(f"{PAGE}/confirm", data=data).status_code == 422
    clock.at -= second_factor.HALF_FOR
    data = {"code": pyotp.TOTP(secret).at(clock.at), "begun": begun}
    assert organizer_client.post(f"{PAGE}/confirm", data=data).status_code == 200


def test_a_browser_that_was_found_turns_nothing_on(
    organizer_client: TestClient, organizer: Actor, database: Database, clock: Clock
) -> None:
    """Without a password only somebody who has signed in just now; with one it is asked for."""
    with database.begin(writes=True) as db:
        db.exec(select(SignIn)).one().created_at = NOW - timedelta(minutes=16)
    old = organizer_client.post(f"{PAGE}/begin", headers=ENGLISH)
    assert old.status_code == 422
    assert "You signed in a while ago." in old.text
    with database.begin(writes=True) as db:
        accounts.set_password(
            db, db.get_one(User, organizer.id), PASSWORD, keep_cookie="cookie-of-a-test"
        )
    wrong = organizer_client.post(f"{PAGE}/begin", data={"current": "wrong"})
    assert re.findall(r'id="(\w+)-error"', wrong.text) == ["current"]
    right = organizer_client.post(f"{PAGE}/begin", data={"current": PASSWORD})
    assert (right.status_code, 'id="secret"' in right.text) == (200, True)
    with database.begin(writes=False) as db:
        assert not second_factor.is_on(db.get_one(User, organizer.id))


def test_the_present_password_cannot_be_tried_for_long(
    organizer_client: TestClient,
    organizer: Actor,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from app.services import proofs

    monkeypatch.setattr(proofs, "password_is_right", lambda _, typed: typed == PASSWORD)
    with database.begin(writes=True) as db:
        db.get_one(User, organizer.id).password_hash = "something"
    data = {"current": "wrong", "password": "four large yellow trains"}
    data["repeat"] = data["password"]
    where = [f"{PAGE}/begin", "/organize/account/password", "/organize/account/address"]
    found = [
        organizer_client.post(where[n % 3], data=data).status_code for n in range(PROOF.most + 3)
    ]
    assert found == [422] * PROOF.most + [429] * 3
    right = {**data, "current": PASSWORD}
    refused = organizer_client.post("/organize/account/password", data=right)
    assert (refused.status_code, refused.headers["retry-after"].isdecimal()) == (429, True)


def test_over_https_no_neighbour_puts_the_first_step_in(
    app: FastAPI, client: TestClient, rosa: tuple[User, str, list[str]]
) -> None:
    """Another host under the same domain could make people sign in to an account of its own."""
    app.state.secure_cookies = True
    data = {"email": "rosa@example.org", "password": PASSWORD}
    [cookie] = client.post("/organize/sign-in", data=data).headers.get_list("set-cookie")
    name, _, value = cookie.partition(";")[0].partition("=")
    assert (name, cookie.partition(" ")[2]) == (
        "__Host-convoca_half",
        "HttpOnly; Max-Age=600; Path=/; SameSite=lax; Secure",
    )
    client.cookies.clear()
    asked = {
        sent: client.get("/organize/sign-in/code", headers={"cookie": f"{sent}={value}"})
        for sent in ("convoca_half", name)
    }
    assert {sent: answer.status_code for sent, answer in asked.items()} == {
        "convoca_half": 303,
        name: 200,
    }
