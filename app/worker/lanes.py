"""Of the mails about one matter to one address, which may go: none may overtake another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.services.outbox import CANCEL, FAR


@dataclass(frozen=True, slots=True)
class Waiting:
    """What of a message the rule looks at."""

    id: str
    lane: str
    kind: str
    status: str
    attempts: int
    message_id: str
    due_at: datetime
    leased_until: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The id of the one mail that may go now, if any, and those that nobody needs any more."""

    take: str | None = None
    superseded: tuple[str, ...] = ()


def decide(lane: Sequence[Waiting], now: datetime) -> Verdict:
    """What to do with all mails of one lane, whatever became of them, in the order of their ranks
    and, of several with one rank, of their ids.

    While one of them is on its way the others wait. Otherwise only the newest may go, and what is
    older and still waits is replaced by it: also when the newest itself has gone, has failed or is
    not due. A cancellation of what nobody was ever told is replaced by silence.
    """
    if any(m.leased_until is not None and now < m.leased_until <= now + FAR for m in lane):
        return Verdict()
    *older, newest = lane
    superseded = [m.id for m in older if m.status == "queued"]
    if newest.status != "queued":
        return Verdict(None, tuple(superseded))
    if newest.kind == CANCEL and older and not any(_was_taken(m) for m in older):
        return Verdict(None, (*superseded, newest.id))
    return Verdict(newest.id if newest.due_at <= now else None, tuple(superseded))


def _was_taken(message: Waiting) -> bool:
    """Whether a worker ever had it, so that it may be out there: then it has its Message-ID."""
    return message.attempts > 0 or "@" in message.message_id
