"""Answers that are ready to be sent: raw headers and bytes, plain and compressed.

Conditional requests are answered by their tags alone (If-None-Match; RFC 9110, section 13.1.2). A
date cannot tell apart two contents of one second, nor what changed without a stamp of its own (an
address, a translation, the program), so If-Modified-Since gets the whole answer.
"""

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from starlette.types import Scope, Send

RawHeaders = tuple[tuple[bytes, bytes], ...]
_WORTH_COMPRESSING = 600  # bytes; less fits into one packet anyway
_SHORT = 200
_KEPT_IN_304 = frozenset({b"cache-control", b"vary", b"content-location", b"set-cookie"})


@dataclass(frozen=True, slots=True)
class _Variant:
    """One encoding of the answer, with the start of its messages."""

    etag: bytes
    headers: RawHeaders
    unchanged: RawHeaders
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A 200 answer."""

    plain: _Variant
    packed: _Variant | None

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self.plain.body) + (len(self.packed.body) if self.packed else 0)


@dataclass(slots=True)
class Asked:
    """What hot endpoints need of a request's headers, gathered in one pass."""

    cookie: bytes = b""
    accept_language: bytes = b""
    accept_encoding: bytes = b""
    if_none_match: bytes = b""
    authorization: bytes = b""


def asked(scope: Scope) -> Asked:
    """The headers of a request."""
    found = Asked()
    for name, value in scope["headers"]:
        if name == b"cookie":
            # HTTP/2 front ends may split it (RFC 9113, 8.2.3).
            found.cookie = found.cookie + b"; " + value if found.cookie else value
        elif name == b"accept-language":
            found.accept_language = value
        elif name == b"accept-encoding":
            found.accept_encoding = value
        elif name == b"if-none-match":
            found.if_none_match = (
                found.if_none_match + b"," + value if found.if_none_match else value
            )
        elif name == b"authorization":
            found.authorization = value
    return found


def answer(
    body: bytes,
    media_type: str,
    *,
    cache_control: str,
    vary: str = "Accept-Encoding",
    modified: datetime | None = None,
    extra: Iterable[tuple[str, str]] = (),
    tag: str = "",
) -> Answer:
    """Makes an answer. The ETag is strong: `tag` where it is given, else a digest of the bytes, so
    that other bytes have another; ``-gz`` is added for the compressed ones.

    `modified` becomes Last-Modified, for people and statistics: nothing is compared with it.
    """
    shared = [
        (b"content-type", media_type.encode()),
        (b"cache-control", cache_control.encode()),
        (b"vary", vary.encode()),
        *((k.lower().encode(), v.encode("latin-1")) for k, v in extra),
    ]
    if modified is not None:
        whole = format_datetime(modified.astimezone(UTC), usegmt=True)
        shared.append((b"last-modified", whole.encode()))
    digest = tag or hashlib.sha256(body).hexdigest()[:32]
    packed = None
    if len(body) >= _WORTH_COMPRESSING:
        smaller = gzip.compress(body, 6, mtime=0)
        if len(smaller) < len(body):
            packed = _variant(f'"{digest}-gz"', shared, smaller, encoding=b"gzip")
    plain = _variant(f'"{digest}"', shared, body)
    return Answer(plain, packed)


def _variant(
    etag: str, shared: list[tuple[bytes, bytes]], body: bytes, encoding: bytes = b""
) -> _Variant:
    tag = (b"etag", etag.encode())
    own = [(b"content-encoding", encoding)] if encoding else []
    length = (b"content-length", str(len(body)).encode())
    kept = [h for h in shared if h[0] in _KEPT_IN_304 or h[0] == b"last-modified"]
    return _Variant(etag.encode(), (*shared, *own, tag, length), (*kept, tag), body)


async def send_answer(found: Answer, wish: Asked, scope: Scope, send: Send) -> None:
    """Sends it as this request wants it: 200 or 304, compressed or not, HEAD without its body."""
    variant = found.plain
    if found.packed is not None and wish.accept_encoding and _packs(wish.accept_encoding):
        variant = found.packed
    unchanged = _matched(found, variant, wish.if_none_match) if wish.if_none_match else None
    if unchanged is not None:
        headers: RawHeaders = unchanged.unchanged
        await send({"type": "http.response.start", "status": 304, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": list(variant.headers)})
    body = b"" if scope["method"] == "HEAD" else variant.body
    await send({"type": "http.response.body", "body": body})


def _matched(found: Answer, chosen: _Variant, header: bytes) -> _Variant | None:
    """Whose tag the client named: with either it holds today's content."""
    if header == chosen.etag:
        return chosen
    tags = {tag.strip().removeprefix(b"W/") for tag in header.split(b",")}
    if b"*" in tags or chosen.etag in tags:
        return chosen
    other = found.plain if chosen is not found.plain else found.packed
    return other if other is not None and other.etag in tags else None


def _packs(header: bytes) -> bool:
    # A memo of what is long would only hold memory: nobody says it twice.
    return (_takes_gzip if len(header) <= _SHORT else _takes_gzip.__wrapped__)(header)


@lru_cache(maxsize=256)
def _takes_gzip(header: bytes) -> bool:
    """Whether an Accept-Encoding header allows gzip (RFC 9110, 12.5.3)."""
    allowed = {}
    for item in header.decode("latin-1").lower().split(","):
        name, _, quality = item.partition(";")
        weight = quality.strip().removeprefix("q=").strip()
        try:
            allowed[name.strip()] = float(weight) > 0 if weight else True
        except ValueError:
            allowed[name.strip()] = False
    return allowed.get("gzip", allowed.get("x-gzip", allowed.get("*", False)))
