"""How the rules about conflicts pick sessions and point at things."""

from collections.abc import Sequence
from datetime import datetime

from app.domain.conflict_values import Ref, RefKind
from app.domain.intervals import Timed
from app.domain.schedule import Part, Schedule, Segment, Session, SessionStatus
from app.domain.sentences import Moment, Words


def live_sessions(schedule: Schedule) -> list[Session]:
    """The sessions that can conflict inside their own cycle: all but the cancelled ones."""
    live = (s for s in schedule.sessions if s.status is not SessionStatus.CANCELLED)
    return sorted(live, key=lambda s: (s.starts, s.ends, s.id))


def settled_sessions(schedule: Schedule) -> list[Session]:
    """The sessions that others can conflict with: neither cancelled nor draft."""
    return [s for s in live_sessions(schedule) if s.status is not SessionStatus.DRAFT]


def in_time(segments: Sequence[Segment]) -> list[Segment]:
    """Segments by time, whatever order they were given in."""
    return sorted(segments, key=lambda s: (s.starts, s.ends, s.id))


def together(a: Timed, b: Timed) -> tuple[datetime, datetime]:
    """The time that two overlapping things have in common."""
    return max(a.starts, b.starts), min(a.ends, b.ends)


def moment(when: Timed, session: Session) -> Moment:
    """When something is, by the session's clock."""
    return Moment(when.starts, when.ends, session.zone)


def segment_label(segment: Segment) -> str:
    """A segment's title, or its kind (to be translated) where it has none."""
    return segment.title or segment.kind


def cycle_label(schedule: Schedule) -> Words:
    """The cycle's title."""
    return Words(schedule.title, schedule.language)


def session_ref(schedule: Schedule, session: Session) -> Ref:
    """Points at a session."""
    label = Words(session.title, schedule.language)
    return Ref(RefKind.SESSION, session.id, label, schedule.id, session.number)


def segment_ref(schedule: Schedule, session: Session, segment: Segment) -> Ref:
    """Points at a segment."""
    label = segment_label(segment)
    return Ref(RefKind.SEGMENT, segment.id, label, schedule.id, session.number, segment.id)


def part_ref(schedule: Schedule, session: Session, segment: Segment, part: Part) -> Ref:
    """Points at a person's part in a segment."""
    return Ref(RefKind.PART, part.id, part.name, schedule.id, session.number, segment.id)
