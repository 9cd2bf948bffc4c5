"""Too often, as a browser meets it: what is counted, by whom, and what cannot turn it round."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.limits import (
    ENROL_BY_ADDRESS,
    ENROL_BY_NETWORK,
    LINK_BY_ADDRESS,
    LINK_BY_NETWORK,
    SIGN_IN_BY_ADDRESS,
    SIGN_IN_BY_NETWORK,
)
from app.models import Enrolment, Message, User
from app.routers.pages import enrol, sign_in
from app.services import accounts
from app.services.actor import SYSTEM
from app.services.publishing import publish
from tests.conftest import BASE_URL
from tests.factories import NOW, Make

PASSWORD = "three small green boats"
WRONG = "four large yellow trains"
ENGLISH = {"accept-language": "en"}


class Clock:
    """What time the pages take it to be."""

    at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sign_in, "now", clock)
    monkeypatch.setattr(enrol, "now", clock)
    return clock


@pytest.fixture
def user(database: Database) -> User:
    with database.begin(writes=True) as db:
        return accounts.add_user(db, "Rosa Ruiz", "rosa@example.org", PASSWORD, "en")


@pytest.fixture
def no_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are compared as they are, for tests that try hundreds."""
    monkeypatch.setattr(accounts, "password_is_right", lambda _, typed: typed == PASSWORD)


@pytest.fixture
def stranger(app: FastAPI) -> Iterator[TestClient]:
    """Another browser, elsewhere."""
    with TestClient(app, base_url=BASE_URL, follow_redirects=False) as client:
        client.headers["x-forwarded-for"] = "203.0.113.50"
        yield client


def _from(address: str) -> dict[str, str]:
    return {**ENGLISH, "x-forwarded-for": address}


def _sign_in(client: TestClient, email: str, password: str, **headers: str) -> int:
    data = {"email": email, "password": password}
    answer = client.post("/organize/sign-in", data=data, headers=headers)
    client.cookies.delete("convoca_session")
    return answer.status_code


@pytest.mark.usefixtures("no_hashes")
@pytest.mark.parametrize("email", ["rosa@example.org", "nobody@example.org"])
def test_passwords_for_one_address_wherever_they_come_from(
    client: TestClient, user: User, clock: Clock, email: str
) -> None:
    found = [
        _sign_in(client, spelt, WRONG, **_from(f"198.51.100.{n}"))
        for n, spelt in enumerate([email, email.upper(), f" {email} "] * 4)
    ]
    assert found == [422] * SIGN_IN_BY_ADDRESS.most + [429] * 2
    data = {"email": email, "password": PASSWORD}
    answer = client.post("/organize/sign-in", data=data, headers=_from("198.51.100.99"))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "900"
    assert f'value="{email}"' in answer.text
    assert (
        "Too many wrong passwords came for this address. Try again in 15 min, or have a link sent "
        "to you: it signs you in at once."
    ) in answer.text
    clock.at += timedelta(minutes=15)
    expected = 303 if email == user.email else 422
    assert _sign_in(client, email, PASSWORD) == expected


@pytest.mark.usefixtures("no_hashes")
def test_the_owner_is_not_shut_out_by_a_stranger(
    client: TestClient, stranger: TestClient, user: User, database: Database
) -> None:
    """In a browser where they have signed in before the password goes on, and links do anywhere."""
    assert _sign_in(client, user.email, PASSWORD) == 303
    for _ in range(SIGN_IN_BY_ADDRESS.most):
        assert _sign_in(stranger, user.email, WRONG) == 422
    assert _sign_in(stranger, user.email, PASSWORD) == 429
    assert _sign_in(client, user.email, PASSWORD) == 303
    found = [_sign_in(client, user.email, WRONG) for _ in range(SIGN_IN_BY_ADDRESS.most + 1)]
    assert found == [422] * SIGN_IN_BY_ADDRESS.most + [429]  # there, too, it ends
    asked = stranger.post("/organize/sign-in/link", data={"email": user.email})
    assert asked.status_code == 200
    with database.begin(writes=False) as db:
        assert [m.to_address for m in db.exec(select(Message))] == [user.email]


@pytest.mark.usefixtures("no_hashes")
def test_nor_by_neighbours(
    app: FastAPI, client: TestClient, user: User, database: Database, clock: Clock
) -> None:
    """Of one network, as at a congress; who was never here before has to wait."""
    headers = _from("198.51.100.7")
    assert _sign_in(client, user.email, PASSWORD, **headers) == 303
    limiter = app.state.limiter
    limiter.take(clock.at, (SIGN_IN_BY_NETWORK, "198.51.100.7"), count=SIGN_IN_BY_NETWORK.most)
    limiter.take(clock.at, (LINK_BY_NETWORK, "198.51.100.7"), count=LINK_BY_NETWORK.most)
    assert _sign_in(client, user.email, PASSWORD, **headers) == 303
    for email, status in ((user.email, 200), ("ana@example.org", 429)):
        asked = client.post("/organize/sign-in/link", data={"email": email}, headers=headers)
        assert asked.status_code == status
    assert _sign_in(client, "ana@example.org", PASSWORD, **headers) == 429
    client.cookies.clear()
    assert _sign_in(client, user.email, PASSWORD, **headers) == 429
    assert _mails(database) == [user.email]


