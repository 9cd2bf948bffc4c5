"""The pages on which a person decides what goes out after a restore."""

import re

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Message, SendingHold, now
from app.services import outbox, sending
from app.services.actor import SYSTEM
from tests.factories import Make

BANNER = "No mail goes out since a backup was restored."


@pytest.fixture
def waiting(database: Database) -> list[str]:
    """The ids of two mails that wait since before a restore."""
    with database.begin(writes=True) as db:
        cycle = Make(db).cycle(title={"en": "Leaders <b>"}, language="en")
        ids = [
            outbox.enqueue(
                db, kind="enrolment-link", intent=str(n), to_name="Ana", to_address=f"a{n}@x.org",
                language="en", context={}, cycle_id=cycle.id, now=now(),
            ).id
            for n in range(2)
        ]  # fmt: skip
        moment = now()
        db.add(SendingHold(backup_at=moment, repeats_until=moment))
        return ids


def statuses(database: Database) -> list[tuple[str, str]]:
    with database.begin(writes=False) as db:
        return [(m.status, m.last_error) for m in db.exec(select(Message).order_by(Message.intent))]


def test_every_page_says_so_while_it_is_so(
    organizer_client: TestClient, database: Database, waiting: list[str]
) -> None:
    for path in ("/organize", "/organize/people", "/organize/mail", "/organize/account"):
        assert BANNER in organizer_client.get(path).text
    assert BANNER not in organizer_client.get("/organize/sending").text  # which says it all
    with database.begin(writes=True) as db:
        sending.resume(db, SYSTEM, now())
    assert BANNER not in organizer_client.get("/organize").text
    assert "Nothing is held back." in organizer_client.get("/organize/sending").text


def test_nobody_else_sees_or_does_it(client: TestClient, waiting: list[str]) -> None:
    assert client.get("/organize/sending").status_code == 303
    for path in ("resume", "leave-out", "leave-out-all", f"{waiting[0]}/leave-out"):
        headers = {"sec-fetch-site": "same-origin"}
        assert client.post(f"/organize/sending/{path}", headers=headers).status_code == 401


def test_leaving_some_out_and_letting_the_rest_go(
    organizer_client: TestClient, database: Database, waiting: list[str]
) -> None:
    shown = organizer_client.get("/organize/sending").text
    assert "May have gone out already" in shown
    assert "Leaders &lt;b&gt;" in shown
    assert "All 2 mails that wait are sent" in shown
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', shown))
    one = organizer_client.get(f"/organize/mail/{waiting[0]}").text
    assert f'action="/organize/sending/{waiting[0]}/leave-out"' in one
    done = organizer_client.post(f"/organize/sending/{waiting[0]}/leave-out")
    assert (done.status_code, done.headers["location"]) == (303, f"/organize/mail/{waiting[0]}")
    assert statuses(database) == [("failed", "left-out: "), ("queued", "")]
    after = organizer_client.get(f"/organize/mail/{waiting[0]}").text
    assert "It was left out after a restore, as it may have gone before." in after
    assert "/leave-out" not in after

    done = organizer_client.post("/organize/sending/leave-out", data=hidden)
    assert done.headers["location"] == "/organize/sending"
    assert "1 mail is left out." in organizer_client.get("/organize/sending").text
    assert statuses(database) == [("failed", "left-out: ")] * 2
    assert organizer_client.post("/organize/sending/resume").status_code == 303
    assert "Mails go out again." in organizer_client.get("/organize/mail").text
    assert organizer_client.post("/organize/sending/resume").status_code == 409


def test_leaving_out_all_at_once(
    organizer_client: TestClient, database: Database, waiting: list[str]
) -> None:
    organizer_client.post("/organize/sending/leave-out-all")
    assert "2 mails are left out." in organizer_client.get("/organize/sending").text
    assert statuses(database) == [("failed", "left-out: ")] * 2
