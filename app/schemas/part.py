"""What people with parts say, and what organizers note for them."""

from typing import Annotated

from pydantic import Field

from app.domain.schedule import PartStatus
from app.schemas.types import (
    NO_LINKS,
    Filled200,
    Language,
    Line200,
    Lines,
    Strict,
    WallTime,
    Zone,
)

Comment = Annotated[Lines, Field(max_length=1000)]
Biography = Annotated[Lines, Field(max_length=2000)]


class PartAnswerIn(Strict):
    """An answer to one part."""

    confirm: bool
    comment: Comment = ""


class PartStatusIn(Strict):
    """What an organizer notes of a part by hand."""

    status: PartStatus
    comment: Comment = ""


class GuestDetailsIn(Strict):
    """What somebody with parts says of themselves."""

    name: Annotated[Filled200, NO_LINKS]
    position: Annotated[Line200, NO_LINKS] = ""
    institution: Annotated[Line200, NO_LINKS] = ""
    biography: Biography = ""
    zone: Zone
    language: Language


class UnavailableIn(Strict):
    """Hours when somebody cannot, in their zone."""

    starts: WallTime
    ends: WallTime
