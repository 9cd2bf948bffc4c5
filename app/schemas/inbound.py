"""What the JSON API says of mail that came in."""

from datetime import datetime

from app.schemas.types import Out


class InboundOut(Out):
    """What became of a mail. `status`: placed, ignored, settled, or open where a person has to look
    at it; `reason` says why, in a word."""

    id: str
    received_at: datetime
    kind: str
    status: str
    reason: str
    cycle_id: str | None
