"""Who does something."""

from dataclasses import dataclass, field
from enum import StrEnum


class Scope(StrEnum):
    """What an API token may do."""

    READ = "read"
    WRITE = "write"
    ATTENDANCE = "attendance"


@dataclass(frozen=True, slots=True)
class Actor:
    """An organizer in a browser, a program with a token, or the system itself (`id` empty)."""

    id: str
    name: str
    email: str = ""
    language: str = ""
    scopes: frozenset[Scope] = field(default_factory=lambda: frozenset(Scope))
    token_id: str = ""  # set for programs


SYSTEM = Actor(id="", name="Convoca")
