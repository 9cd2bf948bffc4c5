"""Wrong words at the doors of rooms, counted so that nobody finds the right one by trying them all.

Who guesses is told apart by network address, an IPv6 one by its first 64 bits. A whole lecture room
may share one: whoever gets in there lets one more wrong word pass. Where hundreds are wrong at one
door from wherever, newcomers have two tries each.

It is kept in the memory of the process for ten minutes and nowhere else: nothing of it is personal
data at rest, a restart forgets it, and each of several processes counts for itself.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from threading import Lock
from time import monotonic

from fastapi import Request

from app.domain.errors import N_, TooOften

WINDOW = 600.0
"""Seconds for which a wrong word counts."""
WRONG = 8
"""So many from one address, and as many more as checked in from there."""
WRONG_AT_ALARM = 2
ALARM = 200
"""So many at one door from wherever, and as many more as checked in there."""
MOST = 20_000
"""Addresses that are kept in mind; those that were heard of longest ago are forgotten first."""

Door = tuple[str, str]
"""A session's id and an address; for all addresses together an empty one."""


@dataclass(slots=True)
class _Tries:
    wrong: list[float] = field(default_factory=list)  # when, by the monotonic clock
    right: list[float] = field(default_factory=list)


class Guesses:
    """What was tried at the doors of this process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._tries: OrderedDict[Door, _Tries] = OrderedDict()

    def tried(self, session_id: str, address: str, right: bool) -> None:
        """Somebody gave a word. It is looked at and counted in one step: of many at once none
        slips by. A right one is refused too where too many were wrong, else guessing would go on.

        Raises TooOften, with the seconds to wait at ``seconds``.
        """
        with self._lock:
            here, door = self._of(session_id, address), self._of(session_id, "")
            alarm = len(door.wrong) >= ALARM + len(door.right)
            most = (WRONG_AT_ALARM if alarm else WRONG) + len(here.right)
            if len(here.wrong) >= most:
                raise _too_often(here.wrong[-most] + WINDOW - self._clock())
            if not right:
                here.wrong.append(self._clock())
                door.wrong.append(self._clock())

    def came_in(self, session_id: str, address: str) -> None:
        """Somebody checked in who had not before."""
        with self._lock:
            for each in (address, ""):
                self._of(session_id, each).right.append(self._clock())

    def _of(self, session_id: str, address: str) -> _Tries:
        found = self._tries.setdefault((session_id, address), _Tries())
        self._tries.move_to_end((session_id, address))
        since = self._clock() - WINDOW
        found.wrong = [at for at in found.wrong if at > since]
        found.right = [at for at in found.right if at > since]
        while len(self._tries) > MOST:
            self._tries.popitem(last=False)
        return found


def _too_often(seconds: float) -> TooOften:
    left = max(1, int(seconds) + 1)
    return TooOften(
        N_(
            "Too many wrong words came from your network. Try again in %(minutes)s min, or check "
            "in on your personal page: its link is in your mails."
        ),
        minutes=-(-left // 60),
        seconds=left,
    )


def network_of(request: Request) -> str:
    """From where a request comes. What a proxy says of that is believed where the request itself
    comes from a private address, as a proxy's does; of several the last one was added by it."""
    host = request.client.host if request.client else ""
    said = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    found = _network(host)
    if said and (not found or ip_address(host).is_private):
        found = _network(said) or found
    return found or "unknown"


def _network(text: str) -> str:
    """The address in one spelling, of an IPv6 one the first 64 bits; empty where it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> 64 << 64))
