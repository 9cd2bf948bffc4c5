"""Closing a session's attendance: from then on who was not seen was not there.

Until an organizer has said so nobody is absent. Opening it again is possible, with the reason, and
both are kept.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case
from sqlmodel import col, func, or_, select

from app.db import DbSession
from app.domain.attendance import Basis, Status
from app.domain.errors import N_, Clash
from app.domain.report_states import ReportStatus, RowState
from app.domain.schedule import SessionStatus
from app.models import Cycle, ReportImport, ReportRow, Session, SessionClosing
from app.schemas.completion import CloseIn, ReopenIn
from app.services import attendance
from app.services.actor import Actor
from app.services.attendance import AttendanceRow
from app.services.measures import measure_of
from app.services.rows import find, hold
from app.services.told import refuse_what_takes_no_place

_REPORTED = (Basis.INTERVALS, Basis.TOTALS)
_MINUTE = 60  # seconds


@dataclass(frozen=True, slots=True)
class StillOpen:
    """What is not settled at a session, the most pressing first: reports that were read and not
    applied; rows of applied reports that are nobody's so far; participants of whom nothing is
    known; those whom reports show at no moment of the session (`outside`, first of them who checked
    in nonetheless); those of whom one report shows stays, which count, and another one tells of
    more minutes than these are (`contradicted`); and, where a report was applied, those who checked
    in and stand in none (`unverified`). Everybody is in one of these groups only, by name.
    """

    reports: int
    rows: int
    nobody: list[AttendanceRow]
    outside: list[AttendanceRow]
    contradicted: list[AttendanceRow]
    unverified: list[AttendanceRow]

    @property
    def settled(self) -> bool:
        """Whether there is nothing of the kind."""
        people = self.nobody or self.outside or self.contradicted or self.unverified
        return not (self.reports or self.rows or people)


def still_open(db: DbSession, actor: Actor, session_id: str) -> StillOpen:
    """What to look at before a session is closed. Six queries.

    Raises NotFound.
    """
    found = list(attendance.attendance_and_untold(db, actor, session_id))
    rows = [row for row, _ in found]
    waiting, unmatched = reports_to_settle(db, session_id).get(session_id, (0, 0))
    reported = any(row.record.seconds is not None for row in rows)
    outside = [row for row in rows if row.record.basis in _REPORTED and not row.record.seconds]
    return StillOpen(
        reports=waiting,
        rows=unmatched,
        nobody=[row for row in rows if row.record.basis is Basis.NOTHING],
        outside=sorted(outside, key=lambda row: row.record.checked_in is None),
        contradicted=[row for row, untold in found if untold >= _MINUTE and row.record.seconds],
        unverified=[row for row in rows if reported and row.record.basis is Basis.CHECK_IN],
    )


def reports_to_settle(db: DbSession, *session_ids: str) -> dict[str, tuple[int, int]]:
    """Of each session that has any: how many reports were read and not applied, and how many rows
    of applied ones are nobody's, or could not be read though somebody stands in them. One query.
    """
    nobody_s = or_(
        and_(col(ReportRow.enrolment_id).is_(None), col(ReportRow.left_out).is_(False)),
        and_(col(ReportRow.state) == RowState.UNREADABLE, col(ReportRow.name) != ""),
    )
    waits = col(ReportImport.status) == ReportStatus.PREVIEW
    query = (
        select(
            ReportImport.session_id,
            func.count(func.distinct(case((waits, col(ReportImport.id))))),
            func.count(case((~waits, col(ReportRow.id)))),
        )
        .outerjoin(ReportRow, and_(col(ReportRow.import_id) == col(ReportImport.id), nobody_s))
        .where(
            col(ReportImport.session_id).in_(session_ids),
            col(ReportImport.status).in_((ReportStatus.PREVIEW, ReportStatus.APPLIED)),
        )
        .group_by(col(ReportImport.session_id))
    )
    return {row[0]: (row[1], row[2]) for row in db.exec(query).all()}


def close_session(
    db: DbSession, actor: Actor, session_id: str, command: CloseIn, now: datetime
) -> SessionClosing:
    """Says that nothing more is to come: whoever was not seen was absent. Twice is once.

    The cycle is held as well before the release is looked at: one that is being made meanwhile
    would move the session's end, and would not see that it is closed.

    Raises:
        NotFound: no such session.
        Clash: ``session_not_over`` (parameter ``ends``, an aware UTC instant);
            ``session_cancelled``; ``session_not_published``.
    """
    session = hold(db, Session, session_id)
    hold(db, Cycle, session.cycle_id)
    told = measure_of(db, session).told
    if told.status == SessionStatus.CANCELLED:
        raise Clash(N_("This session was cancelled."), code="session_cancelled")
    refuse_what_takes_no_place(told)
    if now < told.ends:
        raise Clash(
            N_("This session is not over yet. Close it when it has ended."),
            code="session_not_over",
            ends=told.ends,
        )
    if told.closed:
        return _last(db, session)
    session.closed_at = now
    return keep(db, actor, session, closed=True, reason=command.note, now=now)


def reopen_session(
    db: DbSession, actor: Actor, session_id: str, command: ReopenIn, now: datetime
) -> SessionClosing:
    """Opens a closed session again: who was not seen is unknown again.

    Raises:
        NotFound: no such session.
        Clash: ``not_closed``.
    """
    session = hold(db, Session, session_id)
    if session.closed_at is None:
        raise Clash(N_("This session is not closed."), code="not_closed")
    session.closed_at = None
    return keep(db, actor, session, closed=False, reason=command.reason, now=now)


def closings(db: DbSession, actor: Actor, session_id: str) -> list[SessionClosing]:
    """When the session was closed and opened again, the last first.

    Two queries. Raises NotFound.
    """
    find(db, Session, session_id)
    query = select(SessionClosing).where(col(SessionClosing.session_id) == session_id)
    order = col(SessionClosing.at).desc(), col(SessionClosing.id).desc()
    return list(db.exec(query.order_by(*order)).all())


def _last(db: DbSession, session: Session) -> SessionClosing:
    query = select(SessionClosing).where(
        col(SessionClosing.session_id) == session.id, col(SessionClosing.closed).is_(True)
    )
    return db.exec(query.order_by(col(SessionClosing.at).desc()).limit(1)).one()


def keep(
    db: DbSession, actor: Actor, session: Session, *, closed: bool, reason: str, now: datetime
) -> SessionClosing:
    """Keeps that a session, which is held, was closed or opened again, with the numbers of now."""
    db.flush()
    rows = attendance.attendance(db, actor, session.id)
    counts = Counter(row.record.status for row in rows)
    row = SessionClosing(
        session_id=session.id,
        closed=closed,
        at=now,
        recorded_by=actor.name,
        reason=reason,
        counts={status.value: counts[status] for status in Status if counts[status]},
    )
    db.add(row)
    db.flush()
    return row
