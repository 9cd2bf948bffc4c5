"""Requests as only a socket can send them, to the server as it is run: what stands around them."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app import heads
from app.heads import http_protocol


async def _tells(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    size = len(await request.body())
    told = {"size": size, "said": request.headers.getlist("x-forwarded-for")}
    await JSONResponse(told)(scope, receive, send)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where an application listens that tells what it was told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            _tells,
            http=http_protocol(),
            lifespan="off",
            log_level="critical",
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def _answer(port: int, *pieces: bytes) -> tuple[bytes, bytes]:
    """Head and body; a server that hangs up before it has heard all is no error."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
        except ConnectionError:
            pass
        try:
            while piece := line.recv(65_536):
                found += piece
        except ConnectionError:
            pass
    head, _, body = found.partition(b"\r\n\r\n")
    return head, body


def _told(port: int, *pieces: bytes) -> Any:
    return json.loads(_answer(port, *pieces)[1])


def test_what_stands_behind_a_body_is_no_header(port: int) -> None:
    """Else whoever sends it could say what is believed of a proxy only, as the last one to say so:
    proxies give it on."""
    request = (
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n"
    )
    assert _told(port, request) == {"size": 2, "said": ["192.0.2.1"]}


@pytest.mark.parametrize("what", ["one field", "many fields", "a target"])
def test_a_head_without_end_is_refused(port: int, what: str) -> None:
    """It would be kept in memory, and each piece of it copied to the next."""
    begun, piece = {
        "one field": (b"GET / HTTP/1.1\r\nX: ", b"a" * 100_000),
        "many fields": (b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 20_000),
        "a target": (b"GET /", b"a" * 100_000),
    }[what]
    head, _ = _answer(port, begun, *[piece] * 40)
    # Whoever goes on sending may learn of the hanging up only.
    assert head.split(b"\r\n")[0] in (b"", b"HTTP/1.1 431 Request Header Fields Too Large")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(begun + piece[: heads.MOST])
        assert b"HTTP/1.1 431 " in line.recv(65_536)


def test_fields_without_end_behind_a_body_are_cut_off(port: int) -> None:
    begun = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: "
    assert _answer(port, begun, *[b"a" * 100_000] * 40) == (b"", b"")


def test_a_body_is_none_of_it(port: int) -> None:
    """However many its pieces are, and whichever way they are sent."""
    head = b"POST / HTTP/1.1\r\nConnection: close\r\nX: " + b"a" * (heads.MOST // 2) + b"\r\n"
    said = {"size": 3_000_000, "said": []}
    whole = [b"a" * 100_000] * 30
    assert _told(port, head + b"Content-Length: 3000000\r\n\r\n", *whole) == said
    pieces = [b"%x\r\n%s\r\n" % (len(each), each) for each in whole]
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    assert _told(port, chunked, *pieces, b"0\r\n\r\n") == said


def test_several_requests_in_a_row(port: int) -> None:
    body = b"a" * 50_000
    each = b"POST / HTTP/1.1\r\nContent-Length: 50000\r\n\r\n" + body
    last = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    head, rest = _answer(port, each * 8 + last)
    assert (head[:15], (head + rest).count(b"HTTP/1.1 200 OK")) == (b"HTTP/1.1 200 OK", 9)


def test_what_is_no_request_is_refused_with_the_headers_of_all_answers(port: int) -> None:
    head, body = _answer(port, b"<script>\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 400 Bad Request"
    assert {line.split(":")[0] for line in lines[1:]} >= {
        "content-security-policy",
        "referrer-policy",
        "x-content-type-options",
        "x-frame-options",
        "cache-control",
    }
    assert body == b"Invalid HTTP request received.\n"


def test_a_head_that_is_whole_is_not_taken_at_any_length(port: int) -> None:
    """Reading it, its cookies and its target takes time in which nobody else is answered."""
    for long in (b"GET /?" + b"a&" * 25_000, b"GET / HTTP/1.1\r\nCookie: " + b"a;" * 25_000):
        rest = b"" if b"HTTP" in long else b" HTTP/1.1"
        head, _ = _answer(port, long + rest + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert head.split(b"\r\n")[0] == b"HTTP/1.1 431 Request Header Fields Too Large"
    fields = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 6_000) for n in range(5))
    assert _told(port, b"GET / HTTP/1.1\r\nConnection: close\r\n" + fields + b"\r\n")["size"] == 0
