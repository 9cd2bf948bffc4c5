"""Cells as they are shown, and as they are compared."""

import re
import unicodedata
from functools import lru_cache

from app.domain.normal_forms import normal_form
from app.domain.text import one_line

LONGEST = 2_000
"""Characters of a cell that are looked at."""
_FORMULA = re.compile(r'\A=\s*"(.*)"\Z', re.DOTALL)


def clean(cell: str) -> str:
    """A cell on one line: blanks of every kind are one blank, nothing invisible is left, and a
    text wrapped as a formula (``="2026-03-17"``) is unwrapped."""
    text = one_line(cell[:LONGEST])
    if text.startswith("=") and (found := _FORMULA.match(text)):
        return one_line(found[1].replace('""', '"'))
    return text


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Case and accents set aside; punctuation stays."""
    if text.isascii():
        return text.lower()
    decomposed = normal_form("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


@lru_cache(maxsize=4096)
def key(text: str) -> str:
    """Letters and digits only, case and accents set aside: how headers and words are compared."""
    return "".join(c for c in plain(text) if c.isalnum())


def name_key(name: str) -> str:
    """How two names of one file are compared."""
    return " ".join(plain(name).split())
