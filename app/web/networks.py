"""From which network a request comes: what it is counted by, where somebody comes too often."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from fastapi import Request

Network = IPv4Network | IPv6Network


def network_of(request: Request, proxies: Sequence[Network]) -> str:
    """From where a request comes: an IPv4 address, or the first 64 bits of an IPv6 one, since one
    household has all that begin so. `proxies`: from which networks it is believed what they say of
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


def network_here(request: Request) -> str:
    """`network_of`, with the proxies that are believed here."""
    return network_of(request, request.app.state.trusted_proxies)
