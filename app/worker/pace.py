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

LATE = timedelta(milliseconds=20)
_SLACK = timedelta(milliseconds=100)  # what lateness and the way there may shift a mail by
_FAR = timedelta(minutes=1)
_MOST_AHEAD = 20  # places; where the next is further away a clock was set back
_HOUR = 60  # minutes
_KEPT = 20  # a twentieth of the hour is kept for sign-in links


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many mails in any second and in any hour; None: as many as go. Below one a second
    there is one in as many seconds as that takes."""

    server: str  # host and port
    per_second: float | None = None
    per_hour: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return bool(self.server) and (self.per_second is not None or self.per_hour is not None)

    @property
    def late(self) -> timedelta:
        """Whoever begins later than that after their place needs another."""
        return LATE if self.per_second is not None else timedelta(seconds=0.5)


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
    row = _row(db, limits.server)
    step = _step(limits.per_second)
    at = max(now, row.next_at) if row.next_at < now + _FAR + _MOST_AHEAD * step else now
    # Of a clock that was ahead: they would fill the hour for as long as it was.
    honest = _minute(now + _FAR + _MOST_AHEAD * step)
    recent = {int(m): count for m, count in row.recent.items() if int(m) <= honest}
    if missed is not None and recent.get(_minute(missed.at), 0) > 0:
        recent[_minute(missed.at)] -= 1
    if limits.per_hour is not None:
        allowed = limits.per_hour if urgent else limits.per_hour - limits.per_hour // _KEPT
        free = _free_from(recent, allowed)
        if free is not None and free > at:
            row.recent = _kept(recent, now)
            db.add(row)
            return Place(free, taken=False)
    minute = _minute(at)
    recent[minute] = recent.get(minute, 0) + 1
    row.recent = _kept(recent, at)
    row.next_at = at + step
    db.add(row)
    return Place(at)


def _row(db: DbSession, server: str) -> MailPace:
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
    since = _minute(at) - _HOUR - 1
    return {str(m): n for m, n in sorted(recent.items()) if m >= since and n}


def _minute(at: datetime) -> int:
    return int(at.timestamp() // 60)


def _free_from(recent: dict[int, int], allowed: int) -> datetime | None:
    """From when on another mail is within an hour's number; None: at any time.

    Counted by minutes. One leaves the hour when its last instant does, and a second later, since a
    mail may be begun a little after its place.
    """
    left = sum(recent.values())
    leaves = None
    for minute in sorted(recent):
        if left < allowed:
            break
        left -= recent[minute]
        leaves = minute
    if leaves is None:
        return None
    return datetime.fromtimestamp((leaves + 1 + _HOUR) * 60 + 1, UTC)
