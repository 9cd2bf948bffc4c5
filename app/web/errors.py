"""Puts the table of errors to use: problem details for programs, pages for people."""

import logging
import re

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response

from app.domain.errors import N_, DomainError, Invalid, NotSignedIn
from app.languages import translations
from app.web.api_limits import count_wrong_token
from app.web.problems import TITLES, from_exception, headers_of, problem, status_of, translate
from app.web.templating import current_reader, error_page

logger = logging.getLogger("convoca.web")

RETRY_AFTER = "5"
"""Seconds after which it is worth trying again what was answered with 503."""

_SIGNED_OUT = N_(
    "Your sign-in has ended. Sign in again in another tab, then go back and send the form once "
    "more: what you typed is still there."
)


def _for_programs(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _answer(request: Request, error: DomainError, status: int) -> Response:
    headers = {"retry-after": RETRY_AFTER} if status == 503 else headers_of(error)
    if _for_programs(request):
        gettext = translations(current_reader(request).language).gettext
        fields = error.fields if isinstance(error, Invalid) else ()
        if status == 401:
            headers["www-authenticate"] = "Bearer"
        detail = translate(error, gettext)
        return problem(status, error.code, detail, gettext, fields, headers)
    if isinstance(error, NotSignedIn):
        if request.method in ("GET", "HEAD"):
            return RedirectResponse(f"/organize/sign-in?next={request.url.path}", 303)
        # Going away would lose what was typed; the browser's way back still has it.
        error = NotSignedIn(_SIGNED_OUT)
    response = error_page(request, error, status)
    response.headers.update(headers)
    return response


async def _domain(request: Request, error: Exception) -> Response:
    known = from_exception(error)
    if known is None:
        raise error  # a mistake of ours
    if isinstance(known, NotSignedIn) and _for_programs(request):
        known = await count_wrong_token(request) or known
    if isinstance(error, OperationalError | NoConnection):
        request.app.state.metrics.database_busy()
    if isinstance(error, DBAPIError):
        logger.warning("database: %s", type(error.orig).__name__)
    elif isinstance(error, NoConnection | OSError):
        logger.warning("system: %s", type(error).__name__)
    return _answer(request, known, status_of(known))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {
        404: "not_found",
        405: "method_not_allowed",
        413: "too_large",
        415: "unknown_format",
    }
    code = codes.get(error.status_code, "bad_request")
    sentence = TITLES.get(error.status_code, TITLES[400])
    response = _answer(request, DomainError(sentence, code=code), error.status_code)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    if error.status_code == 405 and _for_programs(request):
        # The router names the methods of one route only; several share an address.
        response.headers["allow"] = ", ".join(_methods(request)) or response.headers["allow"]
    return response


def _methods(request: Request) -> list[str]:
    found: set[str] = set()
    for path, operations in request.app.openapi()["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
        if re.fullmatch(pattern, request.url.path):
            found |= {method.upper() for method in operations}
    return sorted(found)


async def _went_away(*_: object) -> Response:
    """Before all of the request was there: nothing was done, and nobody reads this."""
    return Response(status_code=400)


def install_error_handlers(app: FastAPI) -> None:
    """Domain errors, validation, the framework's own, what the database and the system refuse."""
    for kind in (DomainError, RequestValidationError, DBAPIError, NoConnection, OSError):
        app.add_exception_handler(kind, _domain)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _went_away)
