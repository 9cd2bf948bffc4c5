"""Rows of providers' reports, when two enrolments turn out to be one person's."""

from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession
from app.models import Enrolment, ReportImport, ReportRow, Session


def move_rows(db: DbSession, stays: Enrolment, goes: Enrolment) -> None:
    """Gives one enrolment the rows of the other one, also those that may be meant by it. A row that
    could mean these two only is left to be accepted: it means nobody else."""
    mine = col(ReportRow.enrolment_id) == goes.id
    db.connection().execute(update(ReportRow).where(mine).values(enrolment_id=stays.id))
    of_cycle = (
        select(ReportImport.id)
        .join(Session, col(Session.id) == col(ReportImport.session_id))
        .where(Session.cycle_id == goes.cycle_id)
    )
    query = select(ReportRow).where(
        col(ReportRow.import_id).in_(of_cycle), col(ReportRow.state).in_(("ambiguous", "suggested"))
    )
    for row in db.exec(query):
        if goes.id in row.details.get("candidates", ()):
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
    if row.state == "suggested" or len(best) == 1:
        row.state, details["scores"] = "suggested", list(best.values())
    row.details = details
