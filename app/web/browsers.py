"""Browsers and networks in few words, as somebody recognises their own."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_network

from fastapi import Request

from app.web.networks import network_here

_BROWSERS = (
    # The first that matches: most name others besides, to be given what those are given.
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/|OPiOS/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Vivaldi", r"Vivaldi/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/|Chromium/"),
    ("Safari", r"Version/[\d.]+ .*Safari/"),
)
_SYSTEMS = (
    ("Android", r"Android"),
    ("iPhone", r"iPhone|iPod"),
    ("iPad", r"iPad"),
    ("Windows", r"Windows"),
    ("ChromeOS", r"CrOS"),
    ("macOS", r"Macintosh|Mac OS X"),
    ("Linux", r"Linux|X11"),
)


def browser_of(user_agent: str) -> str:
    """A browser and its system by name, such as "Firefox, Linux"; empty where neither is known.
    What it says of itself is nobody's but its own word, so nothing of it is kept as it came."""
    said = user_agent[:400]
    found = [
        next((name for name, pattern in known if re.search(pattern, said)), "")
        for known in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(filter(None, found))


def network_in_part(request: Request) -> str:
    """The first part of where a request comes from, enough to tell one's own places apart: 24 bits
    of an IPv4 address, 48 of an IPv6 one; empty where it is not known."""
    try:
        network = ip_network(network_here(request))
    except ValueError:
        return ""
    address = network.network_address
    if isinstance(address, IPv4Address):
        return f"{IPv4Address(int(address) >> 8 << 8)}/24"
    return f"{IPv6Address(int(address) >> 80 << 80)}/48"
