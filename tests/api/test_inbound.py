"""Mail that a program hands over."""

from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.mail.inbound import LIMIT
from app.models import InboundMail, Invitation
from app.web.security import MOST_MAIL
from tests.mail import inbound_corpus as corpus
from tests.services.test_inbound import invite

URL = "/api/v1/inbound"
MAIL = {"content-type": "message/rfc822"}


def test_an_answer_is_taken_once(api: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        invited = invite(db)
        raw, cycle_id = invited.mail(), invited.session.cycle_id
    first = api.post(URL, content=raw, headers=MAIL)
    again = api.post(URL, content=raw, headers={"content-type": "Message/RFC822; charset=x"})
    assert (first.status_code, again.json()) == (200, first.json())
    said = first.json()
    assert (said["kind"], said["status"], said["reason"]) == ("reply", "placed", "")
    assert said["cycle_id"] == cycle_id
    with database.begin(writes=False) as db:
        assert [row.answer for row in db.exec(select(Invitation))] == ["accepted"]
        assert [row.raw for row in db.exec(select(InboundMail))] == [raw]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_another_type_is_refused(api: TestClient, kind: str) -> None:
    response = api.post(URL, content=corpus.letter(), headers={"content-type": kind})
    assert (response.status_code, response.json()["code"]) == (415, "unknown_format")


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_too_large_is_refused(api: TestClient, database: Database, chunked: bool) -> None:
    pieces = [b"x" * MOST_MAIL, b"x"]
    content: Any = iter(pieces) if chunked else b"".join(pieces)
    response = api.post(URL, content=content, headers=MAIL)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_of_a_large_mail_the_answer_is_read(api: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        raw = invite(db).mail()
    end = b"\r\n--m--\r\n"
    raw = raw.replace(end, b"\r\n--m\r\nContent-Type: image/png\r\n\r\n" + b"x" * 3 * LIMIT + end)
    keyed = MAIL | {"idempotency-key": "k"}
    first, again = (api.post(URL, content=raw, headers=keyed) for _ in range(2))
    assert (first.status_code, first.json()["status"], again.json()) == (
        200,
        "placed",
        first.json(),
    )
    other = api.post(URL, content=raw[:-1], headers=keyed)
    assert other.status_code == 422
    with database.begin(writes=False) as db:
        assert [row.answer for row in db.exec(select(Invitation))] == ["accepted"]
        assert [len(row.raw) for row in db.exec(select(InboundMail))] == [256 * 1024]


def test_of_a_large_letter_the_headers_are_kept(api: TestClient, database: Database) -> None:
    raw = corpus.letter() + b"x" * LIMIT
    said = api.post(URL, content=raw, headers=MAIL).json()
    assert (said["status"], said["reason"]) == ("open", "too-large")
    with database.begin(writes=False) as db:
        [row] = db.exec(select(InboundMail)).all()
        assert (row.details, len(row.raw) < 1000) == ({"size": len(raw)}, True)


@pytest.mark.parametrize("raw", [b"\0\xff\xfe", b"\r\n\r\n"])
def test_bytes_of_every_kind_are_taken(api: TestClient, raw: bytes) -> None:
    response = api.post(URL, content=raw, headers=MAIL)
    assert (response.status_code, response.json()["status"]) == (200, "open")


def test_nothing_is_no_mail(api: TestClient) -> None:
    response = api.post(URL, content=b"", headers=MAIL)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "missing")
