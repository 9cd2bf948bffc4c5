"""An organizer's own words for mails, in."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.domain.errors import N_
from app.schemas.types import Line200, Lines, Strict

_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*(\s[^<>]*)?/?>|<!--")


def _plain(value: str) -> str:
    if _TAG.search(value):
        raise PydanticCustomError(
            "markup", N_("Write plain text: tags like <b> would be shown as they are.")
        )
    return value


class MailTextIn(Strict):
    """Subject and opening words; empty ones are the house's."""

    subject: Annotated[Line200, AfterValidator(_plain)] = ""
    text: Annotated[Lines, Field(max_length=4000), AfterValidator(_plain)] = ""
