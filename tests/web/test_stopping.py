"""A server that is told to stop: it waits for answers, and not for requests that never come."""

import logging
import re
import socket
import time
from pathlib import Path

import pytest

from app import server as ours
from app.db import Database
from app.settings import Settings
from tests.factories import Make
from tests.web.test_live_streams import serving, until

FORM = "application/x-www-form-urlencoded"


class Heard(logging.Handler):
    """What the server complains of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/c/lideres/enrol", FORM),
        ("/my/nobody/sessions/1/check-in", FORM),
        ("/api/v1/people", "application/json"),
    ],
)
def test_half_a_request_holds_nobody_up(
    settings: Settings, database: Database, path: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "REST_WITHIN", 0.2)
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres", status="published")
    heard = Heard()
    with serving(settings, database) as running:
        for name in ("uvicorn.error", "convoca.web"):
            logging.getLogger(name).addHandler(heard)
        with socket.create_connection(("127.0.0.1", running.port)) as half:
            head = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: {kind}\r\n"
            head += "Sec-Fetch-Site: same-origin\r\nContent-Length: 50\r\n\r\nname=A"
            half.sendall(head.encode())
            until(lambda: bool(running.server.server_state.tasks))
            time.sleep(0.1)  # it is read; were it not, it would be cut off all the same
            assert running.stop() < 5
            half.settimeout(5)
            assert half.recv(1) == b""
    for name in ("uvicorn.error", "convoca.web"):
        logging.getLogger(name).removeHandler(heard)
    assert heard.said == []


def test_containers_are_given_more_time_than_the_server_takes() -> None:
    compose = (Path(__file__).parents[2] / "compose.yaml").read_text()
    grace = re.search(r"stop_grace_period: (\d+)s", compose)
    assert grace is not None
    assert int(grace[1]) > ours.STOPS_WITHIN + ours.REST_WITHIN
