"""Rows of providers' reports, when two enrolments turn out to be one person's."""

from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.matching import Match
from app.domain.report_states import ReportStatus, RowState
from app.models import Enrolment, ReportImport, ReportRow, Session


def move_rows(db: DbSession, stays: Enrolment, goes: Enrolment) -> None:
    """Gives one enrolment the rows of the other one, also those that may be meant by it. A row that
    could mean these two only is left to be accepted: it means nobody else."""
    mine = col(ReportRow.enrolment_id) == goes.id
    previews = select(ReportImport.id).where(ReportImport.status == ReportStatus.PREVIEW)
    connection = db.connection()
    # What a file calls the one who goes is nobody's name any more: whose the row is was said now.
    connection.execute(
        update(ReportRow)
        .where(mine, col(ReportRow.import_id).in_(previews))
        .values(enrolment_id=stays.id, matched_by=Match.HAND.value)
    )
    connection.execute(update(ReportRow).where(mine).values(enrolment_id=stays.id))
    of_cycle = (
        select(ReportImport.id)
        .join(Session, col(Session.id) == col(ReportImport.session_id))
        .where(Session.cycle_id == goes.cycle_id)
    )
    open_ones = (RowState.AMBIGUOUS, RowState.SUGGESTED)
    query = select(ReportRow.id, ReportRow.details).where(
        col(ReportRow.import_id).in_(of_cycle), col(ReportRow.state).in_(open_ones)
    )
    named = [row_id for row_id, of in db.exec(query) if goes.id in of.get("candidates", ())]
    # Somebody may be deciding about them: what they say stays.
    held = select(ReportRow).where(
        col(ReportRow.id).in_(named), col(ReportRow.state).in_(open_ones)
    )
    held = held.order_by(col(ReportRow.id)).with_for_update()
    for row in db.exec(held.execution_options(populate_existing=True)):
        _rename(row, stays.id, goes.id)
    db.flush()


def _rename(row: ReportRow, stays: str, goes: str) -> None:
    details: dict[str, Any] = dict(row.details)
    scores = details.get("scores") or [100] * len(details["candidates"])
    best: dict[str, int] = {}
    for each, score in zip(details["candidates"], scores, strict=True):
        whose = stays if each == goes else each
        best[whose] = max(score, best.get(whose, 0))
    details["candidates"] = list(best)
    if row.state == RowState.SUGGESTED or len(best) == 1:
        row.state, details["scores"] = RowState.SUGGESTED, list(best.values())
    row.details = details
