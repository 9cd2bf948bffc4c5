"""What the trail keeps of which table.

Of each audited table every column is named once: as it is (`plain`), as saying something of
somebody (`private`), or left out, because it is a secret, follows from others, or says nothing.
A test holds this against the tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_ALWAYS_OUT = ("id", "created_at", "revision", "search_key")


@dataclass(frozen=True, slots=True)
class Audited:
    """Columns of a table, by what is kept of them. `hidden`: of those that are left out, those of
    which it is kept that they are another, without what they were and are."""

    plain: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    out: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """All that are named."""
        return frozenset({*self.plain, *self.private, *self.out, *_ALWAYS_OUT})


AUDITED: Mapping[str, Audited] = {
    "api_token": Audited(
        plain=("user_id", "name", "scopes", "expires_at", "revoked_at", "cycle_id"),
        out=("digest", "used_at"),
    ),
    "certificate": Audited(
        plain=(
            *("cycle_id", "enrolment_id", "code", "language", "rule_version", "design_id"),
            *("status", "ended_at", "superseded_by_id"),
        ),
        private=("holder", "reason"),
        out=("document", "issued_at", "issued_by", "ended_by", "status_index", "salt"),
    ),
    "certificate_design": Audited(
        plain=("cycle_id", "version", "template", "title", "statement", "accent", "signatories"),
        out=("logos", "recorded_by"),
    ),
    "cycle": Audited(
        plain=(
            *("slug", "title", "description", "language", "zone", "status", "accent"),
            *("contact_email", "capacity", "enrolment_open", "approval", "asks_gender"),
            *("privacy_notice", "completion_rule", "release_number", "invites"),
            *("retention_months", "retention_until", "details_erased_at"),
        ),
        out=("privacy_version", "zones_moved", "has_webhooks"),
    ),
    "cycle_institution": Audited(plain=("cycle_id", "institution_id", "role"), out=("position",)),
    "enrolment": Audited(
        plain=(
            *("cycle_id", "status", "initiative_id", "language", "zone", "consent_version"),
            *("consent_language", "link_generation", "feed_generation"),
        ),
        private=("person_id", "name", "country", "institution", "gender"),
        out=("status_at", "consent_at"),
    ),
    "feedback_form": Audited(plain=("session_id", "anonymous", "days")),
    "feedback_question": Audited(
        plain=("form_id", "kind", "text", "required", "options", "low", "high", "retired"),
        out=("position", "reworded_after"),
    ),
    "guest": Audited(
        plain=("cycle_id", "link_generation", "feed_generation"),
        private=("person_id", "biography", "photo", "unavailable"),
        out=("reply_code", "aliases"),
    ),
    "inbound_mail": Audited(
        plain=("cycle_id", "guest_id", "status", "kind"),
        out=(
            *("key", "received_at", "reason", "sender", "subject", "digest", "details", "shown"),
            *("raw", "settled_by"),
        ),
    ),
    "initiative": Audited(plain=("name", "country", "territory", "sector")),
    "institution": Audited(plain=("name", "acronym", "country")),
    "mail_text": Audited(
        plain=("cycle_id", "kind", "language", "subject", "text"), out=("changed_by",)
    ),
    "material": Audited(
        plain=(
            *("session_id", "segment_id", "kind", "title", "url", "file_name", "audience"),
            *("visible_from", "after_session"),
        ),
        out=("file", "media_type", "size", "given_by", "position"),
    ),
    "outside_identity": Audited(plain=("user_id", "issuer"), out=("subject",)),
    "part": Audited(
        plain=("session_id", "segment_id", "role", "status"),
        private=("person_id", "position", "institution", "comment"),
        out=("order", "asked_at", "answered_at", "answered_start"),
    ),
    "erasure": Audited(
        plain=("cycle_id", "scope", "reason", "counts"), out=("recorded_by", "files", "done_at")
    ),
    "person": Audited(
        plain=("institution_id", "erased_at"),
        private=("name", "email", "country", "zone", "language", "position"),
        out=("email_key", "bounced_at", "bounce"),
    ),
    "release": Audited(
        plain=("cycle_id", "number", "note"), out=("published_at", "published_by", "document")
    ),
    "reminder": Audited(
        plain=("cycle_id", "anchor", "minutes", "audience", "on", "removed"), out=("since",)
    ),
    "report_import": Audited(
        plain=("session_id", "filename", "provider", "status", "reason"),
        out=(
            *("recorded_by", "digest", "layout", "reading", "applied_at", "applied_by"),
            *("undone_at", "undone_by"),
        ),
    ),
    "segment": Audited(plain=("session_id", "position", "kind", "title", "minutes", "offset")),
    "session": Audited(
        plain=(
            *("cycle_id", "number", "title", "description", "wall_start", "zone", "fold"),
            *("minutes", "status", "check_in_before", "check_in_after", "check_in_word_rotates"),
            "closed_at",
        ),
        # Whoever reads the trail need not know the links of meetings and the word of the room.
        out=(
            *("uid", "starts_at", "ends_at", "meeting_url", "meeting_passcode", "check_in_word"),
            *("backstage_url", "room_code"),
        ),
    ),
    "sending_hold": Audited(plain=("backup_at", "repeats_until", "ended_at"), out=("ended_by",)),
    "session_closing": Audited(
        plain=("session_id", "closed", "reason"), out=("at", "recorded_by", "counts")
    ),
    "team_invitation": Audited(
        plain=("cycle_id", "email", "role", "standing", "expires_at", "accepted_at", "revoked_at"),
        out=("email_key", "language", "invited_by_id", "invited_by"),
    ),
    "team_member": Audited(plain=("cycle_id", "user_id", "role"), out=("made_owner",)),
    "webhook": Audited(
        plain=(
            *("cycle_id", "address", "description", "events", "disabled_at", "disabled_why"),
            "before_until",  # that there is another secret, or that the old one was ended
        ),
        out=(
            *("added_by", "seed", "seed_before", "failures", "failing_since", "resting_until"),
            "delivered_at",
        ),
    ),
    "user_account": Audited(
        plain=("name", "email", "language", "standing", "totp_since"),
        out=("email_key", "password_hash", "totp_secret", "totp_step"),
        hidden=("password_hash",),
    ),
}

ONLY_HOSTS = frozenset({("webhook", "address")})
"""Addresses of which the trail keeps no more than the host: whoever knows the rest of it may write
there in our stead, and the trail has more readers than the table."""

NOT_AUDITED: Mapping[str, str] = {
    "address_change": "what was asked for; that it was done is the account's",
    "audit_entry": "the trail itself",
    "consent": "who agreed to which notice, and when: itself a trail",
    "cycle_rule": "the versions of the rule: themselves a trail",
    "data_link": "a link that was asked for, shown to whose it is",
    "evidence": "never edited, and says who recorded it: itself a trail",
    "feedback_answer": "nobody's business but the form's",
    "feedback_receipt": "nobody's business but the form's",
    "invitation": "the ledger of what each was told and has answered: itself a trail",
    "issue_run": "how far issuing has come",
    "kept_answer": "answers to programs, kept for repeats",
    "limit_count": "counts of what is tried often, by keys that tell nothing",
    "mail_pace": "how fast mail goes",
    "message": "the outbox: itself a trail",
    "outside_sign_in": "for the minutes until somebody is back",
    "part_arrival": "itself a trail",
    "person_sight": "follows from writing somebody down",
    "recovery_code": "secrets, shown to whose they are",
    "reminder_run": "itself a trail",
    "privacy_notice": "the versions of the notice: themselves a trail",
    "report_alias": "follows from what is decided of a report's rows",
    "report_row": "the rows of a report, whose evidence says by whom",
    "sign_in": "shown to whose it is",
    "sign_in_link": "shown to whose it is",
    "webhook_delivery": "what webhooks were told: itself a trail",
    "webhook_event": "what webhooks were told: itself a trail",
    "worker_turn": "how the worker is",
}
"""Why a table is not."""
