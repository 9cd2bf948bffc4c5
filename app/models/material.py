"""Slides, documents, recordings: what belongs to a session or to one segment of it."""

from datetime import datetime

from sqlmodel import Field

from app.models.base import Row


class Material(Row, table=True):
    """A link or a file. `file` is its name in the store of files; empty for a link.

    Before `visible_from` (an aware instant; None: at once) only organizers see it; with
    `after_session`, until the session is over.
    """

    __tablename__ = "material"

    session_id: str = Field(foreign_key="session.id", index=True, ondelete="CASCADE")
    segment_id: str | None = Field(
        default=None, foreign_key="segment.id", index=True, ondelete="SET NULL"
    )
    kind: str = Field(max_length=12)  # slides, document, recording, link
    title: str = Field(max_length=300)
    url: str = Field(default="", max_length=2000)
    file: str = Field(default="", max_length=80)
    file_name: str = Field(default="", max_length=200)
    media_type: str = Field(default="", max_length=100)
    size: int = Field(default=0)  # bytes
    audience: str = Field(default="participants", max_length=16)  # public, participants
    visible_from: datetime | None = Field(default=None)
    after_session: bool = Field(default=False)
    given_by: str | None = Field(
        default=None, foreign_key="guest.id", index=True, ondelete="SET NULL"
    )
    position: int = Field(default=0)
