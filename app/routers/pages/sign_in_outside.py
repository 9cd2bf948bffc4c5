"""Pages: signing in at the OpenID provider of this installation."""

import logging

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.domain.errors import N_, Clash, DomainError, Gone, NotFound, TooOften
from app.domain.limits import OUTSIDE_BY_NETWORK
from app.domain.permissions import Permission
from app.models import now
from app.models.trail import act_as
from app.openid import OpenId, OpenIdError
from app.routers.pages.sign_in import safe_next, sign_in_page
from app.services import outside
from app.services.limits import Limiter
from app.services.links import Links
from app.web.access.gate import declares
from app.web.dependencies import PLACE, transaction
from app.web.forms import FormData
from app.web.networks import network_here
from app.web.problems import status_of
from app.web.sign_ins import enter, forget_errand, keep_errand, kept_errand
from app.web.templating import page

logger = logging.getLogger("convoca.web")

router = APIRouter(dependencies=[declares(Permission.PUBLIC), PLACE])

OUTSIDE = "/organize/sign-in/outside"


def _openid(request: Request) -> OpenId:
    openid: OpenId | None = request.app.state.openid
    if openid is None:
        raise NotFound
    return openid


def _back(links: Links) -> str:
    return links.url(f"{OUTSIDE}/back")


def _failed(request: Request, error: DomainError) -> Response:
    context = {"error": error, "provider": _openid(request).provider.name}
    response = page(request, "account/outside.html", context, status=status_of(error))
    forget_errand(request, response)
    return response


def _unreachable(request: Request, error: OpenIdError) -> Response:
    logger.warning("OpenID provider: %s", error)
    sentence = N_("Signing in there did not work. Try again, or sign in another way.")
    return _failed(request, Clash(sentence, code="provider"))


@router.post(OUTSIDE)
def leave(request: Request, form: FormData) -> Response:
    """Sends somebody to the provider. By way of a page: our forms lead nowhere else, and browsers
    hold that against where an answer to one leads, too."""
    openid, links = _openid(request), request.app.state.links
    limiter: Limiter = request.app.state.limiter
    path = safe_next(form.text("next"))
    try:
        limiter.take(now(), (OUTSIDE_BY_NETWORK, network_here(request)))
    except TooOften as error:
        return sign_in_page(request, "", path, error)
    with transaction(request, writes=True) as db:
        errand = outside.leave(db, links, path, now())
    try:
        url = openid.leave(
            state=errand.state, nonce=errand.nonce, verifier=errand.verifier, back=_back(links)
        )
    except OpenIdError as error:
        return _unreachable(request, error)
    context = {"url": url, "provider": openid.provider.name}
    response = page(request, "account/outside_leave.html", context)
    keep_errand(request, response, errand.state)
    return response


@router.get(f"{OUTSIDE}/back")
def come_back(
    request: Request, state: str = "", code: str = "", error: str = "", iss: str = ""
) -> Response:
    """Where the provider sends people back to, by GET as OpenID Connect has it. What it does hangs
    on a state that counts once, in the browser that has its cookie."""
    openid, links = _openid(request), request.app.state.links
    try:
        with transaction(request, writes=True) as db:
            errand, path = outside.come_back(db, links, state, kept_errand(request), now())
    except Gone as gone:
        return _failed(request, gone)
    if error or not code or iss not in ("", openid.provider.issuer):
        return _unreachable(request, OpenIdError("sent back without a code of its own"))
    try:
        identity = openid.arrive(
            code, nonce=errand.nonce, verifier=errand.verifier, back=_back(links), now=now()
        )
    except OpenIdError as wrong:
        return _unreachable(request, wrong)
    try:
        with transaction(request, writes=True) as db:
            user = outside.account_of(db, identity, now())
            act_as(db, "organizer", user.id, user.name)
            response = enter(request, db, user, safe_next(path))
    except Clash as clash:
        return _failed(request, clash)
    forget_errand(request, response)
    return response


@router.get(OUTSIDE)
def begin_again(request: Request) -> Response:
    """Whoever loads the page anew that leads away begins again."""
    return RedirectResponse("/organize/sign-in", 303)
