"""What everybody may see."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.db import DbSession
from app.domain.errors import NotFound
from app.models import Cycle
from app.services import publishing
from app.services.actor import SYSTEM
from app.services.public import published, published_cycles
from tests.factories import NOW, Make

Count = Callable[[], AbstractContextManager[list[str]]]


def release(db: DbSession, make: Make, number: int = 1, **values: Any) -> Cycle:
    cycle = make.cycle(**values)
    start = datetime(2026, 12, number, 9)
    make.session(
        cycle,
        wall_start=start,
        meeting_url=f"https://meet.example.org/secret-{cycle.slug}",
        meeting_passcode="secret",
        check_in_word="secret",
    )
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    return cycle


def test_the_newest_release_and_not_the_draft(db: DbSession, make: Make) -> None:
    cycle = release(db, make, slug="leaders")
    make.session(cycle, number=2)
    found = published(db, "leaders")
    assert found.cycle is cycle
    assert [s.number for s in found.schedule.sessions] == [1]
    assert (found.release_number, found.published_at) == (1, NOW)
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW + timedelta(hours=1))
    found = published(db, "leaders")
    assert [s.number for s in found.schedule.sessions] == [1, 2]
    assert (found.release_number, found.published_at) == (2, NOW + timedelta(hours=1))


def test_the_revision_goes_up_with_every_release_and_change(db: DbSession, make: Make) -> None:
    cycle = release(db, make, slug="leaders")
    revisions = [published(db, "leaders").revision]
    cycle.accent = "#123456"
    db.flush()
    revisions.append(published(db, "leaders").revision)
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    revisions.append(published(db, "leaders").revision)
    assert len(set(revisions)) == 3
    assert revisions == sorted(revisions)


def test_nothing_secret_comes_out(db: DbSession, make: Make) -> None:
    release(db, make, slug="leaders")
    db.expunge_all()
    found = published(db, "leaders")
    assert "secret" not in str(asdict(found.schedule)) + found.cycle.model_dump_json()
    assert {s.meeting_url for s in found.schedule.sessions} == {""}


def test_what_was_never_published_is_not_there(db: DbSession, make: Make) -> None:
    make.session(make.cycle(slug="draft"))
    make.session(make.cycle(slug="archived-draft", status="archived"))
    for slug in ("draft", "archived-draft", "nothing", "", "a\0b", "LEADERS"):
        with pytest.raises(NotFound):
            published(db, slug)


def test_an_archived_cycle_stays_to_be_seen(db: DbSession, make: Make) -> None:
    cycle = release(db, make, slug="leaders")
    cycle.status = "archived"
    db.flush()
    assert published(db, "leaders").release_number == 1
    assert published_cycles(db) == []


def test_the_one_that_ends_last_comes_first(db: DbSession, make: Make) -> None:
    release(db, make, 2, slug="b")
    release(db, make, 9, slug="z")
    release(db, make, 2, slug="a")
    make.session(make.cycle(slug="draft"))
    assert [each.cycle.slug for each in published_cycles(db)] == ["z", "a", "b"]


def test_one_query(db: DbSession, make: Make, count_queries: Count) -> None:
    counts = []
    for number in (1, 2, 3):
        release(db, make, number, slug=f"c-{number}")
        db.expunge_all()
        with count_queries() as queries:
            assert len(published_cycles(db)) == number
            published(db, "c-1")
        counts.append(len(queries))
    assert counts == [2, 2, 2]
