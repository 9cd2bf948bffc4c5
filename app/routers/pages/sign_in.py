"""Pages: signing in with a password or a mailed link, and signing out."""

import re

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.db import Database
from app.domain.errors import N_, Busy, DomainError, Gone, Invalid, NotFound, TooOften
from app.domain.limits import (
    LINK_BY_ADDRESS,
    LINK_BY_NETWORK,
    SIGN_IN_BY_ADDRESS,
    SIGN_IN_BY_NETWORK,
)
from app.domain.permissions import Permission
from app.models import now
from app.openid import OpenId
from app.services import accounts
from app.services.limits import Limiter
from app.web.access.gate import declares
from app.web.dependencies import PLACE, Db, LinksDep, transaction
from app.web.forms import FormData, errors_of
from app.web.problems import headers_of, status_of
from app.web.security import session_cookie
from app.web.sign_ins import SIGN_IN, counted, enter, forget_cookie
from app.web.templating import gettext_for, page, see_other

router = APIRouter(prefix="/organize", dependencies=[declares(Permission.PUBLIC), PLACE])

HOME = "/organize"
_LOCAL = re.compile(r"/organize(/[\w.,:;@!$&'()*+=~%-]*)*(\?[\w.,:;@!$&'()*+=~%/?-]*)?")


def safe_next(path: str) -> str:
    """Where to go after signing in: a page of the organizers' side, else its first. An address
    that somebody else chose must not lead elsewhere."""
    ours = len(path) <= 500 and path.isascii() and _LOCAL.fullmatch(path)
    if not ours or "//" in path or ".." in path or path.startswith("/organize/sign-"):
        return HOME
    return path


def sign_in_page(
    request: Request, email: str, path: str, error: DomainError | None = None, *, link: bool = False
) -> Response:
    """The ways to sign in."""
    openid: OpenId | None = request.app.state.openid
    context = {
        "email": email,
        "next": safe_next(path),
        "errors": errors_of(error, gettext_for(request)),
        "link": link,
        "provider": openid.provider.name if openid else "",
    }
    status = status_of(error) if error else 200
    return page(request, "account/sign_in.html", context, status=status, headers=headers_of(error))


@router.get("/sign-in")
def sign_in_form(request: Request, db: Db, next: str = "") -> Response:
    """The ways to sign in."""
    if accounts.actor_of_cookie(db, session_cookie(request)):
        return RedirectResponse(safe_next(next), 303)
    return sign_in_page(request, "", next)


@router.post("/sign-in")
def sign_in(request: Request, form: FormData) -> Response:
    """With a password."""
    database: Database = request.app.state.database
    limiter: Limiter = request.app.state.limiter
    email, password = form.text("email"), form.values.get("password", "")
    asked = counted(request, email, SIGN_IN_BY_ADDRESS, SIGN_IN_BY_NETWORK)
    try:
        # Counted before it is looked at, so that of many at once none slips by.
        taken = limiter.take(now(), *asked)
        user = accounts.user_with_password(database, email, password)
    except (Invalid, TooOften) as error:
        return sign_in_page(request, email, form.text("next"), error)
    except Busy:
        with transaction(request, writes=True) as db:
            limiter.give_back(db, taken)
        raise
    try:
        with transaction(request, writes=True) as db:
            user = accounts.hold_with_password(db, user)
            limiter.give_back(db, taken)
            return enter(request, db, user, safe_next(form.text("next")))
    except Invalid as error:
        return sign_in_page(request, email, form.text("next"), error)


@router.post("/sign-in/link")
def request_link(request: Request, form: FormData) -> Response:
    """Asks for a link by mail. The answer is the same whoever asks."""
    limiter: Limiter = request.app.state.limiter
    email = form.text("email")
    if not email:
        error = Invalid.one("link_email", N_("Fill this in."), code="missing")
        return sign_in_page(request, "", form.text("next"), error, link=True)
    try:
        # By the address, not the mailbox: nothing is sent to ana+x@, and whoever asks there must
        # not use up what ana@ has.
        limiter.take(now(), *counted(request, email, LINK_BY_ADDRESS, LINK_BY_NETWORK))
    except TooOften as too_often:
        return sign_in_page(request, email, form.text("next"), too_often, link=True)
    with transaction(request, writes=True) as db:
        accounts.request_link(db, email, now())
    context = {"email": email, "mail_is_sent": request.app.state.mail_is_sent}
    return page(request, "account/link_sent.html", context)


def link_over(
    request: Request, error: DomainError, way: tuple[str, str] = (SIGN_IN, N_("Ask for a new link"))
) -> Response:
    """A link that cannot be used, and the way on: an address and its words."""
    context = {"error": error, "way": way}
    return page(request, "account/link_over.html", context, status=status_of(error))


@router.get("/sign-in/{token}")
def show_link(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """A page with one button: mail scanners open every link, and this one works once."""
    try:
        user = accounts.check_link(db, links, token, now())
    except (NotFound, Gone) as error:
        return link_over(request, error)
    request.state.person_language = user.language
    return page(request, "account/use_link.html", {"user": user})


@router.post("/sign-in/{token}")
def use_link(request: Request, db: Db, links: LinksDep, token: str) -> Response:
    """Signs in, once; or asks for the second step."""
    try:
        user = accounts.use_link(db, links, token, now())
    except (NotFound, Gone) as error:
        db.rollback()
        return link_over(request, error)
    return enter(request, db, user, HOME)


@router.post("/sign-out")
def sign_out(request: Request, db: Db) -> Response:
    """Ends this browser's sign-in."""
    accounts.sign_out(db, session_cookie(request))
    response = see_other(
        request, "/organize/sign-in", gettext_for(request)(N_("You are signed out."))
    )
    forget_cookie(request, response)
    return response
