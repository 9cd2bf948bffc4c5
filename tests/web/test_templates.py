"""What no template may do."""

import re
from pathlib import Path

import pytest

from app.paths import TEMPLATES

_FILLED_LATER = re.compile(r"\b(?:_|n?gettext|n?pgettext)\((?:[^()]|\([^()]*\))*\)\s*%\s*[\w({\[]")


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.stem)
def test_values_are_given_to_gettext(path: Path) -> None:
    # It fills them in itself: a sentence with a place that has no value yet is an error.
    assert _FILLED_LATER.findall(path.read_text("utf-8")) == []
