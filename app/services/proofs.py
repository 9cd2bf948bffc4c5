"""Showing once more who one is, before something is changed that an account hangs on: whoever finds
a browser that is signed in must not be able to take the account over."""

from datetime import datetime, timedelta

from app.db import Database
from app.domain.errors import N_, Invalid, NotSignedIn
from app.models import User
from app.services import second_factor
from app.services.links import Links
from app.services.passwords import password_is_right
from app.services.sign_ins import find_sign_in

FRESH = timedelta(minutes=15)
"""For so long a sign-in is proof enough where there is neither password nor second step."""


def what_proves(user: User) -> str:
    """What is asked for: ``password``, ``code``, or ``sign-in``, that it was not long ago."""
    if user.password_hash:
        return "password"
    return "code" if second_factor.is_on(user) else "sign-in"


def prove(database: Database, links: Links, cookie: str, typed: str, now: datetime) -> User:
    """The account of whoever is signed in with this cookie, who typed its present password, or else
    a code, or has signed in just now. No transaction is open while a hash is computed.

    Raises:
        NotSignedIn: the sign-in has ended.
        Invalid: at ``current``, code ``wrong`` or, for a sign-in of long ago, ``sign_in_again``.
        Busy: too many hashes at once.
    """
    with database.begin(writes=False) as db:
        found = find_sign_in(db, cookie)
    if found is None:
        raise NotSignedIn
    user, sign_in = found.user, found.sign_in
    asked = what_proves(user)
    if asked == "sign-in" and sign_in.created_at <= now - FRESH:
        raise Invalid.one(
            "current",
            N_("You signed in a while ago. Sign out, sign in again, and do this within 15 min."),
            code="sign_in_again",
        )
    if asked == "password" and not password_is_right(user.password_hash, typed):
        # Who has forgotten it has the app all the same, or a code on paper.
        if not second_factor.is_on(user):
            raise Invalid.one("current", N_("This is not your present password."), code="wrong")
        asked = "code"
    if asked == "code":
        try:
            with database.begin(writes=True) as db:
                second_factor.spend_code(db, links, user, typed, now)
        except Invalid:
            sentence = N_("This is neither your present password nor a code that works.")
            raise Invalid.one("current", sentence, code="wrong") from None
    return user
