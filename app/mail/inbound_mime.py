"""Tolerant access to the parts and headers of a mail: whatever it says of itself may be a lie."""

import base64
import binascii
import codecs
import email
import email.policy
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from typing import Any, cast

LIMIT = 2 * 1024 * 1024
"""The longest mail that is read, in bytes; of longer ones the headers are."""
MOST_HEADER = 2_000
_MOST_HEADERS = 64 * 1024  # bytes, where nothing else is read
_DEEPEST = 60  # boundaries and mails within mails; the parser's work grows with each
_MOST_PIECES = 5_000
_MOST_COMPARED = 4_000_000  # lines by boundaries that each is compared with
_MOST_PARTS = 100
_NESTING = re.compile(rb"(?i)boundary[*0-9]{0,8}\s{0,20}=|content-type:\s{0,100}message/")
# The standard library's work grows with the square of these.
_MOST_FIELD = 8 * 1024  # characters of a header with parameters
_MOST_PARAMETERS = 100
_FIELD = re.compile(
    rb"(?i)(?:\A|[\r\n])content-(?:type|disposition)[ \t]{0,20}:"
    rb"((?:[^\r\n]+|(?:\r\n|[\r\n])[ \t])*)"
)
_MOST_LINE = 254
_SQUARE_CODECS = frozenset({"punycode", "idna"})
_TAGGED = re.compile(r"\+([A-Za-z0-9]{8,40})@")


def parse(raw: bytes) -> tuple[Message, bool]:
    """The mail, and whether it was read whole: of one that is too large or in too many pieces only
    the headers are."""
    if len(raw) <= LIMIT and not _too_much(raw):
        return email.message_from_bytes(raw), True
    return BytesHeaderParser(policy=email.policy.compat32).parsebytes(headers_of(raw)), False


def _too_much(raw: bytes) -> bool:
    """Whether the standard library's parser would take long over it, or not come back."""
    # Each header that is asked for is looked for among all.
    if re.search(rb"\n\r?\n", raw[:_MOST_HEADERS]) is None and len(raw) > _MOST_HEADERS:
        return True
    nested = sum(1 for _ in _NESTING.finditer(raw))
    lines = raw.count(b"\n") + raw.count(b"\r")
    reports = b"delivery-status" in raw.lower() and raw.count(b"\n\n") + raw.count(b"\n\r\n")
    if nested > _DEEPEST or nested * lines > _MOST_COMPARED:
        return True
    if raw.count(b"\n--") > _MOST_PIECES or reports > _MOST_PIECES:
        return True
    return any(_too_long(match[1].decode("latin-1")) for match in _FIELD.finditer(raw))


def _too_long(field: str) -> bool:
    return len(field) > _MOST_FIELD or field.count(";") > _MOST_PARAMETERS


def headers_of(raw: bytes) -> bytes:
    """The lines up to the first empty one, 64 KiB at most."""
    found = re.search(rb"\r?\n\r?\n", raw[:_MOST_HEADERS])
    return raw[: found.end()] if found else raw[:_MOST_HEADERS]


def parts(message: Message) -> Iterator[Message]:
    """The parts that contain no others, in order; what stands in a mail within it is not of it, so
    such a mail is one part."""
    waiting, seen = [message], 0
    while waiting and seen < _MOST_PARTS:
        part = waiting.pop()
        inner = within(part)
        if inner and kind(part).startswith("multipart/"):
            waiting.extend(reversed(inner))
            continue
        seen += 1
        yield part


def within(part: Message) -> list[Message]:
    """The parts or mails that a part is made of; none where it is a text. Nothing is decoded: the
    library would do that by whatever charset the part names."""
    if not part.is_multipart():
        return []
    return [each for each in cast(list[Any], part.get_payload()) if isinstance(each, Message)]


def kind(part: Message) -> str:
    """The content type in lower case, without parameters."""
    try:
        return part.get_content_type()
    except Exception:
        return "text/plain"


def parameter(part: Message, name: str) -> str:
    """A parameter of the content type; empty where there is none."""
    with suppress(Exception):  # half an RFC 2231 value is many kinds of error
        if _too_long(str(part.get("Content-Type", ""))):
            return ""
        value = part.get_param(name)
        if isinstance(value, tuple):
            value = value[2]
        return clean(str(value or ""))
    return ""


