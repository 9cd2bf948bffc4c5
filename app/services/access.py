"""Whether somebody may do something where an address leads, and what lists show whom."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, true, union
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import N_, NotAllowed, NotFound
from app.domain.permissions import OF_CYCLE, AccountStanding, Permission, Role
from app.models import (
    Certificate,
    Cycle,
    CycleInstitution,
    Enrolment,
    Guest,
    Initiative,
    Institution,
    Invitation,
    IssueRun,
    Material,
    Part,
    Person,
    PersonSight,
    Session,
    TeamMember,
    User,
)
from app.services.actor import Actor, Team
from app.services.rows import may_be_id

_CYCLE_OF: Mapping[str, Any] = {
    "session_id": select(Session.cycle_id).where,
    "enrolment_id": select(Enrolment.cycle_id).where,
    "run_id": select(IssueRun.cycle_id).where,
    "code": select(Certificate.cycle_id).where,
    "invitation_id": select(Session.cycle_id).join(Invitation).where,
    "material_id": select(Session.cycle_id).join(Material).where,
}
_KEYS: Mapping[str, Any] = {
    "session_id": Session.id,
    "enrolment_id": Enrolment.id,
    "run_id": IssueRun.id,
    "code": Certificate.code,
    "invitation_id": Invitation.id,
    "material_id": Material.id,
}


def teams_of(db: DbSession, user: User, only: str = "") -> dict[str, Team]:
    """Somebody's roles by the cycle's id; of one cycle, where `only` is one. One query; none for
    those who may do everything in all."""
    if user.standing == AccountStanding.ADMINISTRATOR:
        return {}
    query = (
        select(TeamMember.cycle_id, TeamMember.role, Cycle.slug)
        .join(Cycle, col(Cycle.id) == col(TeamMember.cycle_id))
        .where(TeamMember.user_id == user.id)
    )
    if only:
        query = query.where(TeamMember.cycle_id == only)
    return {row[0]: Team(Role(row[1]), row[2]) for row in db.exec(query)}


def refuse_unless(
    db: DbSession, actor: Actor, permission: Permission, address: Mapping[str, Any]
) -> None:
    """Lets pass who may do this where an address leads, by what stands in it. Where it names no
    cycle, who may in some cycle: the use case then shows no more than `actor.cycles_with`.

    Raises:
        NotFound: the cycle is none of their business, or there is none.
        NotAllowed: they may not.
    """
    if permission in OF_CYCLE and not actor.everywhere:
        cycle_id = _cycle_at(db, actor, address)
        if cycle_id is not None:
            if not actor.knows(cycle_id):
                raise NotFound
            if not actor.may(permission, cycle_id):
                raise not_in_this_role(actor, cycle_id, owners_of(db, cycle_id))
            return
    if not actor.may_anywhere(permission):
        raise NotAllowed


def not_in_this_role(actor: Actor, cycle_id: str, owners: tuple[str, ...] = ()) -> NotAllowed:
    """Says which role somebody has, and whom to ask."""
    if cycle_id not in actor.teams:
        return NotAllowed()
    error = NotAllowed(
        N_("Your role in this cycle does not include this. Ask one of its owners."), code="role"
    )
    error.role, error.owners = actor.teams[cycle_id].role, owners
    return error


def owners_of(db: DbSession, cycle_id: str) -> tuple[str, ...]:
    """The names of a cycle's owners. One query."""
    query = (
        select(User.name)
        .join(TeamMember, col(TeamMember.user_id) == col(User.id))
        .where(TeamMember.cycle_id == cycle_id, TeamMember.role == Role.OWNER)
        .order_by(col(User.name), col(User.id))
    )
    return tuple(db.exec(query))


def _cycle_at(db: DbSession, actor: Actor, address: Mapping[str, Any]) -> str | None:
    """The cycle that an address leads into; None where it leads into none in particular."""
    if "slug" in address:
        for cycle_id, team in actor.teams.items():
            if team.slug == address["slug"]:
                return cycle_id
        if not actor.only or actor.standing is not AccountStanding.ADMINISTRATOR:
            raise NotFound
        found = db.exec(select(Cycle.id).where(Cycle.slug == str(address["slug"]))).first()
        if found is None:
            raise NotFound
        return found
    if "cycle_id" in address:
        return str(address["cycle_id"])
    for name, query in _CYCLE_OF.items():
        if name in address:
            row_id = str(address[name])
            found = db.exec(query(_KEYS[name] == row_id)).first() if may_be_id(row_id) else None
            if found is None:
                raise NotFound
            return str(found)
    return None


