"""The list of revoked badges, read back as W3C's Bitstring Status List says (3.2 and 3.4)."""

import base64
import gzip
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.certificates.badges import sign
from app.certificates.keys import new_key, public_jwk, read_key
from app.certificates.status_list import (
    LEAST_BITS,
    status_entry,
    status_list,
    status_list_credential,
)
from tests import examples
from tests.certificates.test_badges import BASE, ISSUER, KID, LIST, NOW, badge, verified


def expanded(encoded: str) -> str:
    """The bits as a text of 0 and 1: Multibase-decode, then GZIP-decompress."""
    assert encoded[0] == "u"  # base64url without padding
    assert "=" not in encoded
    padded = encoded[1:] + "=" * (-len(encoded[1:]) % 4)
    data = gzip.decompress(base64.urlsafe_b64decode(padded))
    return bin(int.from_bytes(b"\x01" + data, "big"))[3:]


def is_revoked(entry: dict[str, Any], listed: dict[str, Any]) -> bool:
    """The validate algorithm, once signatures have been verified."""
    assert entry["type"] == "BitstringStatusListEntry"
    assert "BitstringStatusListCredential" in listed["type"]
    assert entry["statusListCredential"] == listed["id"]
    subject = listed["credentialSubject"]
    assert subject["type"] == "BitstringStatusList"
    assert entry["statusPurpose"] == subject["statusPurpose"]
    bits = expanded(subject["encodedList"])
    assert len(bits) >= 131_072
    index = int(entry["statusListIndex"])
    assert 0 <= index < len(bits)
    return bits[index] == "1"


@settings(max_examples=examples.of(25))
@given(st.sets(st.integers(0, LEAST_BITS - 1), max_size=40))
def test_each_bit_is_where_it_is_looked_for(revoked: set[int]) -> None:
    bits = expanded(status_list(revoked))
    assert len(bits) == LEAST_BITS
    assert {at for at, bit in enumerate(bits) if bit == "1"} == revoked


def test_the_first_bit_is_the_leftmost() -> None:
    assert expanded(status_list([0, 9])).rstrip("0") == "1000000001"
    assert expanded(status_list([LEAST_BITS - 1]))[-1] == "1"


def test_a_larger_list() -> None:
    assert len(expanded(status_list([LEAST_BITS], size=2 * LEAST_BITS))) == 2 * LEAST_BITS


def test_the_same_list_is_the_same_text() -> None:
    assert status_list([5, 3, 5]) == status_list({3, 5})


@pytest.mark.parametrize(
    ("revoked", "size"), [([-1], LEAST_BITS), ([LEAST_BITS], LEAST_BITS), ([], 8), ([], 131_076)]
)
def test_what_is_no_list(revoked: list[int], size: int) -> None:
    with pytest.raises(ValueError):
        status_list(revoked, size)


def test_an_entry() -> None:
    assert status_entry(LIST, 94567) == {
        "id": f"{LIST}#94567",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "94567",
        "statusListCredential": LIST,
    }
    with pytest.raises(ValueError):
        status_entry(LIST, -1)


def test_a_revoked_badge_is_told_by_the_signed_list() -> None:
    key = read_key(new_key())
    served = {KID: public_jwk(key, KID)}
    for revoked in ([], [94567], [94566, 94568]):
        listed = status_list_credential(
            LIST, issuer=ISSUER["id"], valid_from=NOW, encoded=status_list(revoked)
        )
        # Signed as the badge is: iss, sub, nbf and jti are looked at alike.
        found = verified(sign(listed, key, KID), served)
        assert found == {
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            "id": LIST,
            "type": ["VerifiableCredential", "BitstringStatusListCredential"],
            "issuer": f"{BASE}/badges/issuer",
            "validFrom": "2026-12-01T15:30:12Z",
            "credentialSubject": {
                "id": f"{LIST}#list",
                "type": "BitstringStatusList",
                "statusPurpose": "revocation",
                "encodedList": status_list(revoked),
            },
        }
        assert is_revoked(badge()["credentialStatus"], found) == (revoked == [94567])


def test_a_list_is_of_an_aware_instant() -> None:
    with pytest.raises(ValueError):
        status_list_credential(
            LIST, issuer="x", valid_from=datetime(2026, 12, 1), encoded=status_list([])
        )
