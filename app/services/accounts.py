"""Organizers' accounts: who is signed in, signing in with a password or a link, signing out."""

import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import CursorResult, delete, func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.addresses import address_key
from app.domain.errors import N_, Busy, FieldError, Gone, Invalid, NotFound
from app.domain.permissions import AccountStanding
from app.domain.text import LANGUAGES
from app.models import Message, SignIn, SignInLink, User, now
from app.schemas.types import Email
from app.services import outbox, sending
from app.services.access import teams_of
from app.services.actor import Actor
from app.services.links import Links, Purpose
from app.services.tokens import digest

SIGN_IN_DAYS = 14
LINK_MINUTES = 10
MIN_PASSWORD = 15  # characters
MAX_PASSWORD = 1_000
_OPEN_LINKS = 5  # for one account at a time; more requests send nothing
_WRONG = N_("This address and this password do not go together. Check both and try again.")

# RFC 9106, second recommendation. Each computation takes 64 MiB, so only so many run at once, and
# only so many wait: a flood of sign-ins must not take all memory or all threads.
_hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)
_running = threading.BoundedSemaphore(2)
_admitted = threading.BoundedSemaphore(12)


@contextmanager
def _turn() -> Iterator[None]:
    if not _admitted.acquire(blocking=False):
        raise Busy
    try:
        with _running:
            yield
    finally:
        _admitted.release()


def _prepared(password: str) -> bytes:
    # NIST SP 800-63B: normalised, so that the same word typed on another keyboard is the same.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _hash(password: str) -> str:
    with _turn():
        return _hasher.hash(_prepared(password))


@cache
def _nobodys_hash() -> str:
    """What is compared with when there is no account, so that it takes as long."""
    return _hasher.hash(secrets.token_bytes(16))


def password_is_right(password_hash: str, password: str) -> bool:
    """Whether the password belongs to the hash (empty: none does). Takes the same time, about
    0.1 s, in every case, and needs no database. Raises Busy when too many wait."""
    usable = bool(password_hash) and len(password) <= MAX_PASSWORD
    with _turn():
        try:
            _hasher.verify(
                password_hash if usable else _nobodys_hash(), _prepared(password[:MAX_PASSWORD])
            )
        except (VerificationError, InvalidHashError):
            return False
    return usable


def find_user(db: DbSession, email: str) -> User | None:
    """The account with this address."""
    key = address_key(email)
    if not key.isprintable():  # a NUL or half a surrogate pair is no text to a database
        return None
    return db.exec(select(User).where(User.email_key == key)).one_or_none()


def first_user(db: DbSession) -> User | None:
    """The oldest account, for whoever has the machine and forgot the address."""
    return db.exec(select(User).order_by(col(User.created_at), col(User.id)).limit(1)).first()


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
    if not cookie:
        return None
    found = db.exec(
        select(User, sending.HELD)
        .join(SignIn, col(SignIn.user_id) == col(User.id))
        .where(SignIn.id == digest(cookie), SignIn.expires_at > now())
    ).one_or_none()
    if found is None:
        return None
    return replace(actor_of_user(db, found[0]), sending_held=bool(found[1]))


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
        errors.extend(_weaknesses(password, name, email))
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
        user.password_hash = _hash(password)
    try:
        with db.begin_nested():
            db.add(user)
    except IntegrityError:
        raise Invalid(_taken()) from None
    return user


def _taken() -> FieldError:
    return FieldError("email", N_("There is an account with this address already."), code="taken")


def _weaknesses(password: str, name: str, email: str) -> list[FieldError]:
    """Length is what counts; what is only long in appearance is refused too."""
    plain = unicodedata.normalize("NFKC", password)
    if len(plain) < MIN_PASSWORD:
        sentence = N_("Use at least %(least)s characters; several words make a good password.")
        return [FieldError("password", sentence, {"least": MIN_PASSWORD}, "too_short")]
    if len(plain) > MAX_PASSWORD:
        sentence = N_("This is too long: at most %(max_length)s characters.")
        return [FieldError("password", sentence, {"max_length": MAX_PASSWORD}, "too_long")]
    folded = plain.casefold().strip()
    obvious = {name.casefold(), email.casefold()}
    if len(set(folded)) < 6 or folded in obvious:
        sentence = N_("This is too easy to guess; several words make a good password.")
        return [FieldError("password", sentence, code="too_easy")]
    return []


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
    return user


def start_sign_in(db: DbSession, user_id: str, now: datetime) -> str:
    """Signs in somebody who has shown who it is; the value for the cookie, good for 14 days."""
    cookie = secrets.token_urlsafe(32)
    expires = now + timedelta(days=SIGN_IN_DAYS)
    db.add(SignIn(id=digest(cookie), user_id=user_id, created_at=now, expires_at=expires))
    db.flush()
    return cookie


def request_link(db: DbSession, email: str, now: datetime) -> None:
    """Mails a sign-in link to the account with this address, if there is one and fewer than
    five of its links are open. Says nothing either way, and writes as much for an address without
    an account, so that the time tells nothing either."""
    user = find_user(db, email)
    if user is not None and _open_links(db, user, now) < _OPEN_LINKS:
        link = _add_link(db, user, now, LINK_MINUTES)
        _queue(db, user.name, user.email, user.language, link.id, now)
        return
    decoy = _queue(db, "", "nobody@localhost", "", secrets.token_hex(13), now)
    db.delete(decoy)
    db.flush()


