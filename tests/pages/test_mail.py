"""The mail pages."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.mail.transport import FileTransport
from app.mail.values import Sender
from app.models import Cycle, Message, SignInLink, now
from app.services import outbox
from app.services.actor import Actor
from app.services.links import Links
from app.settings import Settings
from app.worker.loop import Worker
from tests.factories import Make

CountQueries = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def message(database: Database) -> Message:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(contact_email="help@example.org")
        enrolment = make.enrolment(cycle, name="Ana <i>Ruiz</i>", language="en")
        return outbox.enqueue(
            db,
            kind="enrolment-confirmed",
            intent="x",
            to_name=enrolment.name,
            to_address="ana@example.org",
            language="en",
            context={"enrolment_id": enrolment.id},
            cycle_id=cycle.id,
            now=now(),
        )


@pytest.fixture
def deliver(database: Database, links: Links, settings: Settings) -> Callable[[], int]:
    def run() -> int:
        sender = Sender("convoca@example.org", "Convoca")
        worker = Worker(database, links, FileTransport(settings.mail_dir), sender)
        return worker.run_once(now())

    return run


def _change(database: Database, message: Message, **values: Any) -> None:
    with database.begin(writes=True) as db:
        row = db.get(Message, message.id)
        assert row is not None
        for name, value in values.items():
            setattr(row, name, value)
        db.add(row)


def _words(html: str) -> list[str]:
    """What the status labels say."""
    return re.findall(r'<span class="status[^"]*"><svg.*?</svg>([^<]+)</span>', html)


def test_mail_needs_a_sign_in(client: TestClient) -> None:
    assert client.get("/organize/mail").status_code == 303


def test_an_empty_list_says_so(organizer_client: TestClient, settings: Settings) -> None:
    page = organizer_client.get("/organize/mail").text
    assert "No mail yet" in page
    assert f"mails are files in {settings.mail_dir}" in page


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "Waiting"),
        ({"attempts": 1, "last_error": "timeout: "}, "Trying again"),
        ({"status": "failed", "last_error": "refused: 550 no such user"}, "Not delivered"),
        ({"status": "sent"}, "Sent"),
        ({"status": "expired", "last_error": "over: "}, "Too late"),
        ({"status": "superseded"}, "Replaced"),
        ({"status": "bounced"}, "Returned"),
        ({"leased_until": now() + timedelta(days=1)}, "Being sent"),
    ],
)
def test_where_a_mail_stands_is_said_in_words(
    organizer_client: TestClient,
    database: Database,
    message: Message,
    values: dict[str, Any],
    word: str,
) -> None:
    _change(database, message, **values)
    assert _words(organizer_client.get("/organize/mail").text) == [word]
    assert _words(organizer_client.get(f"/organize/mail/{message.id}").text) == [word]


def test_too_late_is_explained(
    organizer_client: TestClient, database: Database, message: Message
) -> None:
    _change(database, message, status="expired", last_error="over: ")
    for path in ("/organize/mail?status=expired", f"/organize/mail/{message.id}"):
        assert "It could not be sent before its session was over." in (
            organizer_client.get(path).text
        )
    assert "No such mail" in organizer_client.get("/organize/mail?status=superseded").text


def test_filter_and_pages(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        for n in range(60):
            message = outbox.enqueue(
                db,
                kind="enrolment-link",
                intent=f"{n}",
                to_name="",
                to_address=f"p{n}@example.org",
                language="en",
                context={},
                now=now(),
            )
            if n % 10 == 0:
                message.status = "failed"
    failed = organizer_client.get("/organize/mail?status=failed").text
    assert _words(failed) == ["Not delivered"] * 6
    first = organizer_client.get("/organize/mail").text
    assert len(_words(first)) == 50
    following = re.search(r'href="(/organize/mail\?[^"]+)" rel="next"', first)
    assert following is not None
    rest = organizer_client.get(following[1].replace("&amp;", "&"))
    assert len(_words(rest.text)) == 10
    assert organizer_client.get("/organize/mail?after=nonsense").status_code == 422
    assert len(_words(organizer_client.get("/organize/mail?status=nonsense").text)) == 50


def test_the_way_through_keeps_what_was_chosen(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle, other = make.cycle(), make.cycle()
        for n in range(130):
            message = outbox.enqueue(
                db,
                kind="enrolment-link",
                intent=f"{n}",
                to_name="",
                to_address=f"p{n:03}@example.org",
                language="en",
                context={},
                cycle_id=other.id if n < 10 else cycle.id,
                now=now() - timedelta(minutes=200 - n),
            )
            message.status = "sent"

    def follow(page: str, way: str) -> str:
        found = re.search(rf'href="(/organize/mail\?[^"]+)" rel="{way}"', page)
        assert found is not None
        query = parse_qs(urlsplit(found[1].replace("&amp;", "&")).query)
        assert (query["cycle"], query["status"], query["q"]) == ([cycle.id], ["sent"], ["p"])
        return organizer_client.get(found[1].replace("&amp;", "&")).text

    def shown(page: str) -> list[str]:
        return re.findall(r">(p\d+)@example.org</a>", page)

    first = organizer_client.get(f"/organize/mail?status=sent&cycle={cycle.id}&q=p").text
    assert shown(first) == [f"p{n:03}" for n in range(129, 79, -1)]
    assert 'rel="prev"' not in first
    second = follow(first, "next")
    third = follow(second, "next")
    assert shown(third) == [f"p{n:03}" for n in range(29, 9, -1)]
    assert 'rel="next"' not in third
    assert shown(follow(third, "prev")) == shown(second)
    assert shown(follow(second, "prev")) == shown(first)
    found = organizer_client.get("/organize/mail?q=P003@EXAMPLE").text
    assert shown(found) == ["p003"]
    assert 'value="P003@EXAMPLE"' in found
    assert "No such mail" in organizer_client.get("/organize/mail?q=nobody").text


def test_all_that_failed_go_again(
    organizer_client: TestClient, database: Database, message: Message
) -> None:
    _change(database, message, status="failed", attempts=25, last_error="held: 550 5.4.5 quota")
    for page in ("/organize/mail", f"/organize/mail?cycle={message.cycle_id}"):
        assert 'action="/organize/mail/again"' not in organizer_client.get(page).text
    listed = organizer_client.get(f"/organize/mail?status=failed&cycle={message.cycle_id}").text
    assert listed.count('action="/organize/mail/again"') == 1
    assert listed.count("a limit or a rule of its own") == 2  # of the group, and of the mail
    form = {"cycle": message.cycle_id, "reason": "held"}
    again = organizer_client.post("/organize/mail/again", data=form)
    assert again.headers["location"] == f"/organize/mail?status=failed&cycle={message.cycle_id}"
    assert "1 mail is on its way again." in organizer_client.get(again.headers["location"]).text
    with database.begin(writes=False) as db:
        row = db.exec(select(Message)).one()
        assert (row.status, row.attempts, row.last_error) == ("queued", 0, "")
    for wrong in ({"cycle": "x"}, {"cycle": message.cycle_id, "reason": "gone"}, {}):
        assert organizer_client.post("/organize/mail/again", data=wrong).status_code == 404


def test_a_fault_of_the_program_is_not_what_the_server_said(
    organizer_client: TestClient, database: Database, message: Message
) -> None:
    _change(database, message, attempts=1, last_error="writing: KeyError")
    page = organizer_client.get(f"/organize/mail/{message.id}").text
    assert "show that to whoever looks after Convoca" in page
    assert "<dt>What went wrong</dt><dd>KeyError</dd>" in page
    assert "The mail server said" not in page
    _change(database, message, last_error="refused: 550 no")
    page = organizer_client.get(f"/organize/mail/{message.id}").text
    assert "<dt>The mail server said</dt><dd>550 no</dd>" in page


def test_a_cell_has_one_content_beside_its_label(
    organizer_client: TestClient, message: Message
) -> None:
    """On a telephone label and content are two columns; a third would fall below the label."""
    page = organizer_client.get("/organize/mail").text
    cells = re.findall(r'<td data-label="[^"]+">(.*?)</td>', page, re.S)
    assert len(cells) == 3
    assert all(re.fullmatch(r"<div>(?:(?!</?div).)*</div>", cell, re.S) for cell in cells)


def test_queries_do_not_grow(
    organizer_client: TestClient, database: Database, message: Message, count_queries: CountQueries
) -> None:
    def count() -> int:
        with count_queries() as queries:
            assert organizer_client.get("/organize/mail").status_code == 200
        return len(queries)

    before = count()
    with database.begin(writes=True) as db:
        for n in range(20):
            cycle = Make(db)._add(
                Cycle(slug=f"s{n}", title={"en": "x"}, language="en", zone="America/Lima")
            )
            outbox.enqueue(
                db,
                kind="enrolment-link",
                intent=f"q{n}",
                to_name="",
                to_address="a@example.org",
                language="en",
                context={},
                cycle_id=cycle.id,
                now=now(),
            )
    assert (before, count()) == (4, 4)


def test_the_file_is_shown_and_downloaded(
    organizer_client: TestClient, message: Message, deliver: Callable[[], int]
) -> None:
    personal = "whoever opens one reads, answers and checks in as the person"
    waiting = organizer_client.get(f"/organize/mail/{message.id}").text
    assert "It is written when it is sent." in waiting
    assert personal not in waiting
    assert deliver() == 1
    shown = organizer_client.get(f"/organize/mail/{message.id}").text
    assert "&lt;i&gt;Ruiz" in shown
    assert "<i>Ruiz" not in shown
    assert "help@example.org" in shown
    assert "http://testserver/my/" in shown
    assert personal in shown
    file = organizer_client.get(f"/organize/mail/{message.id}/file")
    assert file.headers["content-type"] == "message/rfc822"
    assert file.headers["content-disposition"] == f'attachment; filename="{message.id}.eml"'
    mail = message_from_bytes(file.content, policy=default)
    assert mail["To"].addresses[0].display_name == ""  # no name that a mail may repeat


def test_a_sign_in_mail_is_not_shown(
    organizer_client: TestClient,
    organizer: Actor,
    database: Database,
    deliver: Callable[[], int],
    settings: Settings,
) -> None:
    with database.begin(writes=True) as db:
        link = SignInLink(user_id=organizer.id, expires_at=now() + timedelta(minutes=10))
        db.add(link)
        db.flush()
        message = outbox.enqueue(
            db,
            kind="sign-in",
            intent="s",
            to_name="Other",
            to_address="other@example.org",
            language="en",
            context={"link_id": link.id},
            now=now(),
        )
    assert deliver() == 1
    assert (settings.mail_dir / f"{message.id}.eml").is_file()
    shown = organizer_client.get(f"/organize/mail/{message.id}").text
    assert "/organize/sign-in/" not in shown
    assert organizer_client.get(f"/organize/mail/{message.id}/file").status_code == 404
    again = organizer_client.post(f"/organize/mail/{message.id}/again")
    assert again.status_code == 303
    assert "A sign-in link works once" in organizer_client.get(again.headers["location"]).text


def test_send_again_after_a_failure_keeps_the_mail(
    organizer_client: TestClient, database: Database, message: Message
) -> None:
    _change(database, message, status="failed", attempts=25, last_error="refused: 550 <b>no</b>")
    shown = organizer_client.get(f"/organize/mail/{message.id}").text
    assert "The mail server refused it. Check the address." in shown
    assert "550 &lt;b&gt;no&lt;/b&gt;" in shown
    again = organizer_client.post(f"/organize/mail/{message.id}/again")
    assert again.headers["location"] == f"/organize/mail/{message.id}"
    with database.begin(writes=False) as db:
        row = db.exec(select(Message)).one()
        assert (row.status, row.attempts, row.last_error) == ("queued", 0, "")


def test_send_again_after_it_was_sent_is_another_mail(
    organizer_client: TestClient, database: Database, message: Message, deliver: Callable[[], int]
) -> None:
    assert deliver() == 1
    again = organizer_client.post(f"/organize/mail/{message.id}/again")
    assert again.headers["location"] != f"/organize/mail/{message.id}"
    with database.begin(writes=False) as db:
        rows = db.exec(select(Message)).all()
        assert sorted(r.status for r in rows) == ["queued", "sent"]


@pytest.mark.parametrize("path", ["nothing", "a%00b", "..%2f..%2fsecret", "x" * 300])
def test_unknown_mails_are_not_found(organizer_client: TestClient, path: str) -> None:
    assert organizer_client.get(f"/organize/mail/{path}").status_code == 404
    assert organizer_client.get(f"/organize/mail/{path}/file").status_code == 404
    assert organizer_client.post(f"/organize/mail/{path}/again").status_code == 404
