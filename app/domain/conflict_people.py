"""Conflicts of people: two places at once, hours they sleep, days they do not work."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.domain.conflict_refs import (
    cycle_label,
    in_time,
    live_sessions,
    part_ref,
    segment_label,
    segment_ref,
    session_ref,
    settled_sessions,
    together,
)
from app.domain.conflict_values import Code, Conflict, Ref, RefKind
from app.domain.intervals import Timed, overlapping_pairs
from app.domain.schedule import InstitutionRole, Part, Schedule, Segment, Session
from app.domain.sentences import Moment
from app.domain.zones import zone

EARLIEST = time(7)
LATEST = time(21)

Holidays = Mapping[str, Mapping[date, str]]


@dataclass(frozen=True, slots=True)
class _Presence:
    """A person in a segment, in however many roles."""

    schedule: Schedule
    session: Session
    segment: Segment
    part: Part  # the first of theirs

    @property
    def starts(self) -> datetime:
        return self.segment.starts

    @property
    def ends(self) -> datetime:
        return self.segment.ends


def people_conflicts(
    schedule: Schedule, others: Sequence[Schedule], holidays: Holidays
) -> Iterator[Conflict]:
    """Conflicts of the people in the schedule, and of its organizers with the calendar."""
    own: dict[str, list[_Presence]] = defaultdict(list)
    for session in live_sessions(schedule):
        yield from _twice_the_same(schedule, session)
        yield from _organizers_holidays(schedule, session, holidays)
        for presence in _presences(schedule, session):
            own[presence.part.person_id].append(presence)
    foreign: dict[str, list[_Presence]] = defaultdict(list)
    for other in others:
        for session in settled_sessions(other):
            for presence in _presences(other, session):
                if presence.part.person_id in own:
                    foreign[presence.part.person_id].append(presence)
    for person_id, presences in own.items():
        for a, b in overlapping_pairs(presences, foreign[person_id]):
            yield _two_places(a, b)
        for presence in presences:
            yield from _hours(presence)
        yield from _holidays(presences, holidays)


def _presences(schedule: Schedule, session: Session) -> Iterator[_Presence]:
    for segment in in_time(session.segments):
        first = {part.person_id: part for part in reversed(segment.parts)}
        for part in first.values():
            yield _Presence(schedule, session, segment, part)


def _two_places(a: _Presence, b: _Presence) -> Conflict:
    starts, ends = together(a, b)
    if a.schedule.id != b.schedule.id:
        code = Code.PERSON_IN_TWO_CYCLES
    elif a.session.id != b.session.id:
        code = Code.PERSON_IN_TWO_SESSIONS
    else:
        code = Code.PERSON_IN_TWO_SEGMENTS
    return Conflict(
        code,
        segment_ref(a.schedule, a.session, a.segment),
        segment_ref(b.schedule, b.session, b.segment),
        a.session.number,
        a.segment.id,
        starts,
        ends,
        person_id=a.part.person_id,
        params={
            "person": a.part.name,
            "a": segment_label(a.segment),
            "a_number": a.session.number,
            "b": segment_label(b.segment),
            "b_number": b.session.number,
            "cycle": cycle_label(b.schedule),
            "when": Moment(starts, ends, a.session.zone),
        },
    )


def _twice_the_same(schedule: Schedule, session: Session) -> Iterator[Conflict]:
    for segment in session.segments:
        parts = {(p.person_id, p.role): p for p in reversed(segment.parts)}
        for key, count in Counter((p.person_id, p.role) for p in segment.parts).items():
            if count < 2:
                continue
            part = parts[key]
            yield Conflict(
                Code.DUPLICATE_PART,
                part_ref(schedule, session, segment, part),
                segment_ref(schedule, session, segment),
                session.number,
                segment.id,
                segment.starts,
                segment.ends,
                person_id=part.person_id,
                params={
                    "person": part.name,
                    "segment": segment_label(segment),
                    "role": part.role,
                },
            )


def _hours(presence: _Presence) -> Iterator[Conflict]:
    part, segment = presence.part, presence.segment
    if not part.zone or _awake(segment, part.zone):
        return
    yield Conflict(
        Code.OUTSIDE_WAKING_HOURS,
        part_ref(presence.schedule, presence.session, segment, part),
        segment_ref(presence.schedule, presence.session, segment),
        presence.session.number,
        segment.id,
        segment.starts,
        segment.ends,
        person_id=part.person_id,
        params={
            "person": part.name,
            "segment": segment_label(segment),
            "local_when": Moment(segment.starts, segment.ends, part.zone),
            "when": Moment(segment.starts, segment.ends, presence.session.zone),
        },
    )


def _awake(segment: Segment, zone_name: str) -> bool:
    """Whether the whole segment is between 07:00 and 21:00 of one local day."""
    starts = segment.starts.astimezone(zone(zone_name))
    ends = segment.ends.astimezone(zone(zone_name))
    return starts.date() == ends.date() and starts.time() >= EARLIEST and ends.time() <= LATEST


def _local_dates(when: Timed, zone_name: str) -> list[date]:
    """Every local date that a half-open interval touches: the one on which it ends at 0:00 not."""
    info = zone(zone_name)
    first = when.starts.astimezone(info).date()
    end = max(when.starts, when.ends - timedelta.resolution)
    days = (end.astimezone(info).date() - first).days
    return [first + timedelta(days=n) for n in range(days + 1)]


def _holidays(presences: Sequence[_Presence], holidays: Holidays) -> Iterator[Conflict]:
    """One for each session and holiday, at the person's first segment on that day.

    `presences` come by time within each session.
    """
    seen: set[tuple[str, date]] = set()
    for presence in presences:
        part, session = presence.part, presence.session
        names = holidays.get(part.country.upper(), {})
        for day in _local_dates(presence, part.zone or session.zone):
            if day not in names or (session.id, day) in seen:
                continue
            seen.add((session.id, day))
            yield Conflict(
                Code.HOLIDAY_OF_PERSON,
                Ref(
                    RefKind.PERSON,
                    part.person_id,
                    part.name,
                    presence.schedule.id,
                    session.number,
                    presence.segment.id,
                ),
                session_ref(presence.schedule, session),
                session.number,
                presence.segment.id,
                presence.starts,
                presence.ends,
                person_id=part.person_id,
                params={
                    "date": day,
                    "person": part.name,
                    "holiday": names[day],
                    "number": session.number,
                    "country": part.country,
                },
            )


def _organizers_holidays(
    schedule: Schedule, session: Session, holidays: Holidays
) -> Iterator[Conflict]:
    for institution in schedule.institutions:
        if institution.role is not InstitutionRole.ORGANIZER:
            continue
        names = holidays.get(institution.country.upper(), {})
        for day in _local_dates(session, session.zone):
            if day not in names:
                continue
            yield Conflict(
                Code.HOLIDAY_OF_ORGANIZER,
                Ref(
                    RefKind.INSTITUTION,
                    institution.id,
                    institution.name,
                    schedule.id,
                    session.number,
                ),
                session_ref(schedule, session),
                session.number,
                None,
                session.starts,
                session.ends,
                params={
                    "date": day,
                    "institution": institution.name,
                    "holiday": names[day],
                    "number": session.number,
                    "country": institution.country,
                },
            )
