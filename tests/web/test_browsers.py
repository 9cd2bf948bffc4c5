"""Browsers and networks in few words."""

from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from app.web.browsers import browser_of, network_in_part

_CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko Firefox/132.0",
            "Firefox, Linux",
        ),
        (_CHROME.format("Windows NT 10.0; Win64; x64"), "Chrome, Windows"),
        (_CHROME.format("Linux; Android 14; Pixel 8"), "Chrome, Android"),
        (_CHROME.format("Windows NT 10.0") + " Edg/130.0.0.0", "Edge, Windows"),
        (_CHROME.format("Macintosh; Intel Mac OS X 10_15_7") + " OPR/116.0", "Opera, macOS"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
            "like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        ),
        ("curl/8.5.0", ""),
        ("", ""),
        ("<script>alert(1)</script> Firefox/9" + "x" * 9_000, "Firefox"),
    ],
)
def test_a_browser_in_words(said: str, found: str) -> None:
    assert browser_of(said) == found


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("testclient", ""),
    ],
)
def test_a_network_in_part(host: str, found: str) -> None:
    proxies = (ip_network("127.0.0.0/8"),)
    app = SimpleNamespace(state=SimpleNamespace(trusted_proxies=proxies))
    scope: dict[str, Any] = {"type": "http", "headers": [], "client": (host, 1), "app": app}
    assert network_in_part(Request(scope)) == found
