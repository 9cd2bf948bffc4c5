"""The second step of signing in: codes of an authenticator app (TOTP, RFC 6238), and codes on paper
for when the phone is gone."""

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import datetime, timedelta
from hmac import compare_digest

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.account_changes import AccountChange
from app.domain.errors import N_, Clash, Invalid, NotFound
from app.domain.normal_forms import normal_form
from app.models import RecoveryCode, User, now
from app.services.links import Links, Purpose
from app.services.rows import changes_one
from app.services.security_notices import tell
from app.services.sign_ins import end_others
from app.services.tokens import digest

RECOVERY_CODES = 10
HALF_FOR = timedelta(minutes=10)
"""For so long somebody who has done the first step may do the second."""
_STEP = 30  # seconds that a code lasts
_DRIFT = 1  # steps before and after, for clocks that differ and people who type
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is misread
_CODE_LENGTH = 16  # characters: 79 bits, so a plain digest tells nothing
WRONG_CODE = N_("This code is not right. Take the newest one, or one that you wrote down.")


def is_on(user: User) -> bool:
    """Whether signing in takes a second step."""
    return user.totp_since is not None


def begin(db: DbSession, links: Links, user: User) -> None:
    """Makes a secret, which does nothing until `confirm`. Raises Clash: ``second_step_on``."""
    if is_on(user):
        raise Clash(N_("The second step is on already."), code="second_step_on")
    user.totp_secret = _seal(links, user.id, pyotp.random_base32())
    db.add(user)
    db.flush()


def pending(links: Links, user: User) -> tuple[str, str]:
    """The secret that is to be confirmed, and the same as an ``otpauth:`` address.

    Raises NotFound: there is none.
    """
    if is_on(user) or not user.totp_secret:
        raise NotFound
    secret = _open(links, user)
    if secret is None:
        raise NotFound
    totp = pyotp.TOTP(secret, interval=_STEP)
    return secret, totp.provisioning_uri(name=user.email, issuer_name="Convoca")


def begun_token(links: Links, user: User, now: datetime) -> str:
    """What the page has on which the secret is shown. Without it a secret that somebody has begun
    with and left could be guessed at by whoever finds a browser of theirs."""
    until = int((now + HALF_FOR).timestamp())
    return links.sign(Purpose.BEGUN, f"{user.id}-{until}-{_state(user)}")


def check_begun(links: Links, user: User, token: str, now: datetime) -> None:
    """Whether it is the page on which the secret that is pending was shown, lately.

    Raises Invalid: at ``code``, code ``begin_again``.
    """
    try:
        user_id, until, state = links.unsign(Purpose.BEGUN, token).split("-")
        right = user_id == user.id and compare_digest(state, _state(user))
        right = right and int(until) > now.timestamp()
    except (NotFound, ValueError):
        right = False
    if not right:
        sentence = N_("This was begun on another page, or more than ten minutes ago. Begin again.")
        raise Invalid.one("code", sentence, code="begin_again")


def confirm(
    db: DbSession, links: Links, user: User, code: str, now: datetime, *, keep_cookie: str = ""
) -> list[str]:
    """Turns the second step on, by a code of the pending secret; the codes for paper, which cannot
    be seen again. Every sign-in but that of `keep_cookie` ends. Told by mail.

    Raises:
        NotFound: nothing is pending.
        Invalid: at ``code``.
    """
    pending(links, user)
    step = _step_of(links, user, _typed(code), now)
    # Of two at once one turns it on: the other's codes would be nobody's.
    turned = step is not None and changes_one(
        db,
        update(User)
        .where(col(User.id) == user.id, col(User.totp_since).is_(None), col(User.totp_step) < step)
        .values(totp_step=step),
    )
    if not turned:
        raise _wrong_code()
    db.refresh(user)
    user.totp_since = now  # by way of the row, so that the trail has it
    db.add(user)
    db.flush()
    end_others(db, user.id, keep_cookie)
    tell(db, user, AccountChange.SECOND_STEP_ON, now)
    return _new_codes(db, user)


def turn_off(db: DbSession, user: User) -> None:
    """Signing in takes one step again; the codes for paper end. Told by mail."""
    user.totp_secret, user.totp_since = "", None
    db.add(user)
    db.flush()
    db.connection().execute(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user.id))
    tell(db, user, AccountChange.SECOND_STEP_OFF, now())


