"""The form of a design, and what it shows."""

from collections.abc import Sequence
from typing import Any

from app.certificates.values import MOST_SIGNATORIES
from app.domain.text import LANGUAGES
from app.models import CertificateDesign
from app.web.forms import Form


def read(form: Form) -> dict[str, Any]:
    """What was typed, for DesignIn, without the places for signatories that are empty."""
    return {
        "template": form.text("template"),
        "accent": form.text("accent"),
        "title": form.localized("title"),
        "statement": form.localized("statement"),
        "logos": [
            {"file": form.text(f"logo-{at}-file"), "alt": form.text(f"logo-{at}-alt")}
            for at in range(20)
            if form.text(f"logo-{at}-file") and not form.checked(f"logo-{at}-remove")
        ],
        "signatories": [each for each in map(_signatory(form), range(MOST_SIGNATORIES)) if each],
    }


def _signatory(form: Form) -> Any:
    def read_one(at: int) -> dict[str, Any] | None:
        field = f"signatory-{at}"
        kept = not form.checked(f"{field}-unsign")
        found = {
            "name": form.text(f"{field}-name"),
            "position": form.localized(f"{field}-position"),
            "signature": form.text(f"{field}-signature") if kept else "",
        }
        return found if any(found.values()) else None

    return read_one


def shown(row: CertificateDesign | None, accent: str) -> dict[str, Any]:
    """A design as `read` would give it back; without one the house's own."""
    if row is None:
        return {
            "template": "classic",
            "accent": accent,
            "title": {},
            "statement": {},
            "logos": [],
            "signatories": [],
        }
    return {
        "template": row.template,
        "accent": row.accent,
        "title": row.title,
        "statement": row.statement,
        "logos": [{"file": each["file"], "alt": each["alt"]} for each in row.logos],
        "signatories": [
            {
                "name": each["name"],
                "position": each["position"],
                "signature": each["signature"]["file"] if each["signature"] else "",
            }
            for each in row.signatories
        ],
    }


def in_form(name: str) -> str:
    """What the form calls a field: ``logos-0-alt`` is ``logo-0-alt``."""
    return name.replace("logos-", "logo-", 1).replace("signatories-", "signatory-", 1)


def tried(query: Any) -> dict[str, Any]:
    """Of what is just being typed, the fields of a design that a picture of it shows."""
    found: dict[str, Any] = {}
    for name in ("template", "accent"):
        if name in query:
            found[name] = query[name][:20]
    for name in ("title", "statement"):
        given: Sequence[str] = [code for code in LANGUAGES if f"{name}-{code}" in query]
        if given:
            texts = {code: query[f"{name}-{code}"].strip()[:2_000] for code in given}
            found[name] = {code: text for code, text in texts.items() if text}
    return found
