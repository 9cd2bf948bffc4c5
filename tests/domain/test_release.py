"""Releases: what calendars follow, over random chains of drafts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.changes import changes, release, visible
from app.domain.schedule import Schedule, Session, SessionStatus
from app.domain.sentences import fill
from tests.domain.build import ZERO, cycle, instants, schedules, session
from tests.plain import plain

SECOND = timedelta(seconds=1)
NOW = ZERO - timedelta(days=10)
LATER = NOW + timedelta(days=1)
ONE = session(1, 0, 60)

drafts = st.lists(st.tuples(schedules(), instants), min_size=1, max_size=4)


def by_id(schedule: Schedule | None) -> dict[str, Session]:
    return {} if schedule is None else {s.id: s for s in schedule.sessions}


def chain(steps: list[tuple[Schedule, datetime]]) -> list[tuple[Schedule | None, Schedule]]:
    """Each release with the one before it."""
    pairs: list[tuple[Schedule | None, Schedule]] = []
    last: Schedule | None = None
    for draft, now in steps:
        released = release(last, draft, now)
        pairs.append((last, released))
        last = released
    return pairs


def only(schedule: Schedule) -> Session:
    (held,) = schedule.sessions
    return held


def test_the_first_release() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, 999_999, tzinfo=UTC)
    held = only(release(None, cycle(ONE), now))
    stamp = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert (held.sequence, held.stamp, held.created) == (0, stamp, stamp)
    assert (held.uid, held.meeting_url) == ("uid-1", "")


def test_what_the_draft_says_of_stamps_is_not_taken() -> None:
    draft = cycle(replace(ONE, sequence=7, stamp=LATER, created=LATER))
    held = only(release(None, draft, NOW))
    assert (held.sequence, held.stamp, held.created) == (0, NOW, NOW)


def test_draft_sessions_stay_out() -> None:
    assert release(None, cycle(replace(ONE, status=SessionStatus.DRAFT)), NOW).sessions == ()


def test_what_was_cancelled_before_anybody_heard_of_it_stays_out() -> None:
    off = session(2, 100, 160, status=SessionStatus.CANCELLED)
    first = release(None, cycle(ONE, off), NOW)
    assert [s.id for s in first.sessions] == ["s1"]
    assert release(first, cycle(ONE, off), LATER) == first
    told = release(first, cycle(ONE, replace(off, status=SessionStatus.SCHEDULED)), LATER)
    again = release(told, cycle(ONE, off), LATER + SECOND)
    assert [(s.id, s.status, s.sequence) for s in again.sessions] == [
        ("s1", SessionStatus.SCHEDULED, 0),
        ("s2", SessionStatus.CANCELLED, 1),
    ]


def test_a_change_counts_up_and_the_uid_stays() -> None:
    first = release(None, cycle(ONE), NOW)
    held = only(release(first, cycle(replace(ONE, title={"en": "New"}, uid="other")), LATER))
    assert (held.sequence, held.stamp, held.created, held.uid) == (1, LATER, NOW, "uid-1")


def test_since_when_it_is_at_its_time() -> None:
    first = release(None, cycle(ONE), NOW)
    retitled = release(first, cycle(replace(ONE, title={"en": "New"})), LATER)
    moved = release(retitled, cycle(replace(ONE, ends=ONE.ends + SECOND)), LATER + SECOND)
    off = release(moved, cycle(), LATER + 2 * SECOND)
    back = release(off, cycle(replace(ONE, ends=ONE.ends + SECOND)), LATER + 3 * SECOND)
    assert [only(each).time_since for each in (first, retitled, moved, off, back)] == [
        NOW,
        NOW,
        LATER + SECOND,
        LATER + 2 * SECOND,
        LATER + 3 * SECOND,
    ]


def test_another_meeting_link_is_no_change() -> None:
    first = release(None, cycle(ONE), NOW)
    assert release(first, cycle(replace(ONE, meeting_url="https://new.example")), LATER) == first


@pytest.mark.parametrize("now", [NOW, NOW - timedelta(days=1), NOW + SECOND / 2])
def test_the_stamp_grows_even_if_the_clock_does_not(now: datetime) -> None:
    first = release(None, cycle(ONE), NOW)
    assert only(release(first, cycle(replace(ONE, number=2)), now)).stamp == NOW + SECOND


@pytest.mark.parametrize("gone", [[], [replace(ONE, status=SessionStatus.DRAFT)]])
def test_what_is_gone_stays_in_as_cancelled_for_good(gone: list[Session]) -> None:
    first = release(None, cycle(ONE), NOW)
    second = release(first, cycle(*gone), LATER)
    held = only(second)
    assert (held.status, held.sequence, held.stamp) == (SessionStatus.CANCELLED, 1, LATER)
    assert (held.title, held.starts, held.created) == (ONE.title, ONE.starts, NOW)
    assert release(second, cycle(*gone), LATER + SECOND) == second


def test_what_comes_back_is_the_same_session() -> None:
    first = release(None, cycle(ONE), NOW)
    second = release(first, cycle(), LATER)
    held = only(release(second, cycle(ONE), LATER + SECOND))
    assert (held.status, held.sequence, held.uid) == (SessionStatus.SCHEDULED, 2, "uid-1")


def test_a_number_that_was_given_anew_leads_to_the_session_that_takes_place() -> None:
    first = release(None, cycle(ONE), NOW)
    second = release(first, cycle(session(1, 100, 160, id="z")), LATER)
    assert [s.id for s in second.sessions] == ["z", "s1"]
    found = second.session(1)
    assert found is not None
    assert found.id == "z"


def test_in_the_order_of_numbers() -> None:
    draft = cycle(session(3, 0, 1), session(1, 2, 3), session(2, 4, 5))
    assert [s.number for s in release(None, draft, NOW).sessions] == [1, 2, 3]


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="another cycle"):
        release(cycle(id="c2"), cycle(), NOW)
    with pytest.raises(ValueError, match="aware"):
        release(None, cycle(), NOW.replace(tzinfo=None))


@given(drafts, instants)
def test_releasing_twice_changes_nothing(
    steps: list[tuple[Schedule, datetime]], later: datetime
) -> None:
    released = chain(steps)[-1][1]
    assert release(released, steps[-1][0], later) == released
    assert release(released, released, later) == released
    assert changes(released, released) == ()


@given(drafts)
def test_sequence_and_stamp_follow_what_can_be_seen(
    steps: list[tuple[Schedule, datetime]],
) -> None:
    for before, after in chain(steps):
        old = by_id(before)
        for key, now in by_id(after).items():
            was = old.get(key)
            assert now.stamp is not None
            assert now.stamp.microsecond == 0
            if was is None:
                assert (now.sequence, now.created) == (0, now.stamp)
                continue
            assert was.stamp is not None
            assert (now.uid, now.created) == (was.uid, was.created)
            if visible(was) == visible(now):
                assert (now.sequence, now.stamp) == (was.sequence, was.stamp)
            else:
                assert now.sequence == was.sequence + 1
                assert now.stamp > was.stamp


@given(drafts)
def test_nothing_is_forgotten_and_nothing_secret_is_kept(
    steps: list[tuple[Schedule, datetime]],
) -> None:
    for (before, after), (draft, _) in zip(chain(steps), steps, strict=True):
        in_draft = {
            s.id: s
            for s in draft.sessions
            if s.status is SessionStatus.SCHEDULED
            or (s.status is SessionStatus.CANCELLED and s.id in by_id(before))
        }
        assert set(by_id(after)) == set(by_id(before)) | set(in_draft)
        for key, held in by_id(after).items():
            kept = in_draft[key].status if key in in_draft else SessionStatus.CANCELLED
            assert (held.status, held.meeting_url) == (kept, "")


@given(drafts)
def test_there_is_something_to_tell_exactly_when_it_can_be_seen(
    steps: list[tuple[Schedule, datetime]],
) -> None:
    for before, after in chain(steps):
        old = by_id(before)
        seen = {
            key
            for key, s in by_id(after).items()
            if key not in old or visible(old[key]) != visible(s)
        }
        told = changes(before, after)
        assert {c.session_id for c in told if c.session_id} == seen
        assert [c for c in told if not fill(c.message, c.params, plain)] == []


@given(schedules(), st.data())
def test_one_field_changed_is_one_sequence_more(draft: Schedule, data: st.DataObject) -> None:
    """Random schedules share little, so take one and change a single thing."""
    first = release(None, draft, NOW)
    if not first.sessions:
        return
    target = data.draw(st.sampled_from(first.sessions))
    changed = data.draw(st.sampled_from(_variants(target)))
    edited = replace(
        first, sessions=tuple(changed if s.id == target.id else s for s in first.sessions)
    )
    second = by_id(release(first, edited, LATER))
    assert second.pop(target.id).sequence == 1
    assert list(second.values()) == [s for s in first.sessions if s.id != target.id]
    assert {c.session_id for c in changes(first, edited)} == {target.id}


def _variants(held: Session) -> list[Session]:
    cancelled = held.status is SessionStatus.CANCELLED
    flipped = SessionStatus.SCHEDULED if cancelled else SessionStatus.CANCELLED
    found = [
        replace(held, title={**held.title, "en": held.title.get("en", "") + "x"}),
        replace(held, description={**held.description, "pt": held.description.get("pt", "") + "x"}),
        replace(held, number=held.number + 1),
        replace(held, zone="America/Lima"),
        replace(held, wall_start=held.wall_start + timedelta(minutes=1)),
        replace(held, starts=held.starts - timedelta(minutes=1)),
        replace(held, ends=held.ends + timedelta(minutes=1)),
        replace(held, status=flipped),
    ]
    if held.segments:
        first, *rest = held.segments
        edits = [
            replace(first, title=first.title + "x"),
            replace(
                first,
                starts=first.starts - timedelta(minutes=1),
                ends=first.ends - timedelta(minutes=1),
            ),
            replace(first, ends=first.ends + timedelta(minutes=1)),
        ]
        if first.parts:
            someone, *others = first.parts
            edits += [
                replace(first, parts=tuple(others)),
                replace(first, parts=(replace(someone, person_id="new"), *others)),
                replace(first, parts=(replace(someone, name=someone.name + "x"), *others)),
                replace(first, parts=(replace(someone, country="ZZ"), *others)),
            ]
        found += [replace(held, segments=tuple(rest))]
        found += [replace(held, segments=(edit, *rest)) for edit in edits]
    return found
