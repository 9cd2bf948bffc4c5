"""Reading the addresses that people give."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Invalid
from app.outgoing.networks import is_public, read
from app.outgoing.targets import Target, read_target

REFUSED = {
    "not_an_address": [
        *("", "example.org", "https://", "https:///x", "https:example.org"),
        *("https://exa mple.org/", "https://example.org\\@inside.org/", "https://example.org/\nx"),
        *("https://example.org/a b", "https://[::1/", "https://example.org:port/"),
        *("https://example.org:99999/", "https://\ud800.org/", "https://exam\u2028ple.org/"),
        *("https://example.org/\x00", "https://ex\u2100mple.org/"),
    ],
    "not_https": [
        *("http://example.org/", "ftp://example.org/", "file://example.org/etc/passwd"),
        *("gopher://example.org/", "ws://example.org/", "//example.org/x"),
    ],
    "userinfo": [
        *("https://user@example.org/", "https://user:word@example.org/", "https://@example.org/"),
        *("https://example.org@10.0.0.1/", "https://example.org:443@127.0.0.1/"),
        *("https://127.0.0.1%2f@example.org/",),
    ],
    "port": [
        *("https://example.org:/", "https://example.org:22/", "https://example.org:80/"),
        *("https://example.org:0/", "https://example.org:1023/"),
    ],
    "not_a_host": [
        *("https://example.org./", "https://127.0.0.1./", "https://127.1/", "https://127.0.1/"),
        *("https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0x/"),
        *("https://0177.0.0.1/", "https://017700000001/", "https://127.0.0.1.5/"),
        *("https://127.0.0.0x1/", "https://00000127.0.0.1/", "https://256.1.1.1/"),
        *("https://exa_mple.org/", "https://-example.org/", "https://example..org/"),
        *("https://.example.org/", "https://exa%6dple.org/"),
        *("https://１２７.０.０.１/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/"),
        *("https://８.８.８.８/", "https://xn--a.org/", f"https://{'a' * 64}.org/"),
        *("https://[v1.x]/",),
    ],
    "not_public": [
        *("https://127.0.0.1/", "https://10.1.2.3/", "https://169.254.169.254/latest/meta-data/"),
        *("https://100.100.100.200/", "https://192.0.0.192/", "https://168.63.129.16/"),
        *("https://0.0.0.0/", "https://255.255.255.255/", "https://[::1]/", "https://[::]/"),
        *("https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/"),
        *("https://[64:ff9b::10.0.0.1]/", "https://[64:ff9b:1::1]/", "https://[2002:7f00:1::]/"),
        *("https://[2001::1]/", "https://[fd00:ec2::254]/", "https://[fec0::1]/"),
        *(
            "https://[fe80::1]/",
            "https://[fe80::1%25eth0]/",
            "https://[ff02::1]/",
            "https://[2001:db8::1]/",
        ),
        *("https://localhost/", "https://LOCALHOST/", "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "https://intranet/"),
        *("https://printer.local/", "https://metadata.google.internal/", "https://a.localhost/"),
        *("https://1.0.0.127.in-addr.arpa/", "https://router.home.arpa/", "https://x.onion/"),
    ],
    "too_long": [f"https://example.org/{'a' * 1000}"],
}


@pytest.mark.parametrize(
    ("text", "code"), [(text, code) for code, texts in REFUSED.items() for text in texts]
)
def test_these_are_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid) as raised:
        read_target(text)
    assert [(error.field, error.code) for error in raised.value.fields] == [("address", code)]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("https://example.org", "https://example.org/"),
        (" HTTPS://Example.ORG:443/Hooks?a=b ", "https://example.org/Hooks?a=b"),
        ("https://example.org:8443/x#part", "https://example.org:8443/x"),
        ("https://münchen.de/ä?ö=ü", "https://xn--mnchen-3ya.de/%C3%A4?%C3%B6=%C3%BC"),
        ("https://xn--mnchen-3ya.de/%C3%A4", "https://xn--mnchen-3ya.de/%C3%A4"),
        ("https://Ｅxample.org/", "https://example.org/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:4700:0::1111]/", "https://[2606:4700:4700::1111]/"),
        ("https://example.org/../a?q=https://x@y", "https://example.org/../a?q=https://x@y"),
    ],
)
def test_these_are_taken_and_written_one_way(text: str, written: str) -> None:
    target = read_target(text)
    assert str(target) == written
    assert read_target(written) == target


def test_http_is_for_those_who_develop() -> None:
    assert read_target("http://example.org/x", plain=True) == Target(
        "http", "example.org", 80, "/x"
    )
    for inside in ("http://127.0.0.1/", "http://localhost:8000/"):
        with pytest.raises(Invalid):
            read_target(inside, plain=True)


@given(
    st.one_of(
        st.text(max_size=60),
        st.builds(
            "https://{}/".format,
            st.text("0123456789abcdefxX.:[]%@-_。①/\\", min_size=1, max_size=24),
        ),
    )
)
def test_what_is_taken_says_one_thing(text: str) -> None:
    """To us, to whoever reads it again, and to the system: its resolver takes for an address
    nothing that we took for a name."""
    try:
        target = read_target(text)
    except Invalid:
        return
    assert read_target(str(target)) == target
    address = read(target.host)
    if address is not None:
        assert is_public(address)
        return
    with pytest.raises(OSError, match="illegal"):
        socket.inet_aton(target.host)


@given(st.ip_addresses())
def test_addresses_are_taken_where_they_are_public(address: object) -> None:
    host = f"[{address}]" if ":" in str(address) else str(address)
    if is_public(address):  # type: ignore[arg-type]
        assert read_target(f"https://{host}/").host == str(address)
    else:
        with pytest.raises(Invalid) as raised:
            read_target(f"https://{host}/")
        assert raised.value.fields[0].code in ("not_public", "not_a_host")
