"""From a local time that somebody typed to the instant that is stored, or the question to ask."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain.errors import N_, FieldError, Invalid
from app.domain.zones import WallKind, WallTime, resolve_wall, wall_time, zone

_SHOWN = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class Settled:
    """A local time with the instant it stands for; `fold` is 1 for the second of two equal ones."""

    wall: datetime
    fold: int
    instant: datetime


def settle(
    wall: datetime, zone_name: str, fold: int | None, *, field: str = "wall_start"
) -> Settled:
    """The instant of a naive local time in an IANA zone, to the minute.

    `fold` None asks the writer where the time exists twice; elsewhere `fold` is ignored and 0 is
    kept, so that what is stored does not depend on what a form sent along.

    Raises:
        Invalid: at `field`; code ``skipped_time`` names the two nearest times that exist,
            ``ambiguous_time`` says both instants (RFC 5545, section 3.3.5 would guess instead).
    """
    wall = wall.replace(second=0, microsecond=0, fold=0)
    found = resolve_wall(wall, zone_name, fold or 0)
    if found.kind is WallKind.NEVER:
        before, after = _around_gap(found)
        raise Invalid.one(
            field,
            N_(
                "In %(zone)s the clocks jump over %(time)s. "
                "The nearest times that exist are %(before)s and %(after)s."
            ),
            code="skipped_time",
            zone=zone_name,
            time=wall.strftime(_SHOWN),
            before=before.strftime(_SHOWN),
            after=after.strftime(_SHOWN),
        )
    if found.kind is WallKind.TWICE and fold is None:
        first, second = found.instants
        raise Invalid(
            FieldError(
                field,
                N_(
                    "In %(zone)s the clocks show %(time)s twice: first at UTC%(first)s, then at "
                    "UTC%(second)s. Choose the first (fold 0) or the second (fold 1)."
                ),
                {
                    "zone": zone_name,
                    "time": wall.strftime(_SHOWN),
                    "first": _offset(first, zone_name),
                    "second": _offset(second, zone_name),
                },
                "ambiguous_time",
            ),
            code="ambiguous_time",
        )
    return Settled(wall, (fold or 0) if found.kind is WallKind.TWICE else 0, found.instant)


def _offset(instant: datetime, zone_name: str) -> str:
    return instant.astimezone(zone(zone_name)).isoformat()[-6:]


def _around_gap(skipped: WallTime) -> tuple[datetime, datetime]:
    """The last minute that clocks show before the jump, and the first one after it."""
    # The jump lies between the readings with the offset after it and with the one before it.
    step = timedelta(minutes=1)
    high = skipped.instant
    low = skipped.wall.replace(tzinfo=zone(skipped.zone), fold=1).astimezone(UTC)
    while high - low > step:
        middle = low + (high - low) // step // 2 * step
        if wall_time(middle, skipped.zone) > skipped.wall:
            high = middle
        else:
            low = middle
    return wall_time(low, skipped.zone), wall_time(high, skipped.zone)
