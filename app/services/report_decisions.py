"""Whose the rows of a provider's report are, as an organizer says."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import N_, Clash, Invalid
from app.domain.report_states import ReportStatus, RowState
from app.languages import translations
from app.models import ReportImport, ReportRow, Session
from app.schemas.report import DecisionIn
from app.services import report_evidence
from app.services.actor import Actor
from app.services.report_aliases import remember as keep_in_mind
from app.services.report_freshness import still_suggested
from app.services.report_people import hold_people
from app.services.reports import DECIDABLE, as_decided, begun, held_report
from app.services.rows import may_be_id


def decide(
    db: DbSession,
    actor: Actor,
    session_id: str,
    import_id: str,
    decisions: Sequence[DecisionIn],
    now: datetime,
) -> ReportImport:
    """Says whose rows are: each decision counts for all rows of the same name and address in this
    report, of several the last one, and is remembered for the next report if it says so. Once the
    report is applied, what was credited to another one is retracted and this one is credited.

    Raises:
        NotFound. Clash: ``report_undone``; once it is applied, as for `apply_report`.
        Invalid: at ``decisions.N.row_id``, ``decisions.N.enrolment_id``.
    """
    row = held_report(db, session_id, import_id)
    if row.status == ReportStatus.UNDONE:
        raise Clash(N_("This report was undone. Upload it again to use it."), code="report_undone")
    if row.status == ReportStatus.APPLIED and any(each.enrolment_id for each in decisions):
        begun(db, session_id, now)
    rows = {each.row_id for each in decisions if may_be_id(each.row_id)}
    people = hold_people(
        db, row, {each.enrolment_id for each in decisions if each.enrolment_id}, rows
    )
    named = _rows_named(db, row, rows)
    last: dict[str, tuple[ReportRow, DecisionIn]] = {}  # of two on one name
    for place, decision in enumerate(decisions):
        if decision.enrolment_id and decision.enrolment_id not in people:
            raise Invalid.one(
                f"decisions.{place}.enrolment_id",
                N_("This participant is not in the session's cycle."),
                code="unknown_enrolment",
            )
        if decision.row_id not in named:
            raise Invalid.one(
                f"decisions.{place}.row_id",
                N_("There is no such row in this report, or it does not count."),
                code="unknown_row",
            )
        row_said = named[decision.row_id]
        if decision.enrolment_id and row_said.details.get("unreadable"):
            raise Invalid.one(
                f"decisions.{place}.enrolment_id",
                N_("This row could not be read. It can only be left out."),
                code="unreadable_row",
            )
        last[row_said.who] = row_said, decision
    _settle(db, actor, row, {who: each.enrolment_id for who, (_, each) in last.items()}, now)
    keep_in_mind(db, actor, db.get_one(Session, session_id).cycle_id, last.values(), people)
    for each in named.values():
        db.expire(each)
    return row


def accept_suggestions(
    db: DbSession, actor: Actor, session_id: str, import_id: str, remember: bool, now: datetime
) -> int:
    """Takes the best suggestion of each name that has one, and says of how many. Where two are
    equally good it is left to a person; so is a name that somebody has by now.

    Raises NotFound, Clash ``report_undone``.
    """
    row = held_report(db, session_id, import_id)
    query = select(ReportRow).where(
        ReportRow.import_id == row.id, ReportRow.state == RowState.SUGGESTED
    )
    query = query.order_by(col(ReportRow.id)).execution_options(populate_existing=True)
    chosen: dict[str, DecisionIn] = {}
    asked: set[str] = set()
    there: dict[str, str] = {}
    # Whoever merges two people meanwhile gives these rows the name of the one who stays.
    while True:
        found = db.exec(query).all()
        best = {each for one in found for each in one.details["candidates"][:1]}
        if best <= asked:
            break
        asked, there = best, hold_people(db, row, best, {one.id for one in found})
    held = still_suggested(db, db.get_one(Session, session_id).cycle_id, found)
    for one in found:
        scores, ids = one.details["scores"], one.details["candidates"]
        if one.id in held and ids[0] in there and (len(scores) < 2 or scores[0] > scores[1]):
            chosen.setdefault(
                one.who, DecisionIn(row_id=one.id, enrolment_id=ids[0], remember=remember)
            )
    if chosen:
        decide(db, actor, session_id, import_id, list(chosen.values()), now)
    return len(chosen)


def _rows_named(db: DbSession, row: ReportImport, ids: Iterable[str]) -> dict[str, ReportRow]:
    query = select(ReportRow).where(
        ReportRow.import_id == row.id,
        col(ReportRow.id).in_(ids),
        col(ReportRow.state).in_(DECIDABLE),
    )
    return {each.id: each for each in db.exec(query.execution_options(populate_existing=True))}


def _settle(
    db: DbSession,
    actor: Actor,
    report: ReportImport,
    touched: Mapping[str, str | None],
    now: datetime,
) -> None:
    """Writes decisions, by `who`, to all their rows. A handful of queries, however many. Whom they
    name must be held."""
    mine = col(ReportRow.import_id) == report.id
    counts = col(ReportRow.state).in_(DECIDABLE)
    rows = select(ReportRow.id, ReportRow.who, ReportRow.enrolment_id)
    rows = rows.where(mine, counts, col(ReportRow.who).in_(touched)).order_by(col(ReportRow.id))
    found = db.exec(rows).all()
    moved = [row_id for row_id, who, whose in found if whose != touched[who]]
    if report.status == ReportStatus.APPLIED and moved:
        speak = translations(actor.language or "en").gettext
        reason = speak(N_("The row was said to be somebody else's."))
        report_evidence.retract(db, actor, report, moved, reason, now)
    statement = update(ReportRow.__table__).where(  # type: ignore[attr-defined]
        col(ReportRow.id) == bindparam("row_id")
    )
    values = [{"row_id": row_id, **as_decided(touched[who])} for row_id, who, _ in found]
    if values:
        db.connection().execute(statement, values)
    if report.status == ReportStatus.APPLIED and moved:
        report_evidence.credit(db, actor, report, now, moved)
    db.flush()