def _queue(
    db: DbSession, name: str, address: str, language: str, link_id: str, now: datetime
) -> Message:
    return outbox.enqueue(
        db,
        kind=outbox.SIGN_IN,
        intent=f"sign-in:{link_id}",
        to_name=name,
        to_address=address,
        language=language or LANGUAGES[0],
        context={"link_id": link_id},
        now=now,
    )


def _open_links(db: DbSession, user: User, now: datetime) -> int:
    return db.exec(
        select(func.count())
        .select_from(SignInLink)
        .where(
            SignInLink.user_id == user.id,
            SignInLink.expires_at > now,
            col(SignInLink.used_at).is_(None),
        )
    ).one()


def _add_link(db: DbSession, user: User, now: datetime, minutes: int) -> SignInLink:
    expires = now + timedelta(minutes=minutes)
    link = SignInLink(user_id=user.id, created_at=now, expires_at=expires)
    db.add(link)
    db.flush()
    return link


def new_link(
    db: DbSession, links: Links, user: User, now: datetime, minutes: int = LINK_MINUTES
) -> str:
    """The address of a new sign-in link that works once, for so many minutes."""
    return link_address(links, _add_link(db, user, now, minutes).id)


def link_address(links: Links, link_id: str) -> str:
    """Where a sign-in link leads."""
    return links.url(f"/organize/sign-in/{links.token(Purpose.SIGN_IN, link_id)}")


def check_link(db: DbSession, links: Links, token: str, now: datetime) -> User:
    """Whose link it is, while it can be used; changes nothing.

    Raises:
        NotFound: not a link of ours.
        Gone: used (``used``) or expired.
    """
    link_id, _ = links.read(Purpose.SIGN_IN, token)
    link = db.get(SignInLink, link_id)
    user = db.get(User, link.user_id) if link is not None else None
    if link is None or user is None:
        raise NotFound
    if link.used_at is not None:
        raise _used()
    if link.expires_at <= now:
        raise Gone(N_("This link has expired: it was good for ten minutes. Ask for a new one."))
    return user


def _used() -> Gone:
    return Gone(N_("This link was used already; it works once. Ask for a new one."), code="used")


def use_link(db: DbSession, links: Links, token: str, now: datetime) -> str:
    """Signs in with a link, which ends it; the value for the cookie. Of two at once one wins.

    Raises:
        NotFound, Gone: as `check_link`.
    """
    user = check_link(db, links, token, now)
    link_id, _ = links.read(Purpose.SIGN_IN, token)
    # The database decides: what was read above may be out of date by now.
    result = db.connection().execute(
        update(SignInLink)
        .where(col(SignInLink.id) == link_id, col(SignInLink.used_at).is_(None))
        .values(used_at=now)
    )
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise _used()
    return start_sign_in(db, user.id, now)


def sign_out(db: DbSession, cookie: str) -> None:
    """Ends this sign-in, for every copy of the cookie. Nothing to end is no error."""
    db.connection().execute(delete(SignIn).where(col(SignIn.id) == digest(cookie)))


def list_sign_ins(db: DbSession, actor: Actor, now: datetime) -> list[SignIn]:
    """Where one is signed in, the newest first."""
    statement = select(SignIn).where(SignIn.user_id == actor.id, SignIn.expires_at > now)
    return list(db.exec(statement.order_by(col(SignIn.created_at).desc(), col(SignIn.id))))


def end_sign_in(db: DbSession, actor: Actor, sign_in_id: str) -> None:
    """Ends one of one's own sign-ins; one that has ended already is no error."""
    if not sign_in_id.isprintable():
        return
    db.connection().execute(
        delete(SignIn).where(col(SignIn.id) == sign_in_id, col(SignIn.user_id) == actor.id)
    )


def set_password(db: DbSession, user: User, password: str, *, keep_cookie: str = "") -> None:
    """A new password, which ends every sign-in but that of `keep_cookie`.

    Raises:
        Invalid: shorter than 15 characters, or too easy.
    """
    weaknesses = _weaknesses(password, user.name, user.email)
    if weaknesses:
        raise Invalid(*weaknesses)
    user.password_hash = _hash(password)
    db.add(user)
    db.flush()
    others = delete(SignIn).where(
        col(SignIn.user_id) == user.id, col(SignIn.id) != digest(keep_cookie)
    )
    db.connection().execute(others)


def change_password(
    db: DbSession, actor: Actor, current: str, password: str, *, keep_cookie: str = ""
) -> None:
    """`set_password` for oneself, who has to know the one before, if there is one.

    Raises:
        Invalid: at ``current`` if that is wrong, at ``password`` as `set_password`.
    """
    user = db.get(User, actor.id)
    if user is None:
        raise NotFound
    if user.password_hash and not password_is_right(user.password_hash, current):
        raise Invalid.one("current", N_("This is not your present password."), code="wrong")
    set_password(db, user, password, keep_cookie=keep_cookie)
