"""One POST to somebody's address: a guarded connection, a bound on everything, an answer.

`httpcore` speaks HTTP here and does no more than that: it follows no redirect, asks the environment
for no proxy, keeps no cookie and unpacks no body, so none of that has to be switched off.
"""

import ssl
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache

import certifi
import httpcore

from app.outgoing.failures import PostError, Reason
from app.outgoing.guard import Deadline, Guard, GuardedBackend
from app.outgoing.targets import Target

TOGETHER = 10.0
"""Seconds for a request with all that belongs to it: name, connection, TLS, answer."""
MOST_BYTES = 128 * 1024
"""Of an answer, with its headers and without what TLS adds. More is not read."""

_AGENT = "Convoca-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `retry_after` is the header as it stood there; `milliseconds`: until then.
    The body is nobody's business."""

    status: int
    retry_after: str
    milliseconds: int


@cache
def _tls() -> ssl.SSLContext:
    """Made once: reading all authorities takes some hundredths of a second. By our own list and
    not by that which the environment may name (SSL_CERT_FILE)."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def post(
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    guard: Guard,
    *,
    together: float = TOGETHER,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Sends JSON; `headers` come beside those that every request has. `together`: seconds for all
    of it. `tls`: whom to believe, for tests.

    Raises PostError.
    """
    began = time.monotonic()
    sent = {
        "host": target.authority,
        "user-agent": _AGENT,
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        **headers,
    }
    url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    request = httpcore.Request("POST", url, headers=list(sent.items()), content=body, extensions={})
    backend = GuardedBackend(guard, Deadline(together), MOST_BYTES)
    connection = httpcore.HTTPConnection(
        url.origin, ssl_context=tls or _tls(), network_backend=backend
    )
    with closing(connection):
        try:
            response = connection.handle_request(request)
        except (httpcore.ProtocolError, httpcore.NetworkError) as error:
            dropped = isinstance(error, httpcore.NetworkError) or "disconnected" in str(error)
            raise PostError(Reason.DROPPED if dropped else Reason.NO_HTTP) from error
        took = int((time.monotonic() - began) * 1000)
        heard = {name.lower(): value for name, value in response.headers}
        with closing(response), suppress(PostError, httpcore.ProtocolError, httpcore.NetworkError):
            # Heard out as far as the bounds go: some take a connection that ends early for a
            # failure of theirs. What counts has been said.
            for _ in response.iter_stream():
                pass
    return Answer(response.status, heard.get(b"retry-after", b"").decode("latin-1")[:100], took)
