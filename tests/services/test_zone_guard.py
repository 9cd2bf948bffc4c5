"""Newer zone data: the draft follows it, readers keep the hour, one act tells those concerned."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes

import pytest
from sqlmodel import select

from app.db import DbSession
from app.domain.changes import Code
from app.domain.errors import Clash, Stale
from app.domain.zones import wall_time
from app.mail.values import Sender
from app.models import Cycle, Release, Session, now
from app.services import publishing, zone_guard
from app.services.links import Links
from app.services.schedules import released_schedule, stored_schedule
from app.worker.compose import compose
from app.worker.kept import Kept
from tests.factories import NOW, Make
from tests.services.mailing_world import OLGA, World
from tests.services.zones_world import HOUR, as_if_an_hour_earlier, moved_world

Count = Callable[[], AbstractContextManager[list[str]]]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_what_is_to_come_moves_and_its_cycle_is_marked(
    db: DbSession, make: Make, count_queries: Count
) -> None:
    cycle = make.cycle(slug="published", release_number=1)
    moved, past, cancelled = (make.session(cycle, number=n) for n in (1, 2, 3))
    make.session(cycle, number=4)
    draft = make.cycle(slug="draft")
    unseen = make.session(draft)
    for row in (moved, past, cancelled, unseen):
        as_if_an_hour_earlier(row)
    past.wall_start = datetime(2025, 1, 1, 9)
    past.starts_at = at("2025-01-01T13:00")
    cancelled.status = "cancelled"
    db.flush()

    assert zone_guard.read_zones_again(db, NOW) == {"published": [moved], "draft": [unseen]}

    assert (moved.starts_at, moved.ends_at) == (at("2026-12-01T14:00"), at("2026-12-01T15:30"))
    assert (cycle.zones_moved, draft.zones_moved) == (True, False)
    with count_queries() as queries:
        assert zone_guard.read_zones_again(db, NOW) == {}
    assert len(queries) == 1
    assert "FOR " not in queries[0]


@pytest.fixture
def world(db: DbSession) -> World:
    return moved_world(db)


def test_readers_keep_the_hour_and_the_next_release_knows_the_instant(
    db: DbSession, world: World
) -> None:
    shown, stored = released_schedule(db, world.cycle.id), stored_schedule(db, world.cycle.id)
    assert shown is not None
    assert stored is not None
    (session,), (was,) = shown.sessions, stored.sessions
    assert wall_time(session.starts, session.zone) == was.wall_start == world.session.wall_start
    assert (session.starts - was.starts, session.ends - was.ends) == (HOUR, HOUR)
    assert [s.starts - session.starts for s in session.segments] == [timedelta(0)]


def test_a_mail_that_is_written_in_between_says_the_hour(
    db: DbSession, world: World, links: Links
) -> None:
    world.enrol(now=now())
    (message,) = (m for m in world.mails() if m.kind == "invitation")
    mail = compose(db, links, Sender("convoca@example.org", "Convoca"), message, now(), Kept())
    hour = f"{world.session.wall_start:%Y%m%dT%H%M%S}"
    calendar = next(
        part.get_payload(decode=True)
        for part in message_from_bytes(mail.raw).walk()
        if part.get_content_type() == "text/calendar"
    )
    lines = calendar.decode().splitlines() if isinstance(calendar, bytes) else []
    starts = [line for line in lines if line.startswith("DTSTART;TZID")]
    assert starts == [f"DTSTART;TZID=America/Bogota:{hour}"]


def test_one_act_publishes_what_has_moved_and_nothing_else(db: DbSession, world: World) -> None:
    world.retitle("Not ready")
    world.cycle.title = {"es": "Tampoco"}
    db.flush()
    before = stored_schedule(db, world.cycle.id)
    assert before is not None

    release = zone_guard.publish_shifts(db, OLGA, world.cycle.id, now=now())

    assert release.number == 2
    (change,) = publishing.told_release(db, release).changes
    assert change.code is Code.SESSION_SHIFTED
    after = stored_schedule(db, world.cycle.id)
    assert after is not None
    assert (after.title, after.sessions[0].title) == (before.title, before.sessions[0].title)
    assert after.sessions[0].starts == world.session.starts_at
    assert after.sessions[0].sequence == 1
    assert [mail[:2] for mail in world.new()] == [
        ("invitation-update", "ana"),
        ("invitation-update", "beto"),
        ("invitation-update", "hugo"),
    ]
    assert not world.cycle.zones_moved
    waiting = publishing.preview(db, OLGA, world.cycle.id, now())
    assert {c.code for c in waiting.changes} == {Code.SESSION_RETITLED, Code.CYCLE_RETITLED}


def test_a_second_time_there_is_nothing_to_tell(db: DbSession, world: World) -> None:
    zone_guard.publish_shifts(db, OLGA, world.cycle.id, now=now())
    with pytest.raises(Clash) as raised:
        zone_guard.publish_shifts(db, OLGA, world.cycle.id, now=now())
    assert raised.value.code == "nothing_shifted"
    assert len(db.exec(select(Release)).all()) == 2


def test_what_clashes_in_the_draft_keeps_nothing_back(db: DbSession, world: World) -> None:
    twin = world.make.session(
        world.cycle, 2, wall_start=world.session.wall_start, zone=world.session.zone
    )
    world.make.part(world.make.segment(twin), world.hugo)
    with pytest.raises(Clash) as raised:
        world.publish(now())
    assert raised.value.code == "schedule_errors"
    assert zone_guard.publish_shifts(db, OLGA, world.cycle.id, now=now()).number == 2


def test_whoever_publishes_everything_publishes_that_too(db: DbSession, world: World) -> None:
    world.publish(now())
    assert not world.cycle.zones_moved
    assert zone_guard.shifted(publishing.preview(db, OLGA, world.cycle.id, now()), now()) is None


def test_a_cycle_that_does_not_invite_tells_nobody_by_mail(db: DbSession) -> None:
    world = moved_world(db, invited=False)
    assert zone_guard.publish_shifts(db, OLGA, world.cycle.id, now=now()).number == 2
    assert world.new() == []


def test_what_was_not_shown_is_not_published(db: DbSession, world: World) -> None:
    shown = world.cycle.revision
    world.retitle("Later")
    with pytest.raises(Stale):
        zone_guard.publish_shifts(db, OLGA, world.cycle.id, now=now(), revision=shown)


def test_an_archived_cycle_is_left_alone(db: DbSession, world: World) -> None:
    db.get_one(Cycle, world.cycle.id).status = "archived"
    db.flush()
    with pytest.raises(Clash) as raised:
        zone_guard.publish_shifts(db, OLGA, world.cycle.id, now=now())
    assert raised.value.code == "cycle_archived"


def test_an_hour_that_somebody_has_set_since_is_not_of_the_zones(
    db: DbSession, world: World
) -> None:
    row = db.exec(select(Session)).one()
    row.wall_start += HOUR
    row.starts_at += HOUR
    row.ends_at += HOUR
    db.flush()
    assert zone_guard.shifted(publishing.preview(db, OLGA, world.cycle.id, now()), now()) is None
