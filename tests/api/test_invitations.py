"""Publishing that invites, the ledger, answers noted by hand, and where parts stand."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.answers import Answer, AnswerSource, Given
from app.models import Cycle, Message, Person, Session, now
from app.services import answers
from tests.factories import Make

Counting = Callable[[], AbstractContextManager[list[str]]]


@dataclass(frozen=True)
class Cast:
    """Ids."""

    cycle_id: str
    session_ids: tuple[str, str]
    speaker_id: str
    people: tuple[str, ...]  # the participants

    @property
    def url(self) -> str:
        return f"/api/v1/cycles/{self.cycle_id}"


@pytest.fixture
def cast(database: Database) -> Cast:
    """Two sessions to come, a speaker in the first, a participant in Spanish, two in English."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        first = (now() + timedelta(days=10)).replace(hour=9, minute=0, second=0, microsecond=0)
        sessions = [
            make.session(cycle, n, wall_start=first.replace(tzinfo=None) + timedelta(days=7 * n))
            for n in (1, 2)
        ]
        speaker = make.person(name="Ana", language="es")
        make.part(make.segment(sessions[0], title="Keynote"), speaker)
        rows = [make.enrolment(cycle, language=each) for each in ("es", "en", "en")]
        ids = (sessions[0].id, sessions[1].id)
        return Cast(cycle.id, ids, speaker.id, tuple(row.person_id for row in rows))


def _publish(api: TestClient, cast: Cast, **more: Any) -> Any:
    body = {"accept_warnings": True, **more}
    return api.post(f"{cast.url}/releases", json=body)


def _move(database: Database, cast: Cast) -> None:
    with database.begin(writes=True) as db:
        session = db.get_one(Session, cast.session_ids[1])
        session.wall_start += timedelta(hours=1)
        session.starts_at += timedelta(hours=1)
        session.ends_at += timedelta(hours=1)


def _deliver(database: Database) -> None:
    with database.begin(writes=True) as db:
        db.execute(update(Message).values(status="sent"))


