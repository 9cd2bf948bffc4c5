"""What somebody with parts sees of them: what is published, and beside it what is planned by now.

Editing tells nobody anything; but whoever is asked to confirm must know what for, so where the plan
differs both are said.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, or_, select

from app.db import DbSession
from app.domain import schedule
from app.domain.schedule import SessionStatus
from app.models import Cycle, Guest, Part, Session
from app.services.parts import Placed, placed_in
from app.services.schedules import part_of, released_schedule, session_of, session_rows
from app.services.told import Told, in_release, told


@dataclass(frozen=True, slots=True)
class MyPart:
    """A part as it was published; as it is planned where it never was. `planned` is where it is by
    now, None where that is nowhere: it was taken away since."""

    part: schedule.Part
    segment: schedule.Segment
    planned: Placed | None
    published: bool

    def is_unanswered(self, now: datetime) -> bool:
        """Whether an answer is still wanted."""
        return self.planned is not None and self.planned.is_unanswered(now)

    @property
    def moves(self) -> bool:
        """Whether it is planned for other hours by now."""
        if self.planned is None or not self.published:
            return False
        now = self.planned.segment
        return (now.starts, now.ends) != (self.segment.starts, self.segment.ends)


@dataclass(frozen=True, slots=True)
class MySession:
    """A session in which they have parts, as `told`. `shown` is it with its agenda, `planned` the
    same as the draft has it."""

    told: Told
    shown: schedule.Session
    planned: schedule.Session
    parts: tuple[MyPart, ...]

    @property
    def is_off(self) -> bool:
        """Whether it will not take place, as far as anybody has been told."""
        return self.shown.status is SessionStatus.CANCELLED

    @property
    def is_open(self) -> bool:
        """Whether its parts can be answered: it takes place, as published or as planned. What is
        to be cancelled is not said before it is published."""
        return not (self.is_off and self.planned.status is SessionStatus.CANCELLED)

    @property
    def moves(self) -> bool:
        """Whether it is planned for another time by now, or is to take place after all."""
        if not self.told.released or self.planned.status is not SessionStatus.SCHEDULED:
            return False
        times = (self.shown.starts, self.shown.ends) != (self.planned.starts, self.planned.ends)
        return times or self.is_off

    def waiting(self, now: datetime) -> int:
        """How many of its parts wait for an answer."""
        return sum(part.is_unanswered(now) for part in self.parts) if self.is_open else 0


def my_sessions(db: DbSession, guest: Guest, cycle: Cycle) -> list[MySession]:
    """The sessions in which they have parts, in the draft or in the newest release, by time; of
    what was never released those that are cancelled are left out. Four queries, three before the
    first release."""
    release = released_schedule(db, cycle.id) if cycle.release_number else None
    published = {s.id: s for s in release.sessions if _has_part(s, guest)} if release else {}
    theirs = select(Part.session_id).where(Part.person_id == guest.person_id)
    rows = session_rows(
        db,
        Session.cycle_id == cycle.id,
        or_(col(Session.id).in_(theirs), col(Session.id).in_(published)),
    )
    found = [_session(row, in_release(release, row.id), guest) for row in rows]
    wanted = [s for s in found if s.told.released or not s.is_off]
    return sorted(wanted, key=lambda each: (each.parts[0].segment.starts, each.told.number))


def _session(row: Session, released: schedule.Session | None, guest: Guest) -> MySession:
    planned = session_of(row)
    placed = {p.part.id: p for p in placed_in(row) if p.part.person_id == guest.person_id}
    parts = []
    for segment in (released or planned).segments:
        for part in segment.parts:
            if part.person_id == guest.person_id:
                parts.append(MyPart(part, segment, placed.pop(part.id, None), released is not None))
    for new in placed.values():
        parts.append(MyPart(part_of(new.part), new.segment, new, published=False))
    parts.sort(key=lambda each: (each.segment.starts, each.segment.ends, each.part.id))
    return MySession(told(row, released), released or planned, planned, tuple(parts))


def _has_part(session: schedule.Session, guest: Guest) -> bool:
    parts = (part for segment in session.segments for part in segment.parts)
    return any(part.person_id == guest.person_id for part in parts)
