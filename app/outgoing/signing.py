"""Signatures by the Standard Webhooks scheme (https://www.standardwebhooks.com), version 1.

A receiver verifies with any of its libraries. Signed is what tells an old request from a new one,
too: the id of what is sent and the moment of sending.
"""

import base64
import hmac
from collections.abc import Iterable

PREFIX = "whsec_"
KEY_BYTES = 32
"""Of the 24 to 64 that the scheme allows."""


def secret_of(key: bytes) -> str:
    """A key as receivers get it: ``whsec_`` and base64."""
    return PREFIX + base64.b64encode(key).decode()


def signature(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The header ``webhook-signature``: a signature with each key, with blanks between them.
    `timestamp`: whole seconds since 1970. Raises ValueError where an id would blur what is signed.
    """
    if "." in message_id or not message_id.isascii():
        raise ValueError("an id has no dot")
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys
    )


def headers(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a request."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(keys, message_id, timestamp, body),
    }
