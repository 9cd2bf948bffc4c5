"""Who has completed a cycle, and what each lacks: records of everybody against the rule.

Nothing of it is stored: it follows from the evidence every time. A rule that nobody has saved yet
can be tried in the same way.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import col, select

from app.db import DbSession
from app.domain import completion as rules
from app.domain.attendance import Record
from app.domain.completion import Held, Outcome, Rule
from app.domain.enrolment import EnrolmentStatus
from app.models import Cycle, CycleRule, Enrolment, Session
from app.services import evidence as stored
from app.services.actor import Actor
from app.services.enrolment_lists import named
from app.services.measures import (
    Measure,
    held_of,
    is_off,
    is_planned,
    measures,
    rule_of,
    takes_place,
)
from app.services.paging import Numbers, numbered, paginate
from app.services.places import loads
from app.services.rows import find
from app.services.told import Told

_CHUNK = 1_000  # enrolments whose evidence is in memory at a time


@dataclass(frozen=True, slots=True)
class Against:
    """What records are held against: the cycle's sessions that were not called off, in the order of
    their numbers, each with its measure, and the rule, None where there is none."""

    cycle: Cycle
    rule: Rule | None
    version: int  # of the rule; 0: none, or one that nobody has saved
    held: tuple[Held, ...]
    measures: Mapping[str, Measure]
    called_off: int = 0  # sessions that were published and cancelled
    planned: tuple[Held, ...] = ()  # that are meant to take place and are not published

    def outcome(self, records: Mapping[str, Record]) -> Outcome | None:
        """How far somebody is, None where there is no rule."""
        return (
            None
            if self.rule is None
            else rules.completed(self.rule, self.held, records, self.called_off, self.planned)
        )

    def records(self, evidence: Mapping[str, stored.ByEnrolment], who: str) -> dict[str, Record]:
        """One enrolment's record of each session, from evidence by session and enrolment."""
        return {
            each.id: self.measures[each.id].record(evidence.get(each.id, {}).get(who, []))
            for each in self.held
        }

    def told(self) -> list[Told]:
        """What people were told of the sessions, in the order of `held`."""
        return [self.measures[each.id].told for each in self.held]


@dataclass(frozen=True, slots=True)
class Far:
    """How far one enrolment is, with its record of each session, by the session's id."""

    enrolment_id: str
    records: Mapping[str, Record]
    outcome: Outcome


STATES = ("completed", "at_risk", "under_way", "out_of_reach")


def state_of(far: Far) -> str:
    """How far somebody is, in one word of `STATES`."""
    outcome = far.outcome
    if outcome.completed:
        return "completed"
    if not outcome.reachable:
        return "out_of_reach"
    return "at_risk" if outcome.at_risk else "under_way"


@dataclass(frozen=True, slots=True)
class DryRun:
    """Everybody who has a place against a rule, by name."""

    against: Against
    far: Mapping[str, Far] = field(default_factory=dict)

    def having(self, state: str) -> list[Far]:
        """Those who are completed, at_risk, out_of_reach or under_way; any other word: all."""
        return [
            each for each in self.far.values() if state not in STATES or state_of(each) == state
        ]

    def counts(self) -> dict[str, int]:
        """How many are how far."""
        found = Counter(map(state_of, self.far.values()))
        return {state: found[state] for state in STATES}


def against(db: DbSession, cycle_id: str, now: datetime, rule: Rule | None = None) -> Against:
    """What the records of a cycle are held against at `now`; with another `rule` than the cycle's,
    to try it. Four queries. Raises NotFound."""
    cycle = find(db, Cycle, cycle_id)
    rows = db.exec(
        select(Session).where(col(Session.cycle_id) == cycle.id).order_by(col(Session.number))
    ).all()
    found = measures(db, cycle.id, rows)
    kept = {key: each for key, each in found.items() if takes_place(each.told)}
    version = 0
    if rule is None:
        newest = select(CycleRule.version).where(CycleRule.cycle_id == cycle.id)
        version = db.exec(newest.order_by(col(CycleRule.version).desc()).limit(1)).first() or 0
    held = [held_of(each, now) for each in kept.values()]
    rule = rule or rule_of(cycle.completion_rule)
    mandatory = rule.mandatory if rule else ()
    return Against(
        cycle=cycle,
        rule=rule,
        version=version,
        held=tuple(sorted(held, key=lambda each: each.number)),
        measures=kept,
        called_off=sum(is_off(each.told) for each in found.values()),
        planned=tuple(
            held_of(each, now) for each in found.values() if is_planned(each.told, mandatory)
        ),
    )


