"""A cycle's team: who has which role, asking somebody to join, joining, leaving."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy.orm import selectinload
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.errors import N_, Clash, Invalid, NotAllowed, NotFound
from app.domain.permissions import OF_ROLE, Permission, Role
from app.domain.teams import INVITED_FOR, leaves_no_owner
from app.models import Cycle, TeamInvitation, TeamMember, User
from app.schemas.team import TeamInvitationIn
from app.services.access import forget_people_of, not_in_this_role
from app.services.account_rows import hold_administrator
from app.services.actor import Actor
from app.services.rows import find, hold
from app.services.team_invitations import ask, end, end_asked_by

_USER = selectinload(cast(Any, TeamMember.user))
_ORDER = {role: place for place, role in enumerate(Role)}


def members(db: DbSession, actor: Actor, cycle_id: str) -> list[TeamMember]:
    """The team with its accounts, owners first, then by name. Two queries."""
    return _members(db, cycle_id)


def _members(db: DbSession, cycle_id: str) -> list[TeamMember]:
    rows = db.exec(select(TeamMember).where(TeamMember.cycle_id == cycle_id).options(_USER)).all()
    return sorted(rows, key=lambda row: (_ORDER[Role(row.role)], row.user.name.casefold(), row.id))


def open_invitations(
    db: DbSession, actor: Actor, cycle_id: str, now: datetime
) -> list[TeamInvitation]:
    """Who was asked and may still accept, the newest first."""
    query = select(TeamInvitation).where(
        TeamInvitation.cycle_id == cycle_id,
        col(TeamInvitation.accepted_at).is_(None),
        col(TeamInvitation.revoked_at).is_(None),
        TeamInvitation.expires_at > now,
    )
    return list(db.exec(query.order_by(col(TeamInvitation.created_at).desc(), TeamInvitation.id)))


def invite(
    db: DbSession, actor: Actor, cycle_id: str, command: TeamInvitationIn, now: datetime
) -> TeamInvitation:
    """Asks somebody to join, by mail; the link is good for 14 days. Asking the same address again
    ends the link of before.

    Raises:
        NotFound: there is no such cycle.
        NotAllowed: they no longer see to the team.
        Invalid: at ``email``, code ``member``: is in the team already.
    """
    cycle = hold(db, Cycle, cycle_id)
    _refuse_unless_still(db, actor, cycle_id)
    key = address_key(command.email)
    member = select(TeamMember.id).join(User, col(User.id) == col(TeamMember.user_id))
    if db.exec(member.where(TeamMember.cycle_id == cycle.id, User.email_key == key)).first():
        raise Invalid.one(
            "email", N_("%(email)s is in the team."), code="member", email=command.email
        )
    invitation = TeamInvitation(
        cycle_id=cycle.id,
        email=command.email,
        email_key=key,
        role=command.role,
        language=actor.language or cycle.language,
        invited_by_id=actor.id or None,
        invited_by=actor.name,
        created_at=now,
        expires_at=now + INVITED_FOR,
    )
    return ask(db, invitation, now)


def take_back(
    db: DbSession, actor: Actor, cycle_id: str, invitation_id: str, now: datetime
) -> TeamInvitation:
    """Ends an invitation; one that has ended already is no error. Raises NotFound."""
    invitation = find(db, TeamInvitation, invitation_id)
    if invitation.cycle_id != cycle_id:
        raise NotFound
    return end(db, invitation, now)


def set_role(
    db: DbSession, actor: Actor, cycle_id: str, user_id: str, role: Role, now: datetime
) -> TeamMember:
    """Gives somebody of the team another role. Who sees to the team no more has asked nobody in:
    their open invitations end.

    Raises:
        NotFound: there is no such member.
        NotAllowed: as `invite`.
        Clash: ``last_owner``.
    """
    member = _held(db, cycle_id, user_id, role)
    _refuse_unless_still(db, actor, cycle_id)
    if actor.everywhere or role != member.role:
        member.made_owner = role is Role.OWNER and not actor.everywhere
    member.role = role
    db.add(member)
    db.flush()
    _may_less(db, cycle_id, user_id, role, now)
    return member


def leaving(db: DbSession, actor: Actor, cycle_id: str, user_id: str) -> TeamMember:
    """Somebody whom one may take out of the team: whoever manages it may take out anybody, and
    everybody may go. Raises NotFound, NotAllowed."""
    found = [row for row in _members(db, cycle_id) if row.user_id == user_id]
    if not found:
        raise NotFound
    if user_id != actor.id and not actor.may(Permission.TEAM, cycle_id):
        raise not_in_this_role(actor, cycle_id)
    return found[0]


def remove(db: DbSession, actor: Actor, cycle_id: str, user_id: str, now: datetime) -> TeamMember:
    """Takes somebody out of the team, or oneself, with their open invitations.

    Raises:
        NotFound: there is no such member.
        NotAllowed: it is somebody else, and one does not manage the team; as `invite`.
        Clash: ``last_owner``.
    """
    leaving(db, actor, cycle_id, user_id)
    member = _held(db, cycle_id, user_id, None)
    if user_id != actor.id:
        _refuse_unless_still(db, actor, cycle_id)
    db.delete(member)
    db.flush()
    _may_less(db, cycle_id, user_id, None, now)
    return member


def _may_less(db: DbSession, cycle_id: str, user_id: str, role: Role | None, now: datetime) -> None:
    """What somebody had by the role of before ends with it: else they could come back by an
    invitation to an address of their own, and see people whom they had written down."""
    end_asked_by(db, user_id, now)
    if role is None or Permission.PEOPLE_READ not in OF_ROLE[role]:
        forget_people_of(db, user_id, cycle_id)


def _refuse_unless_still(db: DbSession, actor: Actor, cycle_id: str) -> None:
    """Raises NotAllowed where somebody has been taken out, or given another role or standing, while
    they waited for the cycle: else whoever loses it could ask somebody in at that moment, and come
    back."""
    if actor.everywhere:
        if actor.id:
            hold_administrator(db, actor.id)
        return
    sees_to_it = select(TeamMember.id).where(
        TeamMember.cycle_id == cycle_id,
        TeamMember.user_id == actor.id,
        col(TeamMember.role).in_([role for role in Role if Permission.TEAM in OF_ROLE[role]]),
    )
    if db.exec(sees_to_it).first() is None:
        raise NotAllowed


def _held(db: DbSession, cycle_id: str, user_id: str, becomes: Role | None) -> TeamMember:
    hold(db, Cycle, cycle_id)  # two owners who demote each other come one after the other
    rows = {row.user_id: row for row in _members(db, cycle_id)}
    if user_id not in rows:
        raise NotFound
    if leaves_no_owner({key: Role(row.role) for key, row in rows.items()}, user_id, becomes):
        raise Clash(N_("A cycle needs an owner. Make somebody else one first."), code="last_owner")
    return rows[user_id]
