"""The figures: for whoever has the token, bounded, right, and each explained."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from app.db import Database
from app.mail.failures import Reason, SendError
from app.main import create_app
from app.models import Message, SendingHold, now
from app.services.links import Links
from app.services.outbox_figures import note_turn, outbox_figures
from app.settings import Settings, SettingsError
from app.worker import loop
from tests.conftest import BASE_URL
from tests.factories import NOW
from tests.pages.published import make_published
from tests.routes import with_known_routes
from tests.worker.test_worker import LATER, SENDER, Fake, queue

TOKEN = "a-token-for-the-figures-0123"
DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
Sample = tuple[str, tuple[tuple[str, str], ...]]


@pytest.fixture
def watched(settings: Settings, database: Database) -> Iterator[TestClient]:
    app = with_known_routes(create_app(replace(settings, metrics_token=TOKEN), database=database))
    with TestClient(app, base_url=BASE_URL, follow_redirects=False) as client:
        yield client


def figures(client: TestClient) -> dict[Sample, float]:
    answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(found: dict[Sample, float], name: str, **labels: str) -> float:
    return found.get((name, tuple(sorted(labels.items()))), 0.0)


def test_nobody_else_sees_them(client: TestClient, watched: TestClient) -> None:
    nowhere = client.get("/no-such-page")
    for answer in (
        client.get("/metrics"),  # no token is set
        client.get("/metrics", headers={"authorization": "Bearer "}),
        watched.get("/metrics"),
        watched.get("/metrics", headers={"authorization": f"Bearer {TOKEN}x"}),
        watched.get("/metrics", headers={"authorization": f"Basic {TOKEN}"}),
    ):
        assert (answer.status_code, answer.text) == (404, nowhere.text)
    assert watched.get(f"/metrics?token={TOKEN}").status_code == 404


def test_requests_by_the_pattern_of_their_address(
    watched: TestClient, database: Database, links: Links
) -> None:
    there = make_published(database, links)
    for path in (there.my, there.my + "x", there.my + "/nowhere/ana@example.org"):
        watched.get(path)
    tag = watched.get(there.feed).headers["etag"]
    watched.get(there.feed, headers={"if-none-match": tag})
    watched.get(there.feed + "x")
    watched.request("ANA-SECRETA", "/")
    watched.get("/healthz")
    found = figures(watched)
    name = "convoca_requests_total"
    assert of(found, name, route="/my/{token}", method="GET", status="2xx") == 1
    assert of(found, name, route="/my/{token}", method="GET", status="4xx") == 1
    assert of(found, "convoca_feed_hits_total", answer="whole") == 1
    assert of(found, "convoca_feed_hits_total", answer="unchanged") == 1
    assert of(found, "convoca_request_seconds_count", route="/my/{token}") == 2
    assert not re.search("ana|secreta", str(found), re.I)
    methods = {dict(labels)["method"] for (n, labels) in found if n == name}
    assert methods == {"GET", "other"}


def test_check_ins(watched: TestClient, database: Database, links: Links) -> None:
    there = make_published(database, links)
    headers = {"sec-fetch-site": "same-origin"}
    for _ in range(2):
        watched.post(f"{there.my}/sessions/1/check-in", headers=headers)
    found = figures(watched)
    assert of(found, "convoca_desk_batch_size_count") == 2
    assert of(found, "convoca_desk_batch_size_sum") == 2
    assert 0 < of(found, "convoca_desk_wait_seconds_sum") < 20


def test_the_outbox(watched: TestClient, database: Database, links: Links) -> None:
    queue(database, 4, now() - timedelta(minutes=10))
    with database.begin(writes=True) as db:
        table = Message.__table__  # type: ignore[attr-defined]
        first, second, third, _ = db.connection().execute(table.select()).all()
        for row, values in (
            (first, {"status": "failed", "last_error": "refused: 550 <ana@example.org>"}),
            (second, {"status": "failed", "last_error": "of an older version"}),
            (third, {"due_at": now() + timedelta(hours=1)}),
        ):
            db.connection().execute(table.update().where(table.c.id == row.id).values(**values))
    found = figures(watched)
    assert of(found, "convoca_outbox_waiting") == 2
    assert of(found, "convoca_outbox_due") == 1
    assert 590 < of(found, "convoca_outbox_oldest_due_seconds") < 660
    assert of(found, "convoca_outbox_failed", reason="refused") == 1
    assert of(found, "convoca_outbox_failed", reason="other") == 1
    assert of(found, "convoca_sending_held") == 0
    assert ("convoca_worker_last_turn_seconds", ()) not in found  # there never was one
    with database.begin(writes=True) as db:
        db.add(SendingHold(backup_at=now()))
        note_turn(db, sent=3, failures=1, now=now() - timedelta(seconds=30))
        note_turn(db, sent=2, failures=0, now=now() - timedelta(seconds=20))
    found = figures(watched)
    assert of(found, "convoca_sending_held") == 1
    assert of(found, "convoca_mails_sent_total") == 5
    assert of(found, "convoca_send_failures_total") == 1
    assert 20 <= of(found, "convoca_worker_last_turn_seconds") < 40


def test_a_worker_says_what_it_did(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(database, 3)
    lost = SendError(Reason.REFUSED, "550", final=True)
    worker = loop.Worker(database, links, Fake({"p1@example.org": lost}), SENDER)
    monkeypatch.setattr(loop, "NOTE_TURNS", 0.0)
    worker.run_once(LATER)
    worker._note_turn()
    worker.run_once(LATER)
    worker._note_turn()
    with database.begin(writes=False) as db:
        found = outbox_figures(db, NOW)
    assert (found.sent, found.failures, dict(found.failed)) == (2, 1, {"refused": 1})
    assert found.last_turn is not None


def test_without_a_database_they_say_so(
    watched: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert of(figures(watched), "convoca_database_up") == 1

    @contextmanager
    def away(**_: object) -> Iterator[None]:
        raise OperationalError("", None, Exception("away"))
        yield

    monkeypatch.setattr(database, "begin", away)
    assert watched.get("/organize/sign-in/x").status_code == 503
    found = figures(watched)
    assert ("convoca_outbox_due", ()) not in found
    assert of(found, "convoca_database_up") == 0
    assert of(found, "convoca_database_busy_total") == 1
    assert of(found, "convoca_unavailable_total") == 1


def test_every_figure_is_explained_and_no_other(watched: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        note_turn(db, sent=0, failures=0, now=now())
    watched.get("/")
    answer = watched.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    there = set(re.findall(r"^# TYPE (convoca_\w+) ", answer.text, re.M))
    explained = re.findall(r"^\| `(convoca_\w+)` \|", DOCS.read_text(), re.M)
    assert sorted(explained) == sorted(n for n in there if not n.endswith("_created"))


def test_a_short_token_is_refused() -> None:
    with pytest.raises(SettingsError, match="CONVOCA_METRICS_TOKEN must be 20"):
        Settings.from_environment({"CONVOCA_METRICS_TOKEN": "short"})
