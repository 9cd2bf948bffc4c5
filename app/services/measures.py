"""What attendance at a session is measured against: when it took place, and the cycle's rule.

It took place when the newest release says, since that is when people came: a draft that was edited
afterwards moves nobody's minutes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_
from sqlmodel import col, select

from app.db import DbSession
from app.domain import attendance as domain
from app.domain import schedule
from app.domain.attendance import Record, SessionTime, StatusRule
from app.domain.attendance_dates import of_this_date
from app.domain.completion import Held, Rule, from_document
from app.domain.documents import from_document as schedule_from_document
from app.domain.schedule import SegmentKind, SessionStatus
from app.domain.zone_shifts import by_the_clock
from app.models import Cycle, Release, Session
from app.services.check_in import dated_since
from app.services.told import Told, in_release, told


@dataclass(frozen=True, slots=True)
class Measure:
    """A session as attendance is measured against it. `since`: what was observed before
    that aware UTC instant is of another date (`domain.attendance_dates`)."""

    told: Told
    time: SessionTime
    statuses: StatusRule
    since: datetime

    def record(self, evidence: Iterable[domain.Evidence]) -> Record:
        """What the evidence on one enrolment amounts to."""
        return domain.record(of_this_date(evidence, self.since), self.time, self.statuses)


def measures(db: DbSession, cycle_id: str, sessions: Sequence[Session]) -> dict[str, Measure]:
    """The measure of each of these sessions of one cycle, by its id. One query."""
    newest = and_(
        col(Release.cycle_id) == col(Cycle.id), col(Release.number) == col(Cycle.release_number)
    )
    query = (
        select(Cycle.completion_rule, Release.document)
        .select_from(Cycle)
        .outerjoin(Release, newest)
        .where(col(Cycle.id) == cycle_id)
    )
    document, release = db.exec(query).one()
    released = by_the_clock(schedule_from_document(release)) if release else None
    rule = rule_of(document)
    return {row.id: measured(row, in_release(released, row.id), rule) for row in sessions}


def measure_of(db: DbSession, session: Session) -> Measure:
    """The measure of one session. One query."""
    return measures(db, session.cycle_id, [session])[session.id]


def measured(row: Session, released: schedule.Session | None, rule: Rule | None) -> Measure:
    """The measure of a session whose row and release are at hand."""
    here = told(row, released)
    breaks = tuple(
        (segment.starts, segment.ends)
        for segment in (released.segments if released else ())
        if segment.kind is SegmentKind.BREAK
    )
    time = SessionTime(here.starts, here.ends, breaks, closed=here.closed)
    return Measure(here, time, rule.statuses if rule else StatusRule(), dated_since(here))


def rule_of(document: Mapping[str, Any] | None) -> Rule | None:
    """The rule that a cycle has, if it has one."""
    return from_document(document) if document else None


def held_of(measure: Measure, now: datetime) -> Held:
    """The session as a completion rule looks at it, at the aware instant `now`."""
    told, time = measure.told, measure.time
    return Held(
        told.row.id,
        told.number,
        time.seconds,
        over=now >= time.ends,
        closed=time.closed,
        begun=now >= time.starts,
        title=told.title,
    )


def takes_place(told: Told) -> bool:
    """Whether people were told that it takes place."""
    return told.released and told.status == SessionStatus.SCHEDULED


def is_planned(told: Told, mandatory: Collection[str] = ()) -> bool:
    """Whether it is meant to take place and nobody was told so: it is scheduled in the draft, or is
    one that the rule says must not be missed, and is not published, or published as called off."""
    if takes_place(told):
        return False
    row = told.row
    if row.status == SessionStatus.DRAFT:
        return row.id in mandatory
    return row.status == SessionStatus.SCHEDULED


def is_off(told: Told) -> bool:
    """Whether people were told that it does not take place, and nobody means it to any more."""
    cancelled = told.released and told.status == SessionStatus.CANCELLED
    return cancelled and told.row.status != SessionStatus.SCHEDULED
