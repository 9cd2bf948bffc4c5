"""What stands around requests, where uvicorn's faster reader of HTTP gives too much of it on: heads
without end, and the fields behind a body as if they had stood in front of it."""

import sys
from http import HTTPStatus
from typing import Any

from uvicorn import Config

MOST = 64 * 1024
"""Bytes that may come in a row without a request or a piece of its body being whole: of a head, of
what stands behind the body or between its pieces. Those that come with its beginning or its end, at
most what is read at once (256 KiB), are not counted."""

MOST_HEAD = 40 * 1024
"""Bytes of a head that is whole: all of it is read where nobody else is answered meanwhile."""

_HEADERS = (
    "content-security-policy: default-src 'none'; frame-ancestors 'none'",
    "referrer-policy: no-referrer",
    "x-content-type-options: nosniff",
    "x-frame-options: DENY",
    "cache-control: no-store",
    "content-type: text/plain; charset=utf-8",
    "connection: close",
)

_TOO_MUCH = "This is more than is taken at once.\n"


def _refusal(status: HTTPStatus, sentence: str) -> bytes:
    head = (f"HTTP/1.1 {status.value} {status.phrase}", *_HEADERS)
    return "\r\n".join((*head, f"content-length: {len(sentence)}", "", sentence)).encode("ascii")


def http_protocol() -> "str | type[Any]":
    """For ``uvicorn.Config(http=…)``. Where there is no such reader (Windows) uvicorn takes another
    one, which has both limits of its own."""
    if sys.platform == "win32":
        return "auto"
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Protocol(HttpToolsProtocol):
        def __init__(self, config: Config, *args: Any, **named: Any) -> None:
            super().__init__(config, *args, **named)
            self._came_on = False
            self._counted = 0
            self._in_head = True
            self._head = 0

        def data_received(self, data: bytes) -> None:
            self._came_on = False
            super().data_received(data)
            self._counted = 0 if self._came_on else self._counted + len(data)
            if self._counted > MOST and not self.transport.is_closing():
                self.logger.warning("A request with a head without end was refused.")
                if self.cycle is None or self.cycle.response_complete:
                    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                    self.transport.write(_refusal(status, _TOO_MUCH))
                self.transport.close()

        def on_message_begin(self) -> None:
            self._in_head, self._head = True, 0
            super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            self._head += len(url)
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            # Behind the body anybody may write what only a proxy may say (RFC 9110, 6.5.1).
            if self._in_head:
                self._head += len(name) + len(value)
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._in_head, self._came_on = False, True
            if self._head > MOST_HEAD:
                raise ValueError("a head of more than is read")  # `send_400_response` answers it
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._came_on = True
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._came_on = True
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            if self._head > MOST_HEAD:
                status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self.transport.write(_refusal(status, _TOO_MUCH))
            else:
                self.transport.write(_refusal(HTTPStatus.BAD_REQUEST, f"{msg}\n"))
            self.transport.close()

    return Protocol
