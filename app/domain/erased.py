"""What stands in the place of what was erased."""

import re
from collections.abc import Collection
from enum import StrEnum
from typing import Any

NAMELESS = "—"
"""In the place of a name. No word: it is read in every language, also in documents of before."""


class Scope(StrEnum):
    """How much of what is held about somebody goes."""

    CYCLE = "cycle"  # what is held in one cycle
    EVERYWHERE = "everywhere"
    RETENTION = "retention"  # the cycle's time is over


def names_any(text: str, wanted: Collection[str]) -> bool:
    """Whether one of these addresses or names stands in a text, whatever its case: as a whole, and
    not as a piece of another one, be it stressed as Markdown has it (``_ana@example.org_``)."""
    pattern = _pattern(wanted)
    return pattern is not None and pattern.search(text) is not None


def without(value: Any, wanted: Collection[str]) -> Any:
    """The same, text or whatever JSON holds, with `NAMELESS` in the place of each of them."""
    pattern = _pattern(wanted)
    return value if pattern is None else _replaced(value, pattern)


def _pattern(wanted: Collection[str]) -> re.Pattern[str] | None:
    longest_first = sorted((each for each in wanted if each), key=len, reverse=True)
    if not longest_first:
        return None
    either = "|".join(re.escape(each) for each in longest_first)
    plain = rf"(?<![\w.+-])(?:{either})(?![\w-])"
    stressed = rf"(?:(?<=(?<![\w.+-])_)|(?<=(?<![\w.+-])__))(?:{either})(?=__?(?![\w-]))"
    return re.compile(f"{plain}|{stressed}", re.IGNORECASE)


def _replaced(value: Any, pattern: re.Pattern[str]) -> Any:
    match value:
        case str():
            return pattern.sub(NAMELESS, value)
        case dict():
            return {key: _replaced(each, pattern) for key, each in value.items()}
        case list():
            return [_replaced(each, pattern) for each in value]
        case _:
            return value
