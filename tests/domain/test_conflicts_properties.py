"""Conflicts over random schedules, held against their definition."""

from dataclasses import replace
from datetime import date, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.domain.conflicts import ERRORS, Code, conflicts
from app.domain.schedule import (
    PartRole,
    Schedule,
    Session,
    SessionStatus,
    overlaps,
)
from app.domain.sentences import fill
from tests.domain.build import at, schedules
from tests.plain import plain

BEFORE = at(-121)  # nothing of a random schedule is over, but its links are needed soon
HOLIDAYS = {"CO": {date(2026, 8, 26): "x"}, "CL": {date(2026, 8, 27): "y"}}
DOUBLE = {
    Code.PERSON_IN_TWO_SEGMENTS,
    Code.PERSON_IN_TWO_SESSIONS,
    Code.PERSON_IN_TWO_CYCLES,
}


def live(schedule: Schedule, *without: SessionStatus) -> list[Session]:
    return [s for s in schedule.sessions if s.status not in (SessionStatus.CANCELLED, *without)]


def places(sessions: list[Session]) -> list[tuple[str, str, datetime, datetime]]:
    return [
        (person, segment.id, segment.starts, segment.ends)
        for session in sessions
        for segment in session.segments
        for person in {part.person_id for part in segment.parts}
    ]


@given(schedules(), schedules("c2"))
def test_a_person_is_found_in_two_places_exactly_when_they_overlap(
    mine: Schedule, other: Schedule
) -> None:
    own, foreign = places(live(mine)), places(live(other, SessionStatus.DRAFT))
    expected = sorted(
        (person_a, *sorted((a, b)))
        for i, (person_a, a, a_starts, a_ends) in enumerate(own)
        for person_b, b, b_starts, b_ends in own[i + 1 :] + foreign
        if person_a == person_b and overlaps(a_starts, a_ends, b_starts, b_ends)
    )
    found = conflicts(mine, [other], holidays={}, now=BEFORE)
    pairs = sorted(
        (c.person_id, *sorted((c.subject.id, c.other.id)))
        for c in found
        if c.code in DOUBLE and c.other
    )
    assert pairs == expected


@given(schedules())
def test_two_sessions_at_once_exactly_when_they_overlap(mine: Schedule) -> None:
    sessions = live(mine)
    expected = sorted(
        sorted((a.id, b.id))
        for i, a in enumerate(sessions)
        for b in sessions[i + 1 :]
        if overlaps(a.starts, a.ends, b.starts, b.ends)
    )
    found = conflicts(mine, holidays={}, now=BEFORE)
    pairs = sorted(
        sorted((c.subject.id, c.other.id))
        for c in found
        if c.code is Code.SESSIONS_OVERLAP and c.other
    )
    assert pairs == expected


@given(schedules(), st.lists(st.sampled_from(["c2", "c3"]), unique=True), st.data())
def test_the_order_of_what_is_given_makes_no_difference(
    mine: Schedule, ids: list[str], data: st.DataObject
) -> None:
    others = [data.draw(schedules(each)) for each in ids]

    def shuffled(schedule: Schedule) -> Schedule:
        sessions = tuple(
            replace(s, segments=tuple(data.draw(st.permutations(s.segments))))
            for s in data.draw(st.permutations(schedule.sessions))
        )
        return replace(schedule, sessions=sessions)

    turned = conflicts(
        shuffled(mine),
        [shuffled(each) for each in data.draw(st.permutations(others))],
        holidays=HOLIDAYS,
        now=BEFORE,
    )
    assert turned == conflicts(mine, others, holidays=HOLIDAYS, now=BEFORE)


@given(schedules(), schedules("c2"))
def test_sorted_by_time_then_severity_and_every_sentence_can_be_said(
    mine: Schedule, other: Schedule
) -> None:
    found = conflicts(mine, [other], holidays=HOLIDAYS, now=BEFORE)
    keys = [(c.starts, c.code not in ERRORS) for c in found]
    assert keys == sorted(keys)
    assert [c for c in found if not fill(c.message, c.params, plain)] == []
    numbers = {s.number for s in live(mine)}
    assert {c.session_number for c in found} <= numbers
    assert {c.subject.cycle_id for c in found} <= {mine.id}


@given(schedules(), schedules("c2"))
def test_what_is_cancelled_is_as_good_as_not_there(mine: Schedule, other: Schedule) -> None:
    without = replace(mine, sessions=tuple(live(mine)))
    others = [replace(other, sessions=tuple(live(other, SessionStatus.DRAFT)))]
    assert conflicts(without, others, holidays=HOLIDAYS, now=BEFORE) == conflicts(
        mine, [other], holidays=HOLIDAYS, now=BEFORE
    )


@given(schedules(), schedules("c2"))
def test_other_cycles_only_add_what_is_between_the_cycles(mine: Schedule, other: Schedule) -> None:
    alone = conflicts(mine, holidays=HOLIDAYS, now=BEFORE)
    both = conflicts(mine, [other], holidays=HOLIDAYS, now=BEFORE)
    between = {Code.PERSON_IN_TWO_CYCLES, Code.MEETING_LINK_SHARED_WITH_CYCLE}
    assert tuple(c for c in both if c.code not in between) == alone


@given(schedules())
def test_a_host_or_a_word_about_it(mine: Schedule) -> None:
    missing = {
        s.id
        for s in live(mine)
        if PartRole.HOST not in {p.role for segment in s.segments for p in segment.parts}
    }
    found = conflicts(mine, holidays={}, now=BEFORE)
    assert {c.subject.id for c in found if c.code is Code.SESSION_WITHOUT_HOST} == missing


@given(schedules(), schedules("c2"), st.integers(-120, 900))
def test_exactly_what_is_over_is_left_out(mine: Schedule, other: Schedule, minutes: int) -> None:
    now = at(minutes)
    before = conflicts(mine, [other], holidays=HOLIDAYS, now=BEFORE)
    expected = tuple(c for c in before if c.ends > now)
    assert conflicts(mine, [other], holidays=HOLIDAYS, now=now) == expected
