"""The trail in words: what a line says to a reader."""

import json
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from app.domain.permissions import Permission
from app.domain.text import LANGUAGES, localized
from app.languages import OWN_NAMES, country_name, date_long, time_of_day
from app.models import AuditEntry
from app.services.audit import Names
from app.web.history_words import CHANGES, CHANNELS, COLUMNS, KINDS, NOUNS, VALUES

_TOLD_BEFORE = ("cycle_id",)
"""Columns that say nothing beside the rest of the line."""
_MOMENTS = ("_at", "_until", "_since", "_from", "wall_start")
_LONGEST = 300
NEEDS: Mapping[tuple[str, str], Permission] = {
    ("team_invitation", "email"): Permission.TEAM,
    ("webhook", "address"): Permission.WEBHOOKS,  # whoever has it can often write there
}
"""Columns, by the table, that the page of the thing itself shows to fewer than the trail."""


def line_view(
    entry: AuditEntry,
    names: Names,
    gettext: Callable[[str], str],
    language: str,
    zone: str,
    may: Callable[[Permission], bool],
) -> dict[str, Any]:
    """A line for the page: who, by which way, what, and the columns with before and after; of those
    that need another permission (`NEEDS`) none without it. Moments are the zone's."""

    def said(value: Any, key: str) -> str:
        known = VALUES.get((entry.noun, key), {}).get(value, "") if isinstance(value, str) else ""
        return gettext(known) if known else _said(value, key, names, gettext, language, zone)

    withheld = {
        key for (noun, key), needs in NEEDS.items() if noun == entry.noun and not may(needs)
    }
    kind = KINDS.get(entry.actor_kind, "")
    who = names.of(entry.actor_id) or entry.actor_name
    if entry.actor_kind in ("participant", "speaker"):
        who = names.of(entry.actor_id) or gettext(kind)
    elif not who:
        who = gettext(kind) if kind else ""
    return {
        "at": entry.at,
        "deed_id": entry.deed_id,
        "who": who,
        "how": gettext(kind) if kind and entry.actor_kind == "program" else "",
        "channel": gettext(CHANNELS.get(entry.channel, entry.channel)),
        "noun": gettext(NOUNS.get(entry.noun, entry.noun)),
        "name": names.of(entry.row_id) or _own_name(entry, names, said, withheld),
        "change": gettext(CHANGES[entry.change]),
        "columns": [
            {
                # A column that a former version had is told by the name that it had there.
                "name": gettext(COLUMNS[key]) if key in COLUMNS else key.replace("_", " "),
                "before": said(before.get(key), key),
                "after": said(after.get(key), key),
            }
            for before, after in (
                (entry.before, entry.after),
                (entry.private_before, entry.private_after),
            )
            for key in {**before, **after}
            if key not in _TOLD_BEFORE and key not in withheld
        ],
    }


def _own_name(
    entry: AuditEntry, names: Names, said: Callable[[Any, str], str], withheld: Collection[str]
) -> str:
    """What the row is called, where nobody knows it by its id any more."""
    for values in (entry.private_after, entry.private_before, entry.after, entry.before):
        for key in ("name", "holder", "title", "email", "file_name", "filename"):
            if key not in withheld and (value := values.get(key)):
                return said(value, key)
        for key in ("person_id", "user_id", "session_id"):
            if known := names.of(values.get(key)):
                return known
    return ""


def _said(
    value: Any, key: str, names: Names, gettext: Callable[[str], str], language: str, zone: str
) -> str:
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if key.endswith("_id"):
        return names.of(value) or str(value)
    if isinstance(value, Mapping) and set(value) <= set(LANGUAGES):
        text = localized({k: str(v) for k, v in value.items()}, language, language)
    elif not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    elif key in ("language", "consent_language"):
        text = OWN_NAMES.get(value, value)
    elif key == "country":
        text = country_name(value, language)
    else:
        text = _moment(value, language, zone) if key.endswith(_MOMENTS) else value
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _moment(value: str, language: str, zone: str) -> str:
    """An instant where the reader lives; the hour on a session's clock, and a day, as they are."""
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    if at.tzinfo is None:
        at, zone = at.replace(tzinfo=UTC), "UTC"
    day = date_long(at, language, zone)
    return day if "T" not in value else f"{day}, {time_of_day(at, zone)}"
