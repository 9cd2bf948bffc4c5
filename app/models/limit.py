"""What is counted so that nobody does something too often."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class LimitCount(SQLModel, table=True):
    """How often something was done within a window. The key is a keyed digest of what is counted
    and of whom: it holds no address, and leads to none without the server's key."""

    __tablename__ = "limit_count"

    key: str = Field(primary_key=True, max_length=43)
    ends_at: datetime = Field(index=True)
    count: int = Field(default=0)
    passed: int = Field(default=0)  # at a room's door: who checked in
