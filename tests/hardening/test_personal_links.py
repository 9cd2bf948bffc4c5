"""Links that open something for one person: the right one works, and of all others nothing can be
learnt: not whether there is such a row, nor how near one was."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

import pytest
from httpx2 import Response
from sqlalchemy import Table, select
from sqlmodel import SQLModel
from starlette.testclient import TestClient

from app.db import Database
from app.models import DataLink, Enrolment, Guest, Person, SignInLink, TeamInvitation, now
from app.services import accounts
from app.services.data_links import data_token
from app.services.links import Links, Purpose
from tests.access.world import World, build_world

CountQueries = Callable[[], AbstractContextManager[list[str]]]

ADDRESSES = {
    Purpose.MY: "/my/{}",
    Purpose.PART: "/part/{}",
    Purpose.FEED: "/feed/{}.ics",
    Purpose.GUEST_FEED: "/feed/{}.ics",
    Purpose.SIGN_IN: "/organize/sign-in/{}",
    Purpose.TEAM: "/organize/join/{}",
    Purpose.DATA: "/data/{}",
}
"""Where a link of each purpose leads."""
SAMPLE = 12
"""So many letters of a token, spread over all of it, are altered in turn."""
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


@dataclass
class Opened:
    """A row for each purpose, by its id, and what opens it."""

    ids: dict[Purpose, str]
    tokens: dict[Purpose, str]
    world: World


@pytest.fixture
def opened(database: Database, links: Links) -> Opened:
    """Somebody of each kind, with a link of each purpose."""
    world = build_world(database, links)
    with database.begin(writes=True) as db:
        user = accounts.find_user(db, "owner@example.org")
        assert user is not None
        ends = now() + timedelta(minutes=10)
        sign_in = SignInLink(user_id=user.id, expires_at=ends)
        data = DataLink(person_id=world.mine.person_id, expires_at=ends)
        db.add_all((sign_in, data))
        db.flush()
        guest = links.read(Purpose.PART, world.more["part_token"])[0]
        ids = {
            Purpose.MY: world.mine.enrolment_id,
            Purpose.FEED: world.mine.enrolment_id,
            Purpose.PART: guest,
            Purpose.GUEST_FEED: guest,
            Purpose.SIGN_IN: sign_in.id,
            Purpose.TEAM: world.more["team_invitation_id"],
            Purpose.DATA: data.id,
        }
        tokens = {purpose: links.token(purpose, row_id) for purpose, row_id in ids.items()}
        email = db.get_one(Person, world.mine.person_id).email or ""
        return Opened(ids, tokens | {Purpose.DATA: data_token(links, data.id, email)}, world)


def _spoilt(token: str) -> Iterator[str]:
    """What comes of a right token by a slip, or by somebody who tries."""
    step = max(1, len(token) // SAMPLE)
    for place in (*range(0, len(token), step), len(token) - 1):
        for other in (_LETTERS[_LETTERS.find(token[place]) - 1], "~"):
            yield token[:place] + other + token[place + 1 :]
    payload, _, signature = token.rpartition(".")
    row_id, _, _ = payload.rpartition("-")
    yield from (token.upper(), token.lower(), token.swapcase(), payload, signature, f"{token}.")
    yield from (f"{token}=", f"{token}==", f" {token}", f"{token} ", f"{token}\n", f"\t{token}")
    yield from (token[:-1], token + token, f"{payload}..{signature}", f".{signature}")
    for generation in ("0", "-1", "2", "9" * 400, "9" * 5_000, "١", "1_0", "+1", " 1", "01", ""):
        yield f"{row_id}-{generation}.{signature}"
    padded = base64.urlsafe_b64encode(base64.urlsafe_b64decode(signature + "=")).decode()
    yield f"{payload}.{padded}"
    yield from (f"{token}\0", f"\0{token}", token.replace(".", "\u3002"), f"{row_id}é{token}")
    yield from ("x", "x.y", "-1.x", "." * 300, "a" * 20_000, "\u202e" + token)


def _seen(answer: Response) -> tuple[int, dict[str, str], bytes]:
    """All of an answer but what differs between any two."""
    left_out = ("date", "x-request-id", "server-timing")
    headers = {k: v for k, v in answer.headers.items() if k not in left_out}
    return answer.status_code, headers, answer.content


@pytest.mark.one_database
@pytest.mark.parametrize("purpose", ADDRESSES)
def test_a_wrong_link_tells_nothing(
    client: TestClient, opened: Opened, links: Links, purpose: Purpose, count_queries: CountQueries
) -> None:
    address, row_id = ADDRESSES[purpose], opened.ids[purpose]
    token = opened.tokens[purpose]
    right = client.get(address.format(token))
    assert right.status_code == 200, right.text
    wrong = [*_spoilt(token)]
    wrong += [links.token(each, row_id) for each in Purpose if ADDRESSES.get(each) != address]
    wrong += [links.token(each, row_id, 2) for each in Purpose if ADDRESSES.get(each) != address]
    others = [each for each in opened.ids.values() if each != row_id]
    wrong += [f"{each}-1.{token.rpartition('.')[2]}" for each in others]
    first = None
    for each in wrong:
        with count_queries() as queries:
            answer = client.get(address.format(quote(each, safe="")))
        seen = (*_seen(answer), len(queries))
        assert answer.status_code == 404, (each[:80], answer.status_code)
        assert seen[2].count(token.encode()) == 0
        first = first or seen
        assert seen == first, each[:80]
    # Spelt in another way on the wire it is the same link, and nothing else.
    spelt = "".join(f"%{ord(letter):02x}" for letter in token)
    assert client.get(address.format(spelt)).status_code == 200


def _replace(database: Database, opened: Opened, purpose: Purpose) -> None:
    """Ends the link of a purpose, as its owner or time does."""
    with database.begin(writes=True) as db:
        past = now() - timedelta(seconds=1)
        if purpose in (Purpose.MY, Purpose.FEED):
            enrolment = db.get_one(Enrolment, opened.ids[purpose])
            enrolment.link_generation += 1
            enrolment.feed_generation += 1
        elif purpose in (Purpose.PART, Purpose.GUEST_FEED):
            guest = db.get_one(Guest, opened.ids[purpose])
            guest.link_generation += 1
            guest.feed_generation += 1
        elif purpose is Purpose.SIGN_IN:
            db.get_one(SignInLink, opened.ids[purpose]).expires_at = past
        elif purpose is Purpose.TEAM:
            db.get_one(TeamInvitation, opened.ids[purpose]).revoked_at = past
        else:
            db.get_one(DataLink, opened.ids[purpose]).expires_at = past


WAYS_ON = {
    Purpose.MY: 'href="/c/{slug}/link"',
    Purpose.PART: "Ask the organizers for it",
    Purpose.FEED: "Your newest personal link leads to the new one.",
    Purpose.GUEST_FEED: "Your newest personal link leads to the new one.",
    Purpose.SIGN_IN: 'href="/organize/sign-in"',
    Purpose.TEAM: "Ask whoever invited you for a new one",
    Purpose.DATA: "Ask for a new one",
}


@pytest.mark.one_database
@pytest.mark.parametrize("purpose", ADDRESSES)
def test_one_that_has_ended_says_so_with_a_way_on(
    client: TestClient, database: Database, opened: Opened, purpose: Purpose
) -> None:
    address = ADDRESSES[purpose].format(opened.tokens[purpose])
    assert client.get(address).status_code == 200
    _replace(database, opened, purpose)
    # Calendar programs stop asking at 410; that they hear it at once is as important.
    answer = client.get(address)
    assert answer.status_code == 410
    assert WAYS_ON[purpose].format(slug=opened.world.mine.slug) in answer.text
    assert "no-store" in answer.headers["cache-control"]


@pytest.mark.one_database
@pytest.mark.parametrize("purpose", ADDRESSES)
def test_no_cache_no_referer_no_other_site(
    client: TestClient, opened: Opened, purpose: Purpose
) -> None:
    token = opened.tokens[purpose]
    answer = client.get(ADDRESSES[purpose].format(token))
    feed = ADDRESSES[purpose].startswith("/feed")
    kept = [each.strip() for each in answer.headers["cache-control"].split(",")]
    assert "private" in kept if feed else "no-store" in kept
    assert "public" not in kept
    assert answer.headers["referrer-policy"] == "no-referrer"
    told = {k: v for k, v in answer.headers.items() if k != "set-cookie"}
    assert token not in json.dumps(told)
    for link in answer.text.split("<a ")[1:]:
        tag = link.partition(">")[0]
        if 'href="http' in tag and 'href="http://testserver' not in tag:
            assert "noreferrer" in tag, tag


@pytest.mark.one_database
def test_no_link_that_opens_something_stands_in_the_database(
    client: TestClient, database: Database, opened: Opened
) -> None:
    """Every kind is made, and every table is looked through for what it takes to use one."""
    tokens = opened.tokens
    for purpose, token in tokens.items():
        assert client.get(ADDRESSES[purpose].format(token)).status_code == 200
    secrets = {f"link: {purpose}": token.rpartition(".")[2] for purpose, token in tokens.items()}
    for who, cookie in opened.world.cookies.items():
        secrets[f"cookie: {who}"] = cookie.rpartition(".")[2]
    for who, bearer in opened.world.bearers.items():
        secrets[f"token: {who}"] = bearer.rpartition(".")[2]
    looked_at = 0
    with database.begin(writes=False) as db:
        for table in SQLModel.metadata.sorted_tables:
            looked_at += _looked_through(db, table, secrets)
    assert looked_at > 100


def _looked_through(db: object, table: Table, secrets: dict[str, str]) -> int:
    rows = db.connection().execute(select(table)).all()  # type: ignore[attr-defined]
    for row in rows:
        kept = " ".join(
            value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row
        )
        for what, secret in secrets.items():
            assert secret not in kept, f"{what} stands in {table.name}"
    return len(rows)
