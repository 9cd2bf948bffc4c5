"""A program reads a cycle in numbers."""

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.domain.attendance import Status
from tests.services.attendance_world import OVER, Attended


def world_of(database: Database, *, asks: bool, rule: bool = True) -> str:
    with database.begin(writes=True) as db:
        world = Attended(db, rule=None if rule else {})
        world.cycle.asks_gender = asks
        ana = world.participant("Ana", country="CO", gender="female")
        leo = world.participant("Leo", country="BR", status="withdrawn", gender="male")
        for number in (1, 2, 3):
            world.there(ana, number)
        world.marked(world.participant("Eva", country="CO"), 2, Status.EXCUSED)
        world.there(leo, 1, 0, 40)
        world.report(2, status="preview")
        world.sessions[0].closed_at = OVER
        return world.cycle.id


@pytest.fixture(autouse=True)
def afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.routers.api.report.now", lambda: OVER)


def test_the_numbers(api: TestClient, database: Database) -> None:
    cycle_id = world_of(database, asks=True)
    body = api.get(f"/api/v1/cycles/{cycle_id}/report").json()
    assert (body["state"], body["rule_version"], body["cycle_id"]) == ("provisional", 0, cycle_id)
    assert body["whole"] == {
        "enrolled": 2,
        "gone": 1,
        "attended_once": 2,
        "attended": 4,
        "statuses": {"present": 3, "partial": 1, "excused": 1, "absent": 1, "unknown": 3},
        "bases": {"intervals": 4},
        "answers": {},
        "minutes": 355,
        "measured": 4,
        "unverified": 0,
        "mean_minutes": 88.75,
        "completed": 1,
        "counted": 3,
    }
    assert [(g["name"], g["tally"]["minutes"]) for g in body["countries"]] == [
        ("CO", 315),
        ("BR", 40),
    ]
    assert [(g["name"], g["tally"]["enrolled"]) for g in body["genders"]] == [
        ("female", 1),
        ("male", 0),
        ("", 1),
    ]
    assert [
        (s["number"], s["closed"], s["settled"], s["reports_waiting"], s["feedback"])
        for s in body["sessions"]
    ] == [
        (1, True, True, 0, None),
        (2, False, False, 1, None),
        (3, False, False, 0, None),
        (4, False, False, 0, None),
    ]


def test_what_is_not_asked_and_not_ruled_is_null(api: TestClient, database: Database) -> None:
    cycle_id = world_of(database, asks=False, rule=False)
    body = api.get(f"/api/v1/cycles/{cycle_id}/report").json()
    assert (body["genders"], body["whole"]["completed"], body["whole"]["counted"]) == (
        None,
        None,
        None,
    )


def test_of_no_cycle(api: TestClient) -> None:
    assert api.get("/api/v1/cycles/nothing/report").status_code == 404