def _items(api: TestClient, url: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get(url).json()["items"]
    return items


def test_a_preview_counts_the_mails(api: TestClient, cast: Cast) -> None:
    found = api.get(f"{cast.url}/releases/preview").json()
    assert (found["invites"], found["people"]) == (False, 4)
    assert found["messages"] == [
        {"kind": "invitation", "language": "en", "count": 4},
        {"kind": "invitation", "language": "es", "count": 3},
    ]


def test_a_preview_names_whom_it_concerns(api: TestClient, database: Database, cast: Cast) -> None:
    _publish(api, cast, invite=True)
    _move(database, cast)
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = db.exec(select(Cycle)).one()
        new = make.person(name="Aaron", email="aaron@example.org")
        mute = make.person(name="Abel", email="")
        make.enrolment(cycle, new)
        make.enrolment(cycle, mute)
        ids = (new.id, mute.id)

    found = api.get(f"{cast.url}/releases/preview").json()

    with database.begin(writes=False) as db:
        names = [db.get_one(Person, each).name for each in found["concerned"]]
    assert found["wrong"] == len(names) - 1
    assert names == [*sorted(names[:-1]), "Aaron"]
    assert found["without_address"] == [ids[1]]
    made = _publish(api, cast, leave_out=found["concerned"])
    assert (made.status_code, made.json()["mails"]) == (201, 0)


def test_only_what_the_preview_said_is_published(
    api: TestClient, database: Database, cast: Cast
) -> None:
    answer = api.get(f"{cast.url}/releases/preview")
    shown = answer.headers["etag"]
    assert (shown, api.get(cast.url).headers["etag"]) == (f'"r{answer.json()["revision"]}"',) * 2
    _move(database, cast)

    refused = api.post(
        f"{cast.url}/releases", json={"accept_warnings": True}, headers={"if-match": shown}
    )

    assert (refused.status_code, refused.json()["code"]) == (412, "stale")
    assert api.get(f"{cast.url}/releases").json()["items"] == []
    again = api.get(f"{cast.url}/releases/preview").headers["etag"]
    made = api.post(
        f"{cast.url}/releases", json={"accept_warnings": True}, headers={"if-match": again}
    )
    assert made.status_code == 201


def test_publishing_invites_only_if_it_is_asked_to(api: TestClient, cast: Cast) -> None:
    made = _publish(api, cast).json()
    assert (made["number"], made["mails"], made["note"]) == (1, 0, "")
    assert _items(api, f"{cast.url}/invitations") == []


def test_a_release_tells_its_note_and_its_mails(
    api: TestClient, database: Database, cast: Cast
) -> None:
    first = _publish(api, cast, invite=True, note=" The room\nhas changed. ").json()
    assert (first["note"], first["mails"]) == ("The room\nhas changed.", 7)
    _deliver(database)
    _move(database, cast)
    found = api.get(f"{cast.url}/releases/preview").json()
    assert found["invites"] is True
    assert found["messages"] == [
        {"kind": "invitation-update", "language": "en", "count": 2},
        {"kind": "invitation-update", "language": "es", "count": 1},
    ]
    _publish(api, cast, leave_out=[cast.people[0]])
    told = [(r["number"], r["mails"], r["note"]) for r in _items(api, f"{cast.url}/releases")]
    assert told == [(2, 2, ""), (1, 7, "The room\nhas changed.")]


def test_nobody_unknown_is_left_out(api: TestClient, cast: Cast) -> None:
    given = [cast.people[0], "nobody", "ñ", "a\0"]
    refused = _publish(api, cast, invite=True, leave_out=given)
    assert refused.status_code == 422
    found = [(e["field"], e["code"]) for e in refused.json()["errors"]]
    assert found == [(f"leave_out.{n}", "unknown_person") for n in (1, 2, 3)]
    too_many = _publish(api, cast, leave_out=["x"] * 501)
    assert [e["code"] for e in too_many.json()["errors"]] == ["too_long"]


def test_the_ledger_says_who_was_told_what(api: TestClient, database: Database, cast: Cast) -> None:
    _publish(api, cast, invite=True)
    _move(database, cast)
    _publish(api, cast, leave_out=[cast.people[0]])
    seen = {
        (row["person_id"], row["session_number"]): (
            row["method"],
            row["sequence"],
            row["delivery"],
            row["stale"],
        )
        for row in _items(api, f"{cast.url}/invitations")
    }
    waits = "waiting"
    assert seen == {
        (cast.speaker_id, 1): ("REQUEST", 0, "queued", waits),
        **{(person, 1): ("REQUEST", 0, "queued", waits) for person in cast.people},
        (cast.people[0], 2): ("REQUEST", 0, "queued", "left-out"),
        **{(person, 2): ("REQUEST", 1, "queued", waits) for person in cast.people[1:]},
    }
    of_second = _items(api, f"/api/v1/sessions/{cast.session_ids[1]}/invitations")
    assert {row["person_id"] for row in of_second} == set(cast.people)
    assert {row["session_id"] for row in of_second} == {cast.session_ids[1]}


def test_bringing_up_to_date_is_done_once(api: TestClient, cast: Cast) -> None:
    url = f"{cast.url}/invitations"
    refused = api.post(url)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_published")
    _publish(api, cast)
    for _ in range(2):
        again = api.post(url, headers={"idempotency-key": "one"})
        assert (again.status_code, again.json()) == (200, {"mails": 7})
    assert api.post(url).json() == {"mails": 0}
    assert api.get(f"{cast.url}/releases/preview").json()["invites"] is True


def test_an_answer_is_noted_and_a_newer_one_replaces_it(
    api: TestClient, database: Database, cast: Cast
) -> None:
    _publish(api, cast, invite=True)
    row = next(
        row
        for row in _items(api, f"{cast.url}/invitations")
        if (row["person_id"], row["session_number"]) == (cast.people[1], 2)
    )
    url = f"/api/v1/invitations/{row['id']}/answer"
    noted = api.put(url, json={"answer": "accepted"}).json()
    at = noted.pop("answered_at")
    assert abs(datetime.fromisoformat(at) - now()) < timedelta(minutes=1)
    expected = {**row, "answer": "accepted", "answer_source": "organizer", "again": False}
    assert noted == {k: v for k, v in expected.items() if k != "answered_at"}
    with database.begin(writes=True) as db:
        given = Given(Answer.DECLINED, now(), noted["sequence"], AnswerSource.MAIL)
        answers.give(db, row["id"], given)
    _move(database, cast)
    _publish(api, cast)
    moved = next(r for r in _items(api, f"{cast.url}/invitations") if r["id"] == row["id"])
    assert (moved["answer"], moved["answer_source"], moved["again"]) == ("declined", "mail", True)


@pytest.mark.parametrize("body", [{}, {"answer": "maybe"}, {"answer": ""}, {"answer": None}])
def test_an_answer_that_is_none(api: TestClient, cast: Cast, body: dict[str, Any]) -> None:
    _publish(api, cast, invite=True)
    row = _items(api, f"{cast.url}/invitations")[0]
    refused = api.put(f"/api/v1/invitations/{row['id']}/answer", json=body)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["answer"]
    assert _items(api, f"{cast.url}/invitations")[0] == row


def test_parts_say_where_they_stand(api: TestClient, cast: Cast) -> None:
    (part,) = _items(api, f"{cast.url}/parts")
    assert part.pop("part_id")
    assert part == {
        "session_id": cast.session_ids[0],
        "session_number": 1,
        "segment_title": "Keynote",
        "person_id": cast.speaker_id,
        "name": "Ana",
        "role": "speaker",
        "status": "planned",
        "answered_at": None,
        "comment": "",
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/cycles/{cycle}/invitations", 13),
        ("/sessions/{session}/invitations", 14),
        ("/cycles/{cycle}/releases/preview", 19),
    ],
)
def test_queries_do_not_grow_with_people(
    api: TestClient,
    database: Database,
    cast: Cast,
    count_queries: Counting,
    path: str,
    expected: int,
) -> None:
    _publish(api, cast, invite=True)
    url = "/api/v1" + path.format(cycle=cast.cycle_id, session=cast.session_ids[1])
    counted = []
    for step in range(2):
        with count_queries() as queries:
            assert api.get(url).status_code == 200
        counted.append(len(queries))
        if step == 0:
            with database.begin(writes=True) as db:
                make = Make(db)
                make._count = 50
                first = db.get_one(Session, cast.session_ids[0])
                segment = make.segment(first, 1)
                for _ in range(6):
                    make.part(segment, make.person())
            _move(database, cast)
            _publish(api, cast)
    assert counted == [expected, expected]


def test_stretches_of_the_ledger_join_without_a_gap(api: TestClient, cast: Cast) -> None:
    _publish(api, cast, invite=True)
    for url, rows in (
        (f"{cast.url}/invitations", 7),
        (f"/api/v1/sessions/{cast.session_ids[0]}/invitations", 4),
    ):
        whole = api.get(url).json()
        assert (len(whole["items"]), whole["next"]) == (rows, None)
        found, after = [], ""
        while after is not None:
            query = {"limit": "3"} | ({"after": after} if after else {})
            stretch = api.get(url, params=query).json()
            found += stretch["items"]
            after = stretch["next"]
        assert found == whole["items"]
