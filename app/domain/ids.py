"""Identifiers: opaque to everybody, sortable by time of creation for us."""

import secrets
import threading
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]

ID_LENGTH = 26
"""Characters; no id is longer."""
_RANDOM_BITS = 80
_last = 0
_last_lock = threading.Lock()


def encode(number: int, length: int) -> str:
    """The number in base 32, in so many digits."""
    pairs = [_PAIRS[number >> bits & 1023] for bits in range((length - 1) // 2 * 10, -1, -10)]
    return "".join(pairs)[-length:]


def new_id() -> str:
    """26 characters: 48 bits of milliseconds since 1970, then 80 random bits.

    Within one process each sorts after the one before it, also when several are made in one
    millisecond or the clock is set back: rows of one request keep the order they were made in.
    """
    global _last
    number = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    with _last_lock:
        if number <= _last:
            number = _last + 1 + secrets.randbits(_RANDOM_BITS // 2)
        _last = number
    return encode(number, ID_LENGTH)


def new_code(length: int = 8) -> str:
    """A random code that can be read aloud and typed, 5 bits a character."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