@pytest.mark.parametrize("spelt", ["rosa+x@example.org", "rosa@example.org"])
def test_links_are_there_for_the_owner_whoever_asks(
    client: TestClient, stranger: TestClient, user: User, database: Database, spelt: str
) -> None:
    """To an address with a plus nothing is sent, so it is another; and all that are sent arrive."""
    for _ in range(LINK_BY_ADDRESS.most):
        asked = stranger.post("/organize/sign-in/link", data={"email": spelt})
        assert asked.status_code == 200
    client.post("/organize/sign-in/link", data={"email": user.email})
    sent = _mails(database)
    assert sent == [user.email] * (1 if "+" in spelt else LINK_BY_ADDRESS.most)


@pytest.mark.usefixtures("no_hashes")
def test_a_known_browser_is_known_for_one_address(
    client: TestClient, stranger: TestClient, user: User, database: Database
) -> None:
    with database.begin(writes=True) as db:
        accounts.add_user(db, "Ana", "ana@example.org")
    assert _sign_in(client, user.email, PASSWORD) == 303
    cookie = client.cookies["convoca_browser"]
    for _ in range(SIGN_IN_BY_ADDRESS.most):
        _sign_in(stranger, "ana@example.org", WRONG)
    assert _sign_in(client, "ana@example.org", PASSWORD) == 429
    for forged in (cookie[:-1], "x" + cookie, cookie.replace("-", "-0", 1)):
        stranger.cookies.set("convoca_browser", forged)
        assert _sign_in(stranger, "ana@example.org", PASSWORD) == 429


@pytest.mark.usefixtures("no_hashes")
def test_right_passwords_are_not_counted(client: TestClient, user: User) -> None:
    for _ in range(SIGN_IN_BY_ADDRESS.most + 2):
        client.cookies.clear()
        assert _sign_in(client, user.email, PASSWORD) == 303


@pytest.mark.usefixtures("no_hashes")
@pytest.mark.parametrize(
    "spoofed",
    [
        lambda n: [("x-forwarded-for", f"10.{n}.0.1, 198.51.100.7")],
        lambda n: [("x-forwarded-for", f"10.{n}.0.1"), ("x-forwarded-for", "198.51.100.7")],
        lambda n: [("x-forwarded-for", f"10.{n}.0.1, ::ffff:198.51.100.7")],
        lambda n: [("x-forwarded-for", f"2001:db8:0:{n}::1, 198.51.100.7:{4000 + n}")],
        lambda n: [
            ("x-real-ip", f"10.{n}.0.1"),
            ("forwarded", f"for=10.{n}.0.1"),
            ("cf-connecting-ip", f"10.{n}.0.1"),
            ("true-client-ip", f"10.{n}.0.1"),
            ("x-client-ip", f"10.{n}.0.1"),
            ("x-forwarded-for", "198.51.100.7"),
        ],
        lambda n: [("x-forwarded-for", f"198.51.100.7, 127.0.0.{n + 1}")],
    ],
)
def test_no_header_gives_another_network(client: TestClient, spoofed: object) -> None:
    """What the trusted proxy adds is the last thing in the header, and the only one that counts."""
    assert callable(spoofed)
    found = []
    for n in range(SIGN_IN_BY_NETWORK.most + 2):
        data = {"email": f"somebody{n}@example.org", "password": WRONG}
        answer = client.post("/organize/sign-in", data=data, headers=spoofed(n))
        found.append(answer.status_code)
    assert found == [422] * SIGN_IN_BY_NETWORK.most + [429] * 2


@pytest.mark.usefixtures("no_hashes")
def test_one_household_is_one_network(client: TestClient) -> None:
    found = [
        _sign_in(client, f"s{n}@example.org", WRONG, **_from(f"2001:db8:1:2:{n:x}::{n:x}"))
        for n in range(SIGN_IN_BY_NETWORK.most + 1)
    ]
    assert found == [422] * SIGN_IN_BY_NETWORK.most + [429]
    assert _sign_in(client, "s@example.org", WRONG, **_from("2001:db8:1:3::1")) == 422


