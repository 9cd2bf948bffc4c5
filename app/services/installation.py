"""The installation's accounts, as its administrators see to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.errors import N_, Clash, Invalid, NotAllowed, NotFound
from app.domain.permissions import AccountStanding
from app.domain.teams import INVITED_FOR
from app.models import ApiToken, TeamInvitation, TeamMember, User
from app.schemas.team import AccountInvitationIn
from app.services.account_rows import find_user, hold_administrator
from app.services.actor import Actor
from app.services.paging import paginate
from app.services.rows import find
from app.services.sign_ins import end_others
from app.services.team_invitations import ask, end, end_asked_by


def list_accounts(
    db: DbSession, actor: Actor, after: str | None = None, limit: int = 50
) -> tuple[list[User], dict[str, int], str | None]:
    """A stretch of the accounts by name, in how many teams each is, and the cursor after them. Two
    queries.

    Raises Invalid: at ``after``.
    """
    rows, following = paginate(db, select(User), [User.name, User.id], after, limit)
    teams: Any = (
        select(TeamMember.user_id, func.count())
        .where(col(TeamMember.user_id).in_([row.id for row in rows]))
        .group_by(TeamMember.user_id)
    )
    return rows, dict(db.exec(teams).all()), following


def invite_account(
    db: DbSession, actor: Actor, command: AccountInvitationIn, now: datetime
) -> TeamInvitation:
    """Asks somebody by mail to have an account.

    Raises:
        NotAllowed: they are no administrator any more.
        Invalid: at ``email``, code ``taken``: there is one with this address.
    """
    if actor.id:
        hold_administrator(db, actor.id)
    if find_user(db, command.email) is not None:
        raise Invalid.one(
            "email", N_("There is an account with this address already."), code="taken"
        )
    invitation = TeamInvitation(
        email=command.email,
        email_key=address_key(command.email),
        standing=command.standing,
        language=actor.language,
        invited_by_id=actor.id or None,
        invited_by=actor.name,
        created_at=now,
        expires_at=now + INVITED_FOR,
    )
    return ask(db, invitation, now)


def open_invitations(db: DbSession, actor: Actor, now: datetime) -> list[TeamInvitation]:
    """Who was asked to have an account and may still accept, the newest first."""
    query = select(TeamInvitation).where(
        col(TeamInvitation.cycle_id).is_(None),
        col(TeamInvitation.accepted_at).is_(None),
        col(TeamInvitation.revoked_at).is_(None),
        TeamInvitation.expires_at > now,
    )
    return list(db.exec(query.order_by(col(TeamInvitation.created_at).desc(), TeamInvitation.id)))


def take_back(db: DbSession, actor: Actor, invitation_id: str, now: datetime) -> TeamInvitation:
    """Ends an invitation to have an account; one that has ended already is no error.

    Raises NotFound, also for one to a team.
    """
    invitation = find(db, TeamInvitation, invitation_id)
    if invitation.cycle_id is not None:
        raise NotFound
    return end(db, invitation, now)


def set_standing(
    db: DbSession, actor: Actor, user_id: str, standing: AccountStanding, now: datetime
) -> User:
    """What an account is in the installation. Of what an administrator has asked, who is none any
    more, what they could not ask now ends.

    Raises:
        NotFound: there is no such account.
        NotAllowed: as `invite_account`.
        Clash: ``last_administrator``.
    """
    user = _held(db, actor, user_id, standing)
    user.standing = standing
    db.add(user)
    db.flush()
    end_asked_by(db, user.id, now)
    return user


def remove_account(db: DbSession, actor: Actor, user_id: str, now: datetime) -> User:
    """Takes an account away, with its sign-ins, its tokens, its places in teams and its open
    invitations. What it did stays under its name.

    Raises:
        NotFound: there is no such account.
        NotAllowed: as `invite_account`.
        Clash: ``last_administrator``; ``oneself``.
    """
    user = _held(db, actor, user_id, None)
    if user.id == actor.id:
        raise Clash(N_("Ask another administrator to take your account away."), code="oneself")
    end_asked_by(db, user.id, now, goes=True)
    # One by one, so that the trail of each cycle has it: the database would take them silently.
    members = select(TeamMember).where(TeamMember.user_id == user.id).order_by(col(TeamMember.id))
    tokens = select(ApiToken).where(ApiToken.user_id == user.id).order_by(col(ApiToken.id))
    for row in (*db.exec(members.with_for_update()), *db.exec(tokens.with_for_update())):
        db.delete(row)
    db.flush()
    db.delete(user)
    db.flush()
    return user


def get_account(db: DbSession, actor: Actor, user_id: str) -> User:
    """One account. Raises NotFound."""
    return find(db, User, user_id)


def end_sign_ins(db: DbSession, actor: Actor, user_id: str) -> User:
    """Signs an account out everywhere. Raises NotFound."""
    user = find(db, User, user_id)
    end_others(db, user.id)
    return user


def _held(db: DbSession, actor: Actor, user_id: str, becomes: AccountStanding | None) -> User:
    user = find(db, User, user_id)
    # All administrators, in one order: two who demote each other come one after the other.
    query = (
        select(User).where(User.standing == AccountStanding.ADMINISTRATOR).order_by(col(User.id))
    )
    administrators = {row.id for row in db.exec(query.with_for_update())}
    held = select(User).where(User.id == user.id).with_for_update()
    if db.exec(held.execution_options(populate_existing=True)).one_or_none() is None:
        raise NotFound  # while they waited, another one has taken it away
    if administrators == {user.id} and becomes is not AccountStanding.ADMINISTRATOR:
        raise Clash(
            N_("The installation needs an administrator. Make somebody else one first."),
            code="last_administrator",
        )
    if actor.id and actor.id not in administrators:
        raise NotAllowed  # while they waited, another one has taken it from them
    return user
