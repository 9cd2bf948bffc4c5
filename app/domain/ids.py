"""Identifiers: opaque to everybody, sortable by time of creation for us."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def _encode(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 32)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


def new_id() -> str:
    """26 characters: 48 bits of milliseconds since 1970, then 80 random bits."""
    return _encode(time.time_ns() // 1_000_000, 10) + _encode(secrets.randbits(80), 16)


def new_code(length: int = 8) -> str:
    """A random code that can be read aloud and typed, 5 bits a character."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
