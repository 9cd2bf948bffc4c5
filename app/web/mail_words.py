"""The kinds of mail in words."""

from collections.abc import Mapping

from app.domain.errors import N_

OWN_WORDS: Mapping[str, tuple[str, str]] = {
    "enrolment-pending": (
        N_("Enrolment received"),
        N_("when an organizer is to confirm an enrolment"),
    ),
    "enrolment-waitlisted": (N_("Waiting list"), N_("when all places are taken")),
    "enrolment-confirmed": (N_("Enrolment confirmed"), N_("when somebody's place is confirmed")),
    "enrolment-link": (N_("Link again"), N_("to whoever enrols once more, or asked for the link")),
    "part-request": (N_("Request to confirm a part"), N_("to speakers, moderators, panelists")),
    "part-reminder": (
        N_("Reminder to confirm a part"),
        N_("to those of them who have not answered"),
    ),
    "invitation": (N_("Invitation"), N_("puts a session into somebody's calendar")),
    "invitation-update": (N_("Update"), N_("when a session in somebody's calendar changes")),
    "invitation-cancel": (
        N_("Cancellation"),
        N_("takes a session out of somebody's calendar"),
    ),
    "reminder": (N_("Reminder"), N_("before a session")),
    "follow-up": (N_("Follow-up"), N_("after a session: thanks and materials")),
}
"""Those that a cycle may have its own words for: a name, and when it is sent."""
TWO_READERS = frozenset({"invitation", "invitation-update", "reminder", "follow-up"})
"""Those that somebody with a part gets another version of."""
WHERE: Mapping[str, str] = {
    "invitation-cancel": N_(
        "Your words go to those whose session is off. Whoever is taken out of a session that takes "
        "place, or has another address now, gets the house's words."
    ),
}
"""Where own words of a kind do not stand in every mail of it: in which they do."""


def delivery(status: str) -> str:
    """Where a mail stands, from what the outbox calls it to what components/status.html does: there
    a mail that failed is tried again."""
    return "given_up" if status == "failed" else status
