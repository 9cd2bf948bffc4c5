"""A brief as PDF: one page, tagged (PDF/UA-1), fit to be kept (PDF/A-2a)."""

import json
from datetime import UTC
from typing import Any

from app.briefs.values import Brief
from app.briefs.words import brief_words
from app.languages import translations
from app.paths import TEMPLATES
from app.typesetting import STANDARDS, page, qr_code, unprintable

ROOT = TEMPLATES / "briefs"
_INSTEAD = "\u25a1"  # of a character for which there is no typeface: one must not stop the page


def brief_pdf(brief: Brief) -> bytes:
    """The PDF; the same bytes for the same values. A long agenda is set smaller, then cut, and the
    page says how much is missing."""
    words = _printable(brief_words(brief))
    alt = translations(brief.language).gettext("QR code that leads to %(address)s")
    words["qr"] = {"file": "qr.svg", "alt": alt % {"address": brief.address}}
    files = {
        "qr.svg": qr_code(brief.address),
        "data.json": json.dumps(words, ensure_ascii=False).encode(),
        "main.typ": (ROOT / "session.typ").read_bytes(),
    }
    at = int(brief.at.astimezone(UTC).timestamp())
    options = {"format": "pdf", "timestamp": at, "pdf_standards": STANDARDS}
    return page(ROOT, files, words, options)


def _printable(words: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(words, ensure_ascii=False)
    missing = unprintable(text)
    if missing:
        text = text.translate(dict.fromkeys(map(ord, missing), _INSTEAD))
    found: dict[str, Any] = json.loads(text)
    return found
