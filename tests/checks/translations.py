"""Translations: every string of the interface, in every language, with the same placeholders.

``--update`` writes what is new into the .po files, for somebody to translate.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from app.domain.text import LANGUAGES
from app.languages import LOCALE_DIR

ROOT = Path(__file__).parents[2]
KEYWORDS = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "_n": (1, 2),
    "pgettext": ((1, "c"), 2),
}
PLACES = (
    ("app", [("**.py", "python")]),
    ("templates", [("**.html", "jinja2"), ("**.txt", "jinja2")]),
)
OPTIONS = {
    "**.html": {"silent": "false", "trimmed": "true", "extensions": "jinja2.ext.do"},
    "**.txt": {"silent": "false"},
}
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%%")


def strings() -> Catalog:
    """Every string in the code and the templates."""
    catalogue = Catalog(project="Convoca", charset="utf-8")
    for folder, methods in PLACES:
        found = extract_from_dir(
            ROOT / folder, methods, OPTIONS, keywords=KEYWORDS, comment_tags=["Translators:"]
        )
        for name, line, message, comments, context in found:
            catalogue.add(
                message,
                locations=[(f"{folder}/{name}", line)],
                auto_comments=comments,
                context=context,
            )
    return catalogue


def path(language: str) -> Path:
    """Where a language's catalogue is."""
    return LOCALE_DIR / language / "LC_MESSAGES" / "convoca.po"


def read(language: str) -> Catalog:
    """A language's catalogue, empty where there is none."""
    if not path(language).exists():
        return Catalog(locale=language, project="Convoca", charset="utf-8")
    with path(language).open("rb") as file:
        return read_po(file, locale=language)


def update(language: str, wanted: Catalog) -> None:
    """Adds what is new, drops what is gone. Nothing is guessed from similar strings."""
    catalogue = read(language)
    catalogue.update(wanted, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    path(language).parent.mkdir(parents=True, exist_ok=True)
    with path(language).open("wb") as file:
        write_po(
            file, catalogue, sort_output=True, width=100, no_location=True, ignore_obsolete=True
        )


def _texts(value: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _placeholders(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text)) - {""}


def faults(language: str, wanted: Catalog) -> Iterator[str]:
    """What is missing or wrong in a language."""
    have = read(language)
    for message in wanted:
        if not message.id:
            continue
        label = _texts(message.id)[0][:70]
        found: Message | None = have.get(message.id, message.context)
        if found is None or not all(_texts(found.string)) or not found.string:
            yield f"{language}: not translated: {label!r}"
            continue
        if found.fuzzy:
            yield f"{language}: marked as fuzzy: {label!r}"
        allowed = set().union(*(_placeholders(t) for t in _texts(message.id)))
        needed = _placeholders(_texts(message.id)[-1])
        for place, text in enumerate(_texts(found.string)):
            used = _placeholders(text)
            # A singular may leave the number out ("one seat"), and only that.
            lacking = needed - used - ({"num", "count"} if place == 0 else set())
            if used - allowed or lacking:
                yield f"{language}: other placeholders: {label!r} -> {text[:70]!r}"
    known = {(m.context, *_texts(m.id)) for m in wanted}
    for message in have:
        if message.id and (message.context, *_texts(message.id)) not in known:
            yield f"{language}: no longer used: {_texts(message.id)[0][:70]!r}"


def main() -> None:
    wanted = strings()
    others = [code for code in LANGUAGES if code != "en"]
    if "--update" in sys.argv:
        for language in others:
            update(language, wanted)
    wrong = [fault for language in others for fault in faults(language, wanted)]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(wanted)} strings, complete in {', '.join(others)}.")


if __name__ == "__main__":
    main()
