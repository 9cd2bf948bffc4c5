"""Evidence in the database: added once for each key, read as the domain's plain values."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.db import DbSession, insert_unless_there
from app.domain import attendance as domain
from app.domain import retractions
from app.models import Evidence, ReportImport

ByEnrolment = Mapping[str, list[domain.Evidence]]
"""Evidence on one session by the enrolment's id; an empty list where there is none."""

_COLUMNS = (
    col(Evidence.session_id),
    col(Evidence.enrolment_id),
    col(Evidence.id),
    col(Evidence.kind),
    col(Evidence.at),
    col(Evidence.source),
    col(Evidence.recorded_by),
    col(Evidence.status),
    col(Evidence.reason),
    col(Evidence.retracts_id),
    col(Evidence.joined_at),
    col(Evidence.left_at),
    col(Evidence.seconds),
    func.coalesce(col(Evidence.import_id), "").label("import_id"),
    col(Evidence.row_number),
    col(Evidence.shown_as),
    col(Evidence.matched_by),
)


def add_once(db: DbSession, evidence: Evidence) -> tuple[Evidence, bool]:
    """Adds evidence unless its key is there: the row that counts, and whether it is new.

    The database decides, without an error that would end the transaction: of two transactions
    with one key the second waits for the first and then finds its row. So a repeat never fails,
    and the first one's time stands.
    """
    db.flush()  # what it refers to may be as new
    values = evidence.model_dump()
    statement = insert_unless_there(db, Evidence, index_elements=["key"])
    db.connection().execute(statement.values(values))
    row = db.execute(select(Evidence).where(col(Evidence.key) == evidence.key)).scalar_one()
    return row, row.id == evidence.id


def retracted(db: DbSession, session_id: str, enrolment_ids: Iterable[str]) -> set[str]:
    """The ids of what does not count any more of these enrolments' evidence on a session. One
    query."""
    query = select(col(Evidence.at), col(Evidence.id), col(Evidence.retracts_id)).where(
        col(Evidence.enrolment_id).in_(list(enrolment_ids)),
        col(Evidence.session_id) == session_id,
        col(Evidence.kind) == domain.Kind.RETRACTION,
    )
    return retractions.retracted((at, own, target) for at, own, target in db.execute(query))


def check_ins_taken_back(db: DbSession, session_id: str) -> set[str]:
    """The ids of the check-ins to a session that do not count any more. One query, which leaves
    out what was retracted of reports: that may be thousands."""
    target = aliased(Evidence)
    query = (
        select(col(Evidence.at), col(Evidence.id), col(Evidence.retracts_id), col(target.kind))
        .join(target, col(target.id) == col(Evidence.retracts_id))
        .where(
            col(Evidence.session_id) == session_id,
            col(Evidence.kind) == domain.Kind.RETRACTION,
            col(target.kind).in_((domain.Kind.CHECK_IN, domain.Kind.RETRACTION)),
        )
    )
    found = db.execute(query).all()
    check_ins = {target for _, _, target, kind in found if kind == domain.Kind.CHECK_IN}
    return check_ins & retractions.retracted((at, own, target) for at, own, target, _ in found)


def of_session(
    db: DbSession, session_id: str, enrolment_ids: Iterable[str] | None = None
) -> ByEnrolment:
    """All evidence on a session, or that on some enrolments, in order of time. One query, and one
    more where reports gave totals."""
    query = select(*_COLUMNS).where(col(Evidence.session_id) == session_id)
    return _read(db, query, enrolment_ids)[session_id]


def of_sessions(
    db: DbSession, session_ids: Iterable[str], enrolment_ids: Iterable[str] | None = None
) -> Mapping[str, ByEnrolment]:
    """The same for several sessions, by the session's id. As many queries."""
    query = select(*_COLUMNS).where(col(Evidence.session_id).in_(list(session_ids)))
    return _read(db, query, enrolment_ids)


def _read(
    db: DbSession, query: Any, enrolment_ids: Iterable[str] | None
) -> Mapping[str, ByEnrolment]:
    if enrolment_ids is not None:
        query = query.where(col(Evidence.enrolment_id).in_(list(enrolment_ids)))
    # Columns, not rows of the ORM, and taken by their place: a cycle of 10,000 has a hundred
    # thousand of them.
    rows = db.execute(query.order_by(col(Evidence.at), col(Evidence.id))).all()
    contents = _contents(db, {row.import_id for row in rows if row.kind == domain.Kind.TOTAL})
    found: dict[str, defaultdict[str, list[domain.Evidence]]]
    found = defaultdict(lambda: defaultdict(list))
    for session_id, enrolment_id, *values in rows:
        found[session_id][enrolment_id].append(_value(contents, *values))
    return found


def _contents(db: DbSession, import_ids: Iterable[str]) -> Mapping[str, str]:
    """What totals of the same content have in common, by the report's id; itself, if that is not
    known. Asked for where it makes a difference, and once for each report: in a list of totals
    everybody has one."""
    ids = {*import_ids} - {""}
    if not ids:
        return {}
    content = col(ReportImport.reading)["basis"]["content"].as_string()
    query = select(col(ReportImport.id), content).where(col(ReportImport.id).in_(ids))
    return {row_id: row_id if of is None else of for row_id, of in db.execute(query)}


_KINDS = {each.value: each for each in domain.Kind}
_STATUSES = {each.value: each for each in domain.Status}


def _value(
    contents: Mapping[str, str],
    id: str,
    kind: str,
    at: datetime,
    source: str,
    recorded_by: str,
    status: str,
    reason: str,
    retracts_id: str | None,
    joined_at: datetime | None,
    left_at: datetime | None,
    seconds: int | None,
    import_id: str,
    row_number: int | None,
    shown_as: str,
    matched_by: str,
) -> domain.Evidence:
    """In the order of `_COLUMNS`."""
    said = _STATUSES[status] if status else None
    return domain.Evidence(
        id,
        _KINDS[kind],
        at,
        source,
        recorded_by,
        said,
        reason,
        retracts_id or "",
        joined_at,
        left_at,
        seconds,
        import_id,
        row_number,
        shown_as,
        matched_by,
        contents.get(import_id, import_id) if kind == domain.Kind.TOTAL else "",
    )


def retraction_key(evidence_id: str, before: int) -> str:
    """The key of the retraction of a piece of evidence that was retracted `before` times, all of
    them taken back: a retraction that does not count any more leaves its key to itself."""
    return f"retract:{evidence_id}" + (f":{before}" if before else "")
