"""JSON that two programs cannot read in two ways (RFC 8259 leaves it open, RFC 7493 does not)."""

import json
from typing import Any, NoReturn

from app.domain.errors import N_, Invalid


def not_json() -> Invalid:
    """Of a body as a whole."""
    return Invalid.one("", N_("This is not JSON."), code="json_invalid")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise not_json()
    return found


def _no_number(_: str) -> NoReturn:
    raise not_json()


def check(body: bytes) -> None:
    """Raises Invalid (``json_invalid``) for what is no JSON, for NaN and infinities, for a name
    that comes twice in an object (of which one program believes the first, another the last), for
    text that is not UTF-8, and for nesting and numbers without end."""
    try:
        json.loads(body.decode(), object_pairs_hook=_each_once, parse_constant=_no_number)
    except (RecursionError, ValueError):
        raise not_json() from None
