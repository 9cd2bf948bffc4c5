"""Badges, verified by a JOSE library that did not sign them, step by step as Open Badges 3.0 says.

Section 8.2.5 of https://www.imsglobal.org/spec/ob/v3p0 lists what a verifier must do; `verified`
does it in that order, and each refusal has a test.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from jwcrypto import jwk, jws
from jwcrypto.common import base64url_decode, base64url_encode

from app.certificates.badges import (
    achievement,
    claims,
    credential,
    hashed_address,
    issuer_profile,
    named_person,
    new_salt,
    sign,
)
from app.certificates.keys import BadgeKey, UnusableKey, new_key, public_jwk, read_key
from app.certificates.status_list import status_entry

BASE = "https://convoca.example.org"
KID = f"{BASE}/badges/keys/k1"
LIST = f"{BASE}/badges/status/1"
ID = f"{BASE}/badges/0nsnf5bjqwdbyvsdaj43fg07y1mp"
NOW = datetime(2026, 12, 1, 15, 30, 12, 345678, tzinfo=UTC)
ISSUER = issuer_profile(f"{BASE}/badges/issuer", "Ministry of Trade", url=BASE)
ACHIEVEMENT = achievement(
    f"{BASE}/badges/achievements/leaders/en",
    name="Cluster leaders",
    description="A training cycle of ten sessions.",
    criteria="8 of 10 sessions.",
    language="en",
    criteria_url=f"{BASE}/c/leaders",
    creator=ISSUER,
)
Json = dict[str, Any]


class NotValid(Exception):
    """What a verifier says of a badge."""


def badge(**changes: Any) -> Json:
    values: Json = {
        "issuer": ISSUER,
        "achievement": ACHIEVEMENT,
        "valid_from": NOW,
        "identifiers": [hashed_address("Ana@Example.org", "5a17"), named_person("Ana Ruiz")],
        "status": status_entry(LIST, 94567),
        "evidence_url": f"{BASE}/verify/0nsnf5bjqwdbyvsdaj43fg07y1mp",
    }
    return credential(ID, **values | changes)


def verified(token: str, served: Mapping[str, Json], now: datetime = NOW) -> Json:
    """The credential in a compact JWS, if it is valid. `served`: JSON Web Keys by address."""
    # 1. "Base64url-decode the JOSE Header."
    encoded_header, encoded_payload, _ = token.split(".")
    header = json.loads(base64url_decode(encoded_header))
    # 8.2.2: alg is RS256; kid or jwk; typ, if present, is "JWT"; no other header is allowed.
    if header.get("alg") != "RS256" or header.get("typ", "JWT") != "JWT":
        raise NotValid("header")
    if not {"kid", "jwk"} & header.keys() or header.keys() - {"alg", "kid", "jwk", "typ"}:
        raise NotValid("header")
    # 2. "Dereference the kid value to retrieve the public key JWK." 3. Or take that of "jwk".
    try:
        public = served[header["kid"]] if "kid" in header else header["jwk"]
    except KeyError:
        raise NotValid("key") from None
    # 4. "Use the public key JWK to verify the signature" (RFC 7515, 5.2).
    signature = jws.JWS()
    signature.allowed_algs = ["RS256"]
    signature.deserialize(token)
    try:
        signature.verify(jwk.JWK(**public))
    except jws.InvalidJWSSignature:
        raise NotValid("signature") from None
    # 5. "Base64url-decode the JWT Payload and parse it into a JSON object."
    payload = json.loads(base64url_decode(encoded_payload))
    # 6. "Convert the value of the JWT Payload to an OpenBadgeCredential": no claim "vc".
    if "vc" in payload:
        raise NotValid("vc")
    # "MUST have the iss claim, and the value MUST match the issuer.id"
    issuer = payload["issuer"]
    if payload.get("iss") != (issuer if isinstance(issuer, str) else issuer["id"]):
        raise NotValid("iss")
    # "MUST have the sub claim, and the value MUST match the credentialSubject.id"
    if payload.get("sub") is None or payload["sub"] != payload["credentialSubject"].get("id"):
        raise NotValid("sub")
    # "MUST have the nbf claim, the NumericDate MUST be converted to a DateTime, and MUST equal
    # the validFrom … or if the validFrom has not yet occurred"
    valid_from = datetime.fromisoformat(payload["validFrom"])
    if datetime.fromtimestamp(payload.get("nbf", 0), UTC) != valid_from or valid_from > now:
        raise NotValid("nbf")
    # "MUST have the jti claim, and the value MUST match the id"
    if payload.get("jti") is None or payload["jti"] != payload.get("id"):
        raise NotValid("jti")
    # "If the JSON object has the exp claim … has expired"
    if "exp" in payload and datetime.fromtimestamp(payload["exp"], UTC) <= now:
        raise NotValid("exp")
    return {name: v for name, v in payload.items() if name not in ("iss", "jti", "nbf", "sub")}


@pytest.fixture(scope="module")
def key() -> BadgeKey:
    return read_key(new_key())


@pytest.fixture(scope="module")
def served(key: BadgeKey) -> dict[str, Json]:
    return {KID: public_jwk(key, KID)}


def test_a_badge_is_valid(key: BadgeKey, served: dict[str, Json]) -> None:
    assert verified(sign(badge(), key, KID), served) == badge()


def test_the_header_has_what_is_allowed_and_nothing_else(key: BadgeKey) -> None:
    header = json.loads(base64url_decode(sign(badge(), key, KID).split(".")[0]))
    assert header == {"alg": "RS256", "kid": KID, "typ": "JWT"}


def test_the_claims_stand_beside_the_members(key: BadgeKey) -> None:
    payload = json.loads(base64url_decode(sign(badge(), key, KID).split(".")[1]))
    assert payload == {
        "iss": ISSUER["id"],
        "jti": ID,
        "nbf": int(NOW.timestamp()),
        "sub": f"{ID}#holder",
        **badge(),
    }


def test_the_same_badge_is_signed_alike(key: BadgeKey) -> None:
    assert sign(badge(), key, KID) == sign(badge(), key, KID)


def _payload(change: Callable[[Json], Any]) -> Callable[[str], str]:
    def altered(token: str) -> str:
        header, payload, signature = token.split(".")
        document = json.loads(base64url_decode(payload))
        change(document)
        return f"{header}.{base64url_encode(json.dumps(document))}.{signature}"

    return altered


def _header(token: str, **changes: str) -> str:
    header, payload, signature = token.split(".")
    document = json.loads(base64url_decode(header)) | changes
    return f"{base64url_encode(json.dumps(document))}.{payload}.{signature}"


@pytest.mark.parametrize(
    ("altered", "why"),
    [
        (_payload(lambda d: d["credentialSubject"].update(id="x")), "signature"),
        (_payload(lambda d: d["credentialSubject"]["achievement"].update(name="x")), "signature"),
        (_payload(lambda d: d.update(validFrom="2025-01-01T00:00:00Z")), "signature"),
        (_payload(lambda d: d.pop("credentialStatus")), "signature"),
        (lambda token: token[:-8] + "AAAAAAAA", "signature"),
        (lambda token: _header(token, alg="none"), "header"),
        (lambda token: _header(token, alg="HS256"), "header"),
        (lambda token: _header(token, typ="vc+jwt"), "header"),
        (lambda token: _header(token, kid=f"{KID}x"), "key"),
        (lambda token: _header(token, kid=f"{BASE}/another"), "signature"),
    ],
)
def test_what_was_altered_is_not_valid(
    key: BadgeKey, served: dict[str, Json], altered: Callable[[str], str], why: str
) -> None:
    another = {f"{BASE}/another": public_jwk(read_key(new_key()), f"{BASE}/another")}
    token = altered(sign(badge(), key, KID))
    with pytest.raises(NotValid, match=why):
        verified(token, {**served, **another})


def test_before_it_is_valid(key: BadgeKey, served: dict[str, Json]) -> None:
    with pytest.raises(NotValid, match="nbf"):
        verified(sign(badge(), key, KID), served, NOW - timedelta(seconds=1))


def test_after_it_has_expired(key: BadgeKey, served: dict[str, Json]) -> None:
    ends = NOW + timedelta(days=1)
    limited = {**badge(), "validUntil": ends.isoformat()}
    assert claims(limited)["exp"] == int(ends.timestamp())
    token = sign(limited, key, KID)
    assert verified(token, served)["validUntil"] == ends.isoformat()
    with pytest.raises(NotValid, match="exp"):
        verified(token, served, ends)


def test_a_public_key_signs_nothing(key: BadgeKey) -> None:
    public = read_key(key.rsa.as_pem(private=False))
    with pytest.raises(UnusableKey):
        sign(badge(), public, KID)


DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_the_credential_has_what_the_specification_requires() -> None:
    """Appendix B.1: each property with the multiplicity 1 or 1..*, and its fixed values."""
    found = badge()
    assert found["@context"][:2] == [
        "https://www.w3.org/ns/credentials/v2",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
    ]
    assert found["id"] == ID
    assert found["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert found["name"] == "Cluster leaders"
    assert found["issuer"] == {
        "id": f"{BASE}/badges/issuer",
        "type": ["Profile"],
        "name": "Ministry of Trade",
        "url": BASE,
    }
    assert found["validFrom"] == "2026-12-01T15:30:12Z"
    assert DATE_TIME.fullmatch(found["validFrom"])
    subject = found["credentialSubject"]
    assert subject["type"] == ["AchievementSubject"]
    assert subject["id"] == f"{ID}#holder"
    assert subject["achievement"] == {
        "id": f"{BASE}/badges/achievements/leaders/en",
        "type": ["Achievement"],
        "achievementType": "CertificateOfCompletion",
        "name": "Cluster leaders",
        "description": "A training cycle of ten sessions.",
        "criteria": {"id": f"{BASE}/c/leaders", "narrative": "8 of 10 sessions."},
        "@language": "en",
        "creator": found["issuer"],
    }
    assert found["evidence"] == [
        {"id": f"{BASE}/verify/0nsnf5bjqwdbyvsdaj43fg07y1mp", "type": ["Evidence"]}
    ]
    assert found["credentialSchema"] == [
        {
            "id": "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/"
            "ob_v3p0_achievementcredential_schema.json",
            "type": "1EdTechJsonSchemaValidator2019",
        }
    ]


def test_the_holder_is_a_hash_that_whoever_knows_the_address_can_check() -> None:
    hashed, named = badge()["credentialSubject"]["identifier"]
    assert hashed == {
        "type": "IdentityObject",
        "hashed": True,
        "identityHash": "sha256$" + hashlib.sha256(b"ana@example.org5a17").hexdigest(),
        "identityType": "emailAddress",
        "salt": "5a17",
    }
    assert named == {
        "type": "IdentityObject",
        "hashed": False,
        "identityHash": "Ana Ruiz",
        "identityType": "name",
    }


def test_no_address_is_in_a_badge(key: BadgeKey) -> None:
    payload = base64url_decode(sign(badge(), key, KID).split(".")[1]).decode()
    assert "@" not in payload.replace("@context", "").replace("@language", "")


def test_salts_differ() -> None:
    salts = {new_salt() for _ in range(100)}
    assert len(salts) == 100
    assert {len(bytes.fromhex(salt)) for salt in salts} == {16}


def test_an_instant_of_any_zone_is_told_in_utc() -> None:
    bogota = NOW.astimezone(timezone(timedelta(hours=-5)))
    assert badge(valid_from=bogota) == badge()
    with pytest.raises(ValueError):
        badge(valid_from=datetime(2026, 12, 1))


def test_somebody_is_identified() -> None:
    with pytest.raises(ValueError):
        badge(identifiers=[])
