"""A certificate as Open Badges 3.0 credential, signed as VC-JWT.

The specification: https://www.imsglobal.org/spec/ob/v3p0, section 8.2 for the signature. It has the
members of the credential at the top level of the JWT's payload (W3C's data model 2.0), not in a
claim ``vc`` as older ones do, beside the claims ``iss``, ``jti``, ``nbf`` and ``sub``.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from joserfc import jws

from app.certificates.keys import BadgeKey, UnusableKey
from app.domain.addresses import address_key

Json = dict[str, Any]

W3C_CONTEXT = "https://www.w3.org/ns/credentials/v2"
CONTEXTS = (
    W3C_CONTEXT,
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
    "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",  # the name of the schema's type
)
SCHEMA = {
    "id": "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/"
    "ob_v3p0_achievementcredential_schema.json",
    "type": "1EdTechJsonSchemaValidator2019",
}
ALGORITHM = "RS256"
_SALT_BYTES = 16


def issuer_profile(id: str, name: str, *, url: str = "", description: str = "") -> Json:
    """Who issues badges. `id`: the address at which this profile is served."""
    return _without_empty(
        {"id": id, "type": ["Profile"], "name": name, "url": url, "description": description}
    )


def achievement(
    id: str,
    *,
    name: str,
    description: str,
    criteria: str,
    language: str = "",
    criteria_url: str = "",
    creator: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
) -> Json:
    """What badges of a cycle are awarded for: the same for all who hold one in this language.

    `id`: its own address. `criteria`: the completion rule in words (Markdown, says the
    specification); `criteria_url`: a page that says more.
    """
    return _without_empty(
        {
            "id": id,
            "type": ["Achievement"],
            "achievementType": "CertificateOfCompletion",
            "name": name,
            "description": description,
            "criteria": _without_empty({"id": criteria_url, "narrative": criteria}),
            "@language": language,
            "creator": dict(creator) if creator else None,
            "tag": list(tags),
        }
    )


def new_salt() -> str:
    """128 random bits, in hexadecimal; one for each badge, kept with it."""
    return secrets.token_hex(_SALT_BYTES)


def hashed_address(address: str, salt: str) -> Json:
    """A mail address as the IdentityObject of the specification: SHA-256 of address and salt.

    The address is folded as we compare addresses (NFKC, lower case). What it reveals: the salt
    stands beside the hash, as the specification wants, so whoever has an address, or a list of
    them, can find out whether a badge is that one's; that is how a holder proves that it is theirs.
    It keeps addresses from being read or gathered from badges, and two badges of one person from
    being seen as such by whoever does not know the address. It is not a secret.
    """
    digest = hashlib.sha256(f"{address_key(address)}{salt}".encode()).hexdigest()
    return {
        "type": "IdentityObject",
        "hashed": True,
        "identityHash": f"sha256${digest}",
        "identityType": "emailAddress",
        "salt": salt,
    }


def named_person(name: str) -> Json:
    """A holder's name, as it stands on the certificate, as IdentityObject."""
    return {
        "type": "IdentityObject",
        "hashed": False,
        "identityHash": name,
        "identityType": "name",
    }


def credential(
    id: str,
    *,
    issuer: Mapping[str, Any],
    achievement: Mapping[str, Any],
    valid_from: datetime,
    identifiers: Sequence[Mapping[str, Any]],
    status: Mapping[str, Any] | None = None,
    name: str = "",
    narrative: str = "",
    evidence_url: str = "",
) -> Json:
    """The badge of one holder, not yet signed.

    `id`: the address at which it is served. The subject's own id is that with ``#holder``: the
    specification asks verifiers for a ``sub``, and this one says nothing more about anybody.
    `identifiers`: see `hashed_address` and `named_person`, one at least. `valid_from`: aware, parts
    of a second are dropped. `status`: see `status_list.status_entry`. `evidence_url`: the page that
    says what it rests on.

    Raises ValueError for a naive instant, and where nothing identifies the holder.
    """
    if not identifiers:
        raise ValueError("a badge identifies its holder")
    return _without_empty(
        {
            "@context": list(CONTEXTS),
            "id": id,
            "type": ["VerifiableCredential", "OpenBadgeCredential"],
            "name": name or achievement["name"],
            "issuer": dict(issuer),
            "validFrom": instant(valid_from),
            "credentialSubject": _without_empty(
                {
                    "id": f"{id}#holder",
                    "type": ["AchievementSubject"],
                    "identifier": [dict(each) for each in identifiers],
                    "achievement": dict(achievement),
                    "narrative": narrative,
                }
            ),
            "evidence": [{"id": evidence_url, "type": ["Evidence"]}] if evidence_url else None,
            "credentialStatus": dict(status) if status else None,
            "credentialSchema": [dict(SCHEMA)],
        }
    )


def sign(credential: Mapping[str, Any], key: BadgeKey, kid: str) -> str:
    """The credential as compact JWS (Open Badges 3.0, 8.2; W3C status lists are signed alike).

    The header has ``alg``, ``kid`` and ``typ`` and nothing else; `kid`: the address at which the
    public key is served as JWK. The same credential and key give the same text.

    Raises:
        UnusableKey: the key has no private half.
    """
    if not key.signs:
        raise UnusableKey("this is a public key")
    header = {"alg": ALGORITHM, "kid": kid, "typ": "JWT"}
    payload = json.dumps(claims(credential), ensure_ascii=False, separators=(",", ":"))
    return jws.serialize_compact(header, payload.encode(), key.rsa, algorithms=[ALGORITHM])


def claims(credential: Mapping[str, Any]) -> Json:
    """The payload: the claims that the specification asks for, and the members of the credential
    beside them."""
    issuer, subject = credential["issuer"], credential["credentialSubject"]
    found = {
        "iss": issuer if isinstance(issuer, str) else issuer["id"],
        "jti": credential["id"],
        "nbf": _numeric(credential["validFrom"]),
    }
    if "id" in subject:
        found["sub"] = subject["id"]
    if "validUntil" in credential:
        found["exp"] = _numeric(credential["validUntil"])
    return {**found, **credential}


def instant(at: datetime) -> str:
    """ISO 8601 in UTC, to the second, as a NumericDate has it. Raises ValueError if naive."""
    if at.tzinfo is None:
        raise ValueError("an instant is aware")
    return at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _numeric(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _without_empty(members: Json) -> Json:
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}
