"""Where personal data stands: every table and column that has any, what becomes of it when it is
erased, and under which name somebody finds it in what they download.

A table that is added is one line here, or, column by column, in `IMPERSONAL`; a test fails until it
is. `erase` is a function of a `Subject` and is called in the order in which the lines stand, which
is that in which rows are held (`services.schedules`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from app.db import DbSession
from app.services import erasers, erasers_of_mail
from app.services.erasure_subject import Subject

Eraser = Callable[[DbSession, Subject], int]


class Whose(StrEnum):
    """Of whom it is."""

    PERSON = "person"  # participants, and people with parts
    ORGANIZER = "organizer"  # whoever has an account: goes with the account, or stays as a record
    WORDS = "words"  # an organizer's own words, in which somebody may be named


@dataclass(frozen=True, slots=True)
class Place:
    """Columns of a table. `exported`: the key of what somebody downloads; or, beginning with "not",
    why it is not in it. `erase` None: nothing is done, for the reason `why`; words are searched
    for addresses, which are taken out (`erasure`)."""

    table: str
    columns: tuple[str, ...]
    whose: Whose = Whose.PERSON
    erase: Eraser | None = None
    exported: str = ""
    why: str = ""


_BY = "an organizer's name, kept as a record of what was done"
_ACCOUNT = "not a participant's: accounts are taken away by an administrator"
_OWN = "what the organizers say, for everybody"

PLACES: tuple[Place, ...] = (
    Place("part", ("position", "institution", "comment"), erase=erasers.parts, exported="parts"),
    Place(
        "release",
        ("document",),
        erase=erasers.releases,
        exported="not: the published programme is at its public address, and the parts are in it",
    ),
    Place(
        "material",
        ("title", "file", "file_name", "url"),
        erase=erasers.materials,
        exported="slides",
    ),
    Place(
        "enrolment",
        ("name", "country", "institution", "gender", "zone", "language", "search_key"),
        erase=erasers.enrolments,
        exported="enrolments",
    ),
    Place(
        "consent",
        ("language",),
        exported="consents",
        why="a version, a moment and a language: it stays as a number, of nobody",
    ),
    Place(
        "evidence",
        ("shown_as", "reason", "source", "status", "matched_by", "key"),
        erase=erasers.evidence,
        exported="attendance",
    ),
    Place("feedback_answer", ("value",), erase=erasers.feedback, exported="feedback"),
    Place(
        "feedback_receipt",
        (),
        exported="feedback_given",
        why="that somebody answered: it stays as a number, of nobody",
    ),
    Place(
        "certificate",
        ("holder", "search_key", "document", "salt", "reason", "code", "language"),
        erase=erasers.certificates,
        exported="certificates",
    ),
    Place(
        "guest",
        ("biography", "photo", "aliases", "unavailable", "reply_code"),
        erase=erasers.guests,
        exported="invited",
    ),
    Place(
        "part_arrival",
        (),
        exported="arrivals",
        why="when somebody with a part came: it stays as a number, of nobody",
    ),
    Place(
        "invitation",
        ("address", "comment", "digest", "language", "answer", "answer_source"),
        erase=erasers.invitations,
        exported="invitations",
    ),
    Place(
        "message",
        ("to_name", "to_address", "context", "last_error", "lane", "intent", "message_id"),
        erase=erasers_of_mail.messages,
        exported="mails",
    ),
    Place(
        "inbound_mail",
        ("sender", "subject", "details", "shown", "raw", "key", "digest"),
        erase=erasers_of_mail.inbound,
        exported="mails_received",
    ),
    Place(
        "report_row",
        ("name", "email", "note", "details", "who"),
        erase=erasers_of_mail.report_rows,
        exported="reports",
    ),
    Place(
        "kept_answer",
        ("headers", "body", "request_digest"),
        erase=erasers_of_mail.kept_answers,
        exported="not: copies of answers to programs, of what is in it already, kept for a week",
    ),
    Place(
        "audit_entry",
        ("private_before", "private_after"),
        erase=erasers.trail,
        exported="not: the trail of what organizers did; that they did it stays",
    ),
    Place("report_alias", ("key",), erase=erasers.aliases, exported="known_as"),
    Place(
        "data_link",
        (),
        erase=erasers.data_links,
        exported="not: links by which this very file is fetched",
    ),
    Place(
        "person",
        (
            *("name", "email", "email_key", "country", "zone", "language", "position"),
            *("bounce", "search_key"),
        ),
        erase=erasers.person,
        exported="person",
    ),
    Place(
        "initiative",
        ("name", "territory", "sector", "search_key"),
        erase=erasers.initiatives,
        exported="not: an entry of a directory; its name is in the enrolment",
    ),
    Place(
        "person_sight",
        (),
        exported="not: which accounts have written somebody down; it goes with the person",
        why="it goes with the person",
    ),
    # What organizers write. Addresses that were erased are taken out of it.
    Place("cycle", ("title", "description", "privacy_notice"), Whose.WORDS, why=_OWN),
    Place("privacy_notice", ("texts",), Whose.WORDS, why=_OWN),
    Place("release", ("note",), Whose.WORDS, why=_OWN),
    Place("session", ("title", "description"), Whose.WORDS, why=_OWN),
    Place("segment", ("title",), Whose.WORDS, why=_OWN),
    Place("mail_text", ("subject", "text"), Whose.WORDS, why=_OWN),
    Place("session_closing", ("reason",), Whose.WORDS, why=_OWN),
    Place("report_import", ("filename", "reading", "reason"), Whose.WORDS, why=_OWN),
    Place("feedback_question", ("text", "options", "low", "high"), Whose.WORDS, why=_OWN),
    Place("mail_pace", ("detail",), Whose.WORDS, why="what a mail server said"),
    Place("issue_run", ("last_error",), Whose.WORDS, why="the kind of an error"),
    Place("erasure", ("reason",), Whose.WORDS, why="why an organizer erased somebody's data"),
    Place("institution", ("name", "acronym", "search_key"), Whose.WORDS, why=_OWN),
    Place("audit_entry", ("before", "after"), Whose.WORDS, why=_OWN),
    Place("webhook", ("description",), Whose.WORDS, why=_OWN),
    # Organizers.
    Place(
        "user_account",
        ("name", "email", "email_key", "password_hash", "language", "totp_secret"),
        Whose.ORGANIZER,
        why=_ACCOUNT,
    ),
    Place("api_token", ("name", "digest"), Whose.ORGANIZER, why=_ACCOUNT),
    Place("team_member", (), Whose.ORGANIZER, why=_ACCOUNT),
    Place("webhook", ("address", "seed", "seed_before"), Whose.ORGANIZER, why="where to, as set"),
    Place(
        "team_invitation",
        ("email", "email_key", "language", "invited_by"),
        Whose.ORGANIZER,
        why="an organizer's who was asked to join, and who asked",
    ),
    Place("sign_in", ("browser", "network"), Whose.ORGANIZER, why=_ACCOUNT),
    Place("address_change", ("old_email", "new_email"), Whose.ORGANIZER, why=_ACCOUNT),
    Place("outside_identity", ("issuer", "subject"), Whose.ORGANIZER, why=_ACCOUNT),
    Place("recovery_code", ("digest",), Whose.ORGANIZER, why=_ACCOUNT),
    Place("sign_in_link", (), Whose.ORGANIZER, why=_ACCOUNT),
    Place("cycle", ("contact_email",), Whose.ORGANIZER, why="published for questions"),
    Place("certificate_design", ("signatories",), Whose.ORGANIZER, why="who signs, as published"),
    *(
        Place(table, columns, Whose.ORGANIZER, why=_BY)
        for table, columns in (
            ("certificate", ("issued_by", "ended_by")),
            ("certificate_design", ("recorded_by",)),
            ("cycle_rule", ("recorded_by",)),
            ("erasure", ("recorded_by",)),
            ("evidence", ("recorded_by",)),
            ("inbound_mail", ("settled_by",)),
            ("issue_run", ("recorded_by",)),
            ("mail_text", ("changed_by",)),
            ("privacy_notice", ("recorded_by",)),
            ("release", ("published_by",)),
            ("sending_hold", ("ended_by",)),
            ("report_alias", ("recorded_by",)),
            ("report_import", ("recorded_by", "applied_by", "undone_by")),
            ("session_closing", ("recorded_by",)),
            ("audit_entry", ("actor_name",)),
            ("webhook", ("added_by",)),
        )
    ),
)

IN_WORDS_TOO = (("message", ("context",)), ("release", ("document",)))
"""Where words of organizers stand beside somebody's data: the note of a release in each mail, and
what was published of sessions."""

IMPERSONAL: dict[str, tuple[str, ...]] = {
    "api_token": ("scopes",),
    "audit_entry": (
        *("deed_id", "deed", "channel", "actor_kind", "actor_id", "cycle_id", "noun", "row_id"),
        *("change", "person_id"),
    ),
    "certificate": ("status",),
    "certificate_design": ("template", "title", "statement", "accent", "logos"),
    "cycle": ("slug", "language", "zone", "status", "accent", "completion_rule"),
    "cycle_institution": ("role",),
    "cycle_rule": ("document",),
    "enrolment": ("status", "consent_language"),
    "erasure": ("scope", "counts", "files"),
    "evidence": ("kind",),
    "feedback_question": ("kind",),
    "inbound_mail": ("kind", "status", "reason"),
    "initiative": ("country",),
    "institution": ("country",),
    "invitation": ("uid", "method"),
    "issue_run": ("after", "leased_by"),
    "kept_answer": ("owner_id", "key"),
    "mail_pace": ("server", "recent", "pause"),
    "mail_text": ("kind", "language"),
    "material": ("kind", "media_type", "audience"),
    "message": ("kind", "language", "status", "leased_by"),
    "outside_sign_in": ("next",),
    "part": ("role", "status"),
    "reminder": ("anchor", "audience"),
    "reminder_run": ("outcome",),
    "report_import": ("digest", "provider", "layout", "status"),
    "report_row": ("matched_by", "state"),
    "segment": ("kind",),
    "session": (
        *("uid", "zone", "status", "meeting_url", "meeting_passcode", "check_in_word"),
        *("backstage_url", "room_code"),
    ),
    "session_closing": ("counts",),
    "team_invitation": ("role", "standing"),
    "team_member": ("role",),
    "user_account": ("standing",),
    "webhook": ("events", "disabled_why"),
    "webhook_delivery": ("status", "leased_by", "reason", "tries"),
    "webhook_event": ("key", "type", "data"),
}
"""Columns of text that say nothing of anybody. Keys are not named: ids are drawn at random."""
