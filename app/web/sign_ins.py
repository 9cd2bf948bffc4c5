"""The cookies of whoever is signed in, is about to be, or has been in this browser."""

from hmac import compare_digest
from secrets import token_hex
from urllib.parse import quote, unquote

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.errors import NotFound
from app.domain.limits import Limit
from app.models import User, now
from app.services import accounts, second_factor
from app.services.limits import Asked
from app.services.links import Links, Purpose
from app.services.outside import BACK_WITHIN
from app.services.sign_ins import sign_out
from app.services.tokens import digest
from app.web.browsers import browser_of, network_in_part
from app.web.networks import network_here
from app.web.security import cookie_name, session_cookie
from app.web.templating import see_other

SIGN_IN = "/organize/sign-in"
CODE = "/organize/sign-in/code"
HALF = "convoca_half"
KNOWN = "convoca_browser"
ERRAND = "convoca_outside"
_KNOWN_DAYS = 365


def _set(
    request: Request, response: Response, name: str, value: str, seconds: float, path: str
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=int(seconds),
        httponly=True,
        secure=request.app.state.secure_cookies,
        samesite="lax",
        path=path,
    )


def _forget(request: Request, response: Response, name: str, path: str) -> None:
    # One with the prefix __Host- is only taken away by a cookie that could have set it.
    response.delete_cookie(
        name,
        path=path,
        secure=request.app.state.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def _here(request: Request, name: str) -> tuple[str, str]:
    """The name and the path of a cookie that no neighbour under the same domain may have put in:
    it would sign people in to an account that is not theirs. The prefix takes no other path."""
    return (f"__Host-{name}", "/") if request.app.state.secure_cookies else (name, SIGN_IN)


def _kept(request: Request, name: str) -> str:
    return request.cookies.get(_here(request, name)[0], "")


def set_cookie(request: Request, response: Response, cookie: str) -> None:
    """Gives the browser its sign-in."""
    days = accounts.SIGN_IN_DAYS
    _set(request, response, cookie_name(request), cookie, days * 24 * 3600, "/")


def forget_cookie(request: Request, response: Response) -> None:
    """Takes it away."""
    _forget(request, response, cookie_name(request), "/")


def _links(request: Request) -> Links:
    links: Links = request.app.state.links
    return links


def counted(request: Request, email: str, by_address: Limit, by_network: Limit) -> list[Asked]:
    """By what wrong passwords for an address, or links that are sent there, are counted: by the
    address and the network; in a browser in which its owner has signed in before, by the browser
    alone. So strangers cannot keep the owner from trying, nor can neighbours."""
    key = address_key(email)
    try:
        known = _links(request).unsign(Purpose.BROWSER, request.cookies.get(KNOWN, ""))
    except NotFound:
        known = ""
    name, _, whose = known.partition("-")
    if name and compare_digest(whose, digest(key)):
        return [(by_address, f"{name} {key}")]
    return [(by_address, key), (by_network, network_here(request))]


def enter(request: Request, db: DbSession, user: User, path: str) -> Response:
    """After the first step: signs in and goes to `path`, or asks for the second step."""
    if not second_factor.is_on(user):
        return let_in(request, db, user, path)
    response = RedirectResponse(CODE, 303)
    # The way on is kept with it: it is nobody's business what is in the address meanwhile.
    half = second_factor.half_token(_links(request), user, now())
    seconds = second_factor.HALF_FOR.total_seconds()
    name, below = _here(request, HALF)
    # As in an address: a cookie with "," or ";" is written with backslashes (`web.security`).
    _set(request, response, name, f"{half}|{quote(path)}", seconds, below)
    return response


def half(request: Request, db: DbSession) -> tuple[User | None, str]:
    """Who has done the first step in this browser, and where they wanted to go."""
    token, _, path = _kept(request, HALF).partition("|")
    return second_factor.user_of_half(db, _links(request), token, now()), unquote(path)


def let_in(request: Request, db: DbSession, user: User, path: str, said: str = "") -> Response:
    """Signs in, with a new cookie, and goes to `path`, where `said` (already translated) is shown.
    The sign-in from before in this browser ends."""
    sign_out(db, session_cookie(request))
    cookie = accounts.start_sign_in(
        db,
        user.id,
        now(),
        browser=browser_of(request.headers.get("user-agent", "")),
        network=network_in_part(request),
    )
    response = see_other(request, path, said)
    set_cookie(request, response, cookie)
    if _kept(request, HALF):
        _forget(request, response, *_here(request, HALF))
    known = _links(request).sign(Purpose.BROWSER, f"{token_hex(16)}-{digest(user.email_key)}")
    _set(request, response, KNOWN, known, _KNOWN_DAYS * 24 * 3600, SIGN_IN)
    return response


def keep_errand(request: Request, response: Response, state: str) -> None:
    """Binds the way to the OpenID provider and back to this browser."""
    name, below = _here(request, ERRAND)
    _set(request, response, name, state, BACK_WITHIN.total_seconds(), below)


def kept_errand(request: Request) -> str:
    """The state that this browser left with."""
    return _kept(request, ERRAND)


def forget_errand(request: Request, response: Response) -> None:
    """It counts once."""
    _forget(request, response, *_here(request, ERRAND))
