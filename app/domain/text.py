"""Text that exists in one or several languages."""

from collections.abc import Mapping

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
