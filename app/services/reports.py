"""Providers' reports for a session: kept as a preview, answered, decided on, applied, undone.

Each of these holds the session first, and then looks at the report anew: whatever two do at once
they do one after the other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import N_, Clash, NotFound, Stale
from app.domain.ids import new_id
from app.domain.matching import Match
from app.domain.report_states import MAY_BE_SOMEBODY, ReportStatus, RowState
from app.models import ReportImport, ReportRow, Session
from app.models import now as present
from app.schemas.report import UndoIn
from app.schemas.types import line_of
from app.services import report_evidence
from app.services.actor import Actor
from app.services.report_freshness import outdated
from app.services.report_people import hold_matched
from app.services.report_reading import Reading
from app.services.rows import find, hold, may_be_id
from app.services.told import Told, refuse_what_takes_no_place, told_of

DECIDABLE = (*MAY_BE_SOMEBODY, RowState.UNREADABLE)
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
    row = held_report(db, session_id, import_id)
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
    kept = select(ReportRow.number, ReportRow.who, ReportRow.id).where(mine)
    known = {(number, who): row_id for number, who, row_id in db.exec(kept)}
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
        # Whoever is looking at a row finds it again.
        values["id"] = known.pop((values["number"], values["who"]), None) or new_id()
        if values["who"] in decided and values["state"] in DECIDABLE:
            said = decided[values["who"]][1]
            if said is None or values["state"] != RowState.UNREADABLE:
                values |= as_decided(said)
    db.connection().execute(delete(ReportRow).where(mine))
    row.provider, row.layout, row.reading = reading.provider, reading.layout, reading.document
    db.flush()
    _add_rows(db, row.id, reading.rows)


def discard_report(db: DbSession, actor: Actor, session_id: str, import_id: str) -> None:
    """Throws a preview away.

    Raises NotFound, Clash ``not_in_preview``.
    """
    row = held_report(db, session_id, import_id)
    needs_preview(row)
    db.connection().execute(delete(ReportImport).where(col(ReportImport.id) == row.id))


def apply_report(
    db: DbSession,
    actor: Actor,
    session_id: str,
    import_id: str,
    now: datetime,
    seen: str | None = None,
) -> ReportImport:
    """Makes evidence of every row that is matched. Twice is once. `seen`: the mark of the preview
    that was looked at (`report_freshness.mark_of`), where one was.

    Raises:
        NotFound. Clash: ``questions_open``, ``report_undone``; ``session_not_published``,
            ``session_cancelled``, ``session_not_begun`` (parameter ``starts``, aware UTC);
            ``report_outdated``, where it would not be what the preview says: it is to be read
            anew, and looked at again.
    """
    row = held_report(db, session_id, import_id)
    if row.status == ReportStatus.APPLIED:
        return row
    if row.status == ReportStatus.UNDONE:
        raise Clash(N_("This report was undone. Upload it again to use it."), code="report_undone")
    if row.reading.get("questions"):
        raise Clash(N_("Answer first what the report leaves open."), code="questions_open")
    if (error := outdated(db, row, begun(db, session_id, now), seen)) is not None:
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
    row = held_report(db, session_id, import_id)
    if row.status == ReportStatus.UNDONE:
        return row
    if row.status != ReportStatus.APPLIED:
        raise Clash(N_("This report was not applied."), code="not_applied")
    row.status, row.undone_at, row.undone_by = ReportStatus.UNDONE, now, actor.name
    row.reason = command.reason
    db.flush()
    report_evidence.retract(db, actor, row, None, command.reason, now)
    return row


def begun(db: DbSession, session_id: str, now: datetime) -> Told:
    """What was published of a session, at which somebody can have been. Raises Clash."""
    session = told_of(db, db.get_one(Session, session_id))
    refuse_what_takes_no_place(session)
    if now < session.starts:
        raise Clash(
            N_("This session has not begun yet. Its reports count when it is over."),
            code="session_not_begun",
            starts=session.starts,
        )
    return session


def held_report(db: DbSession, session_id: str, import_id: str) -> ReportImport:
    """A report of a session, which is held with it. Raises NotFound."""
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
    values = [{"id": new_id(), **row, "created_at": at, "import_id": import_id} for row in rows]
    if values:
        db.connection().execute(insert(ReportRow), values)


def as_decided(enrolment_id: str | None) -> dict[str, Any]:
    """What a row says of itself that somebody has decided: whose it is, or nobody's."""
    if enrolment_id is None:
        return {"state": RowState.NOBODY, "enrolment_id": None, "matched_by": "", "left_out": True}
    return {
        "state": RowState.MATCHED,
        "enrolment_id": enrolment_id,
        "matched_by": Match.HAND.value,
        "left_out": False,
    }
