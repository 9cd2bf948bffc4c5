"""How fast mails may go over one server, for all workers together.

Each mail gets its place in one row's order just before it is handed over, so the bounds hold for
any number of workers and for attempts that fail as well.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import select

from app.db import DbSession, insert_unless_there
from app.domain.ids import new_id
from app.models import MailPace
from app.services.mail_limits import Limits as Limits
from app.services.mail_limits import free_from, minute_of, of_the_hour

LATE = timedelta(milliseconds=20)
_SLACK = timedelta(milliseconds=100)  # what lateness and the way there may shift a mail by
_FAR = timedelta(minutes=1)
_MOST_AHEAD = 20  # places; where the next is further away a clock was set back


@dataclass(frozen=True, slots=True)
class Place:
    """When a mail may be begun. Not `taken`: none is free before that."""

    at: datetime
    taken: bool = True


def reserve(
    db: DbSession,
    limits: Limits,
    now: datetime,
    *,
    urgent: bool = False,
    missed: Place | None = None,
) -> Place:
    """Takes the next free place at the aware instant `now` or later; `urgent`: a sign-in link;
    `missed`: a place that was taken before and came to nothing."""
    row = row_of(db, limits.server)
    step = _step(limits.per_second)
    at = max(now, row.next_at) if row.next_at < now + _FAR + _MOST_AHEAD * step else now
    # Of a clock that was ahead: they would fill the hour for as long as it was.
    honest = minute_of(now + _FAR + _MOST_AHEAD * step)
    recent = {int(m): count for m, count in row.recent.items() if int(m) <= honest}
    if missed is not None and recent.get(minute_of(missed.at), 0) > 0:
        recent[minute_of(missed.at)] -= 1
    allowed = limits.each_hour(urgent=urgent)
    if allowed is not None:
        free = free_from(recent, allowed)
        if free is not None and free > at:
            row.recent = _kept(recent, now)
            db.add(row)
            return Place(free, taken=False)
    minute = minute_of(at)
    recent[minute] = recent.get(minute, 0) + 1
    row.recent = _kept(recent, at)
    row.next_at = at + step
    db.add(row)
    return Place(at)


def late(limits: Limits) -> timedelta:
    """Whoever begins later than that after their place needs another."""
    return LATE if limits.per_second is not None else timedelta(seconds=0.5)


def row_of(db: DbSession, server: str) -> MailPace:
    """The row in common of this server, held; made where there is none."""
    statement = select(MailPace).where(MailPace.server == server).with_for_update()
    row = db.exec(statement).one_or_none()
    if row is None:
        insert = insert_unless_there(db, MailPace, index_elements=["server"])
        start = datetime(1970, 1, 1, tzinfo=UTC)
        values = {"id": new_id(), "server": server, "next_at": start, "recent": {}}
        db.connection().execute(insert.values(values))
        row = db.exec(statement).one()
    return row


def _step(per_second: float | None) -> timedelta:
    """From one place to the next. Any N + 1 of them are a second and the slack apart, so that the
    mails themselves are a second apart whatever becomes of each within the slack."""
    if per_second is None:
        return timedelta()
    if per_second >= 1:
        # The places of a second are counted in whole ones: 2.5 a second is never 3 in one.
        return (timedelta(seconds=1) + _SLACK) / int(per_second)
    return timedelta(seconds=1 / per_second) + _SLACK


def _kept(recent: dict[int, int], at: datetime) -> dict[str, int]:
    return {str(minute): n for minute, n in of_the_hour(recent, at).items()}
