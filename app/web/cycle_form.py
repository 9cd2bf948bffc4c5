"""The form of a cycle: from what was typed to a command, and from a cycle to what is shown."""

from typing import Any

from app.models import Cycle
from app.web.forms import Form

TEXTS = ("slug", "language", "zone", "accent")
LOCALIZED = ("title", "description", "privacy_notice")
RULE = ("min_sessions", "of", "min_percent_of_each")


def read(form: Form) -> dict[str, Any]:
    """What was typed, for CycleChange."""
    data: dict[str, Any] = form.pick(*TEXTS)
    data |= {name: form.localized(name) for name in LOCALIZED}
    data |= {"contact_email": form.or_none("contact_email"), "capacity": form.or_none("capacity")}
    data |= {name: form.checked(name) for name in ("enrolment_open", "approval", "asks_gender")}
    return data


def read_new(form: Form) -> dict[str, Any]:
    """The same for CycleIn, with the rule to begin with: later it has a page of its own."""
    rule = {name: form.text(f"completion_rule-{name}") for name in RULE}
    return read(form) | {
        "completion_rule": {name: text for name, text in rule.items() if text} or None
    }


def differing(typed: dict[str, Any], cycle: Cycle) -> list[tuple[str, Any]]:
    """What is stored now where it is not what was typed: (name of the field, stored value)."""
    stored = shown(cycle)
    return [
        (name, stored[name])
        for name, value in typed.items()
        if _plain(value) != _plain(stored[name])
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: str(each) for key, each in value.items() if each not in (None, "")}
    return "" if value is None else str(value)


def shown(cycle: Cycle) -> dict[str, Any]:
    """A cycle's fields as `read` would give them back."""
    data: dict[str, Any] = {name: getattr(cycle, name) for name in (*TEXTS, *LOCALIZED)}
    data |= {
        "contact_email": cycle.contact_email,
        "capacity": cycle.capacity,
        "enrolment_open": cycle.enrolment_open,
        "approval": cycle.approval,
        "asks_gender": cycle.asks_gender,
    }
    return data


def blank(language: str, zone: str) -> dict[str, Any]:
    """The form of a cycle that is not there yet."""
    return shown(Cycle(slug="", language=language, zone=zone)) | {"completion_rule": None}
