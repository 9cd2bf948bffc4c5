"""A cycle's completion rule has versions; none ever changes."""

from typing import Any

import pytest

from app.db import DbSession
from app.domain.completion import Rule, from_document
from app.domain.errors import Invalid, NotFound
from app.models import Cycle
from app.schemas.completion import CompletionRule
from app.schemas.cycle import CloneIn, CycleChange, CycleIn
from app.services import cycles
from app.services.actor import SYSTEM, AccountStanding, Actor
from app.services.cloning import clone_cycle
from app.services.completion_rules import set_rule, versions
from app.services.schedules import sessions_of
from tests.factories import NOW, Make

OLGA = Actor(id="o", name="Olga", standing=AccountStanding.ADMINISTRATOR)
THREE = CompletionRule(min_sessions=3, of=4, min_percent_of_each=70)


def created(db: DbSession, rule: CompletionRule | None = THREE) -> Cycle:
    new = CycleIn(
        slug="one", title={"es": "Uno"}, language="es", zone="America/Bogota", completion_rule=rule
    )
    return cycles.create_cycle(db, OLGA, new)


def change(db: DbSession, cycle: Cycle, rule: CompletionRule | None, **more: Any) -> None:
    command = CycleChange(completion_rule=rule, **more)
    cycles.change_cycle(db, OLGA, cycle.id, command, at=NOW)


def kept(db: DbSession, cycle: Cycle) -> list[tuple[int, Rule | None, str]]:
    return [
        (row.version, from_document(row.document) if row.document else None, row.recorded_by)
        for row in versions(db, SYSTEM, cycle.id)
    ]


def test_a_new_cycle_s_rule_is_the_first_version(db: DbSession) -> None:
    assert kept(db, created(db)) == [(1, Rule(3, 4, 70), "Olga")]


def test_a_cycle_without_a_rule_has_no_version(db: DbSession) -> None:
    assert kept(db, created(db, None)) == []


def test_another_rule_is_another_version(db: DbSession) -> None:
    cycle = created(db)
    change(db, cycle, CompletionRule(min_sessions=2, of=4, min_percent_of_each=70))
    change(db, cycle, None)
    assert kept(db, cycle) == [
        (3, None, "Olga"),
        (2, Rule(2, 4, 70), "Olga"),
        (1, Rule(3, 4, 70), "Olga"),
    ]
    assert versions(db, SYSTEM, cycle.id)[0].at == NOW


def test_the_same_rule_said_at_length_is_no_version(db: DbSession) -> None:
    cycle = created(db)
    change(db, cycle, THREE.model_copy(update={"excused_counts": False, "warn": False}))
    cycles.change_cycle(db, OLGA, cycle.id, CycleChange(capacity=9))
    assert [version for version, *_ in kept(db, cycle)] == [1]


def test_mandatory_sessions_are_of_the_cycle(db: DbSession, make: Make) -> None:
    cycle, other = created(db), make.cycle()
    ours, theirs = make.session(cycle), make.session(other)
    change(db, cycle, THREE.model_copy(update={"mandatory": [ours.id]}))
    with pytest.raises(Invalid) as caught:
        change(db, cycle, THREE.model_copy(update={"mandatory": [ours.id, theirs.id]}))
    assert [(f.field, f.code) for f in caught.value.fields] == [
        ("completion_rule.mandatory.1", "unknown_session")
    ]


def test_a_copy_asks_for_its_own_sessions(db: DbSession, make: Make) -> None:
    cycle = created(db)
    first, second = make.session(cycle, 1), make.session(cycle, 2)
    change(db, cycle, THREE.model_copy(update={"mandatory": [second.id]}))
    clone = clone_cycle(db, OLGA, cycle.id, CloneIn(slug="two", title={"es": "Dos"}))
    copies = {s.number: s.id for s in sessions_of(db, clone.id)}
    assert kept(db, clone) == [(1, Rule(3, 4, 70, mandatory=(copies[2],)), "Olga")]
    alone = CloneIn(slug="three", title={"es": "Tres"}, sessions=False)
    assert kept(db, clone_cycle(db, OLGA, cycle.id, alone)) == [(1, Rule(3, 4, 70), "Olga")]
    assert first.id not in copies.values()


def test_of_no_cycle(db: DbSession) -> None:
    with pytest.raises(NotFound):
        versions(db, SYSTEM, "nothing")


def test_a_rule_that_names_a_deleted_session_keeps_nobody_from_anything(
    db: DbSession, make: Make
) -> None:
    cycle = created(db)
    dead = {**THREE.model_dump(), "mandatory": ["gone"]}
    cycle.completion_rule = dead
    db.flush()
    cycles.change_cycle(db, OLGA, cycle.id, CycleChange(capacity=9))
    again = CompletionRule(**dead)
    change(db, cycle, again)
    set_rule(db, OLGA, cycle.id, again, NOW)
    assert (cycle.capacity, cycle.completion_rule) == (9, dead)
    with pytest.raises(Invalid):
        change(db, cycle, again.model_copy(update={"min_sessions": 2}))
