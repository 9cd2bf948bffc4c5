"""The sessions of a cycle as a list: how each stands, who is in it, what clashes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.domain.conflict_values import Conflict, Severity
from app.domain.schedule import state_at
from app.models import Session

_NAMED = 4


@dataclass(frozen=True, slots=True)
class Item:
    """A session in the list. `more` counts the people beyond those named."""

    session: Session
    state: str
    people: tuple[str, ...]
    more: int
    errors: int
    warnings: int


def items(sessions: Iterable[Session], conflicts: Iterable[Conflict], now: datetime) -> list[Item]:
    """In the order of time."""
    found = list(conflicts)
    return [
        _item(session, [c for c in found if session.number in _numbers(c)], now)
        for session in sorted(sessions, key=lambda s: (s.starts_at, s.number))
    ]


def _numbers(conflict: Conflict) -> set[int | None]:
    """The sessions of this cycle that a conflict is about."""
    other = conflict.other
    here = other is not None and other.cycle_id == conflict.subject.cycle_id
    return {conflict.session_number, other.session_number if other and here else None}


def _item(session: Session, conflicts: list[Conflict], now: datetime) -> Item:
    names = list(dict.fromkeys(p.person.name for g in session.segments for p in g.parts))
    state = state_at(now, session.status, session.starts_at, session.ends_at)
    if state == "over":
        conflicts = []  # nothing can be done about it any more
    errors = sum(c.severity is Severity.ERROR for c in conflicts)
    return Item(
        session=session,
        state=state,
        people=tuple(names[:_NAMED]),
        more=max(0, len(names) - _NAMED),
        errors=errors,
        warnings=len(conflicts) - errors,
    )
