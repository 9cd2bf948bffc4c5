"""Sending somebody their personal link: to the address that is kept; one answer for all."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.limits import OWN_LINK_BY_ADDRESS
from app.models import Enrolment, Message, Person
from tests.api.seeded import seed

CountQueries = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def slug(database: Database) -> str:
    """Of a cycle with one participant."""
    seeded = seed(database, published=True)
    with database.begin(writes=True) as db:
        enrolment = db.get_one(Enrolment, seeded.enrolment_id)
        person = db.get_one(Person, enrolment.person_id)
        person.email, person.email_key = "Ana.Ruiz@example.org", "ana.ruiz@example.org"
    return seeded.slug


def _mails(database: Database) -> list[tuple[str, str]]:
    with database.begin(writes=False) as db:
        query = select(Message.kind, Message.to_address).where(Message.kind == "enrolment-link")
        return list(db.exec(query.order_by(col(Message.id))))


def test_the_answer_is_the_same_for_everybody(
    client: TestClient, database: Database, slug: str, count_queries: CountQueries
) -> None:
    seen = []
    for email in ("ana.ruiz@example.org", "who.else@example.org", "no address", "a\0b@example.org"):
        with count_queries() as queries:
            answer = client.post(f"/c/{slug}/link", data={"email": email})
        shown = answer.text.replace(email, "")
        headers = {k: v for k, v in answer.headers.items() if k not in ("date", "x-request-id")}
        seen.append((answer.status_code, headers, shown))
        assert len(queries) > 3
    assert seen[0][0] == 200
    assert seen == [seen[0]] * 4
    assert _mails(database) == [("enrolment-link", "Ana.Ruiz@example.org")]


def test_at_most_every_ten_minutes(client: TestClient, database: Database, slug: str) -> None:
    for _ in range(3):
        data = {"email": "ana.ruiz@example.org"}
        assert client.post(f"/c/{slug}/link", data=data).status_code == 200
    assert len(_mails(database)) == 1


def test_asking_is_limited_by_the_address_whoever_has_it(client: TestClient, slug: str) -> None:
    for email in ("ana.ruiz@example.org", "who.else@example.org"):
        for _ in range(OWN_LINK_BY_ADDRESS.most):
            assert client.post(f"/c/{slug}/link", data={"email": email}).status_code == 200
        refused = client.post(f"/c/{slug}/link", data={"email": email})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0


def test_the_form(client: TestClient, database: Database, slug: str) -> None:
    assert 'name="email"' in client.get(f"/c/{slug}/link").text
    assert client.post(f"/c/{slug}/link", data={"email": " "}).status_code == 422
    assert client.get("/c/nothing/link").status_code == 404
    assert client.post("/c/nothing/link", data={"email": "a@example.org"}).status_code == 404
    assert _mails(database) == []
