"""Which badges have been revoked: W3C Bitstring Status List v1.0.

https://www.w3.org/TR/vc-bitstring-status-list/. A list is a string of bits, one for each badge and
1 where it was revoked, so that whoever asks for it does not say which badge they look at. It is a
credential itself and signed like one, with `badges.sign`.
"""

import base64
import gzip
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from app.certificates.badges import W3C_CONTEXT, instant

LEAST_BITS = 131_072
"""So many at least, says the specification, so that nobody can be told apart by the list."""

PURPOSE = "revocation"
"""Not reversible, says the specification."""


def status_list(revoked: Iterable[int], size: int = LEAST_BITS) -> str:
    """The ``encodedList``: the bits, the first one leftmost, gzip'd, in base64url without padding,
    after the "u" that names this base (Multibase). The same for the same indexes.

    Raises ValueError for a size that is too small or no multiple of 8, and for an index beyond it.
    """
    if size < LEAST_BITS or size % 8:
        raise ValueError(f"a status list has {LEAST_BITS} bits or more, and whole bytes")
    bits = bytearray(size // 8)
    for index in revoked:
        if not 0 <= index < size:
            raise ValueError(f"no place in a list of {size}: {index}")
        bits[index // 8] |= 0x80 >> index % 8
    packed = gzip.compress(bytes(bits), mtime=0)
    return "u" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def status_entry(list_url: str, index: int) -> dict[str, Any]:
    """The ``credentialStatus`` of a badge: its place in the list that is served at `list_url`.

    Places are to be drawn at random (the specification, 2.1), so that they say nothing about when
    or how many. Raises ValueError for a negative one.
    """
    if index < 0:
        raise ValueError(f"no place in a list: {index}")
    return {
        "id": f"{list_url}#{index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": PURPOSE,
        "statusListIndex": str(index),
        "statusListCredential": list_url,
    }


def status_list_credential(
    list_url: str, *, issuer: str, valid_from: datetime, encoded: str
) -> dict[str, Any]:
    """The list as a credential, not yet signed. `list_url`: where it is served; `issuer`: the id of
    the issuer's profile; `valid_from`: aware, since when the list is as it is; `encoded`: what
    `status_list` gave."""
    return {
        "@context": [W3C_CONTEXT],
        "id": list_url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer,
        "validFrom": instant(valid_from),
        "credentialSubject": {
            "id": f"{list_url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": PURPOSE,
            "encodedList": encoded,
        },
    }
