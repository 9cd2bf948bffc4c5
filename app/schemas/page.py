"""Lists."""

from typing import Generic, TypeVar

from app.schemas.types import Out

Item = TypeVar("Item")


class Page(Out, Generic[Item]):
    """A stretch of a list; `next` is what `?after=` takes for the following one."""

    items: list[Item]
    next: str | None
