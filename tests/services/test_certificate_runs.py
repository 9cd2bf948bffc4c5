"""Issuing to all who have completed a cycle: looked at before, done piece by piece."""

from datetime import timedelta

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import Clash
from app.models import Certificate, Enrolment, IssueRun, Message
from app.schemas.certificate import RevokeIn
from app.services import certificate_issuing as issuing
from app.services import certificate_life as life
from app.services import certificate_runs as runs
from app.services import completion_rules
from app.services.certificate_drafts import NotEligible
from tests.services.attendance_world import OVER
from tests.services.certificate_world import OLGA, Certified

LATER = OVER + timedelta(days=3)


def all_there(world: Certified, *names: str) -> list[Enrolment]:
    found = [world.participant(name) for name in names]
    for who in found:
        for number in (1, 2, 3):
            world.there(who, number)
    return found


def test_what_it_would_do(db: DbSession) -> None:
    world = Certified(db)
    kim, lia, _ = all_there(world, "Kim", "Lia \U0001f4a9", "Max")
    world.issue(world.ana)
    life.revoke(db, OLGA, world.issue(kim).code, RevokeIn(reason="Wrong."), LATER)
    world.sessions[0].closed_at = LATER
    found = issuing.preview(db, OLGA, world.cycle.id, LATER)
    name = dict(db.exec(select(Enrolment.id, Enrolment.name)).all())
    groups = [found.eligible, found.have, found.revoked, found.lacking]
    assert [[name[far.enrolment_id] for far in group] for group in groups] == [
        ["Eva", "Max"],
        ["Ana"],
        ["Kim"],
        ["Leo"],
    ]
    assert [(far.enrolment_id, said, c) for far, said, c in found.unprintable] == [
        (lia.id, "Lia \U0001f4a9", "\U0001f4a9")
    ]
    assert found.unclosed == [2, 3, 4]


def go(db: DbSession, worker: str = "w") -> list[bool]:
    run_id = runs.take(db, worker, LATER)
    assert run_id is not None
    said: list[bool] = []
    while not said or said[-1]:
        said.append(runs.go_on(db, worker, run_id, LATER))
    return said


def test_piece_by_piece(db: DbSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PIECE", 2)
    world = Certified(db)
    all_there(world, "Kim", "Lia \U0001f4a9")
    world.issue(world.eva)
    run = runs.begin(db, OLGA, world.cycle.id, LATER)
    assert runs.begin(db, OLGA, world.cycle.id, LATER) is run
    assert (runs.waiting(db, LATER), run.total) == (True, 5)
    assert go(db) == [True, True, True, False]
    assert (run.looked_at, run.issued, run.already, run.left_out) == (5, 2, 1, 2)
    assert (run.finished_at, runs.waiting(db, LATER)) == (LATER, False)
    rows = db.exec(select(Certificate)).all()
    assert sorted((r.holder, r.issued_by, r.status) for r in rows) == [
        ("Ana", "Olga", "live"),
        ("Eva", "Olga", "live"),
        ("Kim", "Olga", "live"),
    ]
    assert len({r.status_index for r in rows}) == 3
    assert len(db.exec(select(Message).where(Message.kind == "certificate")).all()) == 3
    again = runs.begin(db, OLGA, world.cycle.id, LATER)
    go(db)
    assert (again.id == run.id, again.issued, again.already) == (False, 0, 3)


def test_a_worker_that_died_is_replaced_when_its_lease_has_run_out(db: DbSession) -> None:
    world = Certified(db)
    runs.begin(db, OLGA, world.cycle.id, LATER)
    run_id = runs.take(db, "dead", LATER)
    assert run_id is not None
    assert runs.take(db, "other", LATER + timedelta(seconds=59)) is None
    later = LATER + timedelta(minutes=1)
    assert runs.take(db, "other", later) == run_id
    assert runs.go_on(db, "dead", run_id, later) is False
    assert db.exec(select(Certificate)).all() == []
    assert runs.go_on(db, "other", run_id, later) is True
    assert len(db.exec(select(Certificate)).all()) == 2


def test_what_fails_is_tried_again_and_given_up(db: DbSession) -> None:
    world = Certified(db)
    run = runs.begin(db, OLGA, world.cycle.id, LATER)
    now = LATER
    for _ in range(5):
        assert runs.take(db, "w", now) == run.id
        runs.failed(db, "w", run.id, "OSError", now)
        assert runs.take(db, "w", now) is None
        now += timedelta(seconds=30)
    assert (run.finished_at, run.failures, run.last_error) == (
        now - timedelta(seconds=30),
        5,
        "OSError",
    )


def test_refused(db: DbSession) -> None:
    world = Certified(db)
    for who in (world.ana, world.eva, world.leo):
        who.status = "withdrawn"
    with pytest.raises(Clash, match="Nobody"):
        runs.begin(db, OLGA, world.cycle.id, LATER)
    completion_rules.set_rule(db, OLGA, world.cycle.id, None, OVER)
    with pytest.raises(NotEligible):
        runs.begin(db, OLGA, world.cycle.id, LATER)


def test_two_who_begin_at_once(real_database: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with real_database.begin(writes=True) as db:
        cycle = Certified(db).cycle.id

    def one(_: int) -> str:
        with real_database.begin(writes=True) as db:
            return runs.begin(db, OLGA, cycle, LATER).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(one, range(4)))) == 1
    with real_database.begin(writes=False) as db:
        assert len(db.exec(select(IssueRun)).all()) == 1
