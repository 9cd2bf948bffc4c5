"""Keys: which can be used, and what the world sees of them."""

import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwcrypto import jwk
from jwcrypto.common import base64url_decode

from app.certificates.keys import (
    BadgeKey,
    KeyRing,
    UnusableKey,
    new_key,
    public_jwk,
    public_jwks,
    read_key,
)

ADDRESS = "https://convoca.example.org/badges/keys/1"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    hidden = ser.BestAvailableEncryption(password) if password else ser.NoEncryption()
    return key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, hidden)


@pytest.fixture(scope="module")
def made() -> bytes:
    return new_key()


@pytest.fixture(scope="module")
def key(made: bytes) -> BadgeKey:
    return read_key(made)


def test_a_new_key_is_rsa_of_2048_bits(made: bytes, key: BadgeKey) -> None:
    independent = jwk.JWK.from_pem(made)
    public = independent.export_public(as_dict=True)
    assert public["kty"] == "RSA"
    assert len(base64url_decode(public["n"])) * 8 == 2048
    assert key.signs
    assert key.id == independent.thumbprint()


def test_what_is_published_has_no_private_half(made: bytes, key: BadgeKey) -> None:
    independent = jwk.JWK.from_pem(made).export_public(as_dict=True)
    assert public_jwk(key, ADDRESS) == {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": ADDRESS,
        "n": independent["n"],
        "e": independent["e"],
    }
    assert public_jwks({ADDRESS: key}) == {"keys": [public_jwk(key, ADDRESS)]}


def test_the_key_is_not_shown_where_values_are(key: BadgeKey) -> None:
    assert repr(key) == f"BadgeKey(id={key.id!r}, signs=True)"


def test_a_public_key_is_read_too(key: BadgeKey) -> None:
    public = read_key(key.rsa.as_pem(private=False))
    assert (public.id, public.signs) == (key.id, False)
    assert public_jwk(public, ADDRESS) == public_jwk(key, ADDRESS)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"hello",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(rsa.generate_private_key(65537, 1024)),
        pem(rsa.generate_private_key(65537, 2048), b"a password"),
    ],
    ids=["empty", "text", "cut", "curve", "short", "locked"],
)
def test_what_is_no_key(text: bytes) -> None:
    with pytest.raises(UnusableKey):
        read_key(text)


def test_the_newest_private_key_signs(key: BadgeKey) -> None:
    public = read_key(read_key(new_key()).rsa.as_pem(private=False))
    ring = KeyRing((public, key))
    assert ring.signing is key
    assert ring.of(public.id) is public
    assert ring.of("another") is None
    with pytest.raises(UnusableKey):
        KeyRing((public,))
