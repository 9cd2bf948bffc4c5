"""What a provider says, and what of it is believed."""

import gzip
import hashlib
import hmac
import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from app import openid
from app.openid import Identity, OpenId, OpenIdError, Provider
from tests.openid.provider import CLIENT, SECRET, Liar, lying, with_secret

BACK = "https://convoca.example.org/organize/sign-in/outside/back"
NONCE = "n" * 43


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _part(value: object) -> str:
    return _b64(json.dumps(value).encode())


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture
def liar(key: RSAKey) -> Iterator[Liar]:
    with lying() as liar:
        liar.nonce, liar.key = NONCE, key
        yield liar


@pytest.fixture
def there(liar: Liar) -> OpenId:
    return OpenId(Provider(liar.url, CLIENT, SECRET, "Example"))


def _arrive(there: OpenId, nonce: str = NONCE) -> Identity:
    return there.arrive("code", nonce=nonce, verifier="v" * 43, back=BACK, now=datetime.now(UTC))


def _refused(there: OpenId) -> str:
    with pytest.raises(OpenIdError) as error:
        _arrive(there)
    return str(error.value)


def test_there(there: OpenId, liar: Liar) -> None:
    url = there.leave(state="s", nonce=NONCE, verifier="v" * 43, back=BACK)
    assert url.startswith(f"{liar.url}/authorize?")
    assert dict(parse_qsl(urlsplit(url).query)) == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": BACK,
        "scope": "openid email",
        "state": "s",
        "nonce": NONCE,
        "code_challenge": _b64(hashlib.sha256(b"v" * 43).digest()),
        "code_challenge_method": "S256",
    }


def test_and_back(there: OpenId, liar: Liar) -> None:
    assert _arrive(there) == Identity(liar.url, "subject-1", "olga@example.org", True)
    assert liar.asked == ["/.well-known/openid-configuration", "/token", "/keys"]
    assert liar.forms[1] == {
        "grant_type": "authorization_code",
        "code": "code",
        "redirect_uri": BACK,
        "code_verifier": "v" * 43,
    }
    pair = b64decode(liar.authorizations[1].removeprefix("Basic ")).decode()
    assert [unquote_plus(each) for each in pair.split(":")] == [CLIENT, SECRET]
    _arrive(there)
    assert liar.asked.count("/.well-known/openid-configuration") == 1


def test_a_provider_that_takes_the_secret_in_the_form_only(there: OpenId, liar: Liar) -> None:
    liar.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    _arrive(there)
    assert liar.authorizations[1] == ""
    assert (liar.forms[1]["client_id"], liar.forms[1]["client_secret"]) == (CLIENT, SECRET)


def test_keys_on_curves(there: OpenId, liar: Liar) -> None:
    liar.key = ECKey.generate_key("P-256", {"kid": "one"})
    assert _arrive(there).subject == "subject-1"


@pytest.mark.parametrize(
    ("said", "verified"),
    [(True, True), (False, False), ("true", False), (1, False), (None, False), ([True], False)],
)
def test_verified_is_what_says_so_plainly(
    there: OpenId, liar: Liar, said: object, verified: bool
) -> None:
    liar.claims["email_verified"] = said
    assert _arrive(there).verified is verified


def test_the_address_may_be_asked_for_by_itself(there: OpenId, liar: Liar) -> None:
    liar.claims |= {"email": None, "email_verified": None}
    said: dict[str, Any] = {"sub": "subject-1", "email": "o@example.org", "email_verified": True}
    liar.answers["/userinfo"] = lambda: (200, {}, json.dumps(said).encode())
    assert _arrive(there) == Identity(liar.url, "subject-1", "o@example.org", True)
    assert liar.authorizations[-1] == "Bearer access"
    said["sub"] = "somebody-else"
    assert _refused(there) == "what is known of somebody else"


AT = int(time.time())


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "somebody-else"}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": ["somebody-else"]}, "another audience"),
        ({"aud": [CLIENT, "somebody-else"]}, "another authorized party"),
        ({"aud": [CLIENT, "x"], "azp": "x"}, "another authorized party"),
        ({"azp": "somebody-else"}, "another authorized party"),
        ({"exp": AT - 3600}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": "soon"}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": float("nan")}, "expired"),
        ({"iat": AT + 3600}, "of the future"),
        ({"iat": None}, "of the future"),
        ({"iat": AT - 3600}, "too old"),
        ({"nonce": "x" * 43}, "another nonce"),
        ({"nonce": None}, "another nonce"),
        ({"nonce": ["n" * 43]}, "another nonce"),
        ({"nonce": "ñ"}, "another nonce"),
        ({"sub": None}, "no subject"),
        ({"sub": ""}, "no subject"),
        ({"sub": 7}, "no subject"),
        ({"sub": "a\0b"}, "no subject"),
        ({"sub": "x" * 256}, "no subject"),
    ],
)
def test_what_is_signed_and_still_not_for_us(
    there: OpenId, liar: Liar, claims: dict[str, Any], why: str
) -> None:
    liar.claims |= claims
    assert _refused(there) == why


