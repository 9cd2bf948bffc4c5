"""Unicode normal forms in a time that grows with the text and no faster."""

import unicodedata
from collections.abc import Iterator
from typing import Literal

_AT_ONCE = 500
"""Characters: so few take a millisecond whatever they are."""
_MARKS = 30
_PARTS = "\u034f"  # combining grapheme joiner: not seen


def normal_form(form: Literal["NFC", "NFKC", "NFKD"], text: str) -> str:
    """`unicodedata.normalize`, which sorts the marks over a letter by comparing each with all: a
    letter with 100,000 of them stops every thread for a minute. Of longer texts no letter keeps
    more than 30 together, as the Stream-Safe Text Format has it (UAX #15, section 13)."""
    if text.isascii():
        return text
    if len(text) > _AT_ONCE:
        text = "".join(_parted(text))
    return unicodedata.normalize(form, text)


def _parted(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        if character < "\u0300" or not _is_mark(character):
            marks = 0
        elif marks == _MARKS:
            marks = 1
            yield _PARTS
        else:
            marks += 1
        yield character


def _is_mark(character: str) -> bool:
    # Some are made of marks, and no mark themselves (U+0F73, U+FF9E).
    return any(
        unicodedata.combining(each)
        for each in (character, unicodedata.normalize("NFKD", character)[0])
    )
