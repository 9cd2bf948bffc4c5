"""Reminders, in."""

from typing import Annotated

from pydantic import Field

from app.domain.reminders import Anchor, Audience
from app.schemas.types import EXACT, Strict

MOST_MINUTES = 60 * 24 * 60
"""Sixty days."""
Distance = Annotated[int, Field(strict=True, ge=0, le=MOST_MINUTES), EXACT]


class ReminderIn(Strict):
    """So many minutes before a session's start, or after its end, to whom."""

    anchor: Anchor
    minutes: Distance
    audience: Audience
