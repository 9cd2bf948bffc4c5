"""Schedules as documents: exact there and back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given

from app.domain.documents import UnreadableDocument, from_document, to_document
from app.domain.schedule import Schedule
from tests.domain.build import cycle, part, schedules, segment, session

ANY_SCHEDULE = cycle(session(1, 0, 60, segment("a", 0, 60, part("ana"))))


@given(schedules())
def test_there_and_back_through_json(schedule: Schedule) -> None:
    document = json.loads(json.dumps(to_document(schedule)))
    back = from_document(document)
    assert back == schedule
    assert to_document(back) == document
    assert [list(s.title) for s in back.sessions] == [list(s.title) for s in schedule.sessions]


def test_what_it_looks_like() -> None:
    document = to_document(ANY_SCHEDULE)
    held = document["sessions"][0]
    assert document["version"] == 1
    assert (held["starts"], held["wall_start"]) == ("2026-08-26T14:00:00Z", "2026-08-26T09:00:00")
    assert held["segments"][0]["parts"][0]["role"] == "speaker"


def test_the_second_of_two_equal_local_times_stays_the_second() -> None:
    wall = datetime(2026, 10, 25, 2, 30, fold=1)
    twice = cycle(replace(session(1, 0, 60), wall_start=wall))
    assert from_document(to_document(twice)).sessions[0].wall_start.fold == 1


def test_instants_are_kept_in_utc() -> None:
    local = datetime(2026, 8, 26, 9, 0, 0, 5, tzinfo=timezone(timedelta(hours=-5)))
    back = from_document(to_document(cycle(replace(session(1, 0, 60), starts=local)))).sessions[0]
    assert (back.starts, back.starts.tzinfo) == (local, UTC)


def test_releases_of_before_do_not_say_since_when() -> None:
    document = to_document(ANY_SCHEDULE)
    del document["sessions"][0]["time_since"]
    assert from_document(document) == ANY_SCHEDULE


def broken() -> list[Any]:
    whole = to_document(ANY_SCHEDULE)
    held = whole["sessions"][0]
    return [
        {},
        {**whole, "version": 2},
        {key: value for key, value in whole.items() if key != "slug"},
        {**whole, "sessions": None},
        {**whole, "sessions": [{**held, "starts": "soon"}]},
        {**whole, "sessions": [{**held, "status": "perhaps"}]},
        {**whole, "institutions": [{"name": "x", "role": "host", "colour": "red"}]},
    ]


@pytest.mark.parametrize("document", broken())
def test_what_is_no_document(document: dict[str, Any]) -> None:
    with pytest.raises(UnreadableDocument):
        from_document(document)
