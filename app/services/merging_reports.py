"""Rows of providers' reports, when two enrolments turn out to be one person's."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.matching import Match
from app.domain.report_states import ReportStatus, RowState
from app.models import Enrolment, Part, ReportImport, ReportRow, Session


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
    _rename_in(db, [goes.cycle_id], {goes.id: stays.id})
    db.flush()


def rename_people(db: DbSession, keep_id: str, duplicate_id: str) -> None:
    """In rows that could mean several, names the one who stays in the place of somebody who is not
    enrolled: by what the two, who are one person now, are enrolled as. Their parts and enrolments
    must be the kept one's by now. Two queries for each cycle that they are in, at most."""
    query = select(Enrolment.cycle_id, Enrolment.id).where(Enrolment.person_id == keep_id)
    enrolled = dict(db.exec(query).all())
    kept, gone = f"person:{keep_id}", f"person:{duplicate_id}"
    for cycle_id, whose in sorted(enrolled.items()):
        _rename_in(db, [cycle_id], {kept: whose, gone: whose})
    part = select(Session.cycle_id).join(Part, col(Part.session_id) == col(Session.id))
    beside = set(db.exec(part.where(Part.person_id == keep_id).distinct())) - {*enrolled}
    if beside:
        _rename_in(db, beside, {gone: kept})
    db.flush()


def _rename_in(db: DbSession, cycle_ids: Collection[str], became: Mapping[str, str]) -> None:
    of_cycles = (
        select(ReportImport.id)
        .join(Session, col(Session.id) == col(ReportImport.session_id))
        .where(col(Session.cycle_id).in_(cycle_ids))
    )
    open_ones = (RowState.AMBIGUOUS, RowState.SUGGESTED)
    query = select(ReportRow.id, ReportRow.details).where(
        col(ReportRow.import_id).in_(of_cycles), col(ReportRow.state).in_(open_ones)
    )
    named = [
        row_id
        for row_id, of in db.exec(query)
        if not became.keys().isdisjoint(of.get("candidates", ()))
    ]
    if not named:
        return
    # Somebody may be deciding about them: what they say stays.
    held = select(ReportRow).where(
        col(ReportRow.id).in_(named), col(ReportRow.state).in_(open_ones)
    )
    held = held.order_by(col(ReportRow.id)).with_for_update()
    for row in db.exec(held.execution_options(populate_existing=True)):
        _rename(row, became)


def _rename(row: ReportRow, became: Mapping[str, str]) -> None:
    details: dict[str, Any] = dict(row.details)
    scores = details.get("scores") or [100] * len(details["candidates"])
    best: dict[str, int] = {}
    for each, score in zip(details["candidates"], scores, strict=True):
        whose = became.get(each, each)
        best[whose] = max(score, best.get(whose, 0))
    details["candidates"] = list(best)
    if row.state == RowState.SUGGESTED or len(best) == 1:
        row.state, details["scores"] = RowState.SUGGESTED, list(best.values())
    row.details = details