def test_two_audiences_with_us_as_the_party(there: OpenId, liar: Liar) -> None:
    liar.claims |= {"aud": ["x", CLIENT], "azp": CLIENT}
    assert _arrive(there).subject == "subject-1"


def _unsigned(claims: dict[str, Any]) -> str:
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _by_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256", "kid": "one"}, claims, with_secret(SECRET))


def _by_strangers_key(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key(2048))


def _by_key_of_its_own_header(claims: dict[str, Any]) -> str:
    key = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "kid": "one", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, claims, key)


@pytest.mark.parametrize(
    "made",
    [
        _unsigned,
        _by_secret,
        _by_strangers_key,
        _by_key_of_its_own_header,
        lambda _: "",
        lambda _: "a.b.c",
        lambda _: "ñ" * 50,
    ],
)
def test_what_is_not_signed_by_the_provider(
    there: OpenId, liar: Liar, made: Callable[[dict[str, Any]], str]
) -> None:
    liar.id_token = made
    assert _refused(there).startswith("the signature: ")


def test_a_public_key_is_no_shared_secret(there: OpenId, liar: Liar) -> None:
    """The old trick: HS256 with the public key, which everybody knows, as the secret."""
    public = liar.key.as_pem(private=False)

    def by_public_key(claims: dict[str, Any]) -> str:
        text = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(claims)}"
        return f"{text}.{_b64(hmac.digest(public, text.encode(), hashlib.sha256))}"

    liar.id_token = by_public_key
    assert _refused(there).startswith("the signature: ")


def test_altered_after_signing(there: OpenId, liar: Liar) -> None:
    def altered(claims: dict[str, Any]) -> str:
        head, _, signature = liar.signed(claims).split(".")
        return f"{head}.{_part({**claims, 'sub': 'x'})}.{signature}"

    liar.id_token = altered
    assert _refused(there) == "the signature: BadSignatureError"


def test_no_id_token(there: OpenId, liar: Liar) -> None:
    liar.answers["/token"] = lambda: (200, {}, b'{"access_token": "x"}')
    assert _refused(there) == "no ID token"


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"issuer": "https://evil.example"}, "the description is another issuer's"),
        ({"token_endpoint": "http://evil.example/token"}, "no token_endpoint over https"),
        ({"token_endpoint": "file:///etc/passwd"}, "no token_endpoint over https"),
        ({"jwks_uri": None}, "no jwks_uri"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no authorization_endpoint over https"),
        ({"userinfo_endpoint": "gopher://127.0.0.1/"}, "no userinfo_endpoint over https"),
    ],
)
def test_a_description_that_leads_elsewhere(
    there: OpenId, liar: Liar, metadata: dict[str, Any], why: str
) -> None:
    liar.metadata |= metadata
    assert _refused(there) == why


def _endless() -> Any:
    return 200, {}, b'{"x": "' + b"a" * (openid.MOST_BYTES + 1) + b'"}'


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda: (302, {"location": "/elsewhere"}, b""), "status 302"),
        (lambda: (307, {"location": "http://169.254.169.254/"}, b""), "status 307"),
        (lambda: (500, {}, b"{}"), "status 500"),
        (lambda: (200, {}, b"[]"), "an answer that is no object"),
        (lambda: (200, {}, b"not JSON"), "no answer: JSONDecodeError"),
        (lambda: (200, {}, b"\xff"), "no answer: UnicodeDecodeError"),
        (lambda: (200, {}, b"[" * 100_000), "no answer: RecursionError"),
        (_endless, "an answer that is too long"),
    ],
)
def test_answers_that_are_none(
    there: OpenId, liar: Liar, path: str, answer: Callable[[], Any], why: str
) -> None:
    liar.answers[path] = answer
    assert _refused(there) == why
    assert "/elsewhere" not in liar.asked


def test_what_unfolds_is_not_unfolded(there: OpenId, liar: Liar) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    headers = {"content-encoding": "gzip", "content-length": str(len(bomb))}
    liar.answers["/keys"] = lambda: (200, headers, bomb)
    assert _refused(there).startswith("no answer: ")


def test_a_provider_that_hangs(there: OpenId, liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openid, "ANSWERS_WITHIN", 0.3)

    def drip() -> Any:
        time.sleep(0.6)
        return 200, {}, b" " * 1_000

    liar.answers["/token"] = drip
    assert _refused(there) == "an answer that does not end"


def test_nobody_there() -> None:
    gone = OpenId(Provider("http://127.0.0.1:9", CLIENT, SECRET, "Example"))
    with pytest.raises(OpenIdError, match="no answer: ConnectError"):
        gone.leave(state="s", nonce=NONCE, verifier="v" * 43, back=BACK)
