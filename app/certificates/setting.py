"""Setting pages as `app.typesetting` does, with the templates of certificates."""

from collections.abc import Mapping
from typing import Any

from app import typesetting
from app.paths import TEMPLATES
from app.typesetting import STANDARDS as STANDARDS
from app.typesetting import unprintable as unprintable

ROOT = TEMPLATES / "certificates"


def page(files: dict[str, bytes], words: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    """See `typesetting.page`."""
    return typesetting.page(ROOT, files, words, options)


def run(files: dict[str, bytes], options: Mapping[str, Any], *, everywhere: bool = False) -> bytes:
    """See `typesetting.run`."""
    return typesetting.run(ROOT, files, options, everywhere=everywhere)
