"""Content lines of text/calendar: cleaning, escaping, quoting, folding (RFC 5545, 3.1 and 3.3.11).

Everything that a person wrote passes through `text`, `phrase`, `quoted`, `uri` or `mailto` before
it stands in a line, so nothing that was typed can begin a line or a property of its own.
Lines are str without their line break until `serialize` makes bytes of them.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, urlsplit

import idna

from app.domain.text import BIDI

MAX_OCTETS = 75
"""Longest line in octets, without the CRLF and with the space that marks a continuation."""

_BREAKS = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNWANTED = re.compile(f"[\x00-\x08\x0e-\x1f\x7f-\x9f{BIDI}\ufeff\ud800-\udfff\ufffe\uffff]")
_LONG_GAP = re.compile("[ \t]{40,}")
_DIRTY = re.compile(
    f"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029{BIDI}\ufeff\ud800-\udfff\ufffe\uffff]| {{40}}"
)
_SPACES = re.compile("[ \t\n]+")
_OPENING_QUOTE = re.compile(r'(?:(?<=^)|(?<=[\s(\[{/«¿¡—–-]))"')
_URI_SAFE = "!#$%&'()*+,-./:;=?@_~"
_LOCAL_PART_SAFE = "!$'*+-.=_~"
# What nearly all links and addresses are like: nothing in them has to be checked or written anew.
_PLAIN_LINK = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~/?=&-]*)?")
_LABEL = "[A-Za-z0-9-]{1,63}"
_PLAIN_ADDRESS = re.compile(rf"[A-Za-z0-9!$'*+.=_~-]+@{_LABEL}(?:\.{_LABEL})*")
_LINK_SCHEMES = frozenset({"http", "https"})


def clean(value: str) -> str:
    """Text with no control characters but newline and tab, none that turns its direction round, no
    byte-order marks, no lone surrogates.

    Characters that mean a line break somewhere (lone CR, VT as PowerPoint writes it, FF, U+0085,
    U+2028, U+2029) become a newline, so that the words on both sides stay apart; the others go.
    Space around the whole is taken away, and a gap of 40 blanks or more cut down: folded, it could
    give a line of nothing but blanks, which some readers take for an empty one.
    """
    if _DIRTY.search(value):
        value = _UNWANTED.sub("", _BREAKS.sub("\n", value))
        value = _LONG_GAP.sub(" " * 20, value)
    return value.strip()


def one_line(value: str) -> str:
    """Cleaned text with every run of space and line breaks turned into one space."""
    return _SPACES.sub(" ", clean(value))


def escape(value: str) -> str:
    """Cleaned text as a TEXT value (RFC 5545, 3.3.11)."""
    return value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def text(value: str) -> str:
    """A TEXT value that may have several lines; empty if nothing is left."""
    return escape(clean(value))


@lru_cache(maxsize=1024)  # mostly the same for thousands of readers
def phrase(value: str) -> str:
    """A TEXT value of one line, for titles and places; empty if nothing is left."""
    return escape(one_line(value))


@lru_cache(maxsize=1024)  # mostly the same for thousands of readers
def quoted(value: str) -> str:
    """A parameter value in quotes; empty if nothing is left.

    A parameter cannot hold a straight quote, so it becomes a typographic one; a caret is doubled
    because RFC 6868 gives it a meaning.
    """
    value = _OPENING_QUOTE.sub("“", one_line(value)).replace('"', "”").replace("^", "^^")
    return f'"{value}"' if value else ""


@lru_cache(maxsize=4096)
def uri(value: str, schemes: frozenset[str] = _LINK_SCHEMES) -> str:
    """A URI value, or empty if it is no address of one of these schemes.

    A URI value is not escaped, so what RFC 3986 does not allow in one is percent-encoded.
    """
    if _PLAIN_LINK.fullmatch(value) and schemes >= _LINK_SCHEMES:
        return value
    value = one_line(value).replace(" ", "%20")
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    if parts.scheme not in schemes or not (parts.netloc or parts.path):
        return ""
    if parts.scheme in _LINK_SCHEMES and not parts.hostname:
        return ""
    # Square brackets belong to the host of an IPv6 address only.
    safe = _URI_SAFE + ("[]" if "[" in parts.netloc else "")
    return quote(value, safe=safe)


@lru_cache(maxsize=4096)
def mailto(address: str) -> str:
    """A bare mail address as an ASCII CAL-ADDRESS (RFC 6068), or empty if it is not an address."""
    if _PLAIN_ADDRESS.fullmatch(address):
        return f"mailto:{address}"
    local, at, domain = one_line(address).rpartition("@")
    if not (at and local and domain) or " " in local + domain or "@" in local:
        return ""
    try:
        # IDNA 2008, as mail goes: by that of before faß.example became fass.example, another host.
        host = idna.encode(domain, uts46=True).decode()
    except (UnicodeError, idna.IDNAError):
        return ""
    if not re.fullmatch(r"[A-Za-z0-9.-]+", host):
        return ""
    return f"mailto:{quote(local, safe=_LOCAL_PART_SAFE)}@{host}"


@lru_cache(maxsize=1024)  # mostly the same for thousands of readers
def utc_stamp(instant: datetime) -> str:
    """An aware instant as a UTC DATE-TIME, fractions of a second dropped. ValueError if naive."""
    if instant.tzinfo is None:
        raise ValueError("a calendar takes aware instants only")
    return local_stamp(instant.astimezone(UTC)) + "Z"


def local_stamp(wall: datetime) -> str:
    """The clock's reading as a DATE-TIME without a zone."""
    return (
        f"{wall.year:04}{wall.month:02}{wall.day:02}T{wall.hour:02}{wall.minute:02}{wall.second:02}"
    )


@lru_cache(maxsize=512)  # most lines are the same for thousands of readers
def fold(line: str) -> bytes:
    """One line as UTF-8 with its CRLF, broken so that no part is longer than 75 octets.

    No character is broken in two, though RFC 5545 would allow it: clients that decode before
    unfolding show rubbish.
    """
    raw = line.encode()
    if len(raw) <= MAX_OCTETS:
        return raw + b"\r\n"
    return b"\r\n ".join(_pieces(raw)) + b"\r\n"


def _pieces(raw: bytes) -> Iterator[bytes]:
    start, room = 0, MAX_OCTETS
    while len(raw) - start > room:
        end = start + room
        while raw[end] & 0xC0 == 0x80:  # inside a character
            end -= 1
        yield raw[start:end]
        start, room = end, MAX_OCTETS - 1  # the space of the continuation counts
    yield raw[start:]


def serialize(lines: Iterable[str]) -> bytes:
    """The lines, folded, as bytes."""
    return b"".join(map(fold, lines))
