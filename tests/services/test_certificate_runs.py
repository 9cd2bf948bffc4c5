"""Issuing to all who have completed a cycle: looked at before, done piece by piece."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, get_ident
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from app.certificates.values import Unprintable
from app.db import Database, DbSession
from app.domain.errors import Clash
from app.models import Certificate, CertificateDesign, Enrolment, IssueRun, Message
from app.schemas.certificate import RevokeIn, SupersedeIn
from app.schemas.completion import CompletionRule
from app.services import certificate_issuing as issuing
from app.services import certificate_life as life
from app.services import certificate_runs as runs
from app.services import completion_rules
from app.services.actor import SYSTEM
from app.services.certificate_drafts import NotEligible
from app.services.certificate_texts import Unset
from app.services.publishing import publish
from tests.services.at_once import PATIENCE, Many
from tests.services.attendance_world import OVER, RULE
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


def unprintable_title(world: Certified) -> None:
    """As it could be saved before it was looked at."""
    row = CertificateDesign(cycle_id=world.cycle.id, version=9, template="plain")
    row.title = {"es": "Diploma 🚀"}
    row.signatories = [{"name": "Rosa", "position": {"en": "Minister 💩"}}]
    row.signatories[0]["signature"] = None
    world.db.add(row)
    world.db.flush()


def test_texts_that_cannot_be_printed_are_listed_before(db: DbSession) -> None:
    world = Certified(db)
    world.ana.language, world.eva.language, world.leo.language = "en", "en", "es"
    db.flush()
    assert issuing.preview(db, OLGA, world.cycle.id, LATER).unset == []
    world.cycle.title = {"en": "Leaders 🚀"}
    db.flush()
    publish(db, SYSTEM, world.cycle.id, accept_warnings=True, now=OVER)
    unprintable_title(world)
    assert issuing.preview(db, OLGA, world.cycle.id, LATER).unset == [
        Unset("en", "Training cycle", "🚀"),
        Unset("en", "Who signs", "💩"),
    ]
    world.eva.language = "es"
    db.flush()
    assert issuing.preview(db, OLGA, world.cycle.id, LATER).unset[2:] == [
        Unset("es", "Training cycle", "🚀"),
        Unset("es", "Title", "🚀"),
        Unset("es", "Who signs", "💩"),
    ]


def test_a_run_ends_before_a_text_that_cannot_be_printed(
    db: DbSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PIECE", 1)
    world = Certified(db)
    world.ana.language, world.eva.language = "en", "es"
    run = runs.begin(db, OLGA, world.cycle.id, LATER)
    unprintable_title(world)
    newest = db.exec(select(CertificateDesign)).one()
    newest.signatories = []
    db.flush()
    assert go(db) == [True, False]
    assert (run.last_error, run.finished_at, run.looked_at, run.issued, run.failures) == (
        runs.UNPRINTABLE,
        LATER,
        1,
        1,
        0,
    )
    assert db.exec(select(Certificate.holder)).all() == ["Ana"]
    newest.title = {}
    db.flush()
    again = runs.begin(db, OLGA, world.cycle.id, LATER)
    assert go(db) == [True, True, True, False]
    assert (again.last_error, again.issued, again.already) == ("", 1, 1)


def test_none_is_issued_to_one_either(db: DbSession) -> None:
    world = Certified(db)
    world.ana.language, world.eva.language = "en", "es"
    old = world.issue(world.ana)
    unprintable_title(world)
    with pytest.raises(Unprintable) as refused:
        world.issue(world.eva)
    assert refused.value.characters == "💩🚀"
    with pytest.raises(Unprintable) as refused:
        life.supersede(db, OLGA, old.code, SupersedeIn(), LATER)
    assert refused.value.characters == "💩"
    assert (old.status, len(db.exec(select(Certificate)).all())) == ("live", 1)


def test_a_rule_that_is_taken_away_meanwhile(
    db: DbSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PIECE", 2)
    world = Certified(db)
    run = runs.begin(db, OLGA, world.cycle.id, LATER)
    assert runs.take(db, "w", LATER) == run.id
    assert runs.go_on(db, "w", run.id, LATER) is True
    completion_rules.set_rule(db, OLGA, world.cycle.id, None, OVER)
    assert runs.go_on(db, "w", run.id, LATER) is False
    assert (run.last_error, run.finished_at, run.looked_at, run.total, run.failures) == (
        runs.NO_RULE,
        LATER,
        2,
        3,
        0,
    )
    completion_rules.set_rule(db, OLGA, world.cycle.id, CompletionRule(**RULE), OVER)
    again = runs.begin(db, OLGA, world.cycle.id, LATER)
    assert go(db) == [True, True, False]
    assert (again.last_error, again.looked_at, again.already) == ("", 3, 2)


def _fails(db: DbSession, run_id: str, at: datetime) -> None:
    runs.failed(db, "slow", run_id, "OSError", at)


def _lets_go(db: DbSession, run_id: str, at: datetime) -> None:
    runs.release(db, "slow", run_id)


def _goes_on(db: DbSession, run_id: str, at: datetime) -> None:
    assert runs.go_on(db, "slow", run_id, at) is True


@pytest.mark.parametrize("act", [_fails, _lets_go, _goes_on])
def test_a_worker_whose_lease_runs_out_touches_no_other_s(
    real_database: Database, act: Callable[[DbSession, str, datetime], None]
) -> None:
    """It has looked whose the run is, and has not written yet when the other one comes to take it:
    either it was first, or the other one's lease stays."""
    with real_database.begin(writes=True) as db:
        runs.begin(db, OLGA, Certified(db).cycle.id, LATER)
        run_id = runs.take(db, "slow", LATER)
    assert run_id is not None
    now = LATER + runs.LEASE
    looked, go_ahead = Event(), Event()
    slow: list[int] = []

    def stop(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        whose = "leased_by = " in statement and statement.startswith("SELECT")
        if slow == [get_ident()] and whose and not looked.is_set():
            looked.set()
            go_ahead.wait(PATIENCE)

    def late(db: DbSession) -> None:
        slow.append(get_ident())
        act(db, run_id, now)

    event.listen(real_database.engine, "after_cursor_execute", stop)
    try:
        many = Many(real_database)
        many.start(late)
        assert looked.wait(10)
        many.start(lambda db: runs.take(db, "other", now))
        results = many.wait()
    finally:
        event.remove(real_database.engine, "after_cursor_execute", stop)
    taken = run_id in results
    assert results == sorted(["None", run_id if taken else "None"])
    with real_database.begin(writes=False) as db:
        run = db.get_one(IssueRun, run_id)
    assert (run.leased_by == "other") is taken


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
