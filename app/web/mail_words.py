"""The kinds of mail in words."""

from collections.abc import Mapping

from app.domain.errors import N_

OWN_WORDS: Mapping[str, tuple[str, str]] = {
    "enrolment-confirmed": (N_("Enrolment confirmed"), N_("when somebody's place is confirmed")),
    "invitation": (N_("Invitation"), N_("puts a session into somebody's calendar")),
    "invitation-update": (N_("Update"), N_("when a session in somebody's calendar changes")),
    "invitation-cancel": (
        N_("Cancellation"),
        N_("takes a session out of somebody's calendar"),
    ),
    "part-request": (N_("Request to confirm a part"), N_("to speakers, moderators, panelists")),
    "reminder": (N_("Reminder"), N_("before a session")),
    "follow-up": (N_("Follow-up"), N_("after a session: thanks and materials")),
}
"""Those that a cycle may have its own words for: a name, and when it is sent."""


def delivery(status: str) -> str:
    """Where a mail stands, from what the outbox calls it to what components/status.html does: there
    a mail that failed is tried again."""
    return "given_up" if status == "failed" else status
