"""Signing in at an OpenID provider (OpenID Connect Core 1.0, code flow with PKCE, RFC 7636), from
plain values.

What the provider says is checked before it is believed, and its answers are bounded: in time, in
size, and no redirect is followed. Authlib's client reads whatever comes and follows the newer of
two HTTP libraries, so of Authlib only PKCE is used; signatures are checked by joserfc.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from time import monotonic
from typing import Any, TypeGuard
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signatures by a key of the provider's own. None by a shared secret: everybody who can check such
a signature can make it; and never ``none``."""
MOST_BYTES = 256 * 1024
ANSWERS_WITHIN = 10.0
"""Seconds for one answer, from the first byte sent to the last one read."""
LEEWAY = timedelta(seconds=60)
TOKEN_AGE = timedelta(minutes=10)
"""Older than so an ID token is not one that was made for this sign-in."""
_METADATA_FOR = 600.0  # seconds
_AT_ONCE = 4
_PLAIN = {"accept": "application/json", "accept-encoding": "identity"}


class OpenIdError(Exception):
    """The provider did not say what is needed, or not in a way that can be believed. The text is
    for the log and has nothing of the person in it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Where people sign in; `name`: what the button says."""

    issuer: str
    client_id: str
    client_secret: str
    name: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is there. `email` may be anything, unless the provider `verified` it."""

    issuer: str
    subject: str
    email: str = ""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Metadata:
    """The provider's own description of itself."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    basic: bool


def is_local(issuer: str) -> bool:
    """Whether it is a provider on this machine, which needs no https."""
    return urlsplit(issuer).hostname in ("localhost", "127.0.0.1", "::1")


