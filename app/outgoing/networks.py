"""Which addresses of the internet are public, by our own list.

`ipaddress` has one too, but what it says differs from one Python to the next, and it takes for
public what leads back inside another way: relays and translators that carry an IPv4 address in an
IPv6 one. An address is public here if nothing below and nothing there speaks against it.

Sources: the IANA registries of special-purpose addresses for IPv4 and IPv6, and of the IPv6 global
unicast space; the addresses at which clouds answer their own machines.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address


def _v4(*networks: str) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(each) for each in networks)


def _v6(*networks: str) -> tuple[IPv6Network, ...]:
    return tuple(IPv6Network(each) for each in networks)


_NOT_PUBLIC_V4 = _v4(
    "0.0.0.0/8",  # this network; some systems take it for the machine itself
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # shared by a provider's customers; a cloud's metadata too
    "127.0.0.0/8",  # the machine itself
    "168.63.129.16/32",  # a cloud's own service, at an address that looks public
    "169.254.0.0/16",  # link-local; clouds' metadata
    "172.16.0.0/12",  # private
    "192.0.0.0/24",  # protocol assignments; a cloud's metadata too
    "192.0.2.0/24",  # documentation
    "192.31.196.0/24",  # AS112
    "192.52.193.0/24",  # multicast relays
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",  # private
    "192.175.48.0/24",  # AS112
    "198.18.0.0/15",  # benchmarking
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and the broadcast address
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that is given out. Outside of it lie ``::1``, IPv4-mapped and -compatible addresses, both
NAT64 prefixes (64:ff9b::/96 and 64:ff9b:1::/48), unique local, link-local, site-local, multicast
and what is not given out at all."""
_NOT_PUBLIC_V6 = _v6(
    "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID, multicast relays, AS112
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4: any IPv4 address
    "2620:4f:8000::/48",  # AS112
    "3ffe::/16",  # the first trial network, given back
    "3fff::/20",  # documentation
)
_ISATAP = (0x00005EFE, 0x02005EFE)
"""In bits 64 to 95 of an address: an IPv4 address follows, and a router may carry it there."""


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, which anybody could ask."""
    if isinstance(address, IPv4Address):
        return address.is_global and not _within(address, _NOT_PUBLIC_V4)
    return (
        address.scope_id is None
        and address.is_global
        and address in _GLOBAL_UNICAST
        and not _within(address, _NOT_PUBLIC_V6)
        and int(address) >> 32 & 0xFFFFFFFF not in _ISATAP
    )


def _within(address: Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address in network for network in networks)


def read(text: str) -> Address | None:
    """The address that a text is, in its usual spelling (``ipaddress``); None where it is none."""
    try:
        return ip_address(text)
    except ValueError:
        return None
