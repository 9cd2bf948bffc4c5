"""The cookie of whoever is signed in."""

from fastapi import Request
from starlette.responses import Response

from app.services import accounts
from app.web.security import COOKIE


def set_cookie(request: Request, response: Response, cookie: str) -> None:
    """Gives the browser its sign-in."""
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=accounts.SIGN_IN_DAYS * 24 * 3600,
        httponly=True,
        secure=request.app.state.secure_cookies,
        samesite="lax",
        path="/",
    )
