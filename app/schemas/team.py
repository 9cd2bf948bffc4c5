"""What is said of a team."""

from app.domain.permissions import AccountStanding, Role
from app.schemas.types import Email, Strict


class TeamInvitationIn(Strict):
    """Somebody who is asked to join a cycle's team."""

    email: Email
    role: Role


class AccountInvitationIn(Strict):
    """Somebody who is asked to have an account."""

    email: Email
    standing: AccountStanding
