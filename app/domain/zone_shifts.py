"""Sessions that newer zone data has moved: the same local time, another instant."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.schedule import Schedule, SessionStatus


@dataclass(frozen=True, slots=True)
class Shift:
    """A session to come whose local time (naive, in `zone`) stood for the instant `was` when it was
    published, and stands for `now` today. Instants are aware UTC."""

    session_id: str
    number: int
    zone: str
    wall_start: datetime
    was: datetime
    now: datetime
    ends: datetime  # of the session, today


def shifts(released: Schedule | None, draft: Schedule, now: datetime) -> tuple[Shift, ...]:
    """What of `draft` nobody has been told who reads `released`, because only the zone data has
    changed; in the order of time. What is over by the aware instant `now`, in both, is left out.

    A session whose clock time or zone somebody changed since is not among them: that is a change
    like any other.
    """
    known = {s.id: s for s in released.sessions} if released else {}
    found = []
    for session in draft.sessions:
        before = known.get(session.id)
        if before is None or session.status is not SessionStatus.SCHEDULED:
            continue
        same_clock = (
            before.zone == session.zone
            and before.wall_start == session.wall_start
            and before.wall_start.fold == session.wall_start.fold
        )
        moved = before.starts != session.starts and max(before.ends, session.ends) > now
        if same_clock and moved and before.status is SessionStatus.SCHEDULED:
            found.append(
                Shift(
                    session_id=session.id,
                    number=session.number,
                    zone=session.zone,
                    wall_start=session.wall_start,
                    was=before.starts,
                    now=session.starts,
                    ends=session.ends,
                )
            )
    return tuple(sorted(found, key=lambda s: (s.now, s.number)))
