"""Passwords: how they are kept, compared, and which are too weak."""

import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.domain.errors import N_, Busy, FieldError
from app.domain.normal_forms import normal_form

MIN_PASSWORD = 15  # characters
MAX_PASSWORD = 1_000
_LOOKED_AT = 64
"""Characters in which something that is easy to guess is looked for: more would take seconds."""
_LEAST_SCORE = 3  # of 4: about 10^8 guesses
_SIGNS = "@({[<!|$+%"
_MOST_SIGNS = 2
"""Of the signs that may stand for letters so many are read so: zxcvbn tries every combination of
what they may mean, which takes ten seconds where somebody has typed them all."""

# RFC 9106, second recommendation. Each computation takes 64 MiB, so only so many run at once, and
# only so many wait: a flood of sign-ins must not take all memory or all threads.
_hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)
_running = threading.BoundedSemaphore(2)
_admitted = threading.BoundedSemaphore(12)


@contextmanager
def _turn() -> Iterator[None]:
    if not _admitted.acquire(blocking=False):
        raise Busy
    try:
        with _running:
            yield
    finally:
        _admitted.release()


def _normal(password: str) -> str:
    # NIST SP 800-63B: so that the same word typed on another keyboard is the same.
    return normal_form("NFKC", password)


def _prepared(password: str) -> bytes:
    return _normal(password).encode("utf-8", "surrogatepass")


def hash_password(password: str) -> str:
    """What is kept of a password. Takes about 0.1 s. Raises Busy when too many wait."""
    with _turn():
        return _hasher.hash(_prepared(password))


@cache
def _nobodys_hash() -> str:
    """What is compared with when there is no account, so that it takes as long."""
    return _hasher.hash(secrets.token_bytes(16))


def password_is_right(password_hash: str, password: str) -> bool:
    """Whether the password belongs to the hash (empty: none does). Takes the same time, about
    0.1 s, in every case, and needs no database. Raises Busy when too many wait."""
    usable = bool(password_hash) and len(password) <= MAX_PASSWORD
    with _turn():
        try:
            _hasher.verify(
                password_hash if usable else _nobodys_hash(), _prepared(password[:MAX_PASSWORD])
            )
        except (VerificationError, InvalidHashError):
            return False
    return usable


def is_outdated(password_hash: str) -> bool:
    """Whether a hash was made with other parameters than are used by now: whoever has the password
    at hand makes a new one."""
    return _hasher.check_needs_rehash(password_hash)


def weaknesses(password: str, name: str, email: str) -> list[FieldError]:
    """What is wrong with a password for somebody with this name and address.

    Length is what counts; what is only long in appearance is refused too: common passwords and
    words, rows of keys, dates, repetitions, and what others know of its owner or of Convoca
    (zxcvbn). Not looked for beyond the first 64 characters.
    """
    # Too long as it is typed is too long: so it is looked at in signing in.
    plain = password if len(password) > MAX_PASSWORD else _normal(password)
    if len(plain) < MIN_PASSWORD:
        sentence = N_("Use at least %(least)s characters; several words make a good password.")
        return [FieldError("password", sentence, {"least": MIN_PASSWORD}, "too_short")]
    if len(plain) > MAX_PASSWORD:
        sentence = N_("This is too long: at most %(max_length)s characters.")
        return [FieldError("password", sentence, {"max_length": MAX_PASSWORD}, "too_long")]
    folded = plain.casefold().strip()
    if len(set(folded)) < 6 or _is_easy(folded, name, email):
        sentence = N_("This is too easy to guess; several words make a good password.")
        return [FieldError("password", sentence, code="too_easy")]
    return []


def _is_easy(folded: str, name: str, email: str) -> bool:
    # Here, since it reads its lists of words, which takes a while.
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]

    known = _words_of(name, email)
    # What others know says nothing, wherever it stands, nor does what parts it.
    for word in sorted(known, key=len, reverse=True):
        if len(word) > 3:
            folded = folded.replace(word, "")
    if len(set(folded)) < 4:
        return True
    looked_at = folded[:_LOOKED_AT]
    for sign in sorted({*_SIGNS} & {*looked_at}, key=looked_at.index)[_MOST_SIGNS:]:
        looked_at = looked_at.replace(sign, "_")
    with _turn():
        found = zxcvbn(looked_at, user_inputs=sorted(known), max_length=_LOOKED_AT)
    return int(found["score"]) < _LEAST_SCORE


def _words_of(*texts: str) -> set[str]:
    """What is known of somebody, whole and in words, and of the program."""
    known = {"convoca", "training", "password", "contraseña", "senha"}
    for text in texts:
        plain = _normal(text).casefold()
        known |= {plain, *re.split(r"[\W_]+", plain)}
    return known - {""}
