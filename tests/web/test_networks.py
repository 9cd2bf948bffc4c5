"""From which network a request comes, whatever its headers say."""

from ipaddress import ip_network
from typing import Any

import pytest
from starlette.requests import Request

from app.settings import Settings, SettingsError
from app.web.networks import network_of

PROXIES = [ip_network(each) for each in ("127.0.0.0/8", "::1", "172.18.0.0/16")]


@pytest.mark.parametrize(
    ("host", "forwarded", "found"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("9.9.9.9", "198.51.100.1", "9.9.9.9"),  # anybody can say so
        ("10.0.0.7", "198.51.100.1", "10.0.0.7"),  # on the same network, too
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("172.18.0.3", "10.0.0.1, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "10.0.0.1, 198.51.100.1, 172.18.0.3", "198.51.100.1"),
        ("172.18.0.3", "nonsense", "172.18.0.3"),
        ("172.18.0.3", "198.51.100.1, nonsense", "172.18.0.3"),
        ("172.18.0.3", "", "172.18.0.3"),
        ("::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("172.18.0.3", "198.51.100.1:4711", "198.51.100.1"),
        ("172.18.0.3", "[2001:db8:1:2::7]", "2001:db8:1:2::"),
        ("172.18.0.3", "[2001:db8:1:2::7]:4711", "2001:db8:1:2::"),
        ("172.18.0.3", "[198.51.100.1", "172.18.0.3"),
        ("2001:db8:1:2:ffff::1", "", "2001:db8:1:2::"),
        ("::ffff:203.0.113.5", "", "203.0.113.5"),
        ("testclient", "198.51.100.1", "198.51.100.1"),
        ("testclient", "", "unknown"),
    ],
)
def test_from_where_a_request_comes(host: str, forwarded: str, found: str) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    scope: dict[str, Any] = {"type": "http", "headers": headers, "client": (host, 1)}
    assert network_of(Request(scope), PROXIES) == found


def test_of_several_such_lines_the_last_one_is_the_proxys() -> None:
    headers = [(b"x-forwarded-for", b"192.0.2.9"), (b"x-forwarded-for", b"198.51.100.1")]
    scope: dict[str, Any] = {"type": "http", "headers": headers, "client": ("172.18.0.3", 1)}
    assert network_of(Request(scope), PROXIES) == "198.51.100.1"


def test_which_proxies_are_believed() -> None:
    def believed(text: str) -> list[str]:
        settings = Settings.from_environment({"CONVOCA_TRUSTED_PROXIES": text})
        return [str(each) for each in settings.trusted_proxies]

    assert believed("") == ["127.0.0.0/8", "::1/128"]
    assert believed(" 10.0.0.5,  172.18.0.0/16 fd00::/8,") == [
        "10.0.0.5/32",
        "172.18.0.0/16",
        "fd00::/8",
    ]
    for wrong in ("172.18.0.3/16", "proxy.example.org", "*"):
        with pytest.raises(SettingsError, match="CONVOCA_TRUSTED_PROXIES must be"):
            believed(wrong)
