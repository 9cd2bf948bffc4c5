"""The API reads a provider's report, answers its questions, applies and undoes it."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database, DbSession
from app.domain.ids import new_id
from app.models import Cycle, ReportImport, Session
from app.services.actor import SYSTEM
from app.services.files import FileStore
from app.services.publishing import publish
from app.settings import Settings
from tests.factories import NOW, Make
from tests.services.attendance_world import OVER, Attended
from tests.services.reports_world import row, zoom

CSV = {"content-type": "text/csv"}


@pytest.fixture
def ids(database: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr("app.routers.api.reports.now", lambda: OVER)
    with database.begin(writes=True) as db:
        world = Attended(db)
        ana, eva = world.participant("Ana Ruiz"), world.participant("Eva")
        return {"session": world.sessions[0].id, "ana": ana.id, "eva": eva.id}


def test_from_a_file_to_minutes_and_back(api: TestClient, ids: dict[str, str]) -> None:
    url = f"/api/v1/sessions/{ids['session']}/attendance"
    data = zoom(row("Ana Ruiz"), row("Somebody Else", end="10:00"))
    read = api.post(f"{url}/upload?filename=one.csv", content=data, headers=CSV)
    assert (read.status_code, read.json()["filename"]) == (201, "one.csv")
    own = f"{url}/imports/{read.json()['id']}"
    assert read.headers["location"] == own
    assert [q["kind"] for q in read.json()["found"]["questions"]] == ["zone"]
    again = api.post(f"{url}/upload", content=data, headers=CSV)
    assert (again.status_code, again.json()["id"]) == (200, read.json()["id"])
    early = api.post(f"{own}/apply")
    assert (early.status_code, early.json()["code"]) == (409, "questions_open")
    answered = api.patch(own, json={"zone": "America/Bogota"}).json()
    assert (answered["found"]["questions"], answered["found"]["zone"]) == ([], "America/Bogota")
    rows = api.get(f"{own}/rows", params={"state": "unmatched"}).json()["items"]
    assert [(each["number"], each["name"], each["joined_at"]) for each in rows] == [
        (3, "Somebody Else", "2026-12-01T14:00:00Z")
    ]
    decisions = {"decisions": [{"row_id": rows[0]["id"], "enrolment_id": ids["eva"]}]}
    decided = api.post(f"{own}/decisions", json=decisions).json()
    assert (decided["counts"]["matched"], decided["counts"]["unmatched"]) == (2, 0)
    for _ in range(2):
        applied = api.post(f"{own}/apply", headers={"idempotency-key": "a"}).json()
        assert (applied["status"], applied["applied_at"]) == ("applied", "2026-12-22T18:00:00Z")
    assert minutes(api, url) == {"Ana Ruiz": 105, "Eva": 60}
    twice = api.post(f"{url}/upload", content=data, headers=CSV)
    assert (twice.status_code, twice.json()["code"]) == (409, "already_applied")
    late = api.patch(own, json={"zone": "UTC"})
    assert (late.status_code, late.json()["code"]) == (409, "not_in_preview")
    undone = api.post(f"{own}/undo", json={"reason": "Another meeting."}).json()
    assert (undone["status"], undone["reason"]) == ("undone", "Another meeting.")
    assert minutes(api, url) == {"Ana Ruiz": None, "Eva": None}
    assert len(api.get(f"{url}/imports").json()["items"]) == 1


def test_columns_without_a_sheet_and_answers_that_come_too_late(
    api: TestClient, ids: dict[str, str]
) -> None:
    url = f"/api/v1/sessions/{ids['session']}/attendance"
    data = b"Kto,Ile\nAna Ruiz,40\n"
    own = f"{url}/imports/{api.post(f'{url}/upload', content=data, headers=CSV).json()['id']}"
    columns = {"columns": {"header": 1, "columns": ["name", "minutes"]}}
    answered = api.patch(own, json=columns)
    assert (answered.status_code, answered.json()["found"]["questions"]) == (200, [])
    assert api.post(f"{own}/apply").json()["status"] == "applied"
    late = api.patch(own, json=columns)
    assert (late.status_code, late.json()["code"]) == (409, "not_in_preview")


def test_a_preview_that_does_not_hold_is_made_anew(
    api: TestClient, database: Database, ids: dict[str, str]
) -> None:
    url = f"/api/v1/sessions/{ids['session']}/attendance"
    data = zoom(row("Ana Ruiz"), row("Nobody Yet"))
    own = f"{url}/imports/{api.post(f'{url}/upload', content=data, headers=CSV).json()['id']}"
    api.patch(own, json={"zone": "America/Bogota"})

    def enrol(name: str) -> None:
        with database.begin(writes=True) as db:
            cycle = db.get_one(Cycle, db.get_one(Session, ids["session"]).cycle_id)
            enrol_in(db, cycle, name)

    enrol("Nobody Yet")
    late = api.post(f"{own}/apply", headers={"idempotency-key": "b"})
    assert (late.status_code, late.json()["code"]) == (409, "report_outdated")
    assert late.json()["detail"].startswith("Since this was read, people enrolled (1), and rows")
    found = api.get(own).json()
    assert (found["status"], found["counts"]["matched"]) == ("preview", 2)
    assert "basis" not in found["found"]
    enrol("Ana Ruiz")
    for _ in range(2):
        matched = api.post(f"{own}/match", headers={"idempotency-key": "c"}).json()
        assert (matched["counts"]["matched"], matched["counts"]["ambiguous"]) == (1, 1)
    applied = api.post(f"{own}/apply", headers={"idempotency-key": "b"})
    assert (applied.status_code, applied.json()["status"]) == (200, "applied")
    too_late = api.post(f"{own}/match")
    assert (too_late.status_code, too_late.json()["code"]) == (409, "not_in_preview")


def test_a_file_sent_again_is_read_with_what_was_answered(
    api: TestClient, database: Database, ids: dict[str, str]
) -> None:
    url = f"/api/v1/sessions/{ids['session']}/attendance"
    data = zoom(row("Nobody Yet"))
    first = api.post(f"{url}/upload", content=data, headers=CSV).json()
    api.patch(f"{url}/imports/{first['id']}", json={"zone": "America/Bogota"})
    with database.begin(writes=True) as db:
        cycle = db.get_one(Cycle, db.get_one(Session, ids["session"]).cycle_id)
        enrol_in(db, cycle, "Nobody Yet")
    again = api.post(f"{url}/upload?filename=other.csv", content=data, headers=CSV)
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert (again.json()["counts"]["matched"], again.json()["found"]["questions"]) == (1, [])


def test_a_file_sent_again_once_the_session_was_moved_is_read_for_the_other_time(
    api: TestClient, database: Database, ids: dict[str, str]
) -> None:
    """Until when open stays count is asked anew, and what it was before does not keep it back."""
    url = f"/api/v1/sessions/{ids['session']}/attendance"
    data = b"First name,Last name,Time joined,Time exited\nAna,Ruiz,09:00,\n"
    first = api.post(f"{url}/upload", content=data, headers=CSV).json()
    assert "open_until" in [q["kind"] for q in first["found"]["questions"]]
    ends = "2026-12-01T16:00:00Z"
    answers = {"zone": "America/Bogota", "open_until": ends}
    answered = api.patch(f"{url}/imports/{first['id']}", json=answers).json()
    assert answered["found"]["questions"] == []
    with database.begin(writes=True) as db:
        session = db.get_one(Session, ids["session"])
        for name in ("wall_start", "starts_at", "ends_at"):
            setattr(session, name, getattr(session, name) + timedelta(days=1))
        db.flush()
        later = NOW + timedelta(hours=1)
        publish(db, SYSTEM, session.cycle_id, accept_warnings=True, now=later)
    again = api.post(f"{url}/upload", content=data, headers=CSV)
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert [q["kind"] for q in again.json()["found"]["questions"]] == ["open_until"]


def test_what_is_outdated_is_called_so_though_it_cannot_be_read_anew(
    api: TestClient, database: Database, ids: dict[str, str], settings: Settings
) -> None:
    url = f"/api/v1/sessions/{ids['session']}/attendance"
    data = zoom(row("Nobody Yet"))
    own = f"{url}/imports/{api.post(f'{url}/upload', content=data, headers=CSV).json()['id']}"
    api.patch(own, json={"zone": "America/Bogota"})
    with database.begin(writes=True) as db:
        cycle = db.get_one(Cycle, db.get_one(Session, ids["session"]).cycle_id)
        enrol_in(db, cycle, "Nobody Yet")
        digest = db.exec(select(ReportImport.digest)).one()
    FileStore(settings.files_dir).path(digest).unlink()
    for _ in range(2):
        late = api.post(f"{own}/apply")
        assert (late.status_code, late.json()["code"]) == (409, "report_outdated")
    gone = api.post(f"{own}/match")
    assert (gone.status_code, gone.json()["errors"][0]["code"]) == (422, "file_gone")


def enrol_in(db: DbSession, cycle: Cycle, name: str) -> None:
    make = Make(db)
    make.enrolment(cycle, make.person(name=name, email=f"{new_id()}@example.org"))


def test_what_is_wrong_with_an_answer_is_said_once(api: TestClient, ids: dict[str, str]) -> None:
    url = f"/api/v1/sessions/{ids['session']}/attendance"
    data = zoom(row("Ana Ruiz"))
    own = f"{url}/imports/{api.post(f'{url}/upload', content=data, headers=CSV).json()['id']}"
    wrong = api.patch(own, json={"date_order": "sideways", "more": 1}).json()["errors"]
    assert [each["field"] for each in wrong] == ["date_order", "more"]


def minutes(api: TestClient, url: str) -> dict[str, Any]:
    """What everybody's attendance comes to."""
    found = api.get(url).json()["items"]
    return {each["name"]: each["minutes"] for each in found}


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (b"", "text/csv", 422, "not_a_report"),
        (b"MZ\x90\x00\x03\x00", "application/octet-stream", 422, "wrong_kind"),
        (b"x" * 10_485_761, "text/csv", 413, "too_large"),
        (b"Name\n", "application/json", 415, "unknown_format"),
    ],
)
def test_what_is_no_report_is_refused(
    api: TestClient, ids: dict[str, str], data: bytes, kind: str, status: int, code: str
) -> None:
    url = f"/api/v1/sessions/{ids['session']}/attendance/upload"
    answer = api.post(url, content=data, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_one_key_for_two_files(api: TestClient, ids: dict[str, str]) -> None:
    url = f"/api/v1/sessions/{ids['session']}/attendance/upload"
    headers = {**CSV, "idempotency-key": "k"}
    first = api.post(url, content=zoom(row("Ana Ruiz")), headers=headers)
    same = api.post(url, content=zoom(row("Ana Ruiz")), headers=headers)
    other = api.post(url, content=zoom(row("Eva")), headers=headers)
    assert (first.status_code, same.status_code, same.json()) == (201, 201, first.json())
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "key_reused")


def test_a_preview_is_thrown_away(api: TestClient, ids: dict[str, str]) -> None:
    url = f"/api/v1/sessions/{ids['session']}/attendance"
    read = api.post(f"{url}/upload", content=zoom(row("Ana Ruiz")), headers=CSV).json()
    assert api.delete(f"{url}/imports/{read['id']}").status_code == 204
    assert api.get(f"{url}/imports/{read['id']}").status_code == 404
