"""How many attended each session, without reading all the evidence there is."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import distinct, func
from sqlmodel import col, select

from app.db import DbSession
from app.domain import attendance as domain
from app.domain.attendance import Basis, Kind, Status
from app.domain.enrolment import EnrolmentStatus
from app.models import Enrolment, Evidence, Session
from app.services import evidence as stored
from app.services.completion import DryRun
from app.services.measures import measures

_SETTLING = (Kind.MARK, Kind.INTERVAL, Kind.TOTAL, Kind.RETRACTION)
_MANY = 5_000  # more values than that are not put into one query


def attendance_counts(db: DbSession, sessions: Sequence[Session]) -> dict[str, Counter[Status]]:
    """For each session, by its id, how many enrolments have which status; those of whom nothing is
    known are left out. Four queries.

    The sessions are of one cycle. What an organizer marked, or a report says, goes through the rule
    one by one. All who only checked in amount to the same, so the database counts them: ten
    thousand in six sessions would take seconds.
    """
    ids = [session.id for session in sessions]
    checked_in = _checked_in(db, ids)
    pairs = _settled_pairs(db, ids)
    people = {enrolment_id for _, enrolment_id in pairs}
    evidence = stored.of_sessions(db, ids, people if len(people) <= _MANY else None)
    found = {}
    known = measures(db, sessions[0].cycle_id, sessions) if sessions else {}
    for session in sessions:
        measure = known[session.id]
        counts: Counter[Status] = Counter()
        alone = checked_in.get(session.id, 0)
        for enrolment_id in (e for s, e in pairs if s == session.id):
            theirs = evidence[session.id][enrolment_id]
            counts[measure.record(theirs).status] += 1
            alone -= any(each.kind is Kind.CHECK_IN for each in theirs)
        if alone:
            sample = domain.Evidence(id="", kind=Kind.CHECK_IN, at=session.starts_at)
            counts[measure.record([sample]).status] += alone
        del counts[Status.UNKNOWN]
        found[session.id] = counts
    return found


def counts_with(
    db: DbSession, sessions: Sequence[Session], run: DryRun
) -> dict[str, Counter[Status]]:
    """The same where everybody's records are at hand already. Without a rule there are none, and
    they are counted. Two queries, with a rule."""
    if not run.far:
        return attendance_counts(db, sessions)
    held = run.against.measures
    found = {session.id: Counter[Status]() for session in sessions}
    for far in run.far.values():
        for session_id, record in far.records.items():
            if _known(record):
                found[session_id][record.status] += 1
    gone = select(Enrolment.id).where(
        col(Enrolment.cycle_id) == run.against.cycle.id,
        col(Enrolment.status) != EnrolmentStatus.CONFIRMED,
        col(Enrolment.id).in_(
            select(Evidence.enrolment_id).where(col(Evidence.session_id).in_(held))
        ),
    )
    evidence = stored.of_sessions(db, held, db.exec(gone).all())
    for session_id, measure in held.items():
        for theirs in evidence.get(session_id, {}).values():
            if _known(record := measure.record(theirs)):
                found[session_id][record.status] += 1
    for counts in found.values():
        del counts[Status.UNKNOWN]
    return found


def _known(record: domain.Record) -> bool:
    """Whether anything is known of them but that the session was closed without them."""
    return record.basis not in (Basis.NOTHING, Basis.CLOSING)


def _checked_in(db: DbSession, session_ids: Sequence[str]) -> dict[str, int]:
    statement = (
        select(Evidence.session_id, func.count(distinct(col(Evidence.enrolment_id))))
        .where(col(Evidence.session_id).in_(session_ids), Evidence.kind == Kind.CHECK_IN)
        .group_by(col(Evidence.session_id))
    )
    return dict(db.exec(statement).all())


def _settled_pairs(db: DbSession, session_ids: Sequence[str]) -> set[tuple[str, str]]:
    """Session and enrolment of whatever an organizer has said something about."""
    statement = (
        select(Evidence.session_id, Evidence.enrolment_id)
        .where(col(Evidence.session_id).in_(session_ids), col(Evidence.kind).in_(_SETTLING))
        .distinct()
    )
    return {(row[0], row[1]) for row in db.exec(statement)}
