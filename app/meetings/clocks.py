"""From what a row writes to instants: which day, and whose clock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from app.domain.errors import N_
from app.domain.zones import WallKind, resolve_wall
from app.meetings.moments import Written
from app.meetings.orders import Order
from app.meetings.stated_zones import StatedZone
from app.meetings.values import Remark, Settled

BACKWARDS = N_("It says that somebody left before they joined.")
NO_SUCH_DAY = N_("There is no such day in the order of day and month that the file has.")
TWICE = N_("Clocks showed %(time)s twice on that day. It is taken as %(utc)s UTC.")
NEVER = N_("Clocks never showed %(time)s on that day. It is taken as %(utc)s UTC.")
BY_DURATION = N_("One of the two times is missing. It was worked out from the duration.")
_DAY = timedelta(days=1)
_LONGEST_NIGHT = timedelta(hours=16)
"""A stay whose times have no dates, and that ends by the clock before it begins, goes on past
midnight, but not for longer than this."""


@dataclass(frozen=True, slots=True)
class Stay:
    """When somebody was in: aware UTC where the zone is known, else naive."""

    joined: datetime
    left: datetime | None
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """How the times of one table are read. `anchor` is a naive local time near to those without a
    date; `zone` is None where it is not known."""

    order: Order
    anchor: datetime
    zone: StatedZone | None

    def settled(self, at: Written | None) -> bool:
        """Whether it is known on which day that is."""
        return at is None or at.figures is None or self.order.settled is not Settled.OPEN

    def at(self, written: Written) -> tuple[datetime, tuple[Remark, ...]] | Remark:
        """The time of an event, or why there is none."""
        local = self._local(written, None)
        if local is None:
            return Remark(NO_SUCH_DAY)
        instants = _instants(local, written.zone or self.zone)
        return instants[0], _noted(local, instants[0], written.zone or self.zone)

    def stay(
        self, joined: Written | None, left: Written | None, seconds: int | None
    ) -> Stay | Remark:
        """One stay, or why there is none. What is missing is worked out from `seconds`."""
        length = timedelta(seconds=seconds) if seconds else None
        if joined is None:
            end = self.at(left) if left else Remark(BACKWARDS)
            if isinstance(end, Remark) or length is None:
                return end if isinstance(end, Remark) else Remark(BACKWARDS)
            return Stay(end[0] - length, end[0], (*end[1], Remark(BY_DURATION)))
        if left is None:
            begin = self.at(joined)
            if isinstance(begin, Remark):
                return begin
            if length is None:
                return Stay(begin[0], None, begin[1])
            return Stay(begin[0], begin[0] + length, (*begin[1], Remark(BY_DURATION)))
        return self._both(joined, left, length)

    def _both(self, joined: Written, left: Written, length: timedelta | None) -> Stay | Remark:
        begins = self._local(joined, None)
        ends = self._local(left, begins)
        if begins is None or ends is None:
            return Remark(NO_SUCH_DAY)
        if not left.has_date and ends - begins > _LONGEST_NIGHT:
            return Remark(BACKWARDS)
        zones = joined.zone or self.zone, left.zone or self.zone
        if (zones[0] is None) is not (zones[1] is None):
            zones = (zones[0] or zones[1],) * 2
        possible = [
            (first, last)
            for first in _instants(begins, zones[0])
            for last in _instants(ends, zones[1])
            if first <= last
        ]
        if not possible:
            return Remark(BACKWARDS)
        # Where clocks showed a time twice, the duration may tell which of the two is meant.
        first, last = min(
            possible, key=lambda each: abs(each[1] - each[0] - length) if length else timedelta()
        )
        remarks = (*_noted(begins, first, zones[0]), *_noted(ends, last, zones[1]))
        return Stay(first, last, remarks)

    def _local(self, written: Written, after: datetime | None) -> datetime | None:
        """The naive local time. One without a date is on the day that brings it nearest to the
        anchor, or the first at or after `after`."""
        clock = written.clock or time()
        if written.has_date:
            return written.local(self.order.order)
        if after is not None:
            found = datetime.combine(after.date(), clock)
            return found if found >= after else found + _DAY
        days = [self.anchor.date() + _DAY * step for step in (-1, 0, 1)]
        return min(
            (datetime.combine(day, clock) for day in days), key=lambda at: abs(at - self.anchor)
        )


def _instants(local: datetime, zone: StatedZone | None) -> tuple[datetime, ...]:
    """What a local time may stand for: itself while nobody knows whose it is."""
    if zone is None:
        return (local,)
    if zone.fixed:
        return (local.replace(tzinfo=zone.info).astimezone(UTC),)
    found = resolve_wall(local, zone.name)
    return found.instants or (found.instant,)


def _noted(local: datetime, instant: datetime, zone: StatedZone | None) -> tuple[Remark, ...]:
    if zone is None or zone.fixed:
        return ()
    kind = resolve_wall(local, zone.name).kind
    if kind is WallKind.ONCE:
        return ()
    told = {"time": f"{local:%H:%M}", "utc": f"{instant:%H:%M}"}
    return (Remark(TWICE if kind is WallKind.TWICE else NEVER, told),)


def anchor(session: tuple[datetime, datetime], named: tuple[date, time | None] | None) -> datetime:
    """What times without a date are near to: the date in the file's name, else the session.

    Args:
        session: its start and end, naive, by the clock of the file as far as that is known.
        named: the date, and perhaps the time, in the file's name.
    """
    middle = session[0] + (session[1] - session[0]) / 2
    if named is None:
        return middle
    day, clock = named
    return datetime.combine(day, clock or middle.time())
