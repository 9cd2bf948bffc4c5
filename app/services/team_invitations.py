"""Asking an address to join a team or to have an account, and accepting.

Whoever has the link has the mailbox. So it makes the account that belongs to that address, or adds
to it, and never to another.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, update
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.db import DbSession
from app.domain.errors import N_, Clash, Gone, NotFound
from app.domain.permissions import AccountStanding, Role
from app.domain.text import LANGUAGES, localized
from app.models import Cycle, TeamInvitation, TeamMember, User
from app.models.trail import act_as
from app.services import outbox
from app.services.account_rows import hold_user
from app.services.accounts import add_user
from app.services.actor import Actor
from app.services.links import Links, Purpose
from app.services.rows import changes_one, hold

_OPEN = (col(TeamInvitation.accepted_at).is_(None), col(TeamInvitation.revoked_at).is_(None))


@dataclass(frozen=True, slots=True)
class Asked:
    """An invitation that can be accepted: into which cycle (None: to have an account), and the
    account that has its address already."""

    row: TeamInvitation
    cycle: Cycle | None
    account: User | None

    def title(self, language: str) -> str:
        """The cycle's title for a reader; empty where there is none."""
        cycle = self.cycle
        return localized(cycle.title, language, cycle.language) if cycle else ""


def ask(db: DbSession, invitation: TeamInvitation, now: datetime) -> TeamInvitation:
    """Adds an invitation, in the place of what its address was sent before and has not accepted,
    and queues its mail. The mail is no cycle's: whoever reads a cycle's mail must not be able to
    accept in somebody's place. The account that asks is held until the transaction ends: whoever
    shuts out who uses it ends what they have asked."""
    if invitation.invited_by_id is not None:
        hold_user(db, invitation.invited_by_id)
    before = select(TeamInvitation).where(
        TeamInvitation.email_key == invitation.email_key,
        TeamInvitation.cycle_id == invitation.cycle_id,
        *_OPEN,
    )
    _end_all(db, before, now)
    db.add(invitation)
    db.flush()
    outbox.enqueue(
        db,
        kind=outbox.TEAM,
        intent=f"team:{invitation.id}",
        to_name="",
        to_address=invitation.email,
        language=invitation.language or LANGUAGES[0],
        context={"invitation_id": invitation.id},
        expires_at=invitation.expires_at,
        now=now,
    )
    return invitation


def end(db: DbSession, invitation: TeamInvitation, now: datetime) -> TeamInvitation:
    """Ends an invitation, unless it has ended already."""
    if invitation.accepted_at is None and invitation.revoked_at is None:
        invitation.revoked_at = now
        db.add(invitation)
        db.flush()
    return invitation


def end_asked_by(db: DbSession, user_id: str, now: datetime, *, goes: bool = False) -> None:
    """Ends what somebody has asked who could not ask it any more (`goes`: all, the account is taken
    away), and nobody has accepted: else they could come back by an address of their own."""
    query = select(TeamInvitation).where(TeamInvitation.invited_by_id == user_id, *_OPEN)
    if not goes:
        user = db.get_one(User, user_id)
        if user.standing == AccountStanding.ADMINISTRATOR:
            return
        managed = select(TeamMember.cycle_id).where(
            TeamMember.user_id == user_id, TeamMember.role == Role.OWNER
        )
        there = col(TeamInvitation.cycle_id)
        query = query.where(or_(there.is_(None), there.not_in(managed)))
    _end_all(db, query, now)


def end_asked_since(db: DbSession, user_id: str, since: datetime, now: datetime) -> None:
    """Ends what was asked in somebody's name after `since` (aware UTC), and nobody has accepted."""
    theirs = (TeamInvitation.invited_by_id == user_id, col(TeamInvitation.created_at) > since)
    query = select(TeamInvitation).where(*theirs, *_OPEN)
    _end_all(db, query, now)


def _end_all(db: DbSession, query: SelectOfScalar[TeamInvitation], now: datetime) -> None:
    for row in db.exec(query):
        row.revoked_at = now
        db.add(row)
    db.flush()


def invitation_link(links: Links, invitation_id: str) -> str:
    """Where the mail leads."""
    return links.url(f"/organize/join/{links.token(Purpose.TEAM, invitation_id)}")


def invitation_of(db: DbSession, links: Links, token: str, now: datetime) -> Asked:
    """What a link asks; changes nothing. Three queries at most.

    Raises:
        NotFound: not a link of ours.
        Gone: accepted (``used``), taken back, or expired.
    """
    invitation_id, _ = links.read(Purpose.TEAM, token)
    row = db.get(TeamInvitation, invitation_id)
    if row is None:
        raise NotFound
    if row.accepted_at is not None:
        raise _used()
    if row.revoked_at is not None or row.expires_at <= now:
        raise Gone(N_("This invitation is no longer open. Ask whoever invited you for a new one."))
    cycle = db.get(Cycle, row.cycle_id) if row.cycle_id else None
    account = db.exec(select(User).where(User.email_key == row.email_key)).one_or_none()
    return Asked(row, cycle, account)


def _used() -> Gone:
    return Gone(N_("This invitation was accepted already. Sign in to go on."), code="used")


def accept(
    db: DbSession, actor: Actor | None, links: Links, token: str, name: str, now: datetime
) -> tuple[User, bool]:
    """Joins, with the account of the address that was asked, which is made where there is none;
    the account, and whether it was made. Of two at once one wins.

    Raises:
        NotFound, Gone: as `invitation_of`.
        Invalid: at ``name``, where an account is to be made.
        Clash: ``other_account``: somebody else is signed in.
    """
    asked = invitation_of(db, links, token, now)
    if actor is not None and (asked.account is None or actor.id != asked.account.id):
        raise Clash(
            N_("This invitation is for %(email)s, and you are signed in as %(other)s."),
            code="other_account",
            email=asked.row.email,
            other=actor.email,
        )
    # Before the invitation, as whoever ends what somebody has asked. And one who joins twice at
    # once does so one after the other.
    if asked.cycle is not None:
        hold(db, Cycle, asked.cycle.id)
    if asked.account is not None and hold_user(db, asked.account.id) is None:
        raise NotFound  # at this moment it was taken away
    open_one = (col(TeamInvitation.id) == asked.row.id, *_OPEN)
    if not changes_one(db, update(TeamInvitation).where(*open_one).values(accepted_at=now)):
        raise _used()
    made = asked.account is None
    user = asked.account or add_user(
        db,
        name,
        asked.row.email,
        language=asked.row.language,
        standing=AccountStanding(asked.row.standing or AccountStanding.MEMBER),
    )
    act_as(db, "organizer", user.id, user.name)  # whether signed in or not: the link is theirs
    if asked.cycle is not None:
        there = select(TeamMember.id).where(
            TeamMember.cycle_id == asked.cycle.id, TeamMember.user_id == user.id
        )
        if db.exec(there).first() is None:  # else they keep the role that they have
            db.add(TeamMember(cycle_id=asked.cycle.id, user_id=user.id, role=asked.row.role))
            db.flush()
    return user, made
