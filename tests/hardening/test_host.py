"""Requests as only a socket can send them: whatever host they name, nothing of it comes back."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from app.settings import Settings
from tests.api.seeded import seed
from tests.command.test_start import free_port
from tests.databases import fresh_sqlite
from tests.hardening.conftest import EVIL
from tests.hardening.serving import served

TARGETS = ("/", "/c/cycle-1", "/c/cycle-1.ics", "/api/v1/openapi.json", "/organize", "/zone/?a=b")
WAYS = {
    "another host": "GET {path} HTTP/1.1\r\nHost: {evil}\r\n",
    "an address as target": "GET http://{evil}{path} HTTP/1.1\r\nHost: {home}\r\n",
    "an address with a name": "GET http://a@{evil}{path} HTTP/1.1\r\nHost: {home}\r\n",
    "two hosts": "GET {path} HTTP/1.1\r\nHost: {home}\r\nHost: {evil}\r\n",
    "two hosts, turned round": "GET {path} HTTP/1.1\r\nHost: {evil}\r\nHost: {home}\r\n",
    "a host that is none": "GET {path} HTTP/1.1\r\nHost: {evil}/x?y#<z>\r\n",
    "no host": "GET {path} HTTP/1.0\r\nX-Forwarded-Host: {evil}\r\n",
    "two slashes": "GET //{evil}{path} HTTP/1.1\r\nHost: {home}\r\n",
    "a backslash": "GET /\\{evil}{path} HTTP/1.1\r\nHost: {home}\r\n",
}


def _said(port: int, request: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(f"{request}Connection: close\r\n\r\n".encode())
        found = b""
        while piece := line.recv(65_536):
            found += piece
    return found


@pytest.mark.one_database
def test_no_host_but_that_of_the_setting(template: Path, settings: Settings) -> None:
    """Asked twice: what was made for one who named another host is not kept for the next."""
    port, wrong = free_port(), []
    settings = replace(settings, base_url=f"http://127.0.0.1:{port}")
    home = f"127.0.0.1:{port}"
    with fresh_sqlite(template) as database:
        seed(database, published=True)
        with served(settings, database, port):
            for what, way in WAYS.items():
                for path in TARGETS:
                    answer = _said(port, way.format(path=path, evil=EVIL, home=home))
                    after = _said(port, f"GET {path} HTTP/1.1\r\nHost: {home}\r\n")
                    for said in (answer, after):
                        if EVIL.encode() in said:
                            wrong.append(f"{what}, {path}: {said[:300]!r}")
                        if said.startswith(b"HTTP/1.1 5"):
                            wrong.append(f"{what}, {path}: {said[:60]!r}")
    assert not wrong, "\n".join(wrong)
