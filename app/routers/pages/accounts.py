"""Pages: the installation's accounts, for its administrators."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, SHUT_OUT, DomainError, NotFound
from app.domain.permissions import AccountStanding
from app.domain.words import STANDINGS
from app.models import now
from app.schemas.team import AccountInvitationIn
from app.services import installation
from app.services.actor import Actor
from app.web.access.apart import held_here
from app.web.access.pages import MayAdminister
from app.web.dependencies import Db
from app.web.forms import Form, FormData, errors_of
from app.web.problems import status_of, validate
from app.web.templating import gettext_for, page, see_other

router = APIRouter(prefix="/organize/accounts")

HOME = "/organize/accounts"
HINTS = {
    AccountStanding.ADMINISTRATOR: N_("Everything, in every cycle, and the accounts"),
    AccountStanding.ORGANIZER: N_("Begins cycles, and owns those"),
    AccountStanding.MEMBER: N_("Works in the cycles that others ask them into"),
}


def _accounts(
    request: Request,
    db: DbSession,
    actor: Actor,
    error: DomainError | None = None,
    form: Form | None = None,
    after: str | None = None,
) -> Response:
    gettext = gettext_for(request)
    rows, teams, following = installation.list_accounts(db, actor, after)
    context = {
        "accounts": rows,
        "teams": teams,
        "following": following,
        "invitations": installation.open_invitations(db, actor, now()),
        "standings": [(each.value, gettext(words)) for each, words in STANDINGS.items()],
        "standing_choices": [
            (each.value, gettext(words), gettext(HINTS[each])) for each, words in STANDINGS.items()
        ],
        "values": form.values if form else {},
        "errors": errors_of(error, gettext),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/accounts.html", context, status=status)


@router.get("")
def list_accounts(
    request: Request, db: Db, actor: MayAdminister, after: str | None = None
) -> Response:
    """Everybody who can sign in, and the form to ask more."""
    return _accounts(request, db, actor, after=after)


@router.post("/invite")
def invite(request: Request, db: Db, actor: MayAdminister, form: FormData) -> Response:
    """Asks somebody to have an account."""
    try:
        command = validate(AccountInvitationIn, form.pick("email", "standing"))
        asked = installation.invite_account(db, actor, command, now())
        held_here(request, db, actor.id)  # who was shut out meanwhile asks nobody in
    except SHUT_OUT:
        raise
    except DomainError as error:
        db.rollback()
        return _accounts(request, db, actor, error, form)
    said = gettext_for(request)(N_("An invitation is on its way to %(email)s."))
    return see_other(request, HOME, said % {"email": asked.email})


@router.post("/invitations/{invitation_id}/take-back")
def take_back(request: Request, db: Db, actor: MayAdminister, invitation_id: str) -> Response:
    """Ends an invitation to have an account."""
    installation.take_back(db, actor, invitation_id, now())
    said = gettext_for(request)(N_("The invitation no longer holds."))
    return see_other(request, HOME, said)


@router.post("/{user_id}/standing")
def set_standing(
    request: Request, db: Db, actor: MayAdminister, user_id: str, form: FormData
) -> Response:
    """What an account is."""
    if form.text("standing") not in tuple(AccountStanding):
        raise NotFound
    try:
        installation.set_standing(db, actor, user_id, AccountStanding(form.text("standing")), now())
    except (NotFound, *SHUT_OUT):
        raise
    except DomainError as error:
        db.rollback()
        return _accounts(request, db, actor, error)
    return see_other(request, HOME, gettext_for(request)(N_("The account is changed.")))


@router.post("/{user_id}/sign-out")
def sign_out(request: Request, db: Db, actor: MayAdminister, user_id: str) -> Response:
    """Ends every sign-in of an account."""
    user = installation.end_sign_ins(db, actor, user_id)
    said = gettext_for(request)(N_("%(name)s is signed out everywhere."))
    return see_other(request, HOME, said % {"name": user.name})


def _ask(
    request: Request, db: DbSession, actor: Actor, user_id: str, error: DomainError | None = None
) -> Response:
    context = {
        "account": installation.get_account(db, actor, user_id),
        "errors": errors_of(error, gettext_for(request)),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/accounts_remove.html", context, status=status)


@router.get("/{user_id}/remove")
def confirm_removal(request: Request, db: Db, actor: MayAdminister, user_id: str) -> Response:
    """What will happen, and one button."""
    return _ask(request, db, actor, user_id)


@router.post("/{user_id}/remove")
def remove(request: Request, db: Db, actor: MayAdminister, user_id: str) -> Response:
    """Takes an account away."""
    try:
        user = installation.remove_account(db, actor, user_id, now())
    except (NotFound, *SHUT_OUT):
        raise
    except DomainError as error:
        db.rollback()
        return _ask(request, db, actor, user_id, error)
    said = gettext_for(request)(N_("The account of %(name)s is taken away."))
    return see_other(request, HOME, said % {"name": user.name})
