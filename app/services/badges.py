"""Badges: certificates as signed credentials, and what is served so that anybody can verify them.

Everything has an address that stays: of a cycle its issuer's profile, its achievements (one for
each version of the rule and each language) and its status lists; of the installation its keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, func, select

from app.certificates import badges
from app.certificates.keys import BadgeKey, KeyRing, public_jwk, public_jwks
from app.certificates.status_list import (
    LEAST_BITS,
    status_entry,
    status_list,
    status_list_credential,
)
from app.db import DbSession
from app.domain.certificates import State
from app.domain.errors import N_, NotFound
from app.languages import span, translations
from app.models import Certificate
from app.services.certificate_drafts import frozen
from app.services.links import Links
from app.services.rows import may_be_id

_DESCRIPTION = N_("A training cycle, held %(dates)s.")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things are served. None of them ever moves: badges name them for good."""

    links: Links

    def keys(self) -> str:
        """All public keys, as JWK set."""
        return self.links.url("/badges/keys")

    def key(self, key: BadgeKey) -> str:
        """A public key, as JWK: the ``kid`` in the header of what it signed."""
        return self.links.url(f"/badges/keys/{key.id}")

    def issuer(self, cycle_id: str) -> str:
        """The profile of who issues a cycle's badges."""
        return self.links.url(f"/badges/{cycle_id}/issuer")

    def achievement(self, cycle_id: str, version: int, language: str) -> str:
        """What a cycle's badges are awarded for, by this version of the rule."""
        return self.links.url(f"/badges/{cycle_id}/achievements/{version}/{language}")

    def status(self, cycle_id: str, number: int) -> str:
        """A status list, counted from 1."""
        return self.links.url(f"/badges/{cycle_id}/status/{number}")

    def verify(self, code: str) -> str:
        """The page that says whether a certificate is real."""
        return self.links.url(f"/verify/{code}")

    def badge(self, code: str) -> str:
        """The signed badge, which is its id too."""
        return self.links.url(f"/verify/{code}/badge.jwt")


def badge(row: Certificate, ring: KeyRing, at: Addresses) -> str:
    """The badge of a certificate, signed with the newest key (compact JWS). It is the same whatever
    has become of the certificate: the status list tells that."""
    said = frozen(row)
    profile = _profile(row, at)
    identity = row.document["identity"]
    identifiers: list[Mapping[str, Any]] = [badges.named_person(said.holder)]
    if identity:
        identifiers.append(
            {
                "type": "IdentityObject",
                "hashed": True,
                "identityHash": identity,
                "identityType": "emailAddress",
                "salt": row.salt,
            }
        )
    number, index = divmod(row.status_index, LEAST_BITS)
    credential = badges.credential(
        at.badge(row.code),
        issuer=profile,
        achievement=_achievement(row, at),
        valid_from=said.issued_at,
        identifiers=identifiers,
        status=status_entry(at.status(row.cycle_id, number + 1), index),
        evidence_url=at.verify(row.code),
    )
    return badges.sign(credential, ring.signing, at.key(ring.signing))


def issuer(db: DbSession, cycle_id: str, at: Addresses) -> dict[str, Any]:
    """Who issues a cycle's badges, as the newest certificate says. Raises NotFound where none was
    issued."""
    query = select(Certificate).where(*_of_cycle(cycle_id))
    row = db.exec(query.order_by(col(Certificate.id).desc()).limit(1)).first()
    if row is None:
        raise NotFound
    return _profile(row, at)


def achievement(
    db: DbSession, cycle_id: str, version: int, language: str, at: Addresses
) -> dict[str, Any]:
    """What the badges of a cycle are awarded for, as the newest certificate in this language under
    this version of the rule says. Raises NotFound where there is none."""
    query = select(Certificate).where(
        *_of_cycle(cycle_id),
        Certificate.rule_version == version,
        Certificate.language == language.replace("\0", ""),
    )
    row = db.exec(query.order_by(col(Certificate.id).desc()).limit(1)).first()
    if row is None:
        raise NotFound
    return _achievement(row, at)


def status(db: DbSession, cycle_id: str, number: int, ring: KeyRing, at: Addresses) -> str:
    """A status list of a cycle, signed: a bit is set for each certificate that is not live any
    more. Two queries. Raises NotFound where there is no such list."""
    base = (number - 1) * LEAST_BITS
    mine = (
        *_of_cycle(cycle_id),
        col(Certificate.status_index) >= base,
        col(Certificate.status_index) < base + LEAST_BITS,
    )
    moments = select(func.min(Certificate.issued_at), func.max(Certificate.ended_at))
    first, last = db.exec(moments.where(*mine)).one()
    if first is None:
        raise NotFound
    ended = select(Certificate.status_index).where(*mine, Certificate.status != State.LIVE)
    encoded = status_list(index - base for index in db.exec(ended))
    credential = status_list_credential(
        at.status(cycle_id, number),
        issuer=at.issuer(cycle_id),
        valid_from=last or first,
        encoded=encoded,
    )
    return badges.sign(credential, ring.signing, at.key(ring.signing))


def key_set(ring: KeyRing, at: Addresses) -> dict[str, Any]:
    """All public keys as JWK set."""
    return public_jwks({at.key(each): each for each in ring.keys})


def key(ring: KeyRing, key_id: str, at: Addresses) -> dict[str, Any]:
    """A public key as JWK. Raises NotFound."""
    found = ring.of(key_id)
    if found is None:
        raise NotFound
    return public_jwk(found, at.key(found))


def _of_cycle(cycle_id: str) -> tuple[Any, ...]:
    if not may_be_id(cycle_id):
        raise NotFound
    return (col(Certificate.cycle_id) == cycle_id,)


def _profile(row: Certificate, at: Addresses) -> dict[str, Any]:
    return badges.issuer_profile(
        at.issuer(row.cycle_id), row.document["issuer"], url=at.links.base_url
    )


def _achievement(row: Certificate, at: Addresses) -> dict[str, Any]:
    said = frozen(row)
    dates = span(said.first_day, said.last_day, said.language)
    words = translations(said.language).gettext(_DESCRIPTION) % {"dates": dates}
    return badges.achievement(
        at.achievement(row.cycle_id, row.rule_version, row.language),
        name=said.cycle,
        description=words,
        criteria=said.rule,
        language=said.language,
        creator=_profile(row, at),
    )
