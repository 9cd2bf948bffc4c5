"""The trail in words: what a line says to a reader."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from app.domain.errors import N_
from app.domain.permissions import Permission
from app.domain.text import LANGUAGES, localized
from app.models import AuditEntry
from app.services.audit import Names

NOUNS = {  # each table of `models.audited`
    "api_token": N_("Token"),
    "certificate": N_("Certificate"),
    "certificate_design": N_("Design of certificates"),
    "cycle": N_("Cycle"),
    "cycle_institution": N_("Institution of the cycle"),
    "enrolment": N_("Enrolment"),
    "erasure": N_("Erasure of personal data"),
    "feedback_form": N_("Feedback form"),
    "feedback_question": N_("Question of a feedback form"),
    "guest": N_("Guest"),
    "inbound_mail": N_("Mail that came in"),
    "initiative": N_("Initiative"),
    "institution": N_("Institution"),
    "outside_identity": N_("Sign-in elsewhere"),
    "mail_text": N_("Words of a mail"),
    "material": N_("Material"),
    "part": N_("Part"),
    "person": N_("Person"),
    "release": N_("Release"),
    "reminder": N_("Reminder"),
    "report_import": N_("Report of attendance"),
    "segment": N_("Segment"),
    "sending_hold": N_("Sending after a restore"),
    "session": N_("Session"),
    "session_closing": N_("Closing of a session"),
    "team_invitation": N_("Invitation to a team"),
    "team_member": N_("Team member"),
    "user_account": N_("Account"),
    "webhook": N_("Webhook"),
}
CHANGES = {
    "added": N_("added"),
    "changed": N_("changed"),
    "removed": N_("removed"),
}
KINDS = {
    "organizer": "",
    "program": N_("by a program"),
    "participant": N_("Participant"),
    "speaker": N_("Person with a part"),
    "anybody": N_("Somebody on the public page"),
    "system": N_("Convoca"),
}
CHANNELS = {
    "page": N_("Page"),
    "api": N_("API"),
    "system": N_("Server"),
}
COLUMNS = {
    "accent": N_("Accent colour"),
    "audience": N_("Audience"),
    "before_until": N_("The secret before signs until"),
    "capacity": N_("Places"),
    "contact_email": N_("Address for questions"),
    "country": N_("Country"),
    "description": N_("Description"),
    "email": N_("E-mail"),
    "institution": N_("Institution"),
    "institution_id": N_("Institution"),
    "initiative_id": N_("Initiative"),
    "kind": N_("Kind"),
    "language": N_("Language"),
    "minutes": N_("Minutes"),
    "name": N_("Name"),
    "note": N_("Note"),
    "number": N_("Number"),
    "password_hash": N_("Password"),
    "person_id": N_("Person"),
    "position": N_("Position"),
    "privacy_notice": N_("Privacy notice"),
    "reason": N_("Reason"),
    "role": N_("Role"),
    "segment_id": N_("Segment"),
    "session_id": N_("Session"),
    "status": N_("Status"),
    "subject": N_("Subject"),
    "text": N_("Text"),
    "title": N_("Title"),
    "user_id": N_("Account"),
    "wall_start": N_("Start"),
    "zone": N_("Time zone"),
}
_TOLD_BEFORE = ("cycle_id",)
"""Columns that say nothing beside the rest of the line."""
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
    may: Callable[[Permission], bool],
) -> dict[str, Any]:
    """A line for the page: who, by which way, what, and the columns with before and after; of those
    that need another permission (`NEEDS`) none without it."""
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
        "name": names.of(entry.row_id) or _own_name(entry, names, language, withheld),
        "change": gettext(CHANGES[entry.change]),
        "columns": [
            {
                "name": gettext(COLUMNS[key]) if key in COLUMNS else key.replace("_", " "),
                "before": _said(before.get(key), key, names, language),
                "after": _said(after.get(key), key, names, language),
            }
            for before, after in (
                (entry.before, entry.after),
                (entry.private_before, entry.private_after),
            )
            for key in {**before, **after}
            if key not in _TOLD_BEFORE and key not in withheld
        ],
    }


def _own_name(entry: AuditEntry, names: Names, language: str, withheld: Collection[str]) -> str:
    """What the row is called, where nobody knows it by its id any more."""
    for values in (entry.private_after, entry.private_before, entry.after, entry.before):
        for key in ("name", "holder", "title", "email", "file_name", "filename"):
            if key not in withheld and (value := values.get(key)):
                return _said(value, key, names, language)
        for key in ("person_id", "user_id", "session_id"):
            if known := names.of(values.get(key)):
                return known
    return ""


def _said(value: Any, key: str, names: Names, language: str) -> str:
    if value in (None, "", [], {}):
        return ""
    if key.endswith("_id"):
        return names.of(value) or str(value)
    if isinstance(value, Mapping) and set(value) <= set(LANGUAGES):
        text = localized({k: str(v) for k, v in value.items()}, language, language)
    elif isinstance(value, str):
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
