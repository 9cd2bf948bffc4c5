"""Providers' reports for a session: kept as a preview, answered, decided on, applied, undone.

Each of these holds the session first, and then looks at the report anew: whatever two do at once
they do one after the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import N_, Clash, Invalid, NotFound, Stale
from app.domain.ids import new_id
from app.domain.matching import Match
from app.domain.report_states import MAY_BE_SOMEBODY, ReportStatus, RowState
from app.languages import translations
from app.models import ReportImport, ReportRow, Session
from app.models import now as present
from app.schemas.report import DecisionIn, UndoIn
from app.schemas.types import line_of
from app.services import report_evidence
from app.services.actor import Actor
from app.services.report_aliases import remember as keep_in_mind
from app.services.report_freshness import outdated
from app.services.report_people import hold_matched, hold_people
from app.services.report_reading import Reading
from app.services.rows import find, hold, may_be_id
from app.services.told import refuse_what_takes_no_place, told_of

_DECIDABLE = (*MAY_BE_SOMEBODY, RowState.UNREADABLE)
"""An unreadable one can be said to be nobody's, so that it is settled."""


@dataclass(frozen=True, slots=True)
class Added:
    """A report that was read. `already`: the same file waited at this session."""

    row: ReportImport
    already: bool = False


def get_report(db: DbSession, actor: Actor, session_id: str, import_id: str) -> ReportImport:
    """A report of a session. Raises NotFound."""
    row = find(db, ReportImport, import_id)
    if row.session_id != session_id:
        raise NotFound
    return row


def add_report(
    db: DbSession,
    actor: Actor,
    session_id: str,
    digest: str,
    filename: str,
    reading: Reading,
    before: Mapping[str, Any] | None = None,
) -> Added:
    """Keeps a report as a preview. The same file (by its digest, in hex) that waits at this session
    already is that one, read anew unless somebody has answered meanwhile: unless its answers are
    not those `before` any more (None: those that this was read with).

    Raises:
        NotFound: no such session.
        Clash: ``already_applied`` (parameters ``name``, ``at``, ``report_id``).
        Busy: somebody it was matched to has become another meanwhile. Nothing is written.
    """
    hold(db, Session, session_id)
    same = select(ReportImport).where(
        ReportImport.session_id == session_id,
        ReportImport.digest == digest,
        col(ReportImport.status).in_((ReportStatus.PREVIEW, ReportStatus.APPLIED)),
    )
    for row in db.exec(same.order_by(col(ReportImport.id))):
        if row.status == ReportStatus.PREVIEW:
            if row.reading.get("answers", {}) == (reading.answers if before is None else before):
                _replace(db, row, reading)
            return Added(row, already=True)
        raise Clash(
            N_("This very file was applied already, by %(name)s. Undo that first."),
            code="already_applied",
            name=row.applied_by,
            at=row.applied_at,
            report_id=row.id,
        )
    hold_matched(db, (each["enrolment_id"] for each in reading.rows))
    row = ReportImport(
        session_id=session_id,
        recorded_by=actor.name,
        filename=line_of(filename, 200) or "report",
        digest=digest,
        provider=reading.provider,
        layout=reading.layout,
        reading=reading.document,
    )
    db.add(row)
    db.flush()
    _add_rows(db, row.id, reading.rows)
    return Added(row)


def waiting(db: DbSession, session_id: str, digest: str) -> ReportImport | None:
    """The preview of this very file (by its digest, in hex) at a session, if there is one."""
    query = select(ReportImport).where(
        ReportImport.session_id == session_id,
        ReportImport.digest == digest,
        ReportImport.status == ReportStatus.PREVIEW,
    )
    return db.exec(query.order_by(col(ReportImport.id))).first()


def answer_report(
    db: DbSession,
    actor: Actor,
    session_id: str,
    import_id: str,
    before: Mapping[str, Any],
    reading: Reading,
) -> ReportImport:
    """Puts what was read anew, with more answers or by what is known by now, in the place of what
    was read with the answers `before`. What was decided of a name stays decided.

    Raises:
        NotFound. Clash: ``not_in_preview``. Stale: somebody else answered meanwhile.
        Busy: somebody it was matched to has become another meanwhile.
    """
    row = _held(db, session_id, import_id)
    needs_preview(row)
    if row.reading.get("answers", {}) != before:
        raise Stale
    _replace(db, row, reading)
    return row


def _replace(db: DbSession, row: ReportImport, reading: Reading) -> None:
    mine = col(ReportRow.import_id) == row.id
    whose = select(ReportRow.enrolment_id).where(mine, col(ReportRow.enrolment_id).is_not(None))
    so_far = db.exec(whose.distinct()).all()
    hold_matched(db, (each["enrolment_id"] for each in reading.rows), so_far)
    # Whoever merges people holds these, one by one, in this order.
    open_ones = select(ReportRow.id).where(mine, col(ReportRow.state).in_(MAY_BE_SOMEBODY))
    db.exec(open_ones.order_by(col(ReportRow.id)).with_for_update()).all()
    decided = {
        who: (state, enrolment_id)
        for who, state, enrolment_id, by in db.exec(
            select(ReportRow.who, ReportRow.state, ReportRow.enrolment_id, ReportRow.matched_by)
            .where(mine)
            .distinct()
        )
        if state == RowState.NOBODY or by == Match.HAND
    }
    for values in reading.rows:
        if values["who"] in decided and values["state"] in _DECIDABLE:
            said = decided[values["who"]][1]
            if said is None or values["state"] != RowState.UNREADABLE:
                values |= _decision(said)
    db.connection().execute(delete(ReportRow).where(mine))
    row.provider, row.layout, row.reading = reading.provider, reading.layout, reading.document
    db.flush()
    _add_rows(db, row.id, reading.rows)


