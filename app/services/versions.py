"""What tells whether something shown has changed: one cheap query for each kind of thing.

Two equal values mean equal content, because `models.revisions` raises a row's revision with every
change of it and of what it contains. A thing that is not there has the version None.
"""

from collections.abc import Hashable

from sqlmodel import col, select

from app.db import DbSession
from app.domain.schedule import CycleStatus
from app.models import Cycle, Session


def version_of_cycle(db: DbSession, slug: str) -> Hashable:
    """Of the cycle's own fields, its newest release, its draft, its institutions."""
    row = db.exec(select(Cycle.id, Cycle.revision).where(col(Cycle.slug) == slug)).one_or_none()
    return tuple(row) if row else None


def version_of_cycles(db: DbSession) -> Hashable:
    """Of the list of cycles that the public sees."""
    rows = db.exec(
        select(Cycle.id, Cycle.revision)
        .where(col(Cycle.status) != CycleStatus.DRAFT)
        .order_by(col(Cycle.id))
    )
    return tuple((row[0], row[1]) for row in rows)


def version_of_session(db: DbSession, session_id: str) -> Hashable:
    """Of a session with its agenda and the people in it, as organizers see it."""
    return db.exec(select(Session.revision).where(col(Session.id) == session_id)).one_or_none()
