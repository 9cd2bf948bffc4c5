"""Known and unknown addresses: the same answer to the byte, by the same work. Time alone would say
little on a machine that does other things, so what is compared is what takes the time: hashes,
queries, rows written."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pyotp
import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.errors import Invalid
from app.models import Message, User
from app.services import accounts, passwords, second_factor
from app.services.links import Links
from tests.factories import NOW

CountQueries = Callable[[], AbstractContextManager[list[str]]]
PASSWORD = "three small green boats"
KNOWN = ("password@example.org", "linkonly@example.org", "twosteps@example.org")  # equally long
UNKNOWN = "somebody@example.org"


@dataclass(frozen=True)
class Seen:
    """What somebody who asks can see, and what was done for them."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    hashes: int
    queries: tuple[str, ...]


@pytest.fixture(autouse=True)
def people(database: Database, links: Links) -> None:
    """With a password, with links only, with a second step besides."""
    with database.begin(writes=True) as db:
        for email in KNOWN:
            password = None if email.startswith("link") else PASSWORD
            user = accounts.add_user(db, "Somebody", email, password, "es")
        second_factor.begin(db, links, user)
        code = pyotp.TOTP(second_factor.pending(links, user)[0]).at(NOW)
        second_factor.confirm(db, links, user, code, NOW)
    passwords.password_is_right("", "x")  # makes the hash that nobody has


@pytest.fixture
def look(
    client: TestClient, count_queries: CountQueries, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Seen]:
    """``look("/organize/sign-in", email, …)``: what comes of asking with an address."""
    done: list[str] = []
    hasher = passwords._hasher

    class Counted:
        def verify(self, known: str, typed: bytes) -> bool:
            done.append(known.rpartition("$")[0].rpartition("$")[0])  # with which parameters
            return hasher.verify(known, typed)

        def __getattr__(self, name: str) -> Any:
            return getattr(hasher, name)

    monkeypatch.setattr(passwords, "_hasher", Counted())

    def ask(path: str, email: str, **data: str) -> Seen:
        client.cookies.clear()
        done.clear()
        with count_queries() as queries:
            answer = client.post(path, data={"email": email, **data})
        assert len(set(done)) <= 1
        return Seen(
            answer.status_code,
            tuple(sorted((k, v) for k, v in answer.headers.items() if k != "x-request-id")),
            answer.text.replace(email, "ADDRESS"),
            len(done),
            tuple(re.sub(r"\s+", " ", q).split(" WHERE")[0] for q in queries),
        )

    return ask


@pytest.mark.parametrize("email", KNOWN)
@pytest.mark.parametrize("password", ["not the right password", "", "x" * 5_000])
def test_a_wrong_password(look: Callable[..., Seen], email: str, password: str) -> None:
    known = look("/organize/sign-in", email, password=password)
    unknown = look("/organize/sign-in", UNKNOWN, password=password)
    assert known == unknown
    assert (known.status, known.hashes) == (422, 1)


def _kinds(seen: Seen) -> list[str]:
    return [query.split()[0] for query in seen.queries]


@pytest.mark.parametrize("email", KNOWN)
def test_asking_for_a_link(look: Callable[..., Seen], email: str) -> None:
    known, unknown = (look("/organize/sign-in/link", e) for e in (email, UNKNOWN))
    assert (known.status, known.headers, known.body, known.hashes) == (
        unknown.status,
        unknown.headers,
        unknown.body,
        unknown.hashes,
    )
    # As many, of the same kinds; but a row is written and taken away again, where for the other two
    # are written.
    assert sorted(_kinds(known)) == sorted([*_kinds(unknown)[:-1], "INSERT"])
    assert _kinds(unknown)[-1] == "DELETE"


def test_however_often(look: Callable[..., Seen]) -> None:
    """Until and after so many links are open that none is sent any more."""
    found = [[look("/organize/sign-in/link", e) for _ in range(8)] for e in (KNOWN[0], UNKNOWN)]
    for known, unknown in zip(*found, strict=True):
        assert (known.status, known.body) == (unknown.status, unknown.body)
        assert len(known.queries) == len(unknown.queries)


LOOKALIKES = [
    ("mike@example.org", "mıke@example.org"),
    ("ana@fass.example", "ana@faß.example"),
    ("ana@example.org", "аna@example.org"),
    ("ana@example.org", "ａna@ｅxample.org"),
    ("ana@example.org", "ANA@example。org"),
    ("straat@example.org", "ſtraat@example.org"),
]


@pytest.mark.parametrize(("owner", "typed"), LOOKALIKES)
def test_mail_goes_to_what_is_kept_and_never_to_what_was_typed(
    client: TestClient, database: Database, owner: str, typed: str
) -> None:
    with database.begin(writes=True) as db:
        accounts.add_user(db, "Owner", owner)
        before = set(db.exec(select(Message.id)))  # of what the known ones did with their accounts
    assert client.post("/organize/sign-in/link", data={"email": typed}).status_code == 200
    with database.begin(writes=False) as db:
        sent = set(db.exec(select(Message.to_address).where(col(Message.id).not_in(before))))
    assert sent <= {owner}


def test_no_lookalike_becomes_an_account_in_anothers_place(database: Database) -> None:
    with database.begin(writes=True) as db:
        accounts.add_user(db, "Ana", "ana@example.org")
        for typed in (
            "ANA@EXAMPLE.org",
            "ana@ｅxample.org",
            "ａna@example.org",
            "Ana@example。org",
        ):
            with pytest.raises(Invalid):
                accounts.add_user(db, "Thief", typed)
        assert len(db.exec(select(User)).all()) == len(KNOWN) + 1
