"""How many attended each session, without reading all the evidence there is."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import and_, case, distinct, false, func, or_
from sqlmodel import col, select

from app.db import DbSession
from app.domain import attendance as domain
from app.domain.attendance import Kind, Status, counts_at
from app.domain.enrolment import EnrolmentStatus
from app.models import Enrolment, Evidence, Session
from app.services import evidence as stored
from app.services.completion import DryRun
from app.services.measures import Measure, measures, takes_place

_SETTLING = (Kind.MARK, Kind.INTERVAL, Kind.TOTAL, Kind.RETRACTION)
_MANY = 5_000  # more values than that are not put into one query


def attendance_counts(
    db: DbSession, sessions: Sequence[Session], confirmed: int
) -> dict[str, Counter[Status]]:
    """For each session, by its id, how many people have which status, of those who count there
    (`domain.attendance.counts_at`); nobody at one that does not take place by what was published.
    Four queries.

    The sessions are of one cycle, in which so many are `confirmed`. What an organizer marked, or a
    report says, goes through the rule one by one. All who only checked in amount to the same, so
    the database counts them: ten thousand in six sessions would take seconds.
    """
    ids = [session.id for session in sessions]
    known = measures(db, sessions[0].cycle_id, sessions) if sessions else {}
    checked_in = _checked_in(db, known)
    pairs = _settled_pairs(db, ids)
    people = {enrolment_id for _, enrolment_id in pairs}
    evidence = stored.of_sessions(db, ids, people if len(people) <= _MANY else None)
    found = {}
    for session in sessions:
        measure = known[session.id]
        counts: Counter[Status] = Counter()
        found[session.id] = counts
        if not takes_place(measure.told):
            continue
        alone, enrolled_alone = checked_in.get(session.id, (0, 0))
        rest = confirmed
        for enrolment_id, enrolled in (
            (who, enrolled) for (where, who), enrolled in pairs.items() if where == session.id
        ):
            theirs = evidence[session.id][enrolment_id]
            record = measure.record(theirs)
            counts[record.status] += counts_at(record, enrolled=enrolled)
            rest -= enrolled
            here = any(e.kind is Kind.CHECK_IN and e.at >= measure.since for e in theirs)
            alone -= here
            enrolled_alone -= here and enrolled
        sample = domain.Evidence(id="", kind=Kind.CHECK_IN, at=measure.since)
        counts[measure.record([sample]).status] += alone
        counts[measure.record([]).status] += rest - enrolled_alone
    return found


def counts_with(
    db: DbSession, sessions: Sequence[Session], run: DryRun, confirmed: int
) -> dict[str, Counter[Status]]:
    """The same where everybody's records are at hand already. Without a rule there are none, and
    they are counted. Two queries, with a rule."""
    if not run.far:
        return attendance_counts(db, sessions, confirmed)
    held = run.against.measures
    found = {session.id: Counter[Status]() for session in sessions}
    for far in run.far.values():
        for session_id, record in far.records.items():
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
            record = measure.record(theirs)
            found[session_id][record.status] += counts_at(record, enrolled=False)
    return found


def _checked_in(db: DbSession, known: Mapping[str, Measure]) -> dict[str, tuple[int, int]]:
    """How many checked in to each session as it is dated now, and how many of them have a place."""
    confirmed = case((col(Enrolment.status) == EnrolmentStatus.CONFIRMED, col(Enrolment.id)))
    statement = (
        select(
            Evidence.session_id,
            func.count(distinct(col(Enrolment.id))),
            func.count(distinct(confirmed)),
        )
        .join(Enrolment, col(Enrolment.id) == col(Evidence.enrolment_id))
        .where(
            Evidence.kind == Kind.CHECK_IN,
            or_(
                false(),
                *(
                    and_(col(Evidence.session_id) == key, col(Evidence.at) >= each.since)
                    for key, each in known.items()
                ),
            ),
        )
        .group_by(col(Evidence.session_id))
    )
    return {row[0]: (row[1], row[2]) for row in db.exec(statement)}


def _settled_pairs(db: DbSession, session_ids: Sequence[str]) -> Mapping[tuple[str, str], bool]:
    """Session and enrolment of whatever an organizer has said something about, and whether the
    enrolment has a place."""
    statement = (
        select(Evidence.session_id, Evidence.enrolment_id, Enrolment.status)
        .join(Enrolment, col(Enrolment.id) == col(Evidence.enrolment_id))
        .where(col(Evidence.session_id).in_(session_ids), col(Evidence.kind).in_(_SETTLING))
        .distinct()
    )
    confirmed = EnrolmentStatus.CONFIRMED
    return {(row[0], row[1]): row[2] == confirmed for row in db.exec(statement)}
