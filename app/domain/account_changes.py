"""What changes in how one gets into an account, and how its owner is told."""

from enum import StrEnum

from app.domain.errors import N_


class AccountChange(StrEnum):
    """A change that a thief would make too."""

    PASSWORD = "password"  # noqa: S105 (no password)
    SECOND_STEP_ON = "second-step-on"
    SECOND_STEP_OFF = "second-step-off"
    CODES = "codes"
    OUTSIDE = "outside"
    OUTSIDE_ENDED = "outside-ended"
    TOKEN = "token"  # noqa: S105 (no token)


SENTENCES = {
    AccountChange.PASSWORD: N_("Your account has another password."),
    AccountChange.SECOND_STEP_ON: N_("The second step of signing in was turned on."),
    AccountChange.SECOND_STEP_OFF: N_("The second step of signing in was turned off."),
    AccountChange.CODES: N_("New codes for paper were made; those from before end."),
    AccountChange.OUTSIDE: N_("One can sign in to your account by way of %(where)s now."),
    AccountChange.OUTSIDE_ENDED: N_(
        "One can no longer sign in to your account by way of %(where)s."
    ),
    AccountChange.TOKEN: N_("A token was made with which a program acts in your name (%(where)s)."),
}
