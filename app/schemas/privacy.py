"""Erasing, and how long details are kept."""

from typing import Literal

from pydantic import Field

from app.schemas.types import Filled500, Strict, YesNo, example


class EraseIn(Strict):
    """Erases what is held about somebody who asked for it."""

    model_config = example(reason="Asked for it by telephone.", keep_certificates=True)

    reason: Filled500 = Field(description="Without name or address: it stays.")
    keep_certificates: YesNo = Field(
        default=False, description="Whether their name stays on certificates that hold."
    )


class RetentionIn(Strict):
    """For how long details of participants are kept after the end of a cycle."""

    model_config = example(months=12)

    months: Literal[3, 6, 12, 24] | None = Field(description="null: until told otherwise.")
