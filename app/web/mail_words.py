"""The kinds of mail in words."""

from collections.abc import Mapping

from app.domain.errors import N_
from app.mail.failures import Reason

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
    "certificate": (N_("Certificate"), N_("when somebody’s certificate is issued")),
}
"""Those that a cycle may have its own words for: a name, and when it is sent."""
KINDS: Mapping[str, str] = {
    "enrolment-confirmed": N_("Enrolment confirmed"),
    "enrolment-pending": N_("Enrolment received"),
    "enrolment-waitlisted": N_("On the waiting list"),
    "enrolment-link": N_("Personal link"),
    "sign-in": N_("Sign-in link"),
    "new-address": N_("Link to a new address"),
    "address-changed": N_("Notice of a new address"),
    "account-changed": N_("Notice of a change to an account"),
    "team-invitation": N_("Invitation to a team"),
    "data-link": N_("Link to their data"),
    "part-reminder": N_("Reminder to confirm a part"),
} | {kind: name for kind, (name, _) in OWN_WORDS.items()}
"""Every kind that the outbox has: what its list calls it."""
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


REASONS: Mapping[Reason, str] = {
    Reason.UNREACHABLE: N_("The mail server cannot be reached."),
    Reason.NO_TLS: N_("The connection to the mail server cannot be made secure."),
    Reason.LOGIN: N_("The mail server does not accept our user and password."),
    Reason.DROPPED: N_("The mail server ended the connection."),
    Reason.TIMEOUT: N_("The mail server did not answer in time."),
    Reason.DELAYED: N_("The mail server asks us to try later."),
    Reason.REFUSED: N_("The mail server refused it. Check the address."),
    Reason.HELD: N_("The mail server refuses whatever we send: a limit or a rule of its own."),
    Reason.SIZE: N_("The mail server does not take mails of this size."),
    Reason.SENDER: N_("The mail server does not let us send under our address."),
    Reason.ADDRESS: N_("Mail cannot be sent to this address. Check it."),
    Reason.FILE: N_("The file could not be written."),
    Reason.GONE: N_("What it was about is no longer there."),
    Reason.MOOT: N_("It no longer held: the person had withdrawn, or the session had changed."),
    Reason.MOVED: N_(
        "The session had been moved or cancelled. If it has a new time, there is a new reminder."
    ),
    Reason.EXPIRED: N_("The link in it had expired before it could be sent."),
    Reason.OVER: N_("It could not be sent before its session was over."),
    Reason.WRITING: N_(
        "Its text could not be made. This is a fault of the program, and is written down in the "
        "worker’s log: show that to whoever looks after Convoca. When it is mended, send it again."
    ),
    Reason.LEFT_OUT: N_("It was left out after a restore, as it may have gone before."),
}
"""What stood in the way of a mail."""
