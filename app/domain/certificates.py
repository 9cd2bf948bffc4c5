"""Certificates: their codes, what is frozen in one, what it rests on, and how it stands later."""

import hashlib
import json
import secrets
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.domain.attendance import Record, Status
from app.domain.errors import N_, Invalid
from app.domain.ids import ALPHABET, encode
from app.domain.normal_forms import normal_form

CODE_LENGTH = 28
"""Characters of a code: 26 that hold 128 random bits, two to notice that one was mistyped."""

_BITS = 128
_GROUP = 4
_DIGITS = CODE_LENGTH - 2
# The largest prime that two characters hold. No digit, and no difference of two neighbours times
# 31, is a multiple of it, so that one wrong character and two swapped ones never go unnoticed.
_PRIME = 1021
_READ_AS = str.maketrans({"o": "0", "i": "1", "l": "1"})  # as Crockford says
_BETWEEN = frozenset(("Pd", "Pc", "Zs", "Cc", "Cf"))  # dashes, underlines, spaces, what is not seen


def new_certificate_code() -> str:
    """A code of 128 random bits, in lower case, without what `shown_code` puts in between."""
    number = secrets.randbits(_BITS)
    return encode(number, _DIGITS) + _check(number)


def shown_code(code: str) -> str:
    """The code as it is printed, read aloud and typed: "0H4K-…", seven groups of four."""
    groups = [code[at : at + _GROUP] for at in range(0, len(code), _GROUP)]
    return "-".join(groups).upper()


def certificate_code(text: str) -> str:
    """The code that somebody typed or followed a link to, as `new_certificate_code` gave it. Case,
    spaces and dashes do not matter, nor o for 0, i and l for 1.

    Raises:
        Invalid: at ``code``: ``empty``, ``length``, ``character``, ``mistyped``.
    """
    plain = normal_form("NFKC", text).casefold().translate(_READ_AS)
    code = "".join(c for c in plain if unicodedata.category(c) not in _BETWEEN)
    if not code:
        raise Invalid.one("code", N_("Enter the code of the certificate."), code="empty")
    wrong = next((c for c in code if c not in ALPHABET), "")
    if wrong:
        raise Invalid.one(
            "code",
            N_("A code has letters and digits only, and “%(character)s” is in none."),
            code="character",
            character=wrong.upper(),
        )
    if len(code) != CODE_LENGTH:
        raise Invalid.one(
            "code",
            N_("A code has %(wanted)s letters and digits. This one has %(given)s."),
            code="length",
            wanted=CODE_LENGTH,
            given=len(code),
        )
    number = 0
    for character in code[:_DIGITS]:
        number = number * 32 + ALPHABET.index(character)
    if number >> _BITS or code[_DIGITS:] != _check(number):
        raise Invalid.one(
            "code",
            N_("A letter or a digit of this code is not right. Compare it with the certificate."),
            code="mistyped",
        )
    return code


def _check(number: int) -> str:
    return encode(number % _PRIME, 2)


@dataclass(frozen=True, slots=True)
class Asked:
    """What it took, of the completion rule that a certificate was given under: as numbers, so that
    it can be said in any language. `mandatory`: numbers of the sessions that nobody might miss."""

    least: int  # sessions
    of: int
    percent_of_each: int = 0
    percent_of_whole: int = 0
    mandatory: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is frozen when a certificate is issued; nothing in it changes afterwards.

    Days are those of `zone`, the cycle's home. `minutes` None: nobody measured them, which is not
    zero. `rule` is the completion rule in words of the holder's language, as it is printed; `asked`
    the same in numbers, None of one that was issued before they were kept. `organizers`: names of
    the organizing institutions as they were. `issuer`: in whose name the badge is issued.
    `evidence`: see `evidence_digest`. `issued_at` is aware; parts of a second do not matter.
    """

    code: str
    holder: str
    language: str  # one of domain.text.LANGUAGES
    cycle: str
    first_day: date
    last_day: date
    issued_at: datetime
    zone: str = "UTC"
    minutes: int | None = None
    sessions: int = 0  # that count as attended
    of: int = 0  # sessions that the cycle had
    rule: str = ""
    organizers: tuple[str, ...] = ()
    issuer: str = ""
    evidence: str = ""
    asked: Asked | None = None

    def __post_init__(self) -> None:
        if self.issued_at.tzinfo is None:
            raise ValueError("a certificate is issued at an aware instant")
        if self.last_day < self.first_day:
            raise ValueError("a cycle does not end before it begins")


def evidence_digest(records: Mapping[str, Record]) -> str:
    """SHA-256, in hexadecimal, of a canonical document of the records by the ids of the sessions.

    It says for each session the status, what decided, the seconds and the id of the evidence that
    decided: as long as it is the same, so is what was certified. Neither the order nor a session of
    which nothing is known makes a difference; nor does more evidence that decides nothing.
    """
    document = {
        "version": 1,
        "records": [
            [session, each.status, each.basis, each.seconds, each.evidence_id]
            for session, each in sorted(records.items())
            if each.status is not Status.UNKNOWN or each.seconds is not None
        ],
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Change(StrEnum):
    """What is otherwise by now than a certificate says."""

    HOLDER = "holder"
    CYCLE = "cycle"
    DAYS = "days"
    MINUTES = "minutes"
    SESSIONS = "sessions"
    EVIDENCE = "evidence"


def changes(frozen: Certificate, now: Certificate) -> tuple[Change, ...]:
    """What a certificate issued `now` would say otherwise. The rule is not looked at: it was the
    one in force; nor are the names of institutions, nor how the holder prefers to be written to."""
    compared = {
        Change.HOLDER: frozen.holder != now.holder,
        Change.CYCLE: frozen.language == now.language and frozen.cycle != now.cycle,
        Change.DAYS: (frozen.first_day, frozen.last_day) != (now.first_day, now.last_day),
        Change.MINUTES: frozen.minutes != now.minutes,
        Change.SESSIONS: (frozen.sessions, frozen.of) != (now.sessions, now.of),
        Change.EVIDENCE: frozen.evidence != now.evidence,
    }
    return tuple(change for change, different in compared.items() if different)


class State(StrEnum):
    """How a certificate stands."""

    LIVE = "live"
    FLAGGED = "flagged"  # what it rests on has changed since
    SUPERSEDED = "superseded"
    REVOKED = "revoked"


def state(*, revoked: bool, superseded: bool, changed: Collection[Change] = ()) -> State:
    """How a certificate stands. Taking it back outweighs all; one that another has replaced is not
    looked at for changes any more."""
    if revoked:
        return State.REVOKED
    if superseded:
        return State.SUPERSEDED
    return State.FLAGGED if changed else State.LIVE
