"""What somebody in the room types."""

from app.schemas.types import Email, Line40, Strict


class RoomCheckInIn(Strict):
    """The address that one enrolled with, and the word on the screen where there is one."""

    email: Email
    word: Line40 = ""
