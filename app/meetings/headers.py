"""What a row of headers means: read by meaning, never by position."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.meetings import header_names as names
from app.meetings.keys import clean, key
from app.meetings.stated_zones import StatedZone, stated_zone
from app.meetings.values import Column, Provider

_BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]")


def _keys(words: str) -> frozenset[str]:
    return frozenset(key(word) for word in words.split("|"))


def _table() -> dict[str, tuple[Column, frozenset[str]]]:
    found: dict[str, tuple[Column, frozenset[str]]] = {}
    for language, columns in names.COLUMNS.items():
        for column, words in columns.items():
            for each in _keys(words):
                before, languages = found.get(each, (column, frozenset()))
                if before is not column:
                    raise ValueError(f"{each} means both {before} and {column}")
                found[each] = column, languages | {language}
    return found


_COLUMNS = _table()
_TOPICS, _ZONES = _keys(names.TOPICS), _keys(names.ZONES)
_ORIGINAL = _keys(names.ORIGINAL_NAME)
_MINUTES, _SECONDS = _keys(names.MINUTE_UNITS), _keys(names.SECOND_UNITS)
_SIGNS = {Provider(provider): _keys(words) for provider, words in names.SIGNS.items()}

_PEOPLE = frozenset({Column.NAME, Column.FIRST_NAME, Column.LAST_NAME, Column.EMAIL})
DURATIONS = frozenset({Column.DURATION, Column.MINUTES, Column.SECONDS})
_WHEN = DURATIONS | {Column.JOINED, Column.FIRST_JOINED, Column.AT}


@dataclass(frozen=True, slots=True)
class Header:
    """One header. `renamed`: its cells may hold two names, one in brackets."""

    text: str
    column: Column | None = None
    languages: frozenset[str] = frozenset()
    zone: StatedZone | None = None
    renamed: bool = False
    topic: bool = False


def read_header(cell: str) -> Header:
    """What a header means, by the whole of it, else by what stands before its brackets."""
    text = clean(cell)
    whole = key(text)
    brackets = [found.strip() for found in _BRACKETS.findall(text)]
    inner = {key(each) for each in brackets}
    base = key(_BRACKETS.sub(" ", text)) if brackets else whole
    column, languages = _COLUMNS.get(whole) or _COLUMNS.get(base) or (None, frozenset())
    if column is Column.DURATION:
        column = _unit(inner) or column
    zone = None
    if column is not None:
        zone = next(filter(None, map(stated_zone, brackets)), None)
        if zone is None and whole.startswith("utc"):
            zone = stated_zone("UTC")
    return Header(
        text=text,
        column=column,
        languages=languages,
        zone=zone,
        renamed=column is Column.NAME and bool(inner & _ORIGINAL or whole == "nameoriginalname"),
        topic=whole in _TOPICS,
    )


def _unit(inner: set[str]) -> Column | None:
    if inner & _MINUTES:
        return Column.MINUTES
    return Column.SECONDS if inner & _SECONDS else None


def is_zone_label(cell: str) -> bool:
    """Whether the zone of the times stands beside or below it."""
    return key(cell) in _ZONES


def is_topic_label(cell: str) -> bool:
    """Whether what the meeting is called stands beside or below it."""
    return key(cell) in _TOPICS


def known(cells: Sequence[str]) -> int:
    """How many different columns a row of headers would name."""
    keys = [key(each) for each in cells]
    keys += [key(_BRACKETS.sub(" ", each)) for each in cells if "(" in each]
    return len({_COLUMNS[each][0] for each in keys if each in _COLUMNS})


def is_of_people(headers: Sequence[Header]) -> bool:
    """Whether the rows below say who was there, and when or for how long. (What Zoom writes above
    of the meeting has its host's address and a duration, but also a topic, and nobody joins.)"""
    columns = {each.column for each in headers}
    if not columns & (_PEOPLE | {Column.ACCOUNT}) or not columns & _WHEN:
        return False
    if Column.AT in columns and not columns & (_WHEN - {Column.AT}):
        return Column.ACTION in columns
    # In German the column of how many there were is called as one of names may be.
    topic = any(each.topic for each in headers)
    return not topic or bool(columns & {Column.JOINED, Column.FIRST_JOINED, Column.AT})


def provider_of(headers: Iterable[Header]) -> Provider:
    """Whose headers these are."""
    votes: Counter[Provider] = Counter()
    for each in headers:
        whole, base = key(each.text), key(_BRACKETS.sub(" ", each.text))
        if each.renamed:
            votes[Provider.ZOOM] += 2
        for provider, signs in _SIGNS.items():
            votes[provider] += bool({whole, base} & signs)
    ranked = votes.most_common(2)
    if not ranked or ranked[0][1] == 0 or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return Provider.OTHER
    return ranked[0][0]


def language_of(headers: Iterable[Header]) -> str:
    """The language that most of the headers are in; of two the one that comes first."""
    votes: Counter[str] = Counter()
    for each in headers:
        votes.update(each.languages)
    order = list(names.COLUMNS)
    return max(votes, key=lambda code: (votes[code], -order.index(code)), default="")
