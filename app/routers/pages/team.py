"""Pages: a cycle's team."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, SHUT_OUT, DomainError, NotFound
from app.domain.permissions import Permission, Role
from app.domain.words import TEAM_ROLES
from app.models import Cycle, now
from app.schemas.team import TeamInvitationIn
from app.services import teams
from app.services.actor import Actor
from app.services.cycles import cycle_for_slug
from app.web.access.apart import held_here
from app.web.access.pages import MayManageTeam, MayReadCycle
from app.web.dependencies import Db
from app.web.forms import Form, FormData, errors_of
from app.web.organize import cycle_bar
from app.web.problems import status_of, validate
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/team")

ROLE_HINTS = {
    Role.OWNER: N_("Everything, the team and the end of the cycle included"),
    Role.EDITOR: N_("Schedule, people, mail, attendance and certificates"),
    Role.DESK: N_("Check-in and attendance only"),
    Role.VIEWER: N_("Sees everything but mail, and changes nothing"),
}


def _context(request: Request, cycle: Cycle) -> dict[str, Any]:
    return {
        "cycle_bar": cycle_bar(cycle, current_reader(request).language),
        "base": f"/organize/c/{cycle.slug}/team",
        "zone": current_reader(request).zone or cycle.zone,
    }


def _team(
    request: Request,
    db: DbSession,
    actor: Actor,
    cycle: Cycle,
    error: DomainError | None = None,
    form: Form | None = None,
) -> Response:
    gettext = gettext_for(request)
    manages = actor.may(Permission.TEAM, cycle.id)
    context = {
        **_context(request, cycle),
        "members": teams.members(db, actor, cycle.id),
        "invitations": teams.open_invitations(db, actor, cycle.id, now()) if manages else [],
        "manages": manages,
        "roles": [(role.value, gettext(words)) for role, words in TEAM_ROLES.items()],
        "role_choices": [
            (role.value, gettext(words), gettext(ROLE_HINTS[role]))
            for role, words in TEAM_ROLES.items()
        ],
        "values": form.values if form else {},
        "errors": errors_of(error, gettext),
    }
    return page(request, "organize/team.html", context, status=status_of(error) if error else 200)


@router.get("")
def show_team(request: Request, db: Db, actor: MayReadCycle, slug: str) -> Response:
    """Who is in it, who was asked, and the form to ask more."""
    return _team(request, db, actor, cycle_for_slug(db, actor, slug))


@router.post("/invite")
def invite(request: Request, db: Db, actor: MayManageTeam, slug: str, form: FormData) -> Response:
    """Asks somebody to join."""
    cycle = cycle_for_slug(db, actor, slug)
    try:
        command = validate(TeamInvitationIn, form.pick("email", "role"))
        asked = teams.invite(db, actor, cycle.id, command, now())
        held_here(request, db, actor.id)  # who was shut out meanwhile asks nobody in
    except SHUT_OUT:
        raise
    except DomainError as error:
        db.rollback()
        return _team(request, db, actor, cycle_for_slug(db, actor, slug), error, form)
    said = gettext_for(request)(N_("An invitation is on its way to %(email)s."))
    return see_other(request, f"/organize/c/{slug}/team", said % {"email": asked.email})


@router.post("/invitations/{invitation_id}/take-back")
def take_back(
    request: Request, db: Db, actor: MayManageTeam, slug: str, invitation_id: str
) -> Response:
    """Ends an invitation."""
    cycle = cycle_for_slug(db, actor, slug)
    teams.take_back(db, actor, cycle.id, invitation_id, now())
    said = gettext_for(request)(N_("The invitation no longer holds."))
    return see_other(request, f"/organize/c/{slug}/team", said)


@router.post("/{user_id}/role")
def set_role(
    request: Request, db: Db, actor: MayManageTeam, slug: str, user_id: str, form: FormData
) -> Response:
    """Gives somebody another role."""
    cycle = cycle_for_slug(db, actor, slug)
    if form.text("role") not in tuple(Role):
        raise NotFound
    try:
        teams.set_role(db, actor, cycle.id, user_id, Role(form.text("role")), now())
    except (NotFound, *SHUT_OUT):
        raise
    except DomainError as error:
        db.rollback()
        return _team(request, db, actor, cycle_for_slug(db, actor, slug), error)
    said = gettext_for(request)(N_("The role is changed."))
    return see_other(request, f"/organize/c/{slug}/team", said)


def _ask(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    user_id: str,
    error: DomainError | None = None,
) -> Response:
    cycle = cycle_for_slug(db, actor, slug)
    context = {
        **_context(request, cycle),
        "member": teams.leaving(db, actor, cycle.id, user_id),
        "errors": errors_of(error, gettext_for(request)),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/team_remove.html", context, status=status)


@router.get("/{user_id}/remove")
def confirm_removal(
    request: Request, db: Db, actor: MayReadCycle, slug: str, user_id: str
) -> Response:
    """What will happen, and one button."""
    return _ask(request, db, actor, slug, user_id)


@router.post("/{user_id}/remove")
def remove(request: Request, db: Db, actor: MayReadCycle, slug: str, user_id: str) -> Response:
    """Takes somebody out, or oneself."""
    cycle = cycle_for_slug(db, actor, slug)
    try:
        teams.remove(db, actor, cycle.id, user_id, now())
    except (NotFound, *SHUT_OUT):
        raise
    except DomainError as error:
        db.rollback()
        return _ask(request, db, actor, slug, user_id, error)
    gettext = gettext_for(request)
    if user_id == actor.id and not actor.everywhere:
        return see_other(request, "/organize", gettext(N_("You have left the team.")))
    return see_other(request, f"/organize/c/{slug}/team", gettext(N_("They are out of the team.")))