def test_asking_for_links_looks_alike_for_known_and_unknown(
    client: TestClient, user: User, database: Database
) -> None:
    pages: list[list[tuple[int, str, str]]] = []
    for email in (user.email, "nobody@example.org"):
        answers = [
            client.post("/organize/sign-in/link", data={"email": email}, headers=ENGLISH)
            for _ in range(LINK_BY_ADDRESS.most + 2)
        ]
        pages.append(
            [
                (a.status_code, a.headers.get("retry-after", ""), a.text.replace(email, "X"))
                for a in answers
            ]
        )
    assert pages[0] == pages[1]
    assert [a[:2] for a in pages[0]] == [(200, "")] * LINK_BY_ADDRESS.most + [(429, "600")] * 2
    assert "Links were asked for at this address several times just now." in pages[0][-1][2]
    assert re.findall(r'id="link_email"[^>]* value="([^"]*)"', pages[0][-1][2]) == ["X"]
    with database.begin(writes=False) as db:
        assert len(db.exec(select(Message)).all()) == LINK_BY_ADDRESS.most


def test_links_from_one_network_wherever_they_go(client: TestClient, database: Database) -> None:
    found = [
        client.post("/organize/sign-in/link", data={"email": f"s{n}@example.org"}).status_code
        for n in range(LINK_BY_NETWORK.most + 1)
    ]
    assert found == [200] * LINK_BY_NETWORK.most + [429]


@pytest.fixture
def slugs(database: Database) -> list[str]:
    """Cycles that may be enrolled in, more of them than one address may enrol in."""
    slugs = [f"cycle-{n}" for n in range(ENROL_BY_ADDRESS.most + 2)]
    with database.begin(writes=True) as db:
        make = Make(db)
        for slug in slugs:
            cycle = make.cycle(slug=slug, status="draft")
            make.session(cycle)
            publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    return slugs


TYPED = {"name": "Ana Pérez", "country": "CO", "language": "es", "consent": "yes"}


def _mails(database: Database) -> list[str]:
    with database.begin(writes=False) as db:
        return list(db.exec(select(Message.to_address)))


def test_nobody_is_bombed_with_confirmations(
    client: TestClient, database: Database, slugs: list[str], clock: Clock
) -> None:
    """One address in one cycle after the other, from one network after the other, however spelt."""
    answers = [
        client.post(
            f"/c/{slug}/enrol",
            data={**TYPED, "email": email},
            headers=_from(f"198.51.100.{n}"),
        )
        for n, (slug, email) in enumerate(
            zip(slugs, ["Ana@example.org", "ana@EXAMPLE.org"] * 5, strict=True)
        )
    ]
    most = ENROL_BY_ADDRESS.most
    assert [a.status_code for a in answers] == [303] * most + [429] * 2
    assert len(_mails(database)) == most
    refused = answers[-1]
    assert refused.headers["retry-after"] == str(6 * 3600)
    assert "This address was enrolled several times today." in refused.text
    for typed in ('value="Ana Pérez"', 'value="ana@EXAMPLE.org"', 'value="CO" selected'):
        assert typed in refused.text
    with database.begin(writes=False) as db:
        assert len(db.exec(select(Enrolment)).all()) == most
    clock.at += timedelta(hours=6)
    again = client.post(f"/c/{slugs[-1]}/enrol", data={**TYPED, "email": "ana@example.org"})
    assert again.status_code == 303


def test_enrolling_looks_alike_for_known_and_unknown_when_it_is_too_often(
    client: TestClient, database: Database, slugs: list[str]
) -> None:
    pages = []
    for email in ("known@example.org", "unknown@example.org"):
        for slug in slugs[: ENROL_BY_ADDRESS.most] if email.startswith("known") else slugs[:1] * 8:
            client.post(f"/c/{slug}/enrol", data={**TYPED, "email": email})
        answer = client.post(f"/c/{slugs[-1]}/enrol", data={**TYPED, "email": email})
        pages.append((answer.status_code, answer.text.replace(email, "X")))
    assert pages[0] == pages[1]


def test_a_mistake_in_the_form_is_not_counted(
    client: TestClient, database: Database, slugs: list[str]
) -> None:
    for n in range(2 * ENROL_BY_ADDRESS.most):
        data = {"email": "ana@example.org", "consent": "yes"} if n % 2 else TYPED
        assert client.post(f"/c/{slugs[0]}/enrol", data=data).status_code == 422
        closed = client.post("/c/nothing/enrol", data={**TYPED, "email": "ana@example.org"})
        assert closed.status_code == 404
    right = client.post(f"/c/{slugs[0]}/enrol", data={**TYPED, "email": "ana@example.org"})
    assert right.status_code == 303
    assert _mails(database) == ["ana@example.org"]


def test_a_lecture_hall_may_enrol_at_once_and_a_flood_may_not(
    app: FastAPI, client: TestClient, slugs: list[str]
) -> None:
    limiter, by_network = app.state.limiter, (ENROL_BY_NETWORK, "198.51.100.7")
    limiter.take(NOW, by_network, count=ENROL_BY_NETWORK.most - 1)
    found = [
        client.post(
            f"/c/{slugs[0]}/enrol",
            data={**TYPED, "email": f"p{n}@example.org"},
            headers=_from("198.51.100.7"),
        ).status_code
        for n in range(2)
    ]
    assert found == [303, 429]
