"""What every answer carries, and which requests are turned away before they reach a router.

One plain ASGI layer around everything, so that a 500 has the headers too.
"""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import log_failure, quotes, request_id
from app.web.problems import problem

logger = logging.getLogger("convoca.web")

COOKIE = "convoca_session"
"""The name of the cookie of whoever is signed in; over https see `cookie_name`."""
UPLOAD = "/upload"
INBOUND = "/api/v1/inbound"
MOST_MAIL = 25 * 1024 * 1024
"""Bytes of a mail that a program hands over: more than mail servers take."""
"""How the addresses end that take a file, see `web.uploads`."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_DECIDE = frozenset({b"sec-fetch-site", b"origin", b"cookie", b"content-length"})
_COOKIE = COOKIE.encode()
_POLICY = (
    "default-src 'none'; style-src 'self'{style}; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'{form}; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def cookie_name(request: Request) -> str:
    """Over https with the prefix that browsers give only to cookies which this very host has set,
    over https, for all of its paths: a neighbour under the same domain cannot put one in."""
    return f"__Host-{COOKIE}" if request.app.state.secure_cookies else COOKIE


def session_cookie(request: Request) -> str:
    """The cookie of whoever is signed in; empty where there is none."""
    return request.cookies.get(cookie_name(request), "")


def bearer_of(authorization: str) -> str:
    """The secret in a header Authorization; empty where there is none."""
    kind, _, secret = authorization.partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""


def policy(*, form: str = "", inline_styles: bool = False) -> str:
    """The Content-Security-Policy; `form` holds further places that forms may lead to.
    `inline_styles`: for a page that shows a mail in a frame, which has its styles inline."""
    return _POLICY.format(
        form=f" {form}" if form else "", style=" 'unsafe-inline'" if inline_styles else ""
    )


def _on_this_site(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """The router's redirect for a slash too many names the host that the request named, which
    anybody can make up, and http where a proxy speaks https. The path says enough."""
    name, value = header
    if name != b"location":
        return header
    parts = urlsplit(value)
    path = b"/" + parts.path.lstrip(b"/")
    return name, path + b"?" + parts.query if parts.query else path


def _looked_at(scope: Scope) -> Mapping[bytes, bytes]:
    """Of the headers that decide about a request, the first of each name; of cookies, which HTTP/2
    front ends may split (RFC 9113, 8.2.3), all."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name == b"cookie" and name in found:
            found[name] += b"; " + value
        elif name in _DECIDE:
            found.setdefault(name, value)
    return found


def _leave_out_cookies(scope: Scope) -> None:
    """Of the cookies those with a backslash, which none of ours has: before Python 3.11.10 and
    3.12.6 to read one takes the square of its length, and one of 60 KB a quarter of a minute."""
    if not any(name == b"cookie" and b"\\" in value for name, value in scope["headers"]):
        return
    scope["headers"] = [
        (name, b";".join(each for each in value.split(b";") if b"\\" not in each))
        if name == b"cookie"
        else (name, value)
        for name, value in scope["headers"]
    ]


class BrokenOff(Exception):
    """An answer ended half-way; why is in the log."""


class Security:
    """Headers on every answer; state changes only from our own pages or from programs."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        base_url: str,
        max_body_size: int | None = None,
        max_upload_size: int | None = None,
    ) -> None:
        self.app = app
        self._max_body_size = max_body_size  # bytes; the framework's own limit answers plain text
        self._max_upload_size = max_upload_size  # the same at addresses that take a file
        parts = urlsplit(base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}".encode()
        fixed = {
            "content-security-policy": policy(),
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
        }
        if parts.scheme == "https":
            fixed["strict-transport-security"] = "max-age=31536000"
        self._fixed = [(k.encode(), v.encode()) for k, v in fixed.items()]
        self._names = frozenset(k for k, _ in self._fixed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        _leave_out_cookies(scope)
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = message.setdefault("headers", [])
                if message["status"] == 307:
                    headers[:] = map(_on_this_site, headers)
                present = {name for name, _ in headers}
                headers.extend(h for h in self._fixed if h[0] not in present)
                if b"cache-control" not in present:
                    headers.append((b"cache-control", b"no-store"))
            await send(message)

        if scope["method"] not in _SAFE:
            headers = _looked_at(scope)
            if not self._from_us(headers):
                await self._say(
                    scope,
                    with_headers,
                    403,
                    "This request came from another site. Please use the form on our page.",
                )
                return
            upload = scope["path"].endswith(UPLOAD)
            limit = self._max_upload_size if upload else self._max_body_size
            if scope["path"] == INBOUND:
                limit = MOST_MAIL
            if self._too_large(headers, limit):
                await self._say(scope, with_headers, 413, "This is more than is taken at once.")
                return
            receive = self._limited(receive, limit)
        try:
            await self.app(scope, receive, with_headers)
        except Exception as error:
            if started:
                if not quotes(error):
                    raise
                log_failure(logger, "an answer broke off", error)
                # Whoever serves us logs what it gets, and must not send the rest as if it were all.
                raise BrokenOff from None
            log_failure(logger, "unhandled error", error)
            await self._say(
                scope,
                with_headers,
                500,
                "Something went wrong on our side. Please try again later.",
            )

    def _from_us(self, headers: Mapping[bytes, bytes]) -> bool:
        """Browsers say where a request comes from; programs say nothing and carry no cookie."""
        site = headers.get(b"sec-fetch-site")
        if site is not None:
            return site in (b"same-origin", b"none")
        origin = headers.get(b"origin")
        if origin is not None:
            return origin == self._origin
        return _COOKIE not in headers.get(b"cookie", b"")

    @staticmethod
    def _too_large(headers: Mapping[bytes, bytes], limit: int | None) -> bool:
        length = headers.get(b"content-length", b"")
        if limit is None or not length.isdigit():
            return False
        return len(length) > 15 or int(length) > limit

    @staticmethod
    def _limited(receive: Receive, limit: int | None) -> Receive:
        """For bodies that do not say how long they are. Reading too much raises HTTPException."""
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if limit is not None and read > limit:
                raise HTTPException(413)
            return message

        return limited

    @staticmethod
    async def _say(scope: Scope, send: Send, status: int, sentence: str) -> None:
        response: Response
        if scope["path"].startswith("/api/"):
            code = {403: "another_site", 413: "too_large", 500: "failed"}[status]
            response = problem(status, code, sentence, str)
        else:
            reference = request_id() if status >= 500 else ""
            more = f"If you ask for help, say this number: {reference}\n" if reference else ""
            response = PlainTextResponse(f"{sentence}\n{more}", status)
        await send(
            {"type": "http.response.start", "status": status, "headers": response.raw_headers}
        )
        await send({"type": "http.response.body", "body": response.body})
