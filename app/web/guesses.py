"""Wrong words at the doors of rooms, counted so that nobody finds the right one by trying them all.

Who guesses is told apart by network address, an IPv6 one by its first 64 bits. A whole lecture room
may share one: until somebody from there is in, each e-mail address that is typed has tries of its
own, and whoever gets in lets one more wrong word pass. Since anybody can type another e-mail
address each time, all together have an end as well. Where hundreds are wrong at one door from
wherever, newcomers have two tries each.

It is kept in the memory of the process for ten minutes and nowhere else: nothing of it is personal
data at rest, a restart forgets it, and each of several processes counts for itself.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Lock
from time import monotonic

from fastapi import Request

from app.domain.addresses import address_key
from app.domain.errors import N_, TooOften

WINDOW = 600.0
"""Seconds for which a wrong word counts."""
WRONG = 8
"""So many from one address with the same e-mail address, until somebody has checked in there."""
TOGETHER = 3 * WRONG
"""So many from one address altogether, or eight more than checked in from there."""
WRONG_AT_ALARM = 2
ALARM = 200
"""So many at one door from wherever, and as many more as checked in there."""
MOST = 20_000
"""Addresses, of both kinds, that are kept in mind; those that were heard of longest ago are
forgotten first."""

Network = IPv4Network | IPv6Network

_Door = tuple[str, str, int | None]
"""The name of a room's door, an address (for all together an empty one), and of an e-mail address
its hash, which says nothing outside this process."""


@dataclass(slots=True)
class _Tries:
    wrong: list[float] = field(default_factory=list)  # when, by the monotonic clock
    right: list[float] = field(default_factory=list)


class Guesses:
    """What was tried at the doors of this process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._tries: OrderedDict[_Door, _Tries] = OrderedDict()

    def tried(self, door: str, address: str, email: str, right: bool) -> None:
        """Somebody gave a word. It is looked at and counted in one step: of many at once none
        slips by. A right one is refused too where too many were wrong, else guessing would go on.

        Raises TooOften, with the seconds to wait at ``seconds``.
        """
        with self._lock:
            here, everywhere = self._of(door, address), self._of(door, "")
            if len(everywhere.wrong) >= ALARM + len(everywhere.right):
                self._refuse(here, WRONG_AT_ALARM + len(here.right))
            else:
                self._refuse(here, max(TOGETHER, WRONG + len(here.right)))
            own = self._of(door, address, hash(address_key(email)))
            if not here.right:
                self._refuse(own, WRONG)
            if not right:
                for each in (own, here, everywhere):
                    each.wrong.append(self._clock())

    def came_in(self, door: str, address: str) -> None:
        """Somebody checked in who had not before."""
        with self._lock:
            for each in (address, ""):
                self._of(door, each).right.append(self._clock())

    def _refuse(self, tries: _Tries, most: int) -> None:
        if len(tries.wrong) >= most:
            raise _too_often(tries.wrong[-most] + WINDOW - self._clock())

    def _of(self, door: str, address: str, email: int | None = None) -> _Tries:
        key = door, address, email
        found = self._tries.setdefault(key, _Tries())
        self._tries.move_to_end(key)
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


def network_of(request: Request, proxies: Sequence[Network]) -> str:
    """From where a request comes. `proxies`: from which networks it is believed what they say of
    that (``X-Forwarded-For``); anybody else can write there what they like. Of several addresses
    the last one was added by the proxy: where that is one of these too, the one before it counts.
    """
    host = request.client.host if request.client else ""
    found = _address(host)
    said = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    while said and (found is None or any(found in network for network in proxies)):
        before = _address(said.pop().strip())
        if before is None:
            break
        found = before
    if found is None:
        return "unknown"
    if isinstance(found, IPv6Address):
        return str(IPv6Address(int(found) >> 64 << 64))
    return str(found)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in one spelling, an IPv4 one that is written as IPv6 as what it is. A port after
    it, as some proxies write it, is left out."""
    written = re.fullmatch(r"\[([^]]*)\](?::\d+)?|([^:]*):\d+", text)
    bare = (written[1] or written[2] or "") if written else text
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
