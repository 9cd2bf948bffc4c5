"""What everybody may see: the newest release of each published cycle.

Only the cycle's own row and the release are read here, never the drafts: no meeting link, passcode
or check-in word can come out of it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import col, select

from app.db import DbSession
from app.domain.documents import from_document
from app.domain.errors import NotFound
from app.domain.schedule import CycleStatus, Schedule
from app.domain.zone_shifts import by_the_clock
from app.models import Cycle, Release


@dataclass(frozen=True, slots=True)
class PublishedCycle:
    """A cycle as it was published. Of `cycle` take what is not part of a schedule (enrolment,
    privacy notice, contact): the rest of the row may be ahead of the release. `revision` is
    different whenever anything here is."""

    cycle: Cycle
    schedule: Schedule
    release_number: int
    published_at: datetime
    revision: int


def published(db: DbSession, slug: str) -> PublishedCycle:
    """The cycle with this short name, archived ones included. One query.

    Raises NotFound where there is none, or none that was ever published.
    """
    if "\0" in slug:  # PostgreSQL takes no NUL in text
        raise NotFound
    found = _published(db, Cycle.slug == slug, Cycle.status != CycleStatus.DRAFT)
    if not found:
        raise NotFound
    return found[0]


def published_with(db: DbSession, cycle_id: str) -> PublishedCycle:
    """The same cycle by its id. One query. Raises NotFound as `published`."""
    found = _published(db, Cycle.id == cycle_id, Cycle.status != CycleStatus.DRAFT)
    if not found:
        raise NotFound
    return found[0]


def published_cycles(db: DbSession) -> list[PublishedCycle]:
    """Every published cycle that is not archived, the one that ends last first. One query."""
    found = _published(db, Cycle.status == CycleStatus.PUBLISHED)
    found.sort(key=lambda each: each.cycle.slug)
    found.sort(key=_last_end, reverse=True)
    return found


def _last_end(each: PublishedCycle) -> datetime:
    return max((s.ends for s in each.schedule.sessions), default=each.published_at)


def _published(db: DbSession, *conditions: ColumnElement[bool] | bool) -> list[PublishedCycle]:
    statement = (
        select(Cycle, Release)
        .join(
            Release,
            (col(Release.cycle_id) == col(Cycle.id))
            & (col(Release.number) == col(Cycle.release_number)),
        )
        .where(*conditions)
    )
    return [
        PublishedCycle(
            cycle=cycle,
            schedule=by_the_clock(from_document(release.document)),
            release_number=release.number,
            published_at=release.published_at,
            revision=cycle.revision,
        )
        for cycle, release in db.exec(statement)
    ]
