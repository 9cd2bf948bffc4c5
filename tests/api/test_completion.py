"""The API tells how far everybody is, by which version of the rule."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle
from tests.factories import Make
from tests.services.attendance_world import OVER, Attended

Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def cycle_id(database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("app.routers.api.completion.now", lambda: OVER)
    with database.begin(writes=True) as db:
        world = Attended(db)
        ana = world.participant("Ana")
        for number in (1, 2):
            world.there(ana, number)
        world.participant("Eva")
        return world.cycle.id


def test_how_far_everybody_is(api: TestClient, cycle_id: str) -> None:
    ana, eva = api.get(f"/api/v1/cycles/{cycle_id}/completion").json()["items"]
    assert (ana["name"], ana["state"], ana["sessions_counted"], ana["percent"]) == (
        "Ana",
        "under_way",
        2,
        50,
    )
    assert [(s["number"], s["standing"], s["status"], s["minutes"]) for s in ana["sessions"]] == [
        (1, "counts", "present", 105),
        (2, "counts", "present", 105),
        (3, "open", "unknown", None),
        (4, "open", "unknown", None),
    ]
    assert ana["missing"] == [{"what": "sessions", "amount": 1, "session_id": None}]
    assert (eva["name"], eva["missing"]) == (
        "Eva",
        [{"what": "sessions", "amount": 3, "session_id": None}],
    )


def test_stretches_join(api: TestClient, cycle_id: str) -> None:
    url = f"/api/v1/cycles/{cycle_id}/completion"
    first = api.get(url, params={"limit": 1}).json()
    second = api.get(url, params={"limit": 1, "after": first["next"]}).json()
    assert [i["name"] for i in first["items"] + second["items"]] == ["Ana", "Eva"]
    assert second["next"] is None


def test_a_rule_that_is_changed_is_another_version(api: TestClient, cycle_id: str) -> None:
    url = f"/api/v1/cycles/{cycle_id}"
    rule = {"min_sessions": 2, "of": 4, "min_percent_of_each": 70}
    assert api.patch(url, json={"completion_rule": rule}).status_code == 200
    assert api.get(url).json()["completion_rule"] == {
        **rule,
        "min_percent_of_whole": 0,
        "mandatory": [],
        "excused_counts": False,
        "unverified_counts": False,
        "late_after": 15,
        "partial_below": 50,
        "warn": False,
    }
    versions = api.get(f"{url}/completion/rules").json()["items"]
    assert [(v["version"], v["rule"]["min_sessions"]) for v in versions] == [(1, 2)]
    ana, _ = api.get(f"{url}/completion").json()["items"]
    assert (ana["state"], ana["rule_version"]) == ("completed", 1)


def test_queries_do_not_grow(
    api: TestClient, database: Database, cycle_id: str, count_queries: Counting
) -> None:
    counted = []
    for n in (1, 3):
        with count_queries() as queries:
            assert api.get(f"/api/v1/cycles/{cycle_id}/completion").status_code == 200
        counted.append(len(queries))
        with database.begin(writes=True) as db:
            make, cycle = Make(db), db.get_one(Cycle, cycle_id)
            for each in range(n):
                person = make.person(name="More", email=f"more-{n}-{each}@example.org")
                make.enrolment(cycle, person)
    assert counted == [8, 8]
