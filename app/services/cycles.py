"""Cycles and the institutions that carry them."""

from datetime import datetime
from typing import Any

from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import N_, Clash, FieldError, Invalid, NotAllowed, NotFound
from app.domain.permissions import Permission, Role
from app.domain.schedule import CycleStatus
from app.models import (
    Cycle,
    CycleInstitution,
    Enrolment,
    Institution,
    Session,
    TeamMember,
    User,
    now,
)
from app.schemas.cycle import CycleChange, CycleIn, CycleInstitutionsIn
from app.services.access import in_reach
from app.services.actor import Actor
from app.services.completion_rules import check_rule, keep_version, same_rule
from app.services.notices import keep_notice
from app.services.paging import paginate
from app.services.places import promote_waitlist
from app.services.rows import find, hold, unique_or
from app.services.schedules import with_institutions


def create_cycle(db: DbSession, actor: Actor, command: CycleIn) -> Cycle:
    """A new cycle, as a draft without institutions (the empty list is loaded).

    Raises:
        Invalid: at ``slug``, code ``slug_taken``; at ``completion_rule.min_sessions``, code
            ``rule_impossible``: more sessions are asked for than are counted.
    """
    values = _values(command, command.model_dump())
    return add_cycle(db, actor, Cycle(institutions=[], **values))


def add_cycle(db: DbSession, actor: Actor, cycle: Cycle) -> Cycle:
    """Adds a cycle that was put together, whose owner is whoever does it.

    Raises:
        NotAllowed: they may begin none.
        Invalid: as `create_cycle` does.
    """
    if not actor.may_anywhere(Permission.CYCLE_CREATE):
        raise NotAllowed(
            N_("Your account may work in cycles, but not begin one. Ask an administrator.")
        )
    check_rule(db, cycle.id, cycle.completion_rule)
    refuse_taken_slug(db, cycle.slug)
    db.add(cycle)
    with unique_or("slug", _slug_taken(cycle.slug)):
        db.flush()
    if actor.id and db.get(User, actor.id) is not None:
        db.add(TeamMember(cycle_id=cycle.id, user_id=actor.id, role=Role.OWNER))
        db.flush()
    if cycle.completion_rule:
        keep_version(db, actor, cycle, now())
    if cycle.privacy_notice:
        keep_notice(db, actor, cycle, now())
    return cycle


def change_cycle(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    command: CycleChange,
    revision: int | None = None,
    *,
    at: datetime | None = None,
) -> Cycle:
    """Changes what the command sets; the institutions are loaded.

    Another text of the privacy notice, in any language, is a new version of it: consent that was
    given keeps the number of the old one. More places go to those who wait, as of `at` (now,
    unless given).

    Raises:
        NotFound: there is no such cycle.
        Stale: `revision` is not the cycle's.
        Invalid: as for `create_cycle`; at ``slug``, code ``slug_fixed``: the cycle has been
            published, and its addresses stay as they are for ever.
    """
    cycle = hold(db, Cycle, cycle_id, *with_institutions(), revision=revision)
    values = _values(command, command.model_dump(exclude_unset=True))
    slug = values.get("slug", cycle.slug)
    if slug != cycle.slug:
        if cycle.release_number > 0:
            raise Invalid.one(
                "slug",
                N_("The cycle has been published at /c/%(slug)s; that address stays."),
                code="slug_fixed",
                slug=cycle.slug,
            )
        refuse_taken_slug(db, slug)
    another = values.get("privacy_notice", cycle.privacy_notice) != cycle.privacy_notice
    if another:
        cycle.privacy_version += 1  # the row is held: nobody else counts at the same time
    places, rule = cycle.capacity, cycle.completion_rule
    for name, value in values.items():
        setattr(cycle, name, value)
    check_rule(db, cycle.id, cycle.completion_rule, rule)
    with unique_or("slug", _slug_taken(slug)):
        db.flush()
    if another:
        keep_notice(db, actor, cycle, at or now())
    if not same_rule(cycle.completion_rule, rule):
        keep_version(db, actor, cycle, at or now())
    if places is not None and (cycle.capacity is None or cycle.capacity > places):
        promote_waitlist(db, cycle, at or now())
    return cycle


def _values(command: CycleIn | CycleChange, values: dict[str, Any]) -> dict[str, Any]:
    if "contact_email" in values:
        values["contact_email"] = values["contact_email"] or ""
    if command.completion_rule is not None:  # as it was said; its versions hold all of it
        values["completion_rule"] = command.completion_rule.model_dump(exclude_unset=True)
    return values


def refuse_taken_slug(db: DbSession, slug: str) -> None:
    """Raises Invalid at ``slug``, code ``slug_taken``, where a cycle has this slug."""
    with db.no_autoflush:
        taken = db.exec(select(Cycle.id).where(Cycle.slug == slug)).first()
    if taken is not None:
        raise _slug_taken(slug)


def _slug_taken(slug: str) -> Invalid:
    return Invalid.one(
        "slug",
        N_("Another cycle is at /c/%(slug)s. Choose another short name."),
        code="slug_taken",
        slug=slug,
    )