def renew_recovery_codes(db: DbSession, user: User) -> list[str]:
    """Ten new codes for paper, in place of those from before. Told by mail."""
    tell(db, user, AccountChange.CODES, now())
    return _new_codes(db, user)


def _new_codes(db: DbSession, user: User) -> list[str]:
    db.connection().execute(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user.id))
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))
        for _ in range(RECOVERY_CODES)
    ]
    db.add_all(RecoveryCode(user_id=user.id, digest=digest(code)) for code in codes)
    db.flush()
    return ["-".join(code[n : n + 4] for n in range(0, _CODE_LENGTH, 4)) for code in codes]


def recovery_codes_left(db: DbSession, user_id: str) -> int:
    """How many codes for paper were not used."""
    query = select(RecoveryCode.id).where(
        RecoveryCode.user_id == user_id, col(RecoveryCode.used_at).is_(None)
    )
    return len(db.exec(query).all())


def spend_code(db: DbSession, links: Links, user: User, code: str, now: datetime) -> None:
    """Takes a code of the app or one from paper, once: of two at once one is taken.

    Raises Invalid: at ``code``, code ``wrong``: not one, used before, or older than one that was.
    """
    typed = _typed(code)
    if not is_on(user):
        raise _wrong_code()
    if typed.isdecimal():
        step = _step_of(links, user, typed, now)
        spent = step is not None and changes_one(
            db,
            update(User)
            .where(col(User.id) == user.id, col(User.totp_step) < step)
            .values(totp_step=step),
        )
    else:
        spent = changes_one(
            db,
            update(RecoveryCode)
            .where(
                col(RecoveryCode.user_id) == user.id,
                col(RecoveryCode.digest) == digest(typed),
                col(RecoveryCode.used_at).is_(None),
            )
            .values(used_at=now),
        )
    if not spent:
        raise _wrong_code()


def half_token(links: Links, user: User, now: datetime) -> str:
    """What a browser keeps between the two steps. It ends by itself, and with every change of what
    the first step was done by."""
    until = int((now + HALF_FOR).timestamp())
    return links.sign(Purpose.HALF, f"{user.id}-{until}-{_state(user)}")


def user_of_half(db: DbSession, links: Links, token: str, now: datetime) -> User | None:
    """Who has done the first step; None where nobody has, or it was too long ago."""
    try:
        user_id, until, state = links.unsign(Purpose.HALF, token).split("-")
        if int(until) <= now.timestamp():
            return None
    except (NotFound, ValueError):
        return None
    user = db.get(User, user_id)
    usable = user is not None and is_on(user) and compare_digest(state, _state(user))
    return user if usable else None


def _state(user: User) -> str:
    return digest(f"{user.password_hash}\0{user.email_key}\0{user.totp_secret}")[:32]


def _typed(code: str) -> str:
    """What was meant: without what parts the groups, in plain digits and small letters."""
    plain = normal_form("NFKC", code[:100]).lower()
    typed = "".join(c for c in plain if c.isalnum())
    return typed if typed.isascii() else ""


def _step_of(links: Links, user: User, typed: str, now: datetime) -> int | None:
    """The half minute that a code is of, near `now`."""
    secret = _open(links, user)
    if secret is None or len(typed) != 6:
        return None
    totp, present = pyotp.TOTP(secret, interval=_STEP), int(now.timestamp()) // _STEP
    found = None
    for step in range(present - _DRIFT, present + _DRIFT + 1):
        if compare_digest(totp.generate_otp(step), typed):
            found = step
    return found


def _wrong_code() -> Invalid:
    return Invalid.one("code", WRONG_CODE, code="wrong")


def _seal(links: Links, user_id: str, secret: str) -> str:
    """Encrypted with the server's key, for this account only."""
    nonce = os.urandom(12)
    sealed = AESGCM(links.key(Purpose.TOTP)).encrypt(nonce, secret.encode(), user_id.encode())
    return urlsafe_b64encode(nonce + sealed).decode()


def _open(links: Links, user: User) -> str | None:
    """The secret; None where it was sealed with another key, or for another account."""
    try:
        raw = urlsafe_b64decode(user.totp_secret)
        return (
            AESGCM(links.key(Purpose.TOTP)).decrypt(raw[:12], raw[12:], user.id.encode()).decode()
        )
    except (NotBase64, ValueError, InvalidTag):
        return None