def refuse_elsewhere(actor: Actor, permission: Permission, cycle_id: str | None) -> None:
    """Lets pass who may do this in the cycle that something belongs to; to what belongs to none,
    who may do everything.

    Raises:
        NotFound: it is none of their business.
        NotAllowed: they may not.
    """
    if actor.everywhere:
        return
    if cycle_id is None or not actor.knows(cycle_id):
        raise NotFound
    if not actor.may(permission, cycle_id):
        raise not_in_this_role(actor, cycle_id)


def in_reach(actor: Actor, permission: Permission, cycle_id: Any) -> ColumnElement[bool]:
    """A condition: the column's cycle is one in which they may do this."""
    cycles = actor.cycles_with(permission)
    return true() if cycles is None else col(cycle_id).in_(sorted(cycles))


def people_in_reach(actor: Actor, permission: Permission) -> ColumnElement[bool]:
    """A condition: the person takes part in a cycle in which they may do this, or was written
    down by them and is in no cycle yet."""
    if actor.everywhere:
        return true()
    with_us = or_(
        col(Person.id).in_(
            select(Enrolment.person_id).where(in_reach(actor, permission, Enrolment.cycle_id))
        ),
        col(Person.id).in_(
            select(Part.person_id)
            .join(Session, col(Session.id) == col(Part.session_id))
            .where(in_reach(actor, permission, Session.cycle_id))
        ),
        col(Person.id).in_(
            select(Guest.person_id).where(in_reach(actor, permission, Guest.cycle_id))
        ),
    )
    if actor.only:
        return with_us
    seen = select(PersonSight.person_id).where(PersonSight.user_id == actor.id)
    return or_(with_us, col(Person.id).in_(seen))


def refuse_strangers(db: DbSession, actor: Actor, person_ids: Collection[str]) -> None:
    """Raises NotFound where one of these people is none of the actor's business."""
    if actor.everywhere:
        return
    query = select(Person.id).where(
        col(Person.id).in_([each for each in person_ids if may_be_id(each)]),
        people_in_reach(actor, Permission.PEOPLE_READ),
    )
    if set(db.exec(query)) != set(person_ids):
        raise NotFound


def refuse_unless_only_ours(db: DbSession, actor: Actor, person_ids: Collection[str]) -> None:
    """Lets pass who may edit people in every cycle that these people are in: what is changed of
    somebody is changed for all, and mail to them goes where it is changed to.

    Raises:
        NotFound: one of them is in no cycle of theirs.
        NotAllowed: one of them is in another cycle too, or another team has written them down.
    """
    if actor.everywhere:
        return
    refuse_strangers(db, actor, person_ids)
    ours = actor.cycles_with(Permission.PEOPLE_EDIT) or frozenset()
    if cycles_of_people(db, person_ids) - ours:
        raise NotAllowed(
            N_(
                "This person also takes part in a cycle of another team. "
                "Ask an administrator to change what the cycles share."
            ),
            code="shared",
        )
    if seen_by_others(db, person_ids, ours, but=actor.id):
        raise NotAllowed(
            N_(
                "Another team has written this person down too. "
                "Ask an administrator to change what the teams share."
            ),
            code="shared",
        )


def seen_by_others(
    db: DbSession, person_ids: Collection[str], ours: Collection[str], *, but: str = ""
) -> bool:
    """Whether somebody of no team of these cycles, other than `but`, has written one of these
    people down: they mean to write to the address that stands there, though the person is in no
    cycle of theirs yet. What administrators write down is everybody's."""
    team = select(TeamMember.user_id).where(col(TeamMember.cycle_id).in_(sorted(ours)))
    query = (
        select(PersonSight.person_id)
        .join(User, col(User.id) == col(PersonSight.user_id))
        .where(
            col(PersonSight.person_id).in_(person_ids),
            User.id != but,
            User.standing != AccountStanding.ADMINISTRATOR,
            col(User.id).not_in(team),
        )
    )
    return db.exec(query.limit(1)).first() is not None


