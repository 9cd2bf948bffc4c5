"""What every answer carries, and which requests are turned away before they reach a router.

One plain ASGI layer around everything, so that a 500 has the headers too.
"""

import logging
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("convoca.web")

COOKIE = "convoca_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'{form}; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def policy(*, form: str = "") -> str:
    """The Content-Security-Policy; `form` holds further places that forms may lead to."""
    return _POLICY.format(form=f" {form}" if form else "")


class Security:
    """Headers on every answer; state changes only from our own pages or from programs."""

    def __init__(self, app: ASGIApp, *, base_url: str) -> None:
        self.app = app
        parts = urlsplit(base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
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
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = message.setdefault("headers", [])
                present = {name for name, _ in headers}
                headers.extend(h for h in self._fixed if h[0] not in present)
                if b"cache-control" not in present:
                    headers.append((b"cache-control", b"no-store"))
            await send(message)

        if scope["method"] not in _SAFE and not self._from_us(Headers(scope=scope)):
            await self._refuse(with_headers)
            return
        try:
            await self.app(scope, receive, with_headers)
        except Exception:
            if started:
                raise
            logger.exception("unhandled error")
            await self._plain(
                with_headers, 500, b"Something went wrong on our side. Please try again later.\n"
            )

    def _from_us(self, headers: Headers) -> bool:
        """Browsers say where a request comes from; programs say nothing and carry no cookie."""
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        origin = headers.get("origin")
        if origin is not None:
            return origin == self._origin
        return COOKIE not in headers.get("cookie", "")

    async def _refuse(self, send: Send) -> None:
        await self._plain(
            send, 403, b"This request came from another site. Please use the form on our page.\n"
        )

    @staticmethod
    async def _plain(send: Send, status: int, body: bytes) -> None:
        headers = MutableHeaders({"content-type": "text/plain; charset=utf-8"})
        await send({"type": "http.response.start", "status": status, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})
