"""Pages: accepting an invitation to a team, or to have an account."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, DomainError, Gone, NotFound
from app.domain.permissions import Permission
from app.models import now
from app.routers.pages.sign_in import link_over
from app.services import accounts
from app.services.links import Links
from app.services.team_invitations import accept, invitation_of
from app.web.access.gate import declares
from app.web.dependencies import Db, LinksDep
from app.web.forms import Form, FormData, errors_of
from app.web.problems import status_of
from app.web.security import session_cookie
from app.web.sign_ins import SIGN_IN, let_in
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/join", dependencies=[declares(Permission.LINK)])


def _page(
    request: Request,
    db: DbSession,
    links: Links,
    token: str,
    form: Form,
    error: DomainError | None = None,
) -> Response:
    try:
        asked = invitation_of(db, links, token, now())
    except Gone as gone:
        return link_over(request, gone, (SIGN_IN, N_("Sign in")))
    actor = accounts.actor_of_cookie(db, session_cookie(request))
    request.state.person_language = actor.language if actor else asked.row.language
    context = {
        "asked": asked,
        "title": asked.title(current_reader(request).language),
        "actor": actor,
        "other": actor is not None and (asked.account is None or asked.account.id != actor.id),
        "values": form.values,
        "errors": errors_of(error, gettext_for(request)),
    }
    status = status_of(error) if error else 200
    return page(request, "account/join.html", context, status=status)


@router.get("/{token}")
def show_invitation(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """A page with one button."""
    return _page(request, db, links, token, Form({}))


@router.post("/{token}")
def accept_invitation(
    request: Request, db: Db, links: LinksDep, token: str, form: FormData
) -> Response:
    """Joins. Whoever has an account signs in with it as ever; a new one is signed in at once."""
    actor = accounts.actor_of_cookie(db, session_cookie(request))
    try:
        user, made = accept(db, actor, links, token, form.text("name"), now())
    except (Gone, NotFound):
        db.rollback()
        return _page(request, db, links, token, form)
    except DomainError as error:
        db.rollback()
        return _page(request, db, links, token, form, error)
    gettext = gettext_for(request)
    if made:
        said = gettext(N_("Welcome. Your account is made."))
        return let_in(request, db, user, "/organize", said)
    if actor is None:
        said = gettext(N_("You are in the team. Sign in to begin."))
        return see_other(request, "/organize/sign-in", said)
    return see_other(request, "/organize", gettext(N_("You are in the team.")))
