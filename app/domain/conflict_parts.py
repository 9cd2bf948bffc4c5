"""Conflicts of parts: declined, not confirmed in time, at hours when the person cannot."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from app.domain.conflict_refs import in_time, live_sessions, part_ref, segment_label, segment_ref
from app.domain.conflict_values import Code, Conflict
from app.domain.parts import Standing, standing
from app.domain.schedule import Part, Schedule, Segment, Session, overlaps
from app.domain.sentences import Moment

CONFIRMED_BEFORE = timedelta(days=7)
"""So long before the session whoever was asked should have confirmed."""

Unavailable = Mapping[str, Sequence[tuple[datetime, datetime]]]
"""By person's id: half-open intervals (aware instants) when they cannot."""


def part_conflicts(
    schedule: Schedule, unavailable: Unavailable, now: datetime
) -> Iterator[Conflict]:
    """What speaks against the cast of a draft. Parts of which nobody says where they stand, such as
    those of a release, are passed over."""
    for session in live_sessions(schedule):
        for segment in in_time(session.segments):
            away: set[str] = set()
            for part in segment.parts:
                where = _standing(part, segment)
                if where is Standing.DECLINED:
                    yield _about(schedule, session, segment, part, Code.PART_DECLINED)
                    continue
                late = session.starts - now <= CONFIRMED_BEFORE
                if late and where in (Standing.INVITED, Standing.AGAIN):
                    yield _about(schedule, session, segment, part, Code.PART_UNCONFIRMED)
                if part.person_id not in away:
                    found = list(_away(schedule, session, segment, part, unavailable))
                    away |= {part.person_id} if found else set()
                    yield from found[:1]


def _standing(part: Part, segment: Segment) -> Standing | None:
    return standing(part.status, part.answered_start, segment.starts) if part.status else None


def _away(
    schedule: Schedule, session: Session, segment: Segment, part: Part, unavailable: Unavailable
) -> Iterator[Conflict]:
    for starts, ends in unavailable.get(part.person_id, ()):
        if overlaps(segment.starts, segment.ends, starts, ends):
            when = Moment(max(starts, segment.starts), min(ends, segment.ends), session.zone)
            yield _about(schedule, session, segment, part, Code.PERSON_UNAVAILABLE, when)


def _about(
    schedule: Schedule,
    session: Session,
    segment: Segment,
    part: Part,
    code: Code,
    when: Moment | None = None,
) -> Conflict:
    when = when or Moment(segment.starts, segment.ends, session.zone)
    return Conflict(
        code,
        part_ref(schedule, session, segment, part),
        segment_ref(schedule, session, segment),
        session.number,
        segment.id,
        when.starts,
        when.ends,
        person_id=part.person_id,
        params={
            "person": part.name,
            "segment": segment_label(segment),
            "role": part.role,
            "number": session.number,
            "when": when,
        },
    )
