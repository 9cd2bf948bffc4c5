"""The API closes a session, and shows what every minute rests on."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.domain.attendance import Kind
from app.models import Cycle, Enrolment, Evidence, Session
from app.services import closing
from tests.factories import Make
from tests.services.attendance_world import OVER, Attended

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")
BEFORE = START - timedelta(minutes=10)
SECOND = timedelta(seconds=1)


@pytest.fixture
def ids(database: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr("app.routers.api.closing.now", lambda: OVER)
    monkeypatch.setattr("app.routers.api.attendance.now", lambda: OVER)
    with database.begin(writes=True) as db:
        world = Attended(db)
        ana = world.participant("Ana")
        report = world.report(1)
        seen = world.there(ana, 1, 5, 65, import_id=report.id, row_number=3, shown_as="Ana (Guest)")
        return {
            "session": world.sessions[0].id,
            "ana": ana.id,
            "seen": seen.id,
            "report": report.id,
        }


def test_closing_and_opening_again(api: TestClient, ids: dict[str, str]) -> None:
    url = f"/api/v1/sessions/{ids['session']}"
    closed = api.post(f"{url}/closings", json={"note": "Read."}).json()
    assert closed == {
        "session_id": ids["session"],
        "closed": True,
        "at": "2026-12-22T18:00:00Z",
        "recorded_by": closed["recorded_by"],
        "reason": "Read.",
        "counts": {"present": 1},
    }
    opened = api.post(f"{url}/reopenings", json={"reason": "A second file."}).json()
    assert (opened["closed"], opened["reason"]) == (False, "A second file.")
    again = api.post(f"{url}/reopenings", json={"reason": "Once more."})
    assert (again.status_code, again.json()["code"]) == (409, "not_closed")
    assert len(api.get(f"{url}/closings").json()["items"]) == 2


def test_evidence_and_taking_one_piece_back(api: TestClient, ids: dict[str, str]) -> None:
    url = f"/api/v1/sessions/{ids['session']}"
    (seen,) = api.get(f"{url}/evidence").json()["items"]
    assert seen == {
        "id": ids["seen"],
        "enrolment_id": ids["ana"],
        "kind": "interval",
        "at": "2026-12-01T14:00:00Z",
        "source": "zoom",
        "recorded_by": "",
        "status": None,
        "reason": "",
        "retracts": None,
        "joined_at": "2026-12-01T14:05:00Z",
        "left_at": "2026-12-01T15:05:00Z",
        "seconds": None,
        "report_id": ids["report"],
        "row": 3,
        "shown_as": "Ana (Guest)",
        "matched_by": "",
    }
    (row,) = api.get(f"{url}/attendance").json()["items"]
    assert (row["status"], row["basis"], row["minutes"]) == ("present", "intervals", 55)
    body = {"enrolment_id": ids["ana"], "evidence_id": ids["seen"], "reason": "Somebody else."}
    back = api.post(f"{url}/attendance/retractions", json=body)
    assert (back.status_code, back.json()["minutes"], back.json()["basis"]) == (
        200,
        None,
        "nothing",
    )
    assert api.post(f"{url}/attendance/retractions", json=body).status_code == 409
    unknown = api.post(f"{url}/attendance/retractions", json={**body, "evidence_id": "nothing"})
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "evidence_id")


def test_what_is_still_open(api: TestClient, database: Database, ids: dict[str, str]) -> None:
    url = f"/api/v1/sessions/{ids['session']}/still-open"
    open_points = {
        "reports": 0,
        "rows": 0,
        "nobody": [],
        "outside": [],
        "contradicted": [],
        "unverified": [],
    }
    assert api.get(url).json() == open_points
    with database.begin(writes=True) as db:
        session = db.get_one(Session, ids["session"])
        cycle = db.get_one(Cycle, session.cycle_id)
        make = Make(db)
        who = [make.enrolment(cycle, make.person(name=name)) for name in ("Bea", "Eva", "Leo")]
        values: list[tuple[Enrolment, Kind, dict[str, Any]]] = [
            (who[1], Kind.CHECK_IN, {}),
            (who[1], Kind.INTERVAL, {"joined_at": BEFORE, "left_at": BEFORE}),
            (who[2], Kind.INTERVAL, {"joined_at": START, "left_at": START + SECOND}),
            (who[2], Kind.TOTAL, {"seconds": 3000}),
        ]
        for n, (whose, kind, more) in enumerate(values):
            more |= {"kind": kind, "at": START, "source": "zoom", "key": f"k{n}"}
            db.add(Evidence(enrolment_id=whose.id, session_id=session.id, **more))
    assert api.get(url).json() == {
        **open_points,
        "nobody": [who[0].id],
        "outside": [who[1].id],
        "contradicted": [who[2].id],
    }
    assert api.get("/api/v1/sessions/nothing/still-open").status_code == 404


def test_reading_does_not_close(api: TestClient, database: Database, ids: dict[str, str]) -> None:
    assert api.get(f"/api/v1/sessions/{ids['session']}/closings").json()["items"] == []
    with database.begin(writes=False) as db:
        assert closing.still_open(db, None, ids["session"]).nobody == []  # type: ignore[arg-type]
