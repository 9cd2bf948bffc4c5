"""Under which zone the times of a file would be those of the session: to suggest one, no more."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.domain.zones import zone
from app.meetings.values import ZoneFit

_MOST_STAYS = 1_000
_MOST_FITS = 4
# A zone for each whole hour, for a file from where nobody thought of. (Etc/GMT+5 is UTC-5.)
_ELSEWHERE = tuple(f"Etc/GMT{hours:+d}" for hours in (*range(3, 12), *range(2, -13, -1)) if hours)

Span = tuple[datetime, datetime | None]


def zone_fits(
    stays: Sequence[Span], session: tuple[datetime, datetime], own: str, others: Sequence[str]
) -> tuple[ZoneFit, ...]:
    """The zones under which most stays overlap the session, the best first.

    Of those with as many, the one in whose time people were in for longer; of those alike, the
    session's own. The session's own is always among them. Places that nobody named are looked at
    only where none of the named ones fits half of the stays.

    Args:
        stays: naive local; without an end they last as long as the session.
        session: start and end, aware.
        own: its zone.
        others: zones that are named in the cycle.
    """
    some = _spread(stays)
    named = list(dict.fromkeys((own, *others, "UTC")))
    worth = {name: _worth(name, some, session) for name in named}
    if max(rows for rows, _ in worth.values()) * 2 < len(some):
        worth.update({name: _worth(name, some, session) for name in _ELSEWHERE})
    # Stable: those alike stay in the order in which they were named, the session's own first.
    ranked = sorted(worth, key=lambda name: worth[name], reverse=True)
    best = [name for name in ranked if worth[name][0]][:_MOST_FITS]
    return tuple(
        ZoneFit(name, worth[name][0], len(some)) for name in (best if own in best else [*best, own])
    )


def _worth(
    name: str, stays: Sequence[Span], session: tuple[datetime, datetime]
) -> tuple[int, timedelta]:
    """How many stays overlap the session, and for how long together."""
    info = zone(name)
    starts, ends = (each.astimezone(info).replace(tzinfo=None) for each in session)
    spans = [
        min(left or joined + (ends - starts), ends) - max(joined, starts) for joined, left in stays
    ]
    inside = [span for span in spans if span > timedelta()]
    return len(inside), sum(inside, timedelta())


def _spread(stays: Sequence[Span]) -> Sequence[Span]:
    step = max(1, -(-len(stays) // _MOST_STAYS))
    return stays[::step]


def naive(instant: datetime, name: str) -> datetime:
    """An aware instant by the clock of a zone. UTC where there is none."""
    return instant.astimezone(zone(name) if name else UTC).replace(tzinfo=None)
