"""Lines of the log: whose request it was can be found by its number, and by nothing else."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.testclient import TestClient

from app.db import Database
from app.logs import JsonLines, TextLines, harmless
from app.mail.failures import Reason, SendError
from app.models import User, now
from app.services import accounts, outbox, tokens
from app.services.links import Links
from app.slow_statements import tell_slow_statements
from app.worker.loop import Worker
from tests.factories import NOW, Make
from tests.pages.published import SLUG, make_published
from tests.worker.test_worker import LATER, SENDER, Fake

NAME, WORD = "Ana Secreta Quispe", "palabra-muy-oculta-2026"
ADDRESS = "ana.secreta@example.org"


class Lines:
    """What is written, as text and as JSON."""

    def __init__(self) -> None:
        self.text, self.json = io.StringIO(), io.StringIO()
        self.handlers = [logging.StreamHandler(self.text), logging.StreamHandler(self.json)]

    def only_of(self, *loggers: str) -> None:
        """From here on: threads that other tests have left behind write, too."""
        for handler in self.handlers:
            handler.addFilter(lambda record: record.name in loggers)

    @property
    def written(self) -> str:
        return self.text.getvalue() + self.json.getvalue()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.json.getvalue().splitlines()]

    def answered(self) -> list[tuple[str, str, int]]:
        return [
            (each["method"], each["route"], each["status"])
            for each in self.objects
            if each["logger"] == "convoca.access"
        ]


@pytest.fixture
def lines() -> Iterator[Lines]:
    found, root = Lines(), logging.getLogger()
    for handler, lines_of in zip(found.handlers, (TextLines(), JsonLines()), strict=True):
        handler.setFormatter(lines_of)
        root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # who asks, not who answers
    yield found
    root.setLevel(level)
    for handler in found.handlers:
        root.removeHandler(handler)


def held_back(lines: Lines, *secrets: str) -> list[str]:
    """Those that stand in a line."""
    parts = [each for secret in secrets for each in {secret, *re.split(r"[ /?=]", secret)}]
    return [each for each in parts if len(each) > 5 and each in lines.written]


def raising(error: Exception) -> Callable[..., Any]:
    def fails(*_: object, **__: object) -> None:
        raise error

    return fails


SEND = {"sec-fetch-site": "same-origin"}


def test_no_name_no_address_no_link_and_no_password_in_any_line(
    client: TestClient, database: Database, links: Links, lines: Lines
) -> None:
    there = make_published(database, links)
    with database.begin(writes=True) as db:
        user = accounts.add_user(db, NAME, ADDRESS, password=WORD)
        link = accounts.new_link(db, links, user, now())
        made = tokens.create_token(db, accounts.actor_of_user(db, user), WORD, ("read", "write"))
    secret = made[1]
    form = {"name": NAME, "email": ADDRESS, "position": WORD, "consent": "yes"}
    bearer = {"authorization": f"Bearer {secret}"}
    asked = [
        client.get(f"/?q={WORD}"),
        client.get(f"/nowhere/{WORD}?email={ADDRESS}"),
        client.post("/organize/sign-in", data={"email": ADDRESS, "password": WORD}, headers=SEND),
        client.post("/organize/sign-in", data={"email": ADDRESS, "password": "x"}, headers=SEND),
        client.get(link),
        client.post(link, headers=SEND),
        client.post(f"/c/{SLUG}/enrol", data=form, headers=SEND),
        client.get(there.my),
        client.get(there.my + WORD),
        client.get(there.feed),
        client.get("/api/v1/cycles", headers=bearer),
        client.get("/api/v1/cycles", headers={"authorization": f"Bearer {WORD}"}),
        client.post("/api/v1/institutions", json={WORD: ADDRESS}, headers=bearer | SEND),
        client.get(f"/organize/mail?q={ADDRESS}"),
        client.get("/static/convoca.css"),
    ]  # fmt: skip
    token = there.my.rsplit("/", 1)[1]
    cookies = [value for value in client.cookies.values() if len(value) > 10]
    assert (
        held_back(lines, NAME, WORD, ADDRESS, secret, link.rsplit("/", 1)[1], token, *cookies) == []
    )
    assert [route for _, route, _ in lines.answered()] == [
        "/", "(none)", "/organize/sign-in", "/organize/sign-in", "/organize/sign-in/{token}",
        "/organize/sign-in/{token}", "/c/{slug}/enrol", "/my/{token}", "/my/{token}",
        "/feed/{token}.ics", "/api/v1/cycles", "/api/v1/cycles", "/api/v1/institutions",
        "/organize/mail", "/static",
    ]  # fmt: skip
    ids = [answer.headers["x-request-id"] for answer in asked]
    logged = [each["request"] for each in lines.objects if each["logger"] == "convoca.access"]
    assert (ids, len({*ids})) == (logged, len(asked))
    statuses = [answer.status_code for answer in asked]
    assert statuses == [status for _, _, status in lines.answered()]


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"invalid literal: {WORD!r}"),
        KeyError(ADDRESS),
        RuntimeError(f"{NAME} <{ADDRESS}>"),
        IntegrityError("INSERT", {"name": NAME}, Exception(f"Key (email)=({ADDRESS})")),
        OperationalError("SELECT", {"name": NAME}, Exception(f"{WORD} is locked")),
        ExceptionGroup(WORD, [KeyError(ADDRESS)]),
    ],
)
def test_nor_when_it_goes_wrong(
    client: TestClient,
    database: Database,
    links: Links,
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    make_published(database, links)
    monkeypatch.setattr("app.services.enrolments.enrol", raising(error))
    form = {"name": NAME, "email": ADDRESS, "consent": "yes"}
    answer = client.post(f"/c/{SLUG}/enrol?x={WORD}", data=form, headers=SEND)
    assert answer.status_code in (409, 500, 503)
    if answer.status_code >= 500:
        assert answer.headers["x-request-id"] in answer.text
    assert held_back(lines, NAME, WORD, ADDRESS) == []
    assert lines.answered() == [("POST", "/c/{slug}/enrol", answer.status_code)]
    told = [each for each in lines.objects if each["level"] in ("warning", "error")]
    assert {each["request"] for each in told} == {answer.headers["x-request-id"]}


def test_a_problem_on_our_side_has_the_number_and_a_refusal_is_as_another(
    client: TestClient, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = [client.get("/api/v1/cycles") for _ in range(2)]
    assert refused[0].content == refused[1].content
    assert "request_id" not in refused[0].json()
    busy = OperationalError("", None, Exception(WORD))
    monkeypatch.setattr("app.services.tokens.actor_of_token", raising(busy))
    answer = client.get("/api/v1/cycles", headers={"authorization": "Bearer x"})
    assert answer.status_code == 503
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert WORD not in lines.written


def test_nor_what_a_mail_server_says_of_somebody(
    database: Database, links: Links, lines: Lines
) -> None:
    with database.begin(writes=True) as db:
        enrolment = Make(db).enrolment(Make(db).cycle())
        outbox.enqueue(
            db, kind="enrolment-confirmed", intent="x", to_name=NAME, to_address=ADDRESS,
            language="es", context={"enrolment_id": enrolment.id}, cycle_id=enrolment.cycle_id,
            now=NOW,
        )  # fmt: skip
    said = SendError(Reason.REFUSED, f"550 5.1.1 <{ADDRESS}>: {WORD} unknown", final=True)
    assert Worker(database, links, Fake({ADDRESS: said}), SENDER).run_once(LATER) == 1
    assert held_back(lines, NAME, WORD, ADDRESS) == []
    (told,) = [each for each in lines.objects if "was not sent" in each["message"]]
    assert told["message"].endswith("(enrolment-confirmed) was not sent: refused 550 5.1.1")


def test_what_libraries_write_is_made_harmless(lines: Lines, links: Links) -> None:
    lines.only_of("uvicorn.error", "some.library")
    try:
        raise ValueError(WORD)
    except ValueError as error:
        logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
    link = links.my("0" * 26, 1)
    logging.getLogger("some.library").warning("to %s\nby %s", ADDRESS, link)
    first, second = lines.objects
    assert first["error"][0] == "ValueError"
    assert re.fullmatch(r"  tests/test_log_lines\.py:\d+ test_what_\w+", first["error"][1])
    assert held_back(lines, WORD, ADDRESS, link.rsplit("/", 1)[1]) == []
    assert second["message"] == "to (address)\\nby http://testserver/my/(secret)"
    assert len(lines.text.getvalue().splitlines()) == 4  # none can make up another line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to Ana <ana@example.org>.", "to Ana <(address)>."),
        ("ana@ñandú.example, b@x", "(address), (address)"),
        ("no address @ all", "no address @ all"),
        ("a\r\nb\x1b[31m\u2028c", "a\\r\\nb\\x1b[31m\\u2028c"),
        ("SELECT person.id FROM person", "SELECT person.id FROM person"),
    ],
)
def test_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_slow_statements_without_their_values(
    client: TestClient, database: Database, lines: Lines
) -> None:
    stop = tell_slow_statements(database.engine, 0.0)
    with database.begin(writes=True) as db:
        Make(db).person(name=NAME, email=ADDRESS)
        db.add(User(name=NAME, email="o@example.org", email_key=WORD))
    answer = client.get(f"/organize/sign-in/{WORD}")
    stop()
    told = [each for each in lines.objects if each["logger"] == "convoca.slow"]
    assert held_back(lines, NAME, WORD, ADDRESS) == []
    assert any("INSERT INTO person" in each["message"] for each in told)
    assert all(isinstance(each["ms"], int) for each in told)
    of_request = [each for each in told if each.get("request") == answer.headers["x-request-id"]]
    assert {each["route"] for each in of_request} <= {"/organize/sign-in/{token}"}


def test_quick_statements_are_not_told(real_database: Database, lines: Lines) -> None:
    stop = tell_slow_statements(real_database.engine, 60_000)
    with real_database.begin(writes=True) as db:
        Make(db).person(name=NAME)
    stop()
    assert [each for each in lines.objects if each["logger"] == "convoca.slow"] == []
