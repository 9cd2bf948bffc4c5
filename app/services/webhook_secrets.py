"""The secrets of webhooks: worked out from a seed and the server's key whenever one is needed.

The database holds the seeds, which are worth nothing without the key; the key is not in it. So no
secret is kept anywhere, not even encrypted. Each secret has a seed of its own, drawn at random: one
that was replaced never comes again, also not after a backup was restored. See docs/adr/0034.
"""

import hmac
import secrets
from datetime import datetime

from app.models import Webhook
from app.outgoing.signing import KEY_BYTES, secret_of


def new_seed() -> str:
    """256 random bits in hexadecimal."""
    return secrets.token_hex(32)


def shown(key: bytes, webhook: Webhook) -> str:
    """The present secret as its receiver gets it. `key`: `Links.key` for webhooks."""
    return secret_of(_derived(key, webhook.id, webhook.seed))


def signing_keys(key: bytes, webhook: Webhook, now: datetime) -> list[bytes]:
    """What is signed with at the aware instant `now`: the present secret, and for a while the one
    before it."""
    seeds = [webhook.seed]
    if webhook.before_until is not None and now < webhook.before_until:
        seeds.append(webhook.seed_before)
    return [_derived(key, webhook.id, seed) for seed in seeds]


def _derived(key: bytes, webhook_id: str, seed: str) -> bytes:
    found = hmac.digest(key, f"{webhook_id}:{seed}".encode(), "sha256")
    assert len(found) == KEY_BYTES
    return found
