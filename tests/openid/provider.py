"""An OpenID provider that says whatever a test wants, on 127.0.0.1."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

Answer = tuple[int, dict[str, str], bytes]
CLIENT, SECRET = "convoca", "a secret & more"


def _json(value: object, status: int = 200) -> Answer:
    return status, {"content-type": "application/json"}, json.dumps(value).encode()


@dataclass
class Liar:
    """What it says can be changed in every place: `claims`, `header` and `sign` of the ID token,
    `metadata`, and whole answers by path (`answers`)."""

    url: str = ""
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Callable[[], Answer]] = field(default_factory=dict)
    id_token: Callable[[dict[str, Any]], str] | None = None
    nonce: str = ""
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            **self.metadata,
        }

    def all_claims(self) -> dict[str, Any]:
        at = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "subject-1",
            "nonce": self.nonce,
            "iat": at,
            "exp": at + 300,
            "email": "olga@example.org",
            "email_verified": True,
            **self.claims,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def signed(self, claims: dict[str, Any]) -> str:
        alg = "ES256" if isinstance(self.key, ECKey) else "RS256"
        return jwt.encode({"alg": alg, "kid": "one"}, claims, self.key)

    def answer(self, path: str) -> Answer:
        if path in self.answers:
            return self.answers[path]()
        if path == "/.well-known/openid-configuration":
            return _json(self.describe())
        if path == "/keys":
            return _json({"keys": [self.key.as_dict(private=False)]})
        if path == "/token":
            made = (self.id_token or self.signed)(self.all_claims())
            return _json({"access_token": "access", "token_type": "Bearer", "id_token": made})
        return _json({}, 404)


def with_secret(secret: str) -> Any:
    """A key for signatures by a shared secret."""
    return OctKey.import_key(secret)


@contextmanager
def lying() -> Iterator[Liar]:
    """It runs while this is open."""
    liar = Liar()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def _do(self) -> None:
            path = urlsplit(self.path).path
            length = int(self.headers.get("content-length") or 0)
            form = parse_qs(self.rfile.read(length).decode()) if length else {}
            liar.asked.append(path)
            liar.authorizations.append(self.headers.get("authorization", ""))
            liar.forms.append({name: values[0] for name, values in form.items()})
            status, headers, body = liar.answer(path)
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # whoever asked has enough

    for method in ("do_GET", "do_POST"):
        setattr(Handler, method, Handler._do)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    liar.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield liar
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