def get_cycle(db: DbSession, actor: Actor, cycle_id: str) -> Cycle:
    """The cycle with its institutions. Raises NotFound."""
    if not actor.knows(cycle_id):
        raise NotFound
    return find(db, Cycle, cycle_id, *with_institutions())


def cycle_for_slug(db: DbSession, actor: Actor, slug: str) -> Cycle:
    """The cycle at this address, whatever its status, with its institutions. Raises NotFound."""
    if not slug.isascii() or "\0" in slug:  # PostgreSQL takes no NUL in text
        raise NotFound
    query = select(Cycle).where(Cycle.slug == slug).options(*with_institutions())
    cycle = db.exec(query).one_or_none()
    if cycle is None or not actor.knows(cycle.id):
        raise NotFound
    return cycle


def list_cycles(
    db: DbSession, actor: Actor, after: str | None = None, limit: int = 50
) -> tuple[list[Cycle], str | None]:
    """The actor's cycles, the newest first, with their institutions, and the cursor after them.

    Raises:
        Invalid: at ``after``.
    """
    mine = in_reach(actor, Permission.CYCLE_READ, Cycle.id)
    statement = select(Cycle).where(mine).options(*with_institutions())
    return paginate(db, statement, [Cycle.id], after, limit, descending=True)


def set_institutions(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    command: CycleInstitutionsIn,
    revision: int | None = None,
) -> Cycle:
    """Replaces the institutions of a cycle, in the order given. One that was there in the same
    role keeps its row.

    Raises:
        NotFound: there is no such cycle.
        Stale: `revision` is not the cycle's.
        Invalid: at ``institutions.<n>.institution_id``, code ``unknown_institution``; at
            ``institutions.<n>.role``, code ``twice``.
    """
    cycle = hold(db, Cycle, cycle_id, *with_institutions(), revision=revision)
    known = _institutions(db, {item.institution_id for item in command.institutions})
    wanted: dict[tuple[str, str], int] = {}
    errors = []
    for index, item in enumerate(command.institutions):
        if item.institution_id not in known:
            errors.append(
                FieldError(
                    f"institutions.{index}.institution_id",
                    N_("This institution is not in the directory. Add it there first."),
                    code="unknown_institution",
                )
            )
        elif wanted.setdefault((item.institution_id, item.role), index) != index:
            errors.append(
                FieldError(
                    f"institutions.{index}.role",
                    N_("%(institution)s is here twice in the same role."),
                    {"institution": known[item.institution_id].name},
                    "twice",
                )
            )
    if errors:
        raise Invalid(*errors)
    present = {(row.institution_id, row.role): row for row in cycle.institutions}
    rows = []
    for (institution_id, role), index in wanted.items():
        row = present.get((institution_id, role)) or CycleInstitution(
            cycle_id=cycle.id,
            institution_id=institution_id,
            institution=known[institution_id],
            role=role,
        )
        row.position = index
        rows.append(row)
    cycle.institutions = rows
    db.flush()
    return cycle


def _institutions(db: DbSession, ids: set[str]) -> dict[str, Institution]:
    wanted = [i for i in ids if i.isascii() and "\0" not in i]
    if not wanted:
        return {}
    rows = db.exec(select(Institution).where(col(Institution.id).in_(wanted)))
    return {row.id: row for row in rows}


def archive_cycle(db: DbSession, actor: Actor, cycle_id: str) -> Cycle:
    """Puts a cycle away; its public pages stay. Twice is once. Raises NotFound."""
    cycle = hold(db, Cycle, cycle_id, *with_institutions())
    cycle.status = CycleStatus.ARCHIVED
    db.flush()
    return cycle


def restore_cycle(db: DbSession, actor: Actor, cycle_id: str) -> Cycle:
    """Takes a cycle out of the archive: published if it ever was, else a draft. Raises NotFound."""
    cycle = hold(db, Cycle, cycle_id, *with_institutions())
    if cycle.status == CycleStatus.ARCHIVED:
        published = cycle.release_number > 0
        cycle.status = CycleStatus.PUBLISHED if published else CycleStatus.DRAFT
        db.flush()
    return cycle


def delete_cycle(db: DbSession, actor: Actor, cycle_id: str) -> None:
    """Deletes a cycle that nobody outside has seen, with its sessions.

    Raises:
        NotFound: there is no such cycle.
        Clash: it has been published, code ``published``, or somebody is enrolled in it, code
            ``has_enrolments``: archive it instead.
    """
    sessions = select(Session.id).where(Session.cycle_id == find(db, Cycle, cycle_id).id)
    db.exec(sessions.order_by(col(Session.id)).with_for_update()).all()  # they go with it
    cycle = hold(db, Cycle, cycle_id, *with_institutions(), for_deletion=True)
    if cycle.release_number > 0:
        raise Clash(
            N_("This cycle has been published and stays. You can archive it."), code="published"
        )
    query = select(Enrolment.id).where(Enrolment.cycle_id == cycle.id).limit(1)
    if db.exec(query).first() is not None:
        raise Clash(
            N_("Somebody is enrolled in this cycle, so it stays. You can archive it."),
            code="has_enrolments",
        )
    db.delete(cycle)
    db.flush()
