"""The keys that sign badges: RSA, made, read and shown to the world; see ADR 24.

The file handling is in `services.badge_keys`; here keys are bytes.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import RSAKey

BITS = 2048


class UnusableKey(ValueError):
    """Not an RSA key of 2,048 bits or more in PEM, or one that asks for a password."""


@dataclass(frozen=True, slots=True)
class BadgeKey:
    """A key. `id` is its RFC 7638 thumbprint (SHA-256), which no other key has; `signs`: it has a
    private half, and is not published only so that old badges can be verified."""

    id: str
    signs: bool
    rsa: RSAKey = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys, the newest first. Raises UnusableKey where none of them can sign."""

    keys: tuple[BadgeKey, ...]

    def __post_init__(self) -> None:
        if not any(key.signs for key in self.keys):
            raise UnusableKey("none of the keys can sign: each is a public one")

    @property
    def signing(self) -> BadgeKey:
        """The newest that can sign."""
        return next(key for key in self.keys if key.signs)

    def of(self, id: str) -> BadgeKey | None:
        """The key of a thumbprint, if it is one of these."""
        return next((key for key in self.keys if key.id == id), None)


def new_key() -> bytes:
    """A new RSA key of 2,048 bits as PEM (PKCS #8, no password)."""
    return RSAKey.generate_key(BITS).as_pem(private=True)


def read_key(pem: bytes) -> BadgeKey:
    """A private key, or a public one that is kept so that old badges can be verified.

    Raises:
        UnusableKey: see there.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SecurityWarning)  # shorter than 2,048 bits
            rsa = RSAKey.import_key(pem)
    except (ValueError, TypeError, JoseError, SecurityWarning) as error:
        raise UnusableKey(f"no RSA key of {BITS} bits or more in PEM: {error}") from error
    return BadgeKey(id=rsa.thumbprint(), signs=rsa.is_private, rsa=rsa)


def public_jwk(key: BadgeKey, kid: str) -> dict[str, Any]:
    """The public half as JWK (RFC 7517). `kid`: the address at which just this is served, which is
    what the header of a badge names (Open Badges 3.0, 8.2.2)."""
    public = key.rsa.as_dict(private=False)
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
        "n": public["n"],
        "e": public["e"],
    }


def public_jwks(keys: Mapping[str, BadgeKey]) -> dict[str, Any]:
    """The public halves of all keys by their addresses, old ones too, as JWK set."""
    return {"keys": [public_jwk(key, kid) for kid, key in keys.items()]}
