"""What a report amounts to as evidence: crediting its rows, and taking that back."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession, insert_unless_there
from app.domain import attendance as domain
from app.domain.attendance import Kind
from app.domain.errors import N_
from app.domain.ids import new_id
from app.domain.report_states import RowState
from app.domain.zones import wall_time
from app.languages import translations
from app.models import Enrolment, Evidence, ReportImport, ReportRow, Session
from app.services import evidence as stored
from app.services.actor import Actor

OPEN = N_("Open in the report; counted until %(time)s.")
_FEW = 500
"""So many ids are asked for by name; of more, all of the session are looked at."""


def credit(
    db: DbSession,
    actor: Actor,
    report: ReportImport,
    now: datetime,
    row_ids: Collection[str] | None = None,
) -> int:
    """Adds evidence for the matched rows of a report, or for those of them that are named. Says for
    how many. The session must be held. Five queries, however many rows.

    Each crediting of a row has a key of its own: a row that was another's in between is credited
    anew.
    """
    zone = db.exec(select(Session.zone).where(Session.id == report.session_id)).one()
    chosen = [
        col(ReportRow.import_id) == report.id,
        col(ReportRow.state) == RowState.MATCHED,
        col(ReportRow.left_at).is_not(None) | col(ReportRow.seconds).is_not(None),
    ]
    if row_ids is not None:
        chosen.append(col(ReportRow.id).in_(row_ids))
    connection = db.connection()
    whose = select(ReportRow.enrolment_id).where(*chosen)
    rows = select(*_COLUMNS).where(*chosen).order_by(col(ReportRow.id))
    # Whoever merges two people waits until this is done, and moves it then; or was first, and the
    # rows name the enrolment that stayed, which is to be held as well.
    while True:
        there = _hold(db, whose)
        found = connection.execute(rows).all()
        if {row.enrolment_id for row in found} - {None} <= there:
            break
    connection.execute(update(ReportRow).where(*chosen).values(credits=col(ReportRow.credits) + 1))
    speak = translations(actor.language or "en").gettext
    values: list[dict[str, Any]] = []
    for row in found:
        if row.enrolment_id is None:
            continue
        reason = ""
        if row.details.get("open") and row.left_at:
            reason = speak(OPEN) % {"time": f"{wall_time(row.left_at, zone):%H:%M}"}
        values.append(
            {
                "id": new_id(),
                "created_at": now,
                "enrolment_id": row.enrolment_id,
                "session_id": report.session_id,
                "kind": Kind.TOTAL if row.left_at is None else Kind.INTERVAL,
                "at": now,
                "source": report.provider,
                "recorded_by": actor.name,
                "status": "",
                "reason": reason,
                "retracts_id": None,
                "key": f"report:{row.id}:{row.credits + 1}",
                "joined_at": row.joined_at if row.left_at else None,
                "left_at": row.left_at,
                "seconds": None if row.left_at else row.seconds,
                "import_id": report.id,
                "row_number": row.number,
                "shown_as": row.name or row.email[:200],
                "matched_by": row.matched_by,
            }
        )
    if values:
        connection.execute(insert_unless_there(db, Evidence, ["key"]), values)
    return len(values)


_COLUMNS: tuple[Any, ...] = (
    col(ReportRow.id),
    col(ReportRow.number),
    col(ReportRow.name),
    col(ReportRow.email),
    col(ReportRow.joined_at),
    col(ReportRow.left_at),
    col(ReportRow.seconds),
    col(ReportRow.enrolment_id),
    col(ReportRow.matched_by),
    col(ReportRow.details),
    col(ReportRow.credits),
)


def retract(
    db: DbSession,
    actor: Actor,
    report: ReportImport,
    row_ids: Collection[str] | None,
    reason: str,
    now: datetime,
) -> int:
    """Retracts what a report brought, or what the rows that are named brought, as far as it still
    counts. Says how much. The session must be held. Four queries at most, however many rows."""
    brought = select(Evidence.id, Evidence.enrolment_id).where(Evidence.import_id == report.id)
    if row_ids is not None:
        rows = select(ReportRow.id, ReportRow.credits).where(
            col(ReportRow.id).in_(row_ids), col(ReportRow.credits) > 0
        )
        keys = [f"report:{row_id}:{credits}" for row_id, credits in db.exec(rows)]
        brought = brought.where(col(Evidence.key).in_(keys))
    while True:
        found = {each[0]: each[1] for each in db.exec(brought)}
        if not found:
            return 0
        # Whoever merged two people meanwhile has moved what the one had.
        if _hold(db, brought.with_only_columns(col(Evidence.enrolment_id))) == {*found.values()}:
            break
    enrolments = sorted(set(found.values()))
    known = stored.of_session(
        db, report.session_id, enrolments if len(enrolments) <= _FEW else None
    )
    at, values = now, []
    for enrolment_id in enrolments:
        evidence = known.get(enrolment_id, [])
        said = (e.at for e in evidence if e.kind in (Kind.MARK, Kind.RETRACTION))
        at = max([at, *(each + timedelta(microseconds=1) for each in said)])
        before: dict[str, int] = {}
        for each in evidence:
            before[each.retracts] = before.get(each.retracts, 0) + 1
        for each in domain.standing(evidence):
            if each.id in found:
                times = before.get(each.id, 0)
                values.append(
                    {
                        **_retraction(actor, report, each, reason, times),
                        "enrolment_id": enrolment_id,
                    }
                )
    if values:
        statement = insert_unless_there(db, Evidence, ["key"])
        db.connection().execute(
            statement, [{**each, "at": at, "created_at": now} for each in values]
        )
    return len(values)


def _hold(db: DbSession, whose: Any) -> set[str]:
    """Holds the enrolments that a query names; those that are there."""
    query = select(Enrolment.id).where(col(Enrolment.id).in_(whose)).order_by(col(Enrolment.id))
    return set(db.exec(query.with_for_update(key_share=True)).all())


def _retraction(
    actor: Actor, report: ReportImport, target: domain.Evidence, reason: str, times: int
) -> dict[str, Any]:
    """`times`: how often the target was retracted before, and that taken back."""
    return {
        "id": new_id(),
        "session_id": report.session_id,
        "kind": Kind.RETRACTION,
        "source": "api" if actor.token_id else "organizer",
        "recorded_by": actor.name,
        "status": "",
        "reason": reason,
        "retracts_id": target.id,
        "key": stored.retraction_key(target.id, times),
        "joined_at": None,
        "left_at": None,
        "seconds": None,
        "import_id": None,
        "row_number": None,
        "shown_as": "",
        "matched_by": "",
    }
