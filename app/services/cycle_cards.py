"""The list of cycles with what one wants to see of each at a glance."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func
from sqlalchemy import select as sa_select
from sqlmodel import col, select

from app.db import DbSession
from app.domain.enrolment import EnrolmentStatus
from app.domain.schedule import SessionStatus
from app.models import Cycle, Enrolment, Session
from app.services.actor import Actor
from app.services.cycles import list_cycles
from app.services.zone_guard import untold


@dataclass(frozen=True, slots=True)
class CycleCard:
    """A cycle, how many sessions it has, when it begins, what comes next, who takes part, and
    whether newer zone data has moved sessions of which its readers were not told."""

    cycle: Cycle
    sessions: int
    first: datetime | None
    last: datetime | None
    upcoming: datetime | None
    participants: int
    untold: bool


def cycle_cards(
    db: DbSession, actor: Actor, now: datetime, after: str | None = None, limit: int = 50
) -> tuple[list[CycleCard], str | None]:
    """A stretch of the cycles, the newest first. Three queries, however many there are, and
    one more where newer zone data has moved something."""
    rows, following = list_cycles(db, actor, after, limit)
    ids = [row.id for row in rows]
    held = (
        sa_select(
            col(Session.cycle_id),
            func.count(),
            func.min(col(Session.starts_at)),
            func.max(col(Session.starts_at)),
            func.min(case((col(Session.ends_at) > now, col(Session.starts_at)))),
        )
        .where(col(Session.cycle_id).in_(ids), col(Session.status) != SessionStatus.CANCELLED)
        .group_by(col(Session.cycle_id))
    )
    sessions = {cycle_id: values for cycle_id, *values in db.connection().execute(held)}
    enrolled = (
        select(Enrolment.cycle_id, func.count())
        .where(col(Enrolment.cycle_id).in_(ids), Enrolment.status == EnrolmentStatus.CONFIRMED)
        .group_by(col(Enrolment.cycle_id))
    )
    participants = dict(db.exec(enrolled).all())
    slugs = untold(db, now) if any(row.zones_moved for row in rows) else []
    cards = []
    for row in rows:
        count, first, last, upcoming = sessions.get(row.id, (0, None, None, None))
        taking_part = participants.get(row.id, 0)
        of_zones = row.slug in slugs
        cards.append(CycleCard(row, count, first, last, upcoming, taking_part, of_zones))
    return cards, following
