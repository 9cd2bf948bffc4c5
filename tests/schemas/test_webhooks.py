"""docs/webhooks.md: every type of event stands there with an example that validates."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.domain.webhooks import STEPS, TEST, EventType
from app.models import WebhookEvent
from app.outgoing.posting import TOGETHER
from app.schemas.webhook import DATA
from app.services.webhook_deliveries import body_of

DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"
_EXAMPLE = re.compile(r"^### `([\w.]+)`\n.*?^```json\n(.+?)\n```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(_EXAMPLE.findall(DOCS.read_text()))


def test_every_type_is_documented_and_no_other() -> None:
    assert list(EXAMPLES) == [*EventType, TEST]
    assert set(DATA) == {*EventType, TEST}


@pytest.mark.parametrize("kind", [*EventType, TEST])
def test_its_example_is_what_would_be_sent(kind: str) -> None:
    said = json.loads(EXAMPLES[kind])
    data = DATA[kind].model_validate_json(json.dumps(said["data"]))
    at = datetime.fromisoformat(said["timestamp"])
    event = WebhookEvent(cycle_id="x", key="x", type=kind, at=at, data=data.model_dump(mode="json"))
    assert json.loads(body_of(event)) == said
    with pytest.raises(ValidationError):
        DATA[kind].model_validate({**said["data"], "email": "ana@example.org"})
    with pytest.raises(ValidationError):
        DATA[kind].model_validate({})


def test_the_times_that_are_documented() -> None:
    text = DOCS.read_text()
    said = "10 seconds, 1 minute, 5 minutes, 20 minutes, an hour, 3, 6 and then every 12 hours"
    assert said in text
    assert [step.total_seconds() for step in STEPS] == [
        10, 60, 300, 1200, 3600, 3 * 3600, 6 * 3600, 12 * 3600,
    ]  # fmt: skip
    assert f"Answer within {TOGETHER:.0f} seconds" in text
