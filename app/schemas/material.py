"""Materials of sessions, in and out."""

from typing import Annotated

from pydantic import Field

from app.domain.materials import Audience, MaterialKind
from app.schemas.session import Fold
from app.schemas.types import (
    Filled200,
    Id,
    Instant,
    Link,
    Out,
    Strict,
    WallTime,
    YesNo,
    example,
)

FilledLink = Annotated[Link, Field(min_length=1)]


class MaterialIn(Strict):
    """What is said of a material. Without `visible_wall` (local time in the session's zone; where
    it exists twice, `fold` 0 is the first, 1 the second) and `after_session` it is seen at once.
    """

    title: Filled200
    kind: MaterialKind = MaterialKind.LINK
    audience: Audience = Audience.PARTICIPANTS
    segment_id: Id | None = None
    visible_wall: WallTime | None = None
    fold: Fold | None = None
    after_session: YesNo = False


class MaterialLinkIn(MaterialIn):
    """A material that is somewhere else."""

    model_config = example(
        title="What clusters need",
        kind="slides",
        url="https://slides.example.org/what-clusters-need",
        audience="public",
        visible_wall="2027-03-04T10:30",
    )

    url: FilledLink


class MaterialOut(Out):
    """A material. It is seen from `visible_from` on (null: at once); with `after_session` that is
    the session's end, as published. One that waits for a session that is cancelled is `kept_back`:
    nobody sees it. `url` is empty for a file, `file_name` for a link; `size` is in bytes."""

    id: str
    session_id: str
    segment_id: str | None
    kind: MaterialKind
    title: str
    url: str
    file_name: str
    media_type: str
    size: int
    audience: Audience
    visible_from: Instant | None
    kept_back: bool
    after_session: bool
    created_at: Instant