def forget_people_of(db: DbSession, user_id: str, cycle_id: str) -> None:
    """Whoever sees the people of a cycle no more does not see those of them either whom they have
    written down themselves."""
    theirs = union(
        select(Enrolment.person_id).where(Enrolment.cycle_id == cycle_id),
        select(Part.person_id)
        .join(Session, col(Session.id) == col(Part.session_id))
        .where(Session.cycle_id == cycle_id),
        select(Guest.person_id).where(Guest.cycle_id == cycle_id),
    )
    seen = col(PersonSight.user_id) == user_id, col(PersonSight.person_id).in_(theirs)
    db.connection().execute(delete(PersonSight).where(*seen))


def kin_of(db: DbSession, cycle_id: str, *, mutual: bool = False) -> set[str]:
    """The cycles that every owner of this one owns too, `mutual`: and nobody else; where it has
    none, those that have none. What people of one team's cycles are called is no secret among them.
    One owner in common is not enough: whoever owns a cycle makes an owner of whom they like, and
    would so have a hand in all that one's cycles. Nor are all of them where one was `made_owner`:
    who made them one may be none any more. Two queries."""
    owner = TeamMember.role == Role.OWNER
    here = select(TeamMember.user_id, TeamMember.made_owner)
    found = db.exec(here.where(TeamMember.cycle_id == cycle_id, owner)).all()
    if not found:
        return cycles_of_nobody(db)
    if any(made for _, made in found):
        return {cycle_id}
    owners = {user_id for user_id, _ in found}
    theirs = select(TeamMember.cycle_id).where(col(TeamMember.user_id).in_(owners), owner)
    if mutual:
        other = or_(col(TeamMember.user_id).not_in(owners), col(TeamMember.made_owner))
        others = select(TeamMember.cycle_id).where(other, owner)
        theirs = theirs.where(col(TeamMember.cycle_id).not_in(others))
    all_of_them = func.count(col(TeamMember.user_id)) == len(owners)
    return set(db.exec(theirs.group_by(TeamMember.cycle_id).having(all_of_them)))


def cycles_of_nobody(db: DbSession) -> set[str]:
    """The cycles that have no owner: from before there were teams."""
    owned = select(TeamMember.cycle_id).where(TeamMember.role == Role.OWNER)
    return set(db.exec(select(Cycle.id).where(col(Cycle.id).not_in(owned))))


def cycles_of_people(db: DbSession, person_ids: Collection[str]) -> set[str]:
    """The cycles in which these people are participants or have parts. Three queries."""
    queries = (
        select(Enrolment.cycle_id).where(col(Enrolment.person_id).in_(person_ids)),
        select(Session.cycle_id)
        .join(Part, col(Part.session_id) == col(Session.id))
        .where(col(Part.person_id).in_(person_ids)),
        select(Guest.cycle_id).where(col(Guest.person_id).in_(person_ids)),
    )
    return {cycle_id for query in queries for cycle_id in db.exec(query.distinct())}


def refuse_unless_used_by_us(
    db: DbSession, actor: Actor, model: type[Institution] | type[Initiative], *row_ids: str
) -> None:
    """Lets pass who may edit the schedule of every cycle in which these entries of the directory
    are shown: as an institution that carries it, as somebody's workplace or initiative. Not where
    somebody works there whom another team has written down.

    Raises NotAllowed otherwise.
    """
    if actor.everywhere:
        return
    ids = [each for each in row_ids if may_be_id(each)]
    ours, shared = actor.cycles_with(Permission.SCHEDULE_EDIT) or frozenset(), False
    if model is Institution:
        carried = select(CycleInstitution.cycle_id).where(
            col(CycleInstitution.institution_id).in_(ids)
        )
        staff = db.exec(select(Person.id).where(col(Person.institution_id).in_(ids))).all()
        used = {*db.exec(carried.distinct()), *cycles_of_people(db, staff)}
        shared = seen_by_others(db, staff, ours, but=actor.id)
    else:
        stood_for = select(Enrolment.cycle_id).where(col(Enrolment.initiative_id).in_(ids))
        used = {*db.exec(stood_for.distinct())}
    if shared or used - ours:
        raise NotAllowed(
            N_(
                "This also stands in a cycle of another team. "
                "Ask an administrator to change what the cycles share."
            ),
            code="shared",
        )