def discard_report(db: DbSession, actor: Actor, session_id: str, import_id: str) -> None:
    """Throws a preview away.

    Raises NotFound, Clash ``not_in_preview``.
    """
    row = _held(db, session_id, import_id)
    needs_preview(row)
    db.connection().execute(delete(ReportImport).where(col(ReportImport.id) == row.id))


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
        NotFound. Clash: ``report_undone``.
        Invalid: at ``decisions.N.row_id``, ``decisions.N.enrolment_id``.
    """
    row = _held(db, session_id, import_id)
    if row.status == ReportStatus.UNDONE:
        raise Clash(N_("This report was undone. Upload it again to use it."), code="report_undone")
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
    keep_in_mind(db, actor, last.values(), people)
    for each in named.values():
        db.expire(each)
    return row


def accept_suggestions(
    db: DbSession, actor: Actor, session_id: str, import_id: str, remember: bool, now: datetime
) -> int:
    """Takes the best suggestion of each name that has one, and says of how many. Where two are
    equally good it is left to a person.

    Raises NotFound, Clash ``report_undone``.
    """
    row = _held(db, session_id, import_id)
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
    for one in found:
        scores, ids = one.details["scores"], one.details["candidates"]
        if ids[0] in there and (len(scores) < 2 or scores[0] > scores[1]):
            chosen.setdefault(
                one.who, DecisionIn(row_id=one.id, enrolment_id=ids[0], remember=remember)
            )
    if chosen:
        decide(db, actor, session_id, import_id, list(chosen.values()), now)
    return len(chosen)


def apply_report(
    db: DbSession, actor: Actor, session_id: str, import_id: str, now: datetime
) -> ReportImport:
    """Makes evidence of every row that is matched. Twice is once.

    Raises:
        NotFound. Clash: ``questions_open``, ``report_undone``; ``session_not_published``,
            ``session_cancelled``, ``session_not_begun`` (parameter ``starts``, aware UTC);
            ``report_outdated``, where it would not be what the preview says: it is to be read
            anew, and looked at again.
    """
    row = _held(db, session_id, import_id)
    if row.status == ReportStatus.APPLIED:
        return row
    if row.status == ReportStatus.UNDONE:
        raise Clash(N_("This report was undone. Upload it again to use it."), code="report_undone")
    if row.reading.get("questions"):
        raise Clash(N_("Answer first what the report leaves open."), code="questions_open")
    session = told_of(db, db.get_one(Session, session_id))
    refuse_what_takes_no_place(session)
    if now < session.starts:
        raise Clash(
            N_("This session has not begun yet. Apply its report when it is over."),
            code="session_not_begun",
            starts=session.starts,
        )
    if (error := outdated(db, row, session)) is not None:
        raise error
    row.status, row.applied_at, row.applied_by = ReportStatus.APPLIED, now, actor.name
    db.flush()
    report_evidence.credit(db, actor, row, now)
    return row


def undo_report(
    db: DbSession, actor: Actor, session_id: str, import_id: str, command: UndoIn, now: datetime
) -> ReportImport:
    """Retracts all that a report brought, with the reason. It stays in view, and the same file can
    be uploaded again. Twice is once.

    Raises:
        NotFound. Clash: ``not_applied``.
    """
    row = _held(db, session_id, import_id)
    if row.status == ReportStatus.UNDONE:
        return row
    if row.status != ReportStatus.APPLIED:
        raise Clash(N_("This report was not applied."), code="not_applied")
    row.status, row.undone_at, row.undone_by = ReportStatus.UNDONE, now, actor.name
    row.reason = command.reason
    db.flush()
    report_evidence.retract(db, actor, row, None, command.reason, now)
    return row


def _held(db: DbSession, session_id: str, import_id: str) -> ReportImport:
    hold(db, Session, session_id)
    if not may_be_id(import_id):
        raise NotFound
    query = (
        select(ReportImport)
        .where(ReportImport.id == import_id, ReportImport.session_id == session_id)
        .execution_options(populate_existing=True)
    )
    row = db.exec(query).one_or_none()
    if row is None:
        raise NotFound
    return row


def needs_preview(row: ReportImport) -> None:
    """Raises Clash ``not_in_preview`` for a report that was applied, or undone."""
    if row.status != ReportStatus.PREVIEW:
        raise Clash(N_("This report was applied already. Undo it instead."), code="not_in_preview")


def _add_rows(db: DbSession, import_id: str, rows: Iterable[Mapping[str, Any]]) -> None:
    at = present()
    values = [{**row, "id": new_id(), "created_at": at, "import_id": import_id} for row in rows]
    if values:
        db.connection().execute(insert(ReportRow), values)


def _decision(enrolment_id: str | None) -> dict[str, Any]:
    if enrolment_id is None:
        return {"state": RowState.NOBODY, "enrolment_id": None, "matched_by": "", "left_out": True}
    return {
        "state": RowState.MATCHED,
        "enrolment_id": enrolment_id,
        "matched_by": Match.HAND.value,
        "left_out": False,
    }


def _rows_named(db: DbSession, row: ReportImport, ids: Iterable[str]) -> dict[str, ReportRow]:
    query = select(ReportRow).where(
        ReportRow.import_id == row.id,
        col(ReportRow.id).in_(ids),
        col(ReportRow.state).in_(_DECIDABLE),
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
    counts = col(ReportRow.state).in_(_DECIDABLE)
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
    values = [{"row_id": row_id, **_decision(touched[who])} for row_id, who, _ in found]
    if values:
        db.connection().execute(statement, values)
    if report.status == ReportStatus.APPLIED and moved:
        report_evidence.credit(db, actor, report, now, moved)
    db.flush()
