"""Which addresses are public: property by property, and every known way back inside."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.outgoing.networks import is_public

INSIDE = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
    *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    *("::/128", "::1/128", "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"),
    *("64:ff9b:1::/48", "100::/64", "2001::/32", "2001:2::/48", "2001:10::/28", "2001:20::/28"),
    *("2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10"),
    *("fec0::/10", "ff00::/8", "fd00:ec2::254/128", "2000::5efe:0:0/96", "2a00::200:5efe:0:0/96"),
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "192.0.1.1"]
PUBLIC_V6 = ["2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888"]


@pytest.mark.parametrize("network", INSIDE)
@given(data=st.data())
def test_no_address_of_these_is_public(network: str, data: st.DataObject) -> None:
    inside = ip_network(network)
    offset = data.draw(st.integers(0, inside.num_addresses - 1))
    assert not is_public(inside.network_address + offset)
    assert not is_public(inside.network_address)
    assert not is_public(inside.broadcast_address)


@pytest.mark.parametrize("text", PUBLIC + PUBLIC_V6)
def test_these_are_public(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=4))
@example(IPv4Address("169.254.169.254"))
def test_no_ipv4_address_is_public_in_an_ipv6_one(address: IPv4Address) -> None:
    """Mapped, compatible, translated by NAT64, by 6to4, by Teredo, by ISATAP."""
    number = int(address)
    for prefix in ("::ffff:0:0", "::", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "2001::"):
        assert not is_public(IPv6Address(int(IPv6Address(prefix)) | number))
    assert not is_public(IPv6Address(0x2002 << 112 | number << 80 | 1))
    assert not is_public(IPv6Address(int(IPv6Address("2a00::5efe:0:0")) | number))
    teredo_of_client = int(IPv6Address("2001::")) | (number ^ 0xFFFFFFFF)
    assert not is_public(IPv6Address(teredo_of_client))


@given(st.ip_addresses())
def test_what_python_takes_for_inside_is_inside(address: IPv4Address | IPv6Address) -> None:
    """Ours is the stricter of the two, for every address."""
    special = (
        address.is_private,
        address.is_loopback,
        address.is_link_local,
        address.is_multicast,
        address.is_unspecified,
        address.is_reserved,
        not address.is_global,
    )
    if any(special):
        assert not is_public(address)


@given(st.ip_addresses(v=6))
def test_only_what_is_given_out_is_public(address: IPv6Address) -> None:
    if is_public(address):
        assert address in IPv6Network("2000::/3")
        assert address.ipv4_mapped is None
        assert address.sixtofour is None
        assert address.teredo is None


def test_an_address_within_a_scope_is_not_public() -> None:
    assert not is_public(IPv6Address("2606:4700:4700::1111%eth0"))
