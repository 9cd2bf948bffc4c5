"""Text that exists in one or several languages, and what people type into one line."""

import re
import unicodedata
from collections.abc import Mapping

from app.domain.normal_forms import normal_form

LANGUAGES = ("en", "es", "pt")
"""The languages of the interface, the first is the one that the source is written in."""

Localized = Mapping[str, str]
"""Text by language code, for example ``{"es": "Apertura", "en": "Opening"}``."""


def localized(text: Localized, language: str, fallback: str) -> str:
    """The text in `language`, else in `fallback`, else in whichever there is, else empty."""
    for code in (language, fallback, *text):
        if text.get(code):
            return text[code]
    return ""


BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""The characters that turn the direction of text round, as they stand in a class of a pattern:
with them a line reads otherwise than it is written."""

_BIDI = re.compile(f"[{BIDI}]")
_JOINERS = "\u200c\u200d"  # emoji and some scripts need them between two characters
_IDEOGRAPHIC_STOP = "。"  # a dot to whoever looks up a name (RFC 3490, 3.1); NFKC leaves it
# Initials before a name (José M.Pérez), and EE.UU., RR.HH.
_ABBREVIATION = re.compile(
    r"\b(?:[^\W\d_a-zß-öø-ÿ]\.)+(?=[^\W\d_a-z][^\W\d_]+(?![\w/]|[.:?#]\w))|\b([A-Z])\1\.([A-Z])\2\b"
)
_LINK = re.compile(
    r"@|://|\bwww\b"
    r"|\b(?:https?|ftp|mailto|tel|sms|webcal|javascript|data):"
    r"|[\w-]\.(?:xn--[\w-]+|[^\W\d_]{2,})"  # a name of a host
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b",
    re.IGNORECASE,
)
_SHORT_HOST = re.compile(r"\b\w\.(?:app|co|com|io|link|ly|me|net|org)\b", re.IGNORECASE)


def without_bidi(text: str) -> str:
    """The text without characters that turn its direction round."""
    return _BIDI.sub("", text)


def one_line(text: str) -> str:
    """The text without line breaks and other control characters, white space folded. What joins
    two characters that are seen stays; nothing turns the direction round."""
    if not text.isprintable():
        text = without_bidi(text)
        text = "".join(
            c if c.isprintable() or _joins(text, at) else "" if c in _JOINERS else " "
            for at, c in enumerate(text)
        )
    return " ".join(text.split())


def _joins(text: str, at: int) -> bool:
    around = text[at - 1 : at] + text[at + 1 : at + 2]
    return text[at] in _JOINERS and len(around) == 2 and around.isprintable() and " " not in around


def looks_like_link(text: str) -> bool:
    """Whether a mail program, or its reader, could take some of it for a link or an address. A name
    with initials (José M.Pérez) is none, nor are S.A.S. and RR.HH.; words that a dot without a
    blank holds together are."""
    seen = "".join(c for c in text if unicodedata.category(c) != "Cf")
    plain = normal_form("NFKC", seen).replace(_IDEOGRAPHIC_STOP, ".")
    found = _SHORT_HOST.search(plain) or _LINK.search(_ABBREVIATION.sub(" ", plain))
    return found is not None


def without_links(text: str) -> str:
    """The words of a name that look like no link and no address; perhaps none."""
    if not looks_like_link(text):
        return text
    left = " ".join(word for word in text.split() if not looks_like_link(word))
    return "" if looks_like_link(left) else left
