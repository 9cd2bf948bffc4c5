"""Several sessions in one step: at one hour, every so many days."""

from datetime import timedelta

from sqlalchemy import func
from sqlmodel import select

from app.db import DbSession
from app.domain import series
from app.domain.errors import N_, Invalid
from app.models import Session
from app.schemas.session import SeriesIn
from app.services.actor import Actor
from app.services.meeting_links import check_meeting
from app.services.schedules import held_cycle
from app.services.wall_times import settle

HIGHEST_NUMBER = 9999
_TITLE = 200  # what a title may have, see schemas


def free_numbers(db: DbSession, cycle_id: str, count: int, *, field: str = "number") -> range:
    """So many numbers after the highest of a cycle that is held. Gaps stay gaps: a number that
    was in use may stand in somebody's notes.

    Raises Invalid at `field` where they would pass 9999.
    """
    highest = db.exec(select(func.max(Session.number)).where(Session.cycle_id == cycle_id)).one()
    first = (highest or 0) + 1
    if first + count - 1 > HIGHEST_NUMBER:
        raise Invalid.one(
            field,
            N_("Sessions are numbered up to %(highest)s, and there are not enough numbers left."),
            code="numbers_used_up",
            highest=HIGHEST_NUMBER,
        )
    return range(first, first + count)


def create_series(db: DbSession, actor: Actor, cycle_id: str, new: SeriesIn) -> list[Session]:
    """Sessions at the same local hour, each on its own afterwards. Dates in `skip` are left out
    and do not count. Each title gets the session's number: "Session 4".

    Raises:
        NotFound: there is no such cycle.
        Invalid: at ``first_wall_start`` if the hour does not exist on one of the dates, or exists
            twice; at ``count`` if the numbers do not suffice; at ``title.<language>`` if it is too
            long with a number; at ``meeting_url`` as `meeting_links.check_meeting` says. Nothing is
            made then.
    """
    cycle = held_cycle(db, cycle_id)
    zone = new.zone or cycle.zone
    numbers = free_numbers(db, cycle_id, new.count, field="count")
    for language, text in new.title.items():
        if len(f"{text} {numbers[-1]}") > _TITLE:
            raise Invalid.one(
                f"title.{language}",
                N_("This is too long to have a number after it: at most %(max)s characters."),
                code="string_too_long",
                max=_TITLE - 1 - len(str(numbers[-1])),
            )
    check_meeting(db, cycle_id, {"meeting_url": new.meeting_url})
    rows = []
    starts = series.series(
        new.first_wall_start, zone, new.every_days, new.count, frozenset(new.skip)
    )
    for number, wall in zip(numbers, starts, strict=True):
        settled = settle(wall, zone, None, field="first_wall_start")
        rows.append(
            Session(
                cycle_id=cycle_id,
                number=number,
                title={language: f"{text} {number}" for language, text in new.title.items()},
                zone=zone,
                wall_start=settled.wall,
                fold=settled.fold,
                minutes=new.minutes,
                starts_at=settled.instant,
                ends_at=settled.instant + timedelta(minutes=new.minutes),
                meeting_url=new.meeting_url,
                segments=[],
            )
        )
    db.add_all(rows)
    db.flush()
    return rows