def dry_run(
    db: DbSession, actor: Actor, cycle_id: str, now: datetime, rule: Rule | None = None
) -> DryRun:
    """Everybody who has a place in the cycle against its rule, or against another one. Without a
    rule nobody is in it. Five queries, and one more for every thousand people.

    Raises NotFound.
    """
    known = against(db, cycle_id, now, rule)
    if known.rule is None:
        return DryRun(known)
    statement = select(Enrolment.id).where(
        col(Enrolment.cycle_id) == cycle_id, col(Enrolment.status) == EnrolmentStatus.CONFIRMED
    )
    everybody = list(db.exec(statement.order_by(col(Enrolment.search_key), col(Enrolment.id))))
    return DryRun(known, {each.enrolment_id: each for each in far_of(db, known, everybody)})


@dataclass(frozen=True, slots=True)
class FarPage:
    """A numbered page of those who are as far as was asked."""

    rows: list[tuple[Enrolment, Far]]
    numbers: Numbers


def far_page(
    db: DbSession, run: DryRun, state: str = "", number: int = 1, limit: int = 100
) -> FarPage:
    """A page of those of a run who are in a state, or of all, by name. One query."""
    found = run.having(state)
    numbers = numbered(len(found), number, limit)
    rows = named(db, [each.enrolment_id for each in numbers.of(found)])
    return FarPage([(row, run.far[row.id]) for row in rows], numbers)


def completion_after(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    now: datetime,
    after: str | None = None,
    limit: int = 50,
) -> tuple[Against, list[tuple[Enrolment, Far]], str | None]:
    """A stretch of those who have a place, by name, each with how far they are, and the cursor
    after it; nobody where there is no rule. Eight queries at most.

    Raises:
        NotFound: no such cycle. Invalid: at ``after``.
    """
    known = against(db, cycle_id, now)
    if known.rule is None:
        return known, [], None
    statement = select(Enrolment).where(
        col(Enrolment.cycle_id) == cycle_id, col(Enrolment.status) == EnrolmentStatus.CONFIRMED
    )
    by_name = [col(Enrolment.search_key), col(Enrolment.id)]
    rows, cursor = paginate(db, statement.options(*loads()), by_name, after, limit)
    far = {each.enrolment_id: each for each in far_of(db, known, [row.id for row in rows])}
    return known, [(row, far[row.id]) for row in rows], cursor


def how_far(db: DbSession, known: Against, enrolment: Enrolment) -> Outcome | None:
    """How far one enrolment is; None where there is no rule. One query."""
    return next((each.outcome for each in far_of(db, known, [enrolment.id])), None)


def must_not_miss(db: DbSession, known: Against, enrolment: Enrolment, session_id: str) -> bool:
    """Whether somebody, who is to be warned, can meet the rule only by attending this session,
    which is to come. One query, none where nobody is warned."""
    if known.rule is None or not known.rule.warn:
        return False
    outcome = how_far(db, known, enrolment)
    return outcome is not None and session_id in rules.needed(known.rule, known.held, outcome)


def far_of(db: DbSession, known: Against, enrolment_ids: Sequence[str]) -> Iterator[Far]:
    """How far these enrolments are, whether they have a place or not; none where there is no rule.
    One query for every thousand."""
    sessions = [each.id for each in known.held]
    for start in range(0, len(enrolment_ids), _CHUNK):
        chunk = enrolment_ids[start : start + _CHUNK]
        evidence = stored.of_sessions(db, sessions, chunk)
        for enrolment_id in chunk:
            records = known.records(evidence, enrolment_id)
            outcome = known.outcome(records)
            if outcome is not None:
                yield Far(enrolment_id, records, outcome)
