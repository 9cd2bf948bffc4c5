"""API tokens: bearer secrets for programs, kept as digests."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, update
from sqlmodel import col, select

from app.db import DbSession, Jot
from app.domain.account_changes import AccountChange
from app.domain.errors import N_, FieldError, Invalid, NotFound
from app.domain.permissions import AccountStanding
from app.domain.text import without_links
from app.models import ApiToken, Cycle, User, now
from app.services.access import teams_of
from app.services.actor import Actor, Scope
from app.services.rows import find, may_be_id
from app.services.security_notices import tell

PREFIX = "convoca_"  # so that a secret that leaked is recognised by those who look for such
USUAL_DAYS = 90
"""For so long a token is good, where nobody says otherwise."""
_MAX_NAME = 100
_MOST_CYCLES = 500

# `used_at` is to the hour: that is enough to find one that nobody uses, and of the requests of an
# hour only the first writes, whichever process it comes to.
_USED = (
    update(ApiToken)
    .where(
        col(ApiToken.digest) == bindparam("token_digest"),
        or_(col(ApiToken.used_at).is_(None), col(ApiToken.used_at) < bindparam("hour")),
    )
    .values(used_at=bindparam("hour"))
)


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal. Enough for a secret of 256 random bits; not for passwords."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def actor_of_token(db: DbSession, secret: str) -> Actor | None:
    """The program that holds this secret, with the scopes of its token; None if nobody does,
    or the token has expired or was revoked."""
    found = program_of(db, digest(secret)) if secret else None
    return found[0] if found else None


def program_of(db: DbSession, token_digest: str) -> tuple[Actor, datetime | None] | None:
    """`actor_of_token` for the digest of a secret, with the instant (aware UTC) at which the token
    ends by itself; None where it does not."""
    row = db.exec(
        select(ApiToken, User)
        .join(User, col(User.id) == col(ApiToken.user_id))
        .where(ApiToken.digest == token_digest)
    ).one_or_none()
    if row is None:
        return None
    token, user = row
    if token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now()):
        return None
    actor = Actor(
        id=user.id,
        name=user.name,
        email=user.email,
        language=user.language,
        standing=AccountStanding(user.standing),
        teams=teams_of(db, user, token.cycle_id or ""),
        only=token.cycle_id or "",
        scopes=frozenset(Scope(scope) for scope in token.scopes),
        token_id=token.id,
    )
    return actor, token.expires_at


def create_token(
    db: DbSession,
    actor: Actor,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None = None,
    cycle_id: str | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which cannot be seen again; its owner is told by mail.
    `cycle_id`: the one cycle that it is for; None: all that its owner may.

    Raises:
        Invalid: no name or one of more than 100 characters, no scope or an unknown one, an expiry
            (aware) that has passed, a cycle in which they have no role.
    """
    errors = []
    name = " ".join(name.split())
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        errors.append(
            FieldError("name", N_("Name the program that will use it, in up to 100 characters."))
        )
    known = {scope.value for scope in Scope}
    chosen = [scope.value for scope in Scope if scope.value in scopes]
    if not chosen or not set(scopes) <= known:
        errors.append(FieldError("scopes", N_("Choose at least one thing that it may do.")))
    if expires_at is not None and expires_at <= now():
        errors.append(FieldError("expires", N_("Choose a day that is still to come.")))
    if cycle_id is not None and not _may_be_for(db, actor, cycle_id):
        errors.append(FieldError("cycle", N_("Choose one of the cycles offered.")))
    if errors:
        raise Invalid(*errors)
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        user_id=actor.id,
        name=name,
        digest=digest(secret),
        scopes=chosen,
        expires_at=expires_at,
        cycle_id=cycle_id,
    )
    db.add(token)
    db.flush()
    tell(db, db.get_one(User, actor.id), AccountChange.TOKEN, now(), without_links(name))
    return token, secret


def _may_be_for(db: DbSession, actor: Actor, cycle_id: str) -> bool:
    known = may_be_id(cycle_id) and actor.knows(cycle_id)
    return known and db.exec(select(Cycle.id).where(Cycle.id == cycle_id)).first() is not None


def cycles_for_tokens(db: DbSession, actor: Actor) -> list[Cycle]:
    """For which cycles somebody may make a token: those in which they have a role, an administrator
    for all; the newest first, at most 500. One query."""
    query = select(Cycle).order_by(col(Cycle.created_at).desc(), col(Cycle.id)).limit(_MOST_CYCLES)
    if not actor.everywhere:
        query = query.where(col(Cycle.id).in_(sorted(actor.teams)))
    return list(db.exec(query))


def hour_of(moment: datetime) -> datetime:
    """The hour in which a moment lies."""
    return moment - timedelta(
        minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond
    )


def note_use(jot: Jot, token_digest: str, hour: datetime) -> None:
    """Writes down that the token with this digest was used in this hour (aware UTC)."""
    jot(_USED, {"token_digest": token_digest, "hour": hour})


def list_tokens(db: DbSession, actor: Actor) -> list[ApiToken]:
    """One's own tokens, the newest first, those that have ended included."""
    statement = select(ApiToken).where(ApiToken.user_id == actor.id)
    return list(db.exec(statement.order_by(col(ApiToken.created_at).desc(), col(ApiToken.id))))


def revoke_token(db: DbSession, actor: Actor, token_id: str, at: datetime) -> None:
    """Ends one of one's own tokens; twice is once. Raises NotFound for others' tokens."""
    token = find(db, ApiToken, token_id)
    if token.user_id != actor.id:
        raise NotFound
    if token.revoked_at is None:
        token.revoked_at = at
        db.add(token)
        db.flush()
