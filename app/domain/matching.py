"""Whose row it is: from a name and an address in a report to one of those who may be meant.

A row is matched by itself only where nobody else can be meant: by the address, then by a name or an
address that an organizer confirmed before, then by the whole name. What is merely alike is for a
person to decide.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.addresses import address_key
from app.domain.normal_forms import normal_form

# Letters that stand for themselves in Unicode, and that many keyboards do not have.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)
_LONGEST = 290
"""Characters of a key; `report_alias.key` takes ten more."""


class Match(StrEnum):
    """How a row is matched."""

    EMAIL = "email"
    ALIAS = "alias"
    NAME = "name"
    HAND = "hand"  # an organizer said so


class Outcome(StrEnum):
    """What is known of a row."""

    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"  # more than one may be meant
    NOT_ENROLLED = "not_enrolled"  # known, and not a participant
    UNMATCHED = "unmatched"


def name_key(name: str) -> str:
    """How names are compared: case, accents, punctuation and the order of the words set aside.
    Empty for what has no letter and no figure."""
    decomposed = normal_form("NFKD", name.casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    # What stands within a word (O'Higgins, Jean-Luc) parts it or not, as people type it: it parts.
    words = re.findall(r"[^\W_]+", plain.translate(_LETTERS))
    return " ".join(sorted(words))[:_LONGEST]


def alias_keys(name: str, email: str) -> tuple[str, ...]:
    """The keys by which a name and an address are remembered, the address first."""
    named = name_key(name)
    addressed = address_key(email)[:_LONGEST]
    return (*([f"@ {addressed}"] if addressed else []), *([f"n {named}"] if named else []))


def who_key(name: str, email: str) -> tuple[str, str]:
    """What rows of one report have in common that are one person's."""
    return name_key(name) or name.strip().casefold(), address_key(email)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be meant. `id` is opaque; `enrolled`: a participant of this cycle, whatever
    became of the enrolment. `aliases` are keys as `alias_keys` makes them. `beside`: somebody who
    may well be in the meeting though not enrolled, such as a speaker: with the same name as a
    participant, either can be meant."""

    id: str
    names: tuple[str, ...]
    email: str = ""
    enrolled: bool = True
    aliases: tuple[str, ...] = ()
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a row names. `other_name`: what they were called before, or in a registration."""

    name: str
    email: str = ""
    other_name: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Whose a row is. `ids`: of MATCHED and NOT_ENROLLED one, of AMBIGUOUS all who may be meant, in
    the order of their ids; of UNMATCHED none."""

    outcome: Outcome
    by: Match | None = None
    ids: tuple[str, ...] = ()


_NOBODY = Found(Outcome.UNMATCHED)


@dataclass(frozen=True, slots=True)
class Directory:
    """Candidates by what they are known by; made once for all rows of a report."""

    candidates: Mapping[str, Candidate]
    by_email: Mapping[str, frozenset[str]]
    by_alias: Mapping[str, frozenset[str]]
    by_name: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def enrolled(self) -> int:
        """How many of them are participants."""
        return sum(each.enrolled for each in self.candidates.values())


def directory(candidates: Iterable[Candidate]) -> Directory:
    """The candidates, looked up by each of their keys. Their order makes no difference."""
    known: dict[str, Candidate] = {}
    by_email, by_alias, by_name = (defaultdict[str, set[str]](set) for _ in range(3))
    for each in candidates:
        known[each.id] = each
        by_email[address_key(each.email)].add(each.id)
        for alias in each.aliases:
            by_alias[alias].add(each.id)
        for name in each.names:
            by_name[name_key(name)].add(each.id)
    by_email.pop("", None)
    by_name.pop("", None)
    indexes = ({k: frozenset(v) for k, v in ix.items()} for ix in (by_email, by_alias, by_name))
    return Directory(known, *indexes)


def match(row: Named, among: Directory) -> Found:
    """Whose a row is.

    The first that knows anybody decides: the address, the aliases, the names. Two who may be meant
    are never one; where both are participants, or one of them may well have been there besides, the
    row is ambiguous.

    What was confirmed of somebody who has nothing to do with this cycle decides nothing while
    anybody else can be meant: it was confirmed elsewhere, where a name was theirs alone.
    """
    by_email = among.by_email.get(address_key(row.email), frozenset())
    if by_email:
        return _settled(by_email, Match.EMAIL, among)
    elsewhere = frozenset[str]()
    # An address that was confirmed says more than a name, which others may have.
    for key in alias_keys(row.name, row.email):
        by_alias = among.by_alias.get(key, frozenset())
        if any(_is_here(among.candidates[each]) for each in by_alias):
            return _settled(by_alias, Match.ALIAS, among)
        elsewhere = elsewhere or by_alias
    keys = {name_key(row.name), name_key(row.other_name)} - {""}
    by_name = frozenset[str]().union(*(among.by_name.get(key, frozenset()) for key in keys))
    if any(_is_here(among.candidates[each]) for each in by_name) or not elsewhere:
        return _settled(by_name, Match.NAME, among) if by_name else _NOBODY
    return _settled(elsewhere, Match.ALIAS, among)


def _is_here(candidate: Candidate) -> bool:
    return candidate.enrolled or candidate.beside


def _settled(ids: frozenset[str], by: Match, among: Directory) -> Found:
    enrolled = sorted(each for each in ids if among.candidates[each].enrolled)
    beside = sorted(each for each in ids if among.candidates[each].beside)
    may_be = sorted({*enrolled, *beside})
    if len(may_be) > 1 and enrolled:
        return Found(Outcome.AMBIGUOUS, None, tuple(may_be))
    if enrolled:
        return Found(Outcome.MATCHED, by, (enrolled[0],))
    return Found(Outcome.NOT_ENROLLED, by, ((beside or sorted(ids))[0],))