def filename(part: Message) -> str:
    """The name that a part has as a file; empty where it has none."""
    with suppress(Exception):
        if any(_too_long(str(part.get(f"Content-{name}", ""))) for name in ("Type", "Disposition")):
            return ""
        return clean(part.get_filename() or "")
    return ""


def content(part: Message) -> bytes:
    """The bytes of a part, with the transfer encoding undone; of one that contains others none."""
    with suppress(Exception):
        data = part.get_payload(decode=True)
        if isinstance(data, bytes):
            return data
    return b""


def text(part: Message) -> str:
    """The text of a part, with whatever charset fits."""
    return decoded(content(part), parameter(part, "charset"))


def decoded(data: bytes, charset: str = "") -> str:
    """UTF-8 where it is, else what it says that it is, else Windows-1252: that says nothing wrong
    of letters that were meant to be Latin."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if b"\0" in data and charset.lower().startswith("utf-16"):
        return _in_charset(data, charset)
    with suppress(UnicodeDecodeError):
        return data.removeprefix(codecs.BOM_UTF8).decode()
    if charset.lower().replace("_", "-") not in ("", "utf-8", "utf8", "us-ascii", "ascii"):
        return _in_charset(data, charset)
    return data.decode("cp1252", "replace")


def _in_charset(data: bytes, charset: str) -> str:
    try:
        if codecs.lookup(charset).name in _SQUARE_CODECS:
            return data.decode("cp1252", "replace")
        return data.decode(charset, "replace")
    except (LookupError, ValueError, AssertionError):  # no such charset, or none for text
        return data.decode("cp1252", "replace")


def from_base64(data: bytes) -> bytes:
    """The bytes behind base64; none where it is not."""
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def raw_headers(message: Message, *names: str) -> list[str]:
    """The values of headers, unfolded, encoded words as they are, cut to 2,000 characters."""
    wanted = {name.lower() for name in names}
    found = []
    for name, value in message.raw_items():
        if name.lower() in wanted:
            data = str(value)[:MOST_HEADER].encode("utf-8", "surrogateescape")
            found.append(" ".join(decoded(data).split()))
    return found


def header(message: Message, name: str) -> str:
    """The first header of this name, encoded words decoded; empty where there is none."""
    for value in raw_headers(message, name):
        return clean(_words(value))
    return ""


def _words(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except Exception:
        return value
    return "".join(
        piece
        if isinstance(piece, str)
        else _in_charset(piece, charset)
        if charset
        else piece.decode("raw-unicode-escape", "replace")
        for piece, charset in pieces
    )


def clean(words: str) -> str:
    """One printable line."""
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


def lines(words: str, most: int) -> str:
    """Printable text with its line breaks, cut."""
    plain = words[: most * 2].replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    kept = "".join(c for c in plain if c == "\n" or c.isprintable())
    return re.sub(r"\n{3,}", "\n\n", kept).strip()[:most]


def addresses(values: Iterable[str]) -> tuple[str, ...]:
    """The addresses in headers, each once, in order."""
    found: dict[str, None] = {}
    with suppress(Exception):
        for _, spec in getaddresses(list(values)[:50]):
            if address := an_address(spec):
                found[address] = None
    return tuple(found)


def an_address(words: str) -> str:
    """What was meant to be an address: without ``mailto:``, brackets, quotes; empty where it is
    none."""
    plain = re.sub(r"(?i)^\s*['\"<]*\s*(mailto:\s*)?", "", words[:1000]).strip("'\"<> \t")
    plain = plain.partition("?")[0]
    one = plain.count("@") == 1 and plain.isprintable() and not re.search(r"[\s<>,;\"]", plain)
    local, _, domain = plain.partition("@")
    return plain if one and local and domain and len(plain) <= _MOST_LINE else ""


def tags(found: Iterable[str]) -> tuple[str, ...]:
    """The plus-tags of addresses, in lower case, each once."""
    matches = (_TAGGED.search(address) for address in found)
    return tuple(dict.fromkeys(m[1].lower() for m in matches if m))
