"""Sentences that are written here and shown elsewhere: a template and the values to put into it.

Rules know what to say, presenters know how: they translate the template, render each value for
their reader (`Words` in a language, `Moment` in a zone, enum members by a table of names) and
fill it in with `fill`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.domain.text import Localized, localized


@dataclass(frozen=True, slots=True)
class Words:
    """Text in several languages; `fallback` is the language of its cycle."""

    text: Localized
    fallback: str

    def in_language(self, language: str) -> str:
        """The text as a reader of `language` gets it."""
        return localized(self.text, language, self.fallback)


@dataclass(frozen=True, slots=True)
class Moment:
    """A half-open interval of aware instants, to be told by the clock of an IANA zone; `only` by
    that one, wherever the reader is."""

    starts: datetime
    ends: datetime
    zone: str
    only: bool = False


@dataclass(frozen=True, slots=True)
class Country:
    """A country by its ISO 3166-1 alpha-2 code, to be named; "" where it is not known."""

    code: str


@dataclass(frozen=True, slots=True)
class Language:
    """A language by its code, to be named."""

    code: str


Value = str | int | date | timedelta | Words | Moment | Country | Language
"""What may stand in a sentence. A `str` may be an enum member whose name is to be translated."""

Params = Mapping[str, Value]


def fill(template: str, params: Params, present: Callable[[Value], str]) -> str:
    """The template with every value presented by `present` and put in its place."""
    return template % {name: present(value) for name, value in params.items()}
