"""Placeholders in the words that organizers write for mails: `{name}`, `{date}`, … and no more.

They are names, not expressions: nothing of Python's own formatting is in them, and what is put in
is never looked at again, so a name that holds `{link}` stays a name.
"""

import re
from collections.abc import Callable, Collection, Mapping

from app.domain.errors import N_
from app.mail.building import MOST_SUBJECT, cut

KNOWN: dict[str, str] = {
    "name": N_("the reader's name"),
    "cycle": N_("the cycle's title"),
    "session": N_("the session's title"),
    "number": N_("the session's number"),
    "date": N_("the session's date, where the reader lives"),
    "time": N_("from when to when, where the reader lives"),
    "zone": N_("the zone of that time, in words"),
    "link": N_("the reader's own link"),
    "organizer": N_("the institutions that organize the cycle"),
}
"""What there is, and what is put in its place (English, to be translated)."""

OF_A_CYCLE = frozenset({"name", "cycle", "link", "organizer"})
"""Those that mean something in a mail that is about no session in particular."""

_LEAST_TITLE = 20  # characters
_PLACE = re.compile(r"( ?)\{([^{}]*)\}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with every `{name}` of `values` replaced, in one pass; what is not among them stays
    as it was typed. For an empty value the blank before it goes too: "Hello {name}," → "Hello,".
    """

    def put(found: re.Match[str]) -> str:
        value = values.get(found[2])
        if value is None:
            return found[0]
        return found[1] + value if value else ""

    return _PLACE.sub(put, text)


def fill_subject(text: str, values: Mapping[str, str]) -> str:
    """The same for a subject, in which a long title leaves room for what stands beside it."""
    return fitting(lambda by: fill(text, by), values)


def fitting(fill: Callable[[Mapping[str, str]], str], values: Mapping[str, str]) -> str:
    """What `fill` makes of the values; where a subject cannot hold it, with titles cut short."""
    said = fill(values)
    for title in ("session", "cycle"):
        over = len(said) - MOST_SUBJECT
        if over > 0 and title in values:
            room = max(_LEAST_TITLE, len(values[title]) - over)
            values = {**values, title: cut(values[title], room)}
            said = fill(values)
    return said


def unknown(text: str, known: Collection[str] = KNOWN) -> list[str]:
    """The names in braces that are not known, each once, in the order in which they come."""
    return list(dict.fromkeys(m[2] for m in _PLACE.finditer(text) if m[2] not in known))


def paragraphs(text: str) -> list[str]:
    """What stands between blank lines, each without white space around it."""
    parts = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n"))
    return [part.strip() for part in parts if part.strip()]
