"""How many mails may go over a server, as workers keep to it and pages count on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

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

    def each_hour(self, *, urgent: bool = False) -> int | None:
        """How many of an hour's mails may be sign-in links (`urgent`), or others; None: any."""
        if self.per_hour is None or urgent:
            return self.per_hour
        return self.per_hour - self.per_hour // _KEPT


def minute_of(at: datetime) -> int:
    """The minute since 1970 that mails are counted by."""
    return int(at.timestamp() // 60)


def of_the_hour(recent: Mapping[int, int], at: datetime) -> dict[int, int]:
    """Of what was begun in each minute, that which counts for the hour before `at`."""
    since = minute_of(at) - _HOUR - 1
    return {minute: n for minute, n in sorted(recent.items()) if minute >= since and n}


def free_from(recent: Mapping[int, int], allowed: int) -> datetime | None:
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
