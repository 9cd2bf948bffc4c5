"""The places of a cycle: who takes one, and who moves up when one becomes free.

Everything that takes or frees a place holds the cycle's row first, so that two who ask for the
last place at once are asked one after the other.
"""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import func
from sqlalchemy.orm import selectinload
from sqlmodel import col, select

from app.db import DbSession
from app.domain.enrolment import TAKES_A_PLACE, EnrolmentStatus, first_status
from app.models import Cycle, Enrolment, Message, Person
from app.services import outbox
from app.services.issuing import settle
from app.services.webhook_events import tell_enrolment

_MAIL_OF_STATUS = {
    EnrolmentStatus.CONFIRMED: "enrolment-confirmed",
    EnrolmentStatus.PENDING: "enrolment-pending",
    EnrolmentStatus.WAITLISTED: "enrolment-waitlisted",
}


def loads() -> tuple[Any, Any]:
    """Loads an enrolment's person and initiative: two queries more."""
    return (
        selectinload(cast(Any, Enrolment.person)),
        selectinload(cast(Any, Enrolment.initiative)),
    )


def taken(db: DbSession, cycle_id: str) -> int:
    """How many places of the cycle are taken."""
    return db.exec(
        select(func.count())
        .select_from(Enrolment)
        .where(col(Enrolment.cycle_id) == cycle_id, col(Enrolment.status).in_(TAKES_A_PLACE))
    ).one()


def has_room(db: DbSession, cycle: Cycle) -> bool:
    """Whether the cycle, which must be held, has a free place."""
    return cycle.capacity is None or taken(db, cycle.id) < cycle.capacity


def status_for_next(db: DbSession, cycle: Cycle, *, approval: bool) -> EnrolmentStatus:
    """What the next to enrol in the cycle, which must be held, becomes."""
    count = 0 if cycle.capacity is None else taken(db, cycle.id)
    return first_status(capacity=cycle.capacity, taken=count, approval=approval)


def intent_of_status(enrolment: Enrolment) -> str:
    """The intent of the mail that tells of the present status, once for each time it came about."""
    moment = int(enrolment.status_at.timestamp() * 1000)
    return f"enrolment-{enrolment.status}:{enrolment.id}:{moment}"


def tell_status(
    db: DbSession, enrolment: Enrolment, now: datetime, *, created: bool = False
) -> Message | None:
    """Queues the mail that tells somebody where the enrolment stands, with the personal link; and
    tells the cycle's webhooks. `created`: the enrolment is new.

    None where nothing can be sent: no address is known, or the status has no mail (withdrawn).
    """
    tell_enrolment(db, enrolment, created=created)
    kind = _MAIL_OF_STATUS.get(EnrolmentStatus(enrolment.status))
    person = db.get(Person, enrolment.person_id) if kind else None
    if kind is None or person is None or not person.email:
        return None
    return outbox.enqueue(
        db,
        kind=kind,
        intent=intent_of_status(enrolment),
        to_name=enrolment.name,
        to_address=person.email,
        language=enrolment.language,
        context={"enrolment_id": enrolment.id},
        cycle_id=enrolment.cycle_id,
        now=now,
    )


def promote_waitlist(
    db: DbSession, cycle: Cycle, now: datetime, *, but: str = ""
) -> list[Enrolment]:
    """Gives free places to those who have waited longest and tells them by mail.

    To be called after a place became free, or after the cycle got more of them (or no limit any
    more). Where an organizer confirms each enrolment, who moves up waits for that. `but` is the id
    of an enrolment that stays where it is. Returns those who moved up, the first in line first.
    """
    db.flush()
    # Columns and not the row: whoever holds the row keeps what was loaded with it.
    capacity, approval = db.exec(
        select(Cycle.capacity, Cycle.approval)
        .where(col(Cycle.id) == cycle.id)
        .with_for_update(key_share=True)
    ).one()
    waiting = (
        select(Enrolment)
        .where(
            col(Enrolment.cycle_id) == cycle.id,
            col(Enrolment.status) == EnrolmentStatus.WAITLISTED,
            col(Enrolment.id) != but,
        )
        .options(*loads())
        .order_by(col(Enrolment.status_at), col(Enrolment.id))
        .execution_options(populate_existing=True)
    )
    if capacity is not None:
        waiting = waiting.limit(max(0, capacity - taken(db, cycle.id)))
    status = EnrolmentStatus.PENDING if approval else EnrolmentStatus.CONFIRMED
    moved = []
    for enrolment in db.exec(waiting).all():
        enrolment.status = status
        enrolment.status_at = now
        tell_status(db, enrolment, now)
        moved.append(enrolment)
    db.flush()
    settle(db, cycle.id, [enrolment.person_id for enrolment in moved], now)
    return moved
