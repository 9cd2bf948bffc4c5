"""Pages: another address for one's account."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, SHUT_OUT, Clash, DomainError, Gone, NotFound
from app.domain.limits import NEW_ADDRESS
from app.domain.permissions import Permission
from app.models import AddressChange, User, now
from app.routers.pages.account import HOME
from app.routers.pages.sign_in import link_over
from app.services import address_changes
from app.services.actor import Actor
from app.services.limits import Limiter, Taken
from app.services.proofs import what_proves
from app.web.access.apart import SignedInApart, proven, still_here
from app.web.access.gate import declares, keeps
from app.web.dependencies import PLACE, Db, LinksDep, transaction
from app.web.forms import Form, FormData, errors_of
from app.web.problems import headers_of, status_of
from app.web.sign_ins import SIGN_IN, forget_cookie
from app.web.templating import gettext_for, page, see_other

router = APIRouter(prefix="/organize")
ours, by_link = [keeps(Permission.ACCOUNT), PLACE], [declares(Permission.LINK)]


def _page(
    request: Request, db: DbSession, actor: Actor, form: Form, error: DomainError | None = None
) -> Response:
    user = db.get(User, actor.id)
    if user is None:
        raise NotFound
    context = {
        "user": user,
        "email": form.text("email"),
        "proof": what_proves(user),
        "errors": errors_of(error, gettext_for(request)),
    }
    status, headers = status_of(error) if error else 200, headers_of(error)
    return page(request, "organize/account_address.html", context, status=status, headers=headers)


@router.get("/account/address", dependencies=ours)
def address_form(request: Request, actor: SignedInApart) -> Response:
    """The form."""
    with transaction(request, writes=False) as db:
        return _page(request, db, actor, Form({}))


@router.post("/account/address", dependencies=ours)
def ask_for_address(request: Request, actor: SignedInApart, form: FormData) -> Response:
    """Mails a link to the new address."""
    limiter: Limiter = request.app.state.limiter
    taken: Taken = ()
    try:
        user = proven(request, actor, form)
        taken = limiter.take(now(), (NEW_ADDRESS, actor.id))
        with transaction(request, writes=True) as db:
            email = address_changes.ask(
                db, still_here(request, db, user), form.text("email"), now()
            )
    except DomainError as error:
        with transaction(request, writes=True) as db:
            limiter.give_back(db, taken)  # nothing was sent
        if isinstance(error, SHUT_OUT):
            raise
        with transaction(request, writes=False) as db:
            return _page(request, db, actor, form, error)
    said = gettext_for(request)(
        N_("A mail with a link is on its way to %(email)s. Your address stays as it is until then.")
    )
    return see_other(request, HOME, said % {"email": email})


def _ask(request: Request, db: DbSession, change: AddressChange, template: str) -> Response:
    user = db.get_one(User, change.user_id)
    request.state.person_language = user.language
    return page(request, template, {"change": change, "user": user})


def _over(request: Request, error: DomainError) -> Response:
    if isinstance(error, NotFound):  # which looks alike for every kind of link
        return link_over(request, error)
    return link_over(request, error, ("/organize/account", N_("Your account")))


@router.get("/address/{token}", dependencies=by_link)
def show_new_address(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """A page with one button, since programs open links too."""
    try:
        change = address_changes.to_confirm(db, links, token, now())
    except (NotFound, Gone) as error:
        return _over(request, error)
    return _ask(request, db, change, "account/new_address.html")


@router.post("/address/{token}", dependencies=by_link)
def confirm_address(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """Makes it the account's."""
    try:
        change = address_changes.confirm(db, links, token, now())
    except (NotFound, Gone, Clash) as error:
        db.rollback()
        return _over(request, error)
    said = gettext_for(request)(N_("Your address is %(email)s from now on."))
    return see_other(request, HOME, said % {"email": change.new_email})


@router.get("/address/undo/{token}", dependencies=by_link)
def show_undo(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """A page with one button, from the old mailbox."""
    try:
        change = address_changes.to_undo(db, links, token, now())
    except (NotFound, Gone) as error:
        return _over(request, error)
    return _ask(request, db, change, "account/old_address.html")


@router.post("/address/undo/{token}", dependencies=by_link)
def undo(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """Gives the account back to the old address."""
    try:
        change = address_changes.undo(db, links, token, now())
    except (NotFound, Gone, Clash) as error:
        db.rollback()
        return _over(request, error)
    said = gettext_for(request)(
        N_("Your address is %(email)s again, and everybody is signed out. Have a link sent there.")
    )
    response = see_other(request, SIGN_IN, said % {"email": change.old_email})
    forget_cookie(request, response)
    return response
