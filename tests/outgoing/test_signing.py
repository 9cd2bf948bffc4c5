"""Signatures: the scheme's own library verifies them."""

import os
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from app.outgoing.signing import headers, secret_of, signature

KEY, OTHER = b"k" * 32, b"o" * 32


def test_the_example_of_the_scheme() -> None:
    """The one that its libraries are tested with."""
    key = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")._whsecret
    made = signature([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.text(st.characters(codec="utf-8")))
def test_the_library_makes_the_same(key: bytes, text: str) -> None:
    at = datetime(2026, 11, 23, 15, tzinfo=UTC)
    made = signature([key], "evt_1", int(at.timestamp()), text.encode())
    assert made == Webhook(secret_of(key)).sign("evt_1", at, text)


def test_either_of_two_secrets_verifies_and_no_other() -> None:
    body = b'{"type":"webhook.test"}'
    sent = headers([KEY, OTHER], "evt_1", int(time.time()), body)
    for key in (KEY, OTHER):
        assert Webhook(secret_of(key)).verify(body, sent) == {"type": "webhook.test"}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(os.urandom(32))).verify(body, sent)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "body"])
def test_nothing_can_be_altered(name: str) -> None:
    body = b'{"type":"webhook.test"}'
    sent = headers([KEY], "evt_1", int(time.time()), body)
    altered = {"webhook-id": "evt_2", "webhook-timestamp": str(int(time.time()) - 60)}
    if name == "body":
        body = body.replace(b"test", b"tost")
    else:
        sent[name] = altered[name]
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(KEY)).verify(body, sent)


@pytest.mark.parametrize("message_id", ["evt.1", "évt"])
def test_an_id_that_would_blur_what_is_signed(message_id: str) -> None:
    with pytest.raises(ValueError, match="dot"):
        signature([KEY], message_id, 1, b"")
