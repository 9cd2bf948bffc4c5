"""Who attended: the records of a session and of a cycle. Marking is in `marks`.

Records are computed from the evidence every time; nothing of them is stored.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_
from sqlmodel import col, select

from app.db import DbSession
from app.domain.attendance import (
    ATTENDED,
    Basis,
    Record,
    Status,
    counts_at,
    seconds_untold,
)
from app.domain.attendance_dates import of_this_date
from app.domain.enrolment import EnrolmentStatus
from app.models import Cycle, Enrolment, Evidence, Session
from app.services import evidence as stored
from app.services.actor import Actor
from app.services.enrolment_lists import named
from app.services.marks import AttendanceRow, Case, case, mark, retract
from app.services.measures import measure_of, measures, takes_place
from app.services.paging import Numbers, numbered, paginate
from app.services.places import loads
from app.services.rows import find, found_by
from app.services.told import Told

__all__ = [
    "ATTENDED",
    "AttendancePage",
    "AttendanceRow",
    "Case",
    "Overview",
    "attendance",
    "attendance_after",
    "attendance_and_untold",
    "attendance_page",
    "case",
    "mark",
    "overview",
    "retract",
]


CONFIRMED = EnrolmentStatus.CONFIRMED


@dataclass(frozen=True, slots=True)
class AttendancePage:
    """A numbered page of a session's attendance. `counts` is of the whole session, `numbers` of
    what the search and the filter leave."""

    rows: list[AttendanceRow]
    counts: Mapping[Status, int]
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Overview:
    """Participants against sessions. `records` has one record for each of `sessions`, in their
    order, for each of `enrolments`; None at those where somebody who is gone does not count.
    `attended` counts who attended each session, in the whole cycle, of those who count there
    (`people`), and `attended_of` the sessions that each of `enrolments` attended."""

    sessions: list[Told]
    enrolments: list[Enrolment]
    records: list[list[Record | None]]
    attended: list[int]
    people: list[int]
    attended_of: list[int]
    participants: int
    numbers: Numbers


def attendance(db: DbSession, actor: Actor, session_id: str) -> list[AttendanceRow]:
    """Everybody's attendance at a session, by name: all who are confirmed, and whoever else was
    seen there (it is never thrown away because somebody withdrew). Five queries.

    Raises:
        NotFound: no such session.
    """
    return [row for row, _ in attendance_and_untold(db, actor, session_id)]


def attendance_and_untold(
    db: DbSession, actor: Actor, session_id: str
) -> Iterator[tuple[AttendanceRow, int]]:
    """The same, each with how many seconds totals tell of that intervals, which count before them,
    do not show (see `domain.attendance.seconds_untold`)."""
    session = find(db, Session, session_id)
    evidence = stored.of_session(db, session.id)
    query = (
        select(Enrolment)
        .where(*_concerned(session.cycle_id, [session.id]))
        .options(*loads())
        .order_by(col(Enrolment.search_key), col(Enrolment.id))
    )
    measure = measure_of(db, session)
    for row in db.exec(query).all():
        known = of_this_date(evidence.get(row.id, []), measure.since)
        record = measure.record(known)
        by_times = record.basis is Basis.INTERVALS
        if not counts_at(record, enrolled=row.status == CONFIRMED):
            continue
        yield AttendanceRow(row, record), seconds_untold(known, measure.time) if by_times else 0


def attendance_after(
    db: DbSession, actor: Actor, session_id: str, after: str | None = None, limit: int = 50
) -> tuple[list[AttendanceRow], str | None]:
    """A stretch of `attendance`, and the cursor after it: at most `limit`, and fewer where somebody
    who is gone turns out not to count. Six queries.

    Raises:
        NotFound: no such session. Invalid: at ``after``.
    """
    session = find(db, Session, session_id)
    statement = select(Enrolment).where(*_concerned(session.cycle_id, [session.id]))
    by_name = [col(Enrolment.search_key), col(Enrolment.id)]
    rows, cursor = paginate(db, statement.options(*loads()), by_name, after, limit)
    evidence = stored.of_session(db, session.id, [row.id for row in rows])
    measure = measure_of(db, session)
    found = (AttendanceRow(row, measure.record(evidence.get(row.id, []))) for row in rows)
    return _counted(found), cursor


def evidence_after(
    db: DbSession, actor: Actor, session_id: str, after: str | None = None, limit: int = 50
) -> tuple[list[Evidence], str | None]:
    """All evidence on a session in the order in which it was observed, and the cursor after it.
    Three queries.

    Raises:
        NotFound: no such session. Invalid: at ``after``.
    """
    find(db, Session, session_id)
    statement = select(Evidence).where(col(Evidence.session_id) == session_id)
    return paginate(db, statement, [Evidence.at, Evidence.id], after, limit)


def attendance_page(
    db: DbSession,
    actor: Actor,
    session_id: str,
    query: str = "",
    status: Status | None = None,
    number: int = 1,
    limit: int = 100,
) -> AttendancePage:
    """A page of `attendance`, with a search as in lists of enrolments and one status or all. Only
    the page's rows are loaded, so that ten thousand participants cost their ids. Seven queries.

    Raises:
        NotFound: no such session.
    """
    session = find(db, Session, session_id)
    evidence = stored.of_session(db, session.id)
    concerned = _concerned(session.cycle_id, [session.id])
    by_name = (col(Enrolment.search_key), col(Enrolment.id))
    everybody = db.exec(select(Enrolment.id, Enrolment.status).where(*concerned)).all()
    measure = measure_of(db, session)
    records = {
        row_id: record
        for row_id, standing in everybody
        if counts_at(
            record := measure.record(evidence.get(row_id, [])), enrolled=standing == CONFIRMED
        )
    }
    matching = found_by(query, Enrolment.search_key)
    ordered = select(Enrolment.id).where(*concerned, *matching).order_by(*by_name)
    found = [row_id for row_id in db.exec(ordered) if row_id in records]
    if status is not None:
        found = [row_id for row_id in found if records[row_id].status is status]
    numbers = numbered(len(found), number, limit)
    rows = named(db, numbers.of(found))
    return AttendancePage(
        rows=[AttendanceRow(row, records[row.id]) for row in rows],
        counts=Counter(record.status for record in records.values()),
        numbers=numbers,
    )


def overview(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    query: str = "",
    number: int = 1,
    limit: int = 50,
) -> Overview:
    """A page of the cycle's participants against the sessions that take place by what was
    published, with totals over everybody. Eight queries.

    Raises:
        NotFound: no such cycle.
    """
    find(db, Cycle, cycle_id)
    rows = db.exec(select(Session).where(col(Session.cycle_id) == cycle_id)).all()
    known = {
        key: each for key, each in measures(db, cycle_id, rows).items() if takes_place(each.told)
    }
    sessions = sorted((each.told for each in known.values()), key=lambda told: told.number)
    ids = [told.row.id for told in sessions]
    evidence = stored.of_sessions(db, ids)
    concerned = _concerned(cycle_id, ids)
    enrolled = {
        row_id: standing == CONFIRMED
        for row_id, standing in db.exec(
            select(Enrolment.id, Enrolment.status).where(*concerned)
        ).all()
    }
    seen = [
        {
            row_id
            for row_id, pieces in evidence.get(each, {}).items()
            if known[each].record(pieces).status in ATTENDED
        }
        for each in ids
    ]
    has_place = {row_id for row_id, confirmed in enrolled.items() if confirmed}
    counted = has_place.union(*seen)
    ordered = (
        select(Enrolment.id)
        .where(*concerned, *found_by(query, Enrolment.search_key))
        .order_by(col(Enrolment.search_key), col(Enrolment.id))
    )
    found = [row_id for row_id in db.exec(ordered) if row_id in counted]
    numbers = numbered(len(found), number, limit)
    enrolments = named(db, numbers.of(found))

    def record(session_id: str, enrolment_id: str) -> Record | None:
        here = known[session_id].record(evidence.get(session_id, {}).get(enrolment_id, []))
        return here if counts_at(here, enrolled=enrolled[enrolment_id]) else None

    records = [[record(each, enrolment.id) for each in ids] for enrolment in enrolments]
    return Overview(
        sessions=sessions,
        enrolments=enrolments,
        records=records,
        attended=[len(each) for each in seen],
        people=[len(has_place | each) for each in seen],
        attended_of=[sum(enrolment.id in each for each in seen) for enrolment in enrolments],
        participants=len(counted),
        numbers=numbers,
    )


def _counted(rows: Iterable[AttendanceRow]) -> list[AttendanceRow]:
    return [
        row for row in rows if counts_at(row.record, enrolled=row.enrolment.status == CONFIRMED)
    ]


def _concerned(cycle_id: str, session_ids: list[str]) -> list[ColumnElement[bool]]:
    """The enrolments that may stand in attendance: those confirmed, and those there is evidence of,
    of whom `counts_at` says whether it shows that they were there."""
    # Not a correlated EXISTS: for each enrolment SQLite would walk all evidence of the session.
    seen = select(Evidence.enrolment_id).where(col(Evidence.session_id).in_(session_ids))
    return [
        col(Enrolment.cycle_id) == cycle_id,
        or_(col(Enrolment.status) == EnrolmentStatus.CONFIRMED, col(Enrolment.id).in_(seen)),
    ]
