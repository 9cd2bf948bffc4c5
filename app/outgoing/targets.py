"""The address that somebody gave for our requests, read strictly.

What one reader of addresses takes for one host and another for another is how requests are led
astray: so whatever has more than one spelling is refused, or written the one way it is kept in.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import quote, urlsplit

import idna

from app.domain.errors import N_, Invalid
from app.outgoing.networks import is_public, read

LONGEST = 1_000
"""Characters of an address."""
LEAST_PORT = 1024
"""Below it belong ports to services of their own; of those only the two of the web are let be."""

_PORT = {"https": 443, "http": 80}
_BAD = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
# What is no name of the public internet: RFC 2606, 6761, 6762, 7686, 8375, 9476, and what
# networks call their own machines.
_INSIDE = frozenset(
    (
        "alt",
        "arpa",
        "corp",
        "example",
        "home",
        "internal",
        "intranet",
        "invalid",
        "lan",
        "local",
        "localdomain",
        "localhost",
        "onion",
        "private",
        "test",
    )
)
_KEPT = "/:@!$&'()*+,;=-._~%?"  # of a path and a query; all else is written as %XX


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. `host` is a name in ASCII and small letters, or an IP address;
    `path` has the query in it."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the header ``Host`` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORT[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def _invalid(sentence: str, code: str) -> Invalid:
    return Invalid.one("address", sentence, code=code)


def read_target(text: str, *, plain: bool = False) -> Target:
    """An address from text. `plain`: http is let be as well, for whoever develops.

    Raises Invalid, at ``address``: ``not_an_address``, ``not_https``, ``userinfo``, ``port``,
    ``not_a_host``, ``not_public``, ``too_long``.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise _invalid(N_("This address is too long."), "too_long")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _not_an_address() from None
    if _BAD.search(text) or not parts.netloc or not parts.hostname:
        raise _not_an_address()
    if parts.scheme != "https" and not (plain and parts.scheme == "http"):
        raise _invalid(N_("The address must begin with https://."), "not_https")
    if "@" in parts.netloc:
        raise _invalid(
            N_("Leave out the name and the password: what we send is signed instead."), "userinfo"
        )
    usual = _PORT[parts.scheme]
    if parts.netloc.endswith(":") or (port is not None and port != usual and port < LEAST_PORT):
        raise _invalid(N_("Use port 443, or one from 1024 on."), "port")
    host = _host(parts.hostname, bracketed=parts.netloc.startswith("["))
    path = quote(parts.path or "/", safe=_KEPT)
    if parts.query:
        path += "?" + quote(parts.query, safe=_KEPT)
    return Target(parts.scheme, host, usual if port is None else port, path)


def _not_an_address() -> Invalid:
    return _invalid(
        N_("Enter a whole address, such as https://example.org/convoca."), "not_an_address"
    )


def _host(text: str, *, bracketed: bool) -> str:
    if bracketed:
        address = read(text)
        if not isinstance(address, IPv6Address):
            raise _not_a_host()
        if not is_public(address):
            raise not_public()
        return address.compressed
    if text.endswith(".") or "%" in text:
        raise _not_a_host()
    try:
        # As people type it: capitals, wide letters and dots of other scripts become the usual ones.
        name = idna.encode(text, uts46=True).decode() if not text.isascii() else text.lower()
        if not text.isascii() or "xn--" in name:
            idna.decode(name)
    except (UnicodeError, idna.IDNAError):
        raise _not_a_host() from None
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.match(label) for label in labels):
        raise _not_a_host()
    if _NUMBER.match(labels[-1]):
        # 127.1, 2130706433, 0177.0.0.1 and 0x7f.1 are addresses to some, and names to others.
        address = read(name)
        if address is None or str(address) != name or not text.isascii():
            raise _not_a_host()
        if not is_public(address):
            raise not_public()
        return name
    if len(labels) < 2 or labels[-1] in _INSIDE:
        raise not_public()
    return name


def _not_a_host() -> Invalid:
    return _invalid(N_("We cannot read the host in this address. Write it as usual."), "not_a_host")


def not_public() -> Invalid:
    """A host that only those within some network could ask."""
    return _invalid(
        N_("This host is not on the public internet, so we do not send anything there."),
        "not_public",
    )