class OpenId:
    """One provider. Asked for from several threads."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._known: tuple[float, Metadata] | None = None
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def leave(self, *, state: str, nonce: str, verifier: str, back: str) -> str:
        """Where to send somebody who wants to sign in. Raises OpenIdError."""
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": back,
            "scope": "openid email",
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        where = self._metadata().authorization
        return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"

    def arrive(self, code: str, *, nonce: str, verifier: str, back: str, now: datetime) -> Identity:
        """Who came back with this code. `nonce`, `verifier` and `back` as when they left.

        Raises OpenIdError: nobody who can be believed.
        """
        metadata = self._metadata()
        answer = self._exchange(metadata, code, verifier, back)
        id_token = answer.get("id_token")
        if not isinstance(id_token, str):
            raise OpenIdError("no ID token")
        claims = self._claims(metadata, id_token, nonce, now)
        if "email" not in claims and metadata.userinfo:
            claims = {**self._userinfo(metadata, answer, claims["sub"]), **claims}
        email = claims.get("email")
        return Identity(
            issuer=self.provider.issuer,
            subject=claims["sub"],
            email=email if isinstance(email, str) else "",
            verified=claims.get("email_verified") is True,
        )

    def _metadata(self) -> Metadata:
        known = self._known
        if known is not None and monotonic() - known[0] < _METADATA_FOR:
            return known[1]
        url = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        said = self._ask("GET", url)
        if said.get("issuer") != self.provider.issuer:
            raise OpenIdError("the description is another issuer's")
        methods = said.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        found = Metadata(
            authorization=self._endpoint(said, "authorization_endpoint"),
            token=self._endpoint(said, "token_endpoint"),
            keys=self._endpoint(said, "jwks_uri"),
            userinfo=self._endpoint(said, "userinfo_endpoint", required=False),
            basic="client_secret_basic" in methods,
        )
        self._known = monotonic(), found
        return found

    def _endpoint(self, said: Mapping[str, Any], name: str, *, required: bool = True) -> str:
        url = said.get(name, "")
        if url == "" and not required:
            return ""
        if not isinstance(url, str):
            raise OpenIdError(f"no {name}")
        parts = urlsplit(url)
        local = is_local(self.provider.issuer) and is_local(url)
        schemes = ("https", "http") if local else ("https",)
        if not parts.hostname or parts.scheme not in schemes:
            raise OpenIdError(f"no {name} over https")
        return url

    def _exchange(
        self, metadata: Metadata, code: str, verifier: str, back: str
    ) -> Mapping[str, Any]:
        ours = self.provider
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        headers = {}
        if metadata.basic:
            pair = f"{quote_plus(ours.client_id)}:{quote_plus(ours.client_secret)}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": ours.client_id, "client_secret": ours.client_secret}
        return self._ask("POST", metadata.token, data=form, headers=headers)

    def _userinfo(
        self, metadata: Metadata, answer: Mapping[str, Any], subject: str
    ) -> Mapping[str, Any]:
        token = answer.get("access_token")
        if not isinstance(token, str):
            return {}
        headers = {"authorization": f"Bearer {token}"}
        said = self._ask("GET", metadata.userinfo, headers=headers)
        if said.get("sub") != subject:
            raise OpenIdError("what is known of somebody else")
        return said

    def _claims(
        self, metadata: Metadata, id_token: str, nonce: str, now: datetime
    ) -> dict[str, Any]:
        try:
            keys = KeySet.import_key_set(self._ask("GET", metadata.keys))  # type: ignore[arg-type]
            claims = jwt.decode(id_token, keys, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise OpenIdError(f"the signature: {type(error).__name__}") from None
        for wrong in self._wrong(claims, nonce, now):
            raise OpenIdError(wrong)
        return claims

    def _wrong(self, claims: Mapping[str, Any], nonce: str, now: datetime) -> list[str]:
        """What is wrong with an ID token that is signed (Core 1.0, section 3.1.3.7)."""
        ours, wrong = self.provider, []
        if claims.get("iss") != ours.issuer:
            wrong.append("another issuer")
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if ours.client_id not in audiences:
            wrong.append("another audience")
        if claims.get("azp", ours.client_id) != ours.client_id or (
            len(audiences) > 1 and "azp" not in claims
        ):
            wrong.append("another authorized party")
        until, since = claims.get("exp"), claims.get("iat")
        at = now.timestamp()
        if not _is_time(until) or until + LEEWAY.total_seconds() <= at:
            wrong.append("expired")
        if not _is_time(since) or since - LEEWAY.total_seconds() > at:
            wrong.append("of the future")
        elif since + TOKEN_AGE.total_seconds() <= at:
            wrong.append("too old")
        said = claims.get("nonce")
        if not isinstance(said, str) or not compare_digest(said.encode(), nonce.encode()):
            wrong.append("another nonce")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject.isprintable() or not 0 < len(subject) <= 255:
            wrong.append("no subject")
        return wrong

    def _ask(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """The JSON object that is answered, with status 200."""
        if not self._turns.acquire(timeout=ANSWERS_WITHIN):
            raise OpenIdError("too many at once")
        try:
            raw = _read(method, url, data, {**_PLAIN, **(headers or {})})
            said = json.loads(raw)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            raise OpenIdError(f"no answer: {type(error).__name__}") from None
        finally:
            self._turns.release()
        if not isinstance(said, dict):
            raise OpenIdError("an answer that is no object")
        return said


def _read(
    method: str, url: str, data: Mapping[str, str] | None, headers: Mapping[str, str]
) -> bytes:
    end = monotonic() + ANSWERS_WITHIN
    found = b""
    with (
        httpx.Client(timeout=5.0, follow_redirects=False, trust_env=False) as client,
        client.stream(method, url, data=data, headers=headers) as response,
    ):
        if response.status_code != 200:
            raise OpenIdError(f"status {response.status_code}")
        for chunk in response.iter_raw():  # as it comes: nothing that unfolds
            found += chunk
            if len(found) > MOST_BYTES:
                raise OpenIdError("an answer that is too long")
            if monotonic() > end:
                raise OpenIdError("an answer that does not end")
    return found


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e11
