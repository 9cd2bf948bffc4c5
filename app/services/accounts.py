"""Organizers' accounts. Beside it: `passwords`, `sign_ins`, `sign_in_links`, `second_factor`."""

from dataclasses import replace

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from app.db import Database, DbSession
from app.domain.account_changes import AccountChange
from app.domain.addresses import address_key
from app.domain.errors import N_, FieldError, Invalid
from app.domain.permissions import AccountStanding
from app.domain.text import LANGUAGES
from app.models import User, now
from app.schemas.types import Email
from app.services.access import teams_of
from app.services.account_rows import all_users, find_user, first_user, hold_user
from app.services.actor import Actor
from app.services.passwords import (
    MIN_PASSWORD,
    hash_password,
    is_outdated,
    password_is_right,
    weaknesses,
)
from app.services.rows import changes_one
from app.services.security_notices import tell
from app.services.sign_in_links import (
    LINK_MINUTES,
    check_link,
    link_address,
    new_link,
    request_link,
    use_link,
)
from app.services.sign_ins import (
    SIGN_IN_DAYS,
    SignedIn,
    end_others,
    end_sign_in,
    find_sign_in,
    list_sign_ins,
    sign_out,
    start_sign_in,
)

__all__ = [
    "LINK_MINUTES",
    "MIN_PASSWORD",
    "SIGN_IN_DAYS",
    "actor_of_cookie",
    "actor_of_sign_in",
    "actor_of_user",
    "add_user",
    "all_users",
    "check_link",
    "end_sign_in",
    "find_user",
    "first_user",
    "hold_with_password",
    "link_address",
    "list_sign_ins",
    "new_link",
    "password_is_right",
    "request_link",
    "set_password",
    "sign_out",
    "start_sign_in",
    "use_link",
    "user_with_password",
]

_WRONG = N_("This address and this password do not go together. Check both and try again.")


def actor_of_user(db: DbSession, user: User) -> Actor:
    """Somebody with an account, as the one who does something."""
    return Actor(
        id=user.id,
        name=user.name,
        email=user.email,
        language=user.language,
        standing=AccountStanding(user.standing),
        teams=teams_of(db, user),
    )


def actor_of_cookie(db: DbSession, cookie: str) -> Actor | None:
    """Who is signed in with this cookie; None if nobody is, or no longer."""
    found = find_sign_in(db, cookie)
    return actor_of_sign_in(db, found) if found else None


def actor_of_sign_in(db: DbSession, found: SignedIn) -> Actor:
    """Whoever that is, as the one who does something."""
    return replace(actor_of_user(db, found.user), sending_held=found.held)


def add_user(
    db: DbSession,
    name: str,
    email: str,
    password: str | None = None,
    language: str = "",
    standing: AccountStanding = AccountStanding.ORGANIZER,
) -> User:
    """A new account. Without a password one signs in by link only.

    Raises:
        Invalid: no name, an address that is none or has an account, a weak password, a language
            that is not one of ours.
    """
    errors = []
    name = " ".join(name.split())
    if not name or len(name) > 200 or not name.isprintable():
        errors.append(FieldError("name", N_("Give a name of up to 200 characters.")))
    try:
        email = TypeAdapter(Email).validate_python(email.strip())
    except ValidationError:
        sentence = N_("This does not look like an e-mail address, such as ana@example.org.")
        errors.append(FieldError("email", sentence))
    else:
        if find_user(db, email) is not None:
            errors.append(_taken())
    if language and language not in LANGUAGES:
        errors.append(FieldError("language", N_("Choose one of the languages offered.")))
    if password is not None:
        errors.extend(weaknesses(password, name, email))
    if errors:
        raise Invalid(*errors)
    user = User(
        name=name,
        email=email,
        email_key=address_key(email),
        language=language,
        standing=standing,
    )
    if password is not None:
        user.password_hash = hash_password(password)
    try:
        with db.begin_nested():
            db.add(user)
    except IntegrityError:
        raise Invalid(_taken()) from None
    return user


def _taken() -> FieldError:
    return FieldError("email", N_("There is an account with this address already."), code="taken")


def user_with_password(database: Database, email: str, password: str) -> User:
    """Whose address and password these are. No transaction is open while the hash is computed: it
    takes a tenth of a second, and on SQLite nobody else could write meanwhile.

    Raises:
        Invalid: at ``email``, code ``wrong``: unknown address or wrong password, the same answer
            after the same time.
        Busy: too many sign-ins at once.
    """
    with database.begin(writes=False) as db:
        user = find_user(db, email)
    if not password_is_right(user.password_hash if user else "", password) or user is None:
        raise Invalid.one("email", _WRONG, code="wrong")
    if is_outdated(user.password_hash):
        renewed = hash_password(password)
        with database.begin(writes=True) as db:
            # Unless the password was changed in this moment.
            same = (col(User.id) == user.id, col(User.password_hash) == user.password_hash)
            if changes_one(db, update(User).where(*same).values(password_hash=renewed)):
                user.password_hash = renewed
    return user


def hold_with_password(db: DbSession, user: User) -> User:
    """Whom `user_with_password` found, as they are now, held: the hash took a while. Raises Invalid
    as that does, where the password has become another meanwhile."""
    held = hold_user(db, user.id)
    if held is None or held.password_hash != user.password_hash:
        raise Invalid.one("email", _WRONG, code="wrong")
    return held


def set_password(db: DbSession, user: User, password: str, *, keep_cookie: str = "") -> None:
    """A new password, which ends every sign-in but that of `keep_cookie`, and is told by mail.

    Raises:
        Invalid: shorter than 15 characters, or too easy.
    """
    wrong = weaknesses(password, user.name, user.email)
    if wrong:
        raise Invalid(*wrong)
    hashed = hash_password(password)
    end_others(db, user.id, keep_cookie)  # first, as whoever confirms an address comes to that
    user.password_hash = hashed
    db.add(user)
    db.flush()
    tell(db, user, AccountChange.PASSWORD, now())
