"""The ledger as programs read it: row by row, each with its mail, its answer, and whether the
calendar that it stands for says what is published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy.orm import joinedload
from sqlmodel import col, select

from app.db import DbSession
from app.domain.answers import Answer, holds
from app.domain.documents import from_document
from app.models import Cycle, Guest, Invitation, Session
from app.services import invitations
from app.services.actor import Actor
from app.services.invitations import LedgerRow, Stale, ledger_rows, stale_rows
from app.services.ledger import plan
from app.services.paging import paginate
from app.services.rows import find
from app.services.schedules import newest_release


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the ledger. `delivery`: the state of the mail that carries what was last issued,
    None where there is none. `again`: the answer is to another time, and is to be confirmed again.
    `stale`: why the calendar does not say what is published, None if it does."""

    invitation: Invitation
    person_id: str
    name: str
    session_number: int
    delivery: str | None
    again: bool
    stale: Stale | None


def list_invitations(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    now: datetime,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Listed], str | None]:
    """The ledger of a cycle, person by person, and the cursor for what follows. At most thirteen
    queries. Raises NotFound; Invalid, at ``after``."""
    cycle = find(db, Cycle, cycle_id)
    rows, cursor = _stretch(db, Guest.cycle_id == cycle.id, after, limit)
    return _listed(db, cycle, rows, now), cursor


def list_of_session(
    db: DbSession,
    actor: Actor,
    session_id: str,
    now: datetime,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Listed], str | None]:
    """`list_invitations` of one session. One query more. Raises NotFound; Invalid, at ``after``."""
    session = find(db, Session, session_id)
    cycle = find(db, Cycle, session.cycle_id)
    rows, cursor = _stretch(db, Invitation.session_id == session.id, after, limit)
    return _listed(db, cycle, rows, now), cursor


def set_answer(
    db: DbSession, actor: Actor, invitation_id: str, answer: Answer, now: datetime
) -> Listed:
    """`invitations.set_answer` for a row of the ledger. Raises NotFound."""
    row = find(db, Invitation, invitation_id, *_with_guest())
    guest = row.guest
    invitations.set_answer(db, actor, guest.cycle_id, guest.person_id, row.session_id, answer, now)
    rows, _ = _stretch(db, Invitation.id == row.id, None, 1)
    return _listed(db, find(db, Cycle, guest.cycle_id), rows, now)[0]


def _with_guest() -> tuple[Any, ...]:
    return (joinedload(cast(Any, Invitation.guest)),)


def _stretch(
    db: DbSession, condition: Any, after: str | None, limit: int
) -> tuple[list[Invitation], str | None]:
    statement = (
        select(Invitation)
        .join(Guest, col(Guest.id) == col(Invitation.guest_id))
        .where(condition)
        .options(*_with_guest())
        .execution_options(populate_existing=True)
    )
    return paginate(db, statement, [Invitation.guest_id, Invitation.session_id], after, limit)


def _listed(db: DbSession, cycle: Cycle, rows: Sequence[Invitation], now: datetime) -> list[Listed]:
    if not rows:
        return []
    people = {row.guest.person_id for row in rows}
    lines = ledger_rows(db, cycle.id, people)
    line_of = {(line.guest_id, line.session_id): line for line in lines}
    numbers = _numbers(db, {row.session_id for row in rows})
    stale = _stale(db, cycle, people, lines, now)
    found = []
    for row in rows:
        line = line_of[row.guest_id, row.session_id]
        found.append(
            Listed(
                row,
                line.person_id,
                line.name,
                numbers[row.session_id],
                line.status,
                bool(row.answer) and not holds(row.answer_sequence, row.time_sequence),
                stale.get((line.person_id, row.session_id)),
            )
        )
    return found


def _numbers(db: DbSession, session_ids: set[str]) -> dict[str, int]:
    query = select(Session.id, Session.number).where(col(Session.id).in_(session_ids))
    return dict(db.exec(query).all())


def _stale(
    db: DbSession, cycle: Cycle, people: set[str], lines: Sequence[LedgerRow], now: datetime
) -> dict[tuple[str, str], Stale]:
    release = newest_release(db, cycle.id)
    if release is None:
        return {}
    schedule = from_document(release.document)
    planned = plan(db, cycle, schedule, now, only=people)
    found: dict[tuple[str, str], Stale] = {}
    for each in stale_rows(planned, schedule, lines, now):
        found.setdefault((each.person_id, each.session.id), each.why)
    return found
