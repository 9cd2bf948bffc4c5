"""Parts that were declined or not confirmed in time, and people who cannot."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.domain.changes import changes
from app.domain.conflict_parts import Unavailable
from app.domain.conflicts import Code, Conflict, Severity, conflicts
from app.domain.documents import from_document, to_document
from app.domain.schedule import Part, SessionStatus
from tests.domain.build import ZERO, at, cycle, part, segment, session

DAY = timedelta(days=1)
OURS = (Code.PART_DECLINED, Code.PART_UNCONFIRMED, Code.PERSON_UNAVAILABLE)


def found(
    *parts: Part,
    now: datetime = ZERO - DAY,
    unavailable: Unavailable | None = None,
    status: SessionStatus = SessionStatus.SCHEDULED,
) -> list[Conflict]:
    schedule = cycle(session(1, 0, 60, segment("a", 0, 60, *parts), status=status))
    seen = conflicts(schedule, holidays={}, now=now, unavailable=unavailable)
    return [each for each in seen if each.code in OURS]


def codes(*parts: Part, now: datetime = ZERO - DAY, away: Unavailable | None = None) -> list[Code]:
    return [each.code for each in found(*parts, now=now, unavailable=away)]


def has(status: str, person: str = "ana", answered: datetime | None = ZERO) -> Part:
    return replace(part(person), status=status, answered_start=answered)


def test_a_declined_part_is_a_warning_whenever() -> None:
    (one,) = found(has("declined"), now=ZERO - 100 * DAY)
    assert (one.code, one.severity) == (Code.PART_DECLINED, Severity.WARNING)
    assert (one.session_number, one.segment_id, one.person_id) == (1, "a", "ana")
    assert one.message % one.params == "Ana declined their part in “A” (speaker)."


@pytest.mark.parametrize(
    ("status", "answered", "before", "wanted"),
    [
        ("invited", None, 7 * DAY, [Code.PART_UNCONFIRMED]),
        ("invited", None, 7 * DAY + timedelta(seconds=1), []),
        ("confirmed", ZERO, DAY, []),
        ("confirmed", None, DAY, []),
        ("confirmed", at(30), DAY, [Code.PART_UNCONFIRMED]),
        ("declined", at(30), DAY, [Code.PART_UNCONFIRMED]),
        ("planned", None, DAY, []),
        ("", None, DAY, []),
    ],
)
def test_who_was_asked_confirms_a_week_before(
    status: str, answered: datetime | None, before: timedelta, wanted: list[Code]
) -> None:
    assert codes(has(status, answered=answered), now=ZERO - before) == wanted


@pytest.mark.parametrize(
    ("starts", "ends", "wanted"),
    [(-60, 0, 0), (-60, 1, 1), (30, 40, 1), (59, 90, 1), (60, 90, 0), (-600, 600, 1)],
)
def test_hours_when_somebody_cannot(starts: int, ends: int, wanted: int) -> None:
    away = {"ana": [(at(starts), at(ends))], "luis": [(at(0), at(60))]}
    seen = found(has("confirmed"), unavailable=away)
    assert [each.code for each in seen] == [Code.PERSON_UNAVAILABLE] * wanted
    for one in seen:
        assert (one.starts, one.ends) == (max(at(starts), at(0)), min(at(ends), at(60)))


def test_it_is_said_once_for_a_segment_and_not_of_who_declined() -> None:
    away = {"ana": [(at(0), at(10)), (at(20), at(30))]}
    twice = replace(has("confirmed"), id="other")
    assert codes(has("confirmed"), twice, away=away) == [Code.PERSON_UNAVAILABLE]
    assert codes(has("declined"), away=away) == [Code.PART_DECLINED]


def test_of_cancelled_and_past_sessions_nothing_is_said() -> None:
    assert found(has("declined"), status=SessionStatus.CANCELLED) == []
    assert codes(has("declined"), now=at(60)) == []


def test_where_a_part_stands_is_no_part_of_what_is_published() -> None:
    before = cycle(session(1, 0, 60, segment("a", 0, 60, has("planned"))))
    after = cycle(session(1, 0, 60, segment("a", 0, 60, has("confirmed"))))
    assert before == after
    assert changes(before, after) == ()
    assert to_document(before) == to_document(after)
    (kept,) = from_document(to_document(after)).sessions[0].segments[0].parts
    assert (kept.status, kept.answered_start) == ("", None)
