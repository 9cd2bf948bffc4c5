"""Endpoints whose answers are kept (see `representations`): on a hit they look up and send.

They are plain ASGI, since on a hit everything else would cost more than the answer itself.
"""

import re
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from app.db import Database, DbSession
from app.domain.permissions import Permission
from app.domain.text import LANGUAGES
from app.web.answers import Answer, Asked, answer, asked, send_answer
from app.web.languages import YEAR, reader_of
from app.web.representations import Fresh, Representations, Subject
from app.web.templating import FLASH

_FLASH_COOKIE = f"{FLASH}=".encode()
_READING_COOKIES = re.compile(rb"(?:^|;)\s*(lang|zone)=\"?([^;\"]*)")
_SHORT = 1_000  # bytes
PAGE_CACHE = "private, no-cache"
PAGE_VARY = "Accept-Language, Cookie, Accept-Encoding"


class Reading(NamedTuple):
    """How a page is to be read. `language` empty: nothing says so, the cycle's own is used.
    `asked_*`: the address said so, and it is to be remembered."""

    language: str
    zone: str
    asked_language: bool
    asked_zone: bool


def reading_of(scope: Scope, wish: Asked) -> Reading:
    """From the address, the cookies and the browser's languages."""
    cookies = b""
    if wish.cookie:  # other cookies are secrets that no memo should hold
        found = dict(_READING_COOKIES.findall(wish.cookie))
        cookies = b"; ".join(name + b"=" + value for name, value in sorted(found.items()))
    said = scope["query_string"], cookies, wish.accept_language
    # What is long nobody says twice: a memo of it would only hold memory.
    return _reading(*said) if sum(map(len, said)) <= _SHORT else _reading.__wrapped__(*said)


@lru_cache(maxsize=4096)
def _reading(query: bytes, cookies: bytes, accept_language: bytes) -> Reading:
    headers = [(b"cookie", cookies), (b"accept-language", accept_language)]
    request = Request({"type": "http", "query_string": query, "headers": headers})
    # With nothing to go by, the language is whatever the fallback says: ask with two.
    reader, other = (reader_of(request, fallback=language) for language in LANGUAGES[:2])
    asked_for = request.query_params
    return Reading(
        reader.language if reader == other else "",
        reader.zone,
        asked_for.get("lang", "") in LANGUAGES,
        bool(reader.zone) and asked_for.get("zone", "") == reader.zone,
    )


class Keeps(Protocol):
    """A source of answers that an endpoint can serve."""

    def key(self, scope: Scope, wish: Asked, /) -> Any:
        """What distinguishes the answer to this request."""

    def subject(self, key: Any) -> Subject | None:
        """See `representations.Source`."""

    def build(self, db: DbSession, key: Any) -> Fresh[Answer]:
        """See `representations.Source`."""


class KeptEndpoint:
    """Serves what a source makes."""

    def __init__(
        self, source: Keeps, representations: Representations, permission: Permission
    ) -> None:
        self.permission = permission  # declared here, kept by the source
        self._source = source
        self._representations = representations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        wish = asked(scope)
        if isinstance(self._source, KeptPage) and (
            # Something is to be said once: such a page is nobody else's. And whoever works on
            # the templates wants to see them as they are now.
            _FLASH_COOKIE in wish.cookie or scope["app"].state.development
        ):
            response = await run_in_threadpool(self._source.once, Request(scope))
            await response(scope, receive, send)
            return
        key = self._source.key(scope, wish)
        found = await self._representations.get(self._source, key)
        await send_answer(found, wish, scope, send)


class KeptPage(ABC):
    """A public page. Subclasses say what it is about (`subject_of`) and make it (`page`)."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    @abstractmethod
    def subject_of(self, params: dict[str, Any], /) -> Subject:
        """What the page hangs on."""

    @abstractmethod
    def page(self, db: DbSession, request: Request) -> tuple[HTMLResponse, float | None]:
        """The page, and when it becomes untrue by itself. The request has its path parameters;
        of what a browser sends it has nothing but how the page is to be read."""

    def key(self, scope: Scope, wish: Asked) -> Any:
        """The path with its parameters, and how it is to be read."""
        params = tuple(scope["path_params"].items())
        return scope["path"], params, reading_of(scope, wish)

    def subject(self, key: Any) -> Subject:
        """See `representations.Source`."""
        return self.subject_of(dict(key[1]))

    def build(self, db: DbSession, key: Any) -> Fresh[Answer]:
        """Makes the page for a request that says no more than the key."""
        path, params, reading = key
        response, until = self.page(db, self._plain_request(path, dict(params), reading))
        extra = [(k, v) for k, v in response.headers.items() if k == "set-cookie"]
        if reading.asked_zone:
            extra.append(("set-cookie", self._zone_cookie(reading)))
        made = answer(
            bytes(response.body),
            "text/html; charset=utf-8",
            cache_control=PAGE_CACHE,
            vary=PAGE_VARY,
            extra=extra,
        )
        return Fresh(made, made.size, until)

    def once(self, request: Request) -> Response:
        """The page for this very request; it is not kept."""
        database: Database = self._app.state.database
        with database.begin(writes=False) as db:
            response, _ = self.page(db, request)
        reading = reading_of(request.scope, asked(request.scope))
        if reading.asked_zone:
            response.headers.append("set-cookie", self._zone_cookie(reading))
        response.headers["vary"] = PAGE_VARY
        return response

    def _zone_cookie(self, reading: Reading) -> str:
        secure = "; Secure" if self._app.state.secure_cookies else ""
        return f"zone={reading.zone}; Path=/; Max-Age={YEAR}; SameSite=Lax{secure}"

    def _plain_request(self, path: str, params: dict[str, Any], reading: Reading) -> Request:
        query = {}
        headers = [(b"host", b"localhost")]
        if reading.asked_language:
            query["lang"] = reading.language
        elif reading.language:
            headers.append((b"accept-language", reading.language.encode()))
        if reading.asked_zone:
            query["zone"] = reading.zone
        elif reading.zone:
            headers.append((b"cookie", f"zone={reading.zone}".encode()))
        return Request(
            {
                "type": "http",
                "method": "GET",
                "scheme": "http",
                "path": path,
                "path_params": params,
                "query_string": urlencode(query).encode(),
                "headers": headers,
                "app": self._app,
                "state": {},
            }
        )
