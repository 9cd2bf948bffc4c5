"""A line and a figure for each request, and the id by which both are found.

The outermost layer, so that it sees what really went out. Nothing of the address stands in the
line but its pattern: links that open something are addresses.
"""

import logging
from time import perf_counter
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import REQUEST, Noted, new_request_id
from app.web.metrics import Metrics

logger = logging.getLogger("convoca.access")

NOWHERE = "(none)"
"""The pattern of an address that is none of ours."""
_EFFECTIVE = "effective_route_context"


class RequestLog:
    """Notes each request. `quiet`: what is asked for all the time by machines is not logged."""

    def __init__(
        self, app: ASGIApp, *, main: FastAPI, metrics: Metrics, quiet: frozenset[str] = frozenset()
    ) -> None:
        self.app = app
        self._main = main
        self._metrics = metrics
        self._quiet = quiet
        self._own: dict[int, str] = {}  # routes of the application itself, by their endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        noted = Noted(new_request_id(), scope["method"], lambda: self._pattern(scope))
        status, streams = 0, False

        async def noting(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                streams = (b"content-type", b"text/event-stream; charset=utf-8") in headers
                headers.append((b"x-request-id", noted.id.encode()))
            await send(message)

        token = REQUEST.set(noted)
        begun = perf_counter()
        try:
            await self.app(scope, receive, noting)
        finally:
            took = perf_counter() - begun
            pattern = noted.route()
            self._metrics.answered(pattern, noted.method, status, None if streams else took)
            if pattern not in self._quiet:
                self._say("answered" if status else "went away", status, took)
            REQUEST.reset(token)

    @staticmethod
    def _say(what: str, status: int, took: float) -> None:
        """The line. Made by hand, as this is done for each request: `logger.info` would look where
        it is called from, which takes as long as all the rest of it."""
        if logger.isEnabledFor(logging.INFO):
            record = logging.LogRecord(logger.name, logging.INFO, __file__, 0, what, None, None)
            record.more = {"status": status, "ms": round(took * 1000, 1)}
            logger.handle(record)

    def _pattern(self, scope: Scope) -> str:
        """Of the route that was chosen, in full."""
        found: Any = scope.get("fastapi")
        chosen = found.get(_EFFECTIVE) if isinstance(found, dict) else None
        if chosen is not None:
            return str(chosen.path)
        route = getattr(scope.get("route"), "path", "")
        if route:  # several may have one endpoint
            return str(route)
        endpoint = scope.get("endpoint")
        if endpoint is not None:
            if not self._own:
                for route in self._main.router.routes:
                    where = getattr(route, "endpoint", None) or getattr(route, "app", None)
                    self._own[id(where)] = getattr(route, "path", NOWHERE)
            return self._own.get(id(endpoint), NOWHERE)
        return NOWHERE
