"""Lists by stretches, searches, and how many queries they take."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.models import Evidence, Initiative, now
from app.services.rows import initiative_key
from tests.api.seeded import Seeded, seed
from tests.factories import Make

Counting = Callable[[], AbstractContextManager[list[str]]]

# Address, and the number of queries, that of the token included.
LISTS = {
    "/cycles": 3,
    "/people": 3,
    "/institutions": 2,
    "/initiatives": 2,
    "/cycles/{cycle_id}/sessions": 5,
    "/cycles/{cycle_id}/institutions": 3,
    "/cycles/{cycle_id}/releases": 4,
    "/cycles/{cycle_id}/parts": 6,
    "/cycles/{cycle_id}/enrolments": 5,
    "/sessions/{session_id}/check-ins": 5,
    "/sessions/{session_id}/attendance": 7,
    "/sessions/{session_id}/evidence": 3,
    "/sessions/{session_id}/closings": 3,
    "/cycles/{cycle_id}/certificates": 7,
    "/cycles/{cycle_id}/completion": 5,
    "/cycles/{cycle_id}/completion/rules": 3,
}


def _more(database: Database, seeded: Seeded) -> None:
    """Three of everything that was there once."""
    with database.begin(writes=True) as db:
        make = Make(db)
        make._count = 100
        for n in range(3):
            cycle = make.cycle()
            institution = make.institution()
            make.carries(cycle, institution)
            make.carries(db.get_one(type(cycle), seeded.cycle_id), institution)
            initiative = Initiative(name=f"Initiative {n}")
            initiative.search_key = initiative_key(initiative)
            db.add(initiative)
            db.flush()
            enrolment = make.enrolment(
                db.get_one(type(cycle), seeded.cycle_id), initiative_id=initiative.id
            )
            make.certificate(enrolment, number=n + 1)
            db.add(
                Evidence(
                    enrolment_id=enrolment.id,
                    session_id=seeded.session_id,
                    kind="check_in",
                    source="room",
                    at=now(),
                    key=f"check-in:{enrolment.id}:{seeded.session_id}",
                )
            )
            session = make.session(db.get_one(type(cycle), seeded.cycle_id), 10 + n)
            segment = make.segment(session)
            person = make.person(institution_id=institution.id)
            make.part(segment, person)
            own = make.segment(db.get_one(type(session), seeded.session_id), n + 1)
            make.part(own, person)


def _check_in(database: Database, seeded: Seeded) -> None:
    with database.begin(writes=True) as db:
        db.add(
            Evidence(
                enrolment_id=seeded.enrolment_id,
                session_id=seeded.session_id,
                kind="check_in",
                source="room",
                at=now(),
                key=f"check-in:{seeded.enrolment_id}:{seeded.session_id}",
            )
        )


@pytest.mark.parametrize("path", sorted(LISTS))
def test_queries_do_not_grow_with_rows(
    api: TestClient, database: Database, count_queries: Counting, path: str
) -> None:
    seeded = seed(database)
    _check_in(database, seeded)
    url = "/api/v1" + seeded.path(path)
    counted = []
    for _ in range(2):
        with count_queries() as queries:
            assert api.get(url).status_code == 200
        counted.append(len(queries))
        _more(database, seeded) if len(counted) == 1 else None
    assert counted == [LISTS[path], LISTS[path]]


def test_a_session_takes_as_many_queries_with_three_as_with_one(
    api: TestClient, database: Database, count_queries: Counting
) -> None:
    seeded = seed(database)
    counted = []
    for _ in range(2):
        with count_queries() as queries:
            response = api.get(f"/api/v1/sessions/{seeded.session_id}")
        counted.append((len(queries), len(response.json()["segments"])))
        _more(database, seeded) if len(counted) == 1 else None
    # The token and the revision, the token once more, the session, its segments, their parts.
    assert counted == [(6, 1), (6, 4)]


@pytest.mark.parametrize(
    "path",
    [
        "/cycles",
        "/people",
        "/institutions",
        "/initiatives",
        "/cycles/{cycle_id}/enrolments",
        "/sessions/{session_id}/check-ins",
        "/sessions/{session_id}/attendance",
        "/sessions/{session_id}/evidence",
    ],
)
def test_stretches_join_without_a_gap(api: TestClient, database: Database, path: str) -> None:
    seeded = seed(database)
    _check_in(database, seeded)
    _more(database, seeded)
    url = "/api/v1" + seeded.path(path)
    whole = api.get(url).json()
    assert whole["next"] is None
    assert len(whole["items"]) >= 4
    found, after = [], None
    while True:
        query = {"limit": 2} | ({"after": after} if after else {})
        stretch = api.get(url, params=query).json()
        assert set(stretch) == {"items", "next"}
        found += stretch["items"]
        after = stretch["next"]
        if after is None:
            break
        assert len(stretch["items"]) == 2
    assert found == whole["items"]


def test_enrolments_are_found_by_words_and_status(api: TestClient, database: Database) -> None:
    seeded = seed(database)
    url = f"/api/v1/cycles/{seeded.cycle_id}/enrolments"
    given = {"name": "Núria Ñáñez", "email": "nuria@example.org", "initiative": "Café"}
    made = api.post(url, json=given).json()
    for query in ({"search": "nuria"}, {"search": "CAFE nanez"}, {"search": "nuria@"}):
        assert [e["id"] for e in api.get(url, params=query).json()["items"]] == [made["id"]]
    assert len(api.get(url, params={"status": "confirmed"}).json()["items"]) == 3
    assert api.get(url, params={"status": "withdrawn"}).json()["items"] == []


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("people", {"name": "Núria Ñáñez"}),
        ("institutions", {"name": "Fundació Núria Ñáñez"}),
        ("initiatives", {"name": "Clúster Núria Ñáñez"}),
    ],
)
def test_the_directory_is_searched(
    api: TestClient, database: Database, path: str, given: dict[str, str]
) -> None:
    seed(database)
    made = api.post(f"/api/v1/{path}", json=given).json()
    found = api.get(f"/api/v1/{path}", params={"search": "NANEZ nuria"}).json()
    assert found == {"items": [made], "next": None}
