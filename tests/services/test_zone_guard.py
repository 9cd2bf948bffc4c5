"""Newer zone data: the draft follows it, readers keep the hour, one act tells those concerned."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from sqlmodel import select

from app.db import DbSession
from app.domain.changes import Code
from app.domain.errors import Clash, Stale
from app.domain.schedule import SessionStatus
from app.domain.sentences import Moment
from app.domain.zones import wall_time
from app.mail.values import Sender
from app.models import Cycle, Message, Release, Session, now
from app.schemas.session import SessionChange
from app.services import invitations, publishing, zone_guard
from app.services.links import Links
from app.services.schedules import released_schedule, stored_schedule
from app.services.sessions import change_session
from app.worker.compose import compose
from app.worker.kept import Kept
from tests.factories import NOW, Make
from tests.services.mailing_world import OLGA, World, world_ahead
from tests.services.zones_world import HOUR, as_if_an_hour_earlier, moved_world

Count = Callable[[], AbstractContextManager[list[str]]]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_what_is_to_come_moves_and_its_cycle_is_marked(
    db: DbSession, make: Make, count_queries: Count
) -> None:
    cycle = make.cycle(slug="published", release_number=1)
    moved, past, cancelled, begun = (make.session(cycle, number=n) for n in (1, 2, 3, 5))
    make.session(cycle, number=4)
    draft = make.cycle(slug="draft")
    unseen = make.session(draft)
    begun.wall_start = wall_time(NOW, begun.zone) - timedelta(minutes=40)
    begun.starts_at, begun.ends_at = NOW - timedelta(minutes=40), NOW + timedelta(minutes=50)
    for row in (moved, past, cancelled, unseen, begun):
        as_if_an_hour_earlier(row)  # the last one is over by that
    past.wall_start = datetime(2025, 1, 1, 9)
    past.starts_at = at("2025-01-01T13:00")
    cancelled.status = "cancelled"
    db.flush()

    found = zone_guard.read_zones_again(db, NOW)
    assert {slug: {row.number for row in rows} for slug, rows in found.items()} == {
        "published": {moved.number, begun.number},
        "draft": {unseen.number},
    }
    assert begun.starts_at == NOW - timedelta(minutes=40)

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
    assert zone_guard.shifted(stored_schedule(db, world.cycle.id), now()) is None


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


def test_what_is_published_is_told_though_the_draft_has_another_hour(
    db: DbSession, world: World
) -> None:
    row = db.exec(select(Session)).one()
    row.wall_start += HOUR
    row.starts_at += HOUR
    row.ends_at += HOUR
    db.flush()
    told = zone_guard.shifted(stored_schedule(db, world.cycle.id), now())
    assert told is not None
    assert told.sessions[0].starts == row.starts_at - HOUR


def test_a_cycle_with_something_to_tell_is_listed_until_it_is_told(
    db: DbSession, world: World
) -> None:
    assert zone_guard.untold(db, now()) == [world.cycle.slug]
    world.cycle.status = "archived"
    db.flush()
    assert zone_guard.untold(db, now()) == []
    world.cycle.status = "published"
    zone_guard.publish_shifts(db, OLGA, world.cycle.id, now=now())
    assert zone_guard.untold(db, now()) == []


def test_once_the_zone_data_has_moved_back_there_is_nothing_to_tell(
    db: DbSession, make: Make
) -> None:
    world = world_ahead(db)
    world.publish(now())
    world.cycle.zones_moved = True  # by what came in between
    db.flush()
    assert zone_guard.untold(db, now()) == []


def test_a_session_that_takes_place_after_all_is_at_its_hour(db: DbSession, make: Make) -> None:
    row = make.session(make.cycle())
    hour = row.starts_at, row.ends_at
    row.status = "cancelled"
    as_if_an_hour_earlier(row)
    db.flush()
    zone_guard.read_zones_again(db, NOW)
    change_session(db, OLGA, row.id, SessionChange(status=SessionStatus.SCHEDULED))
    assert (row.starts_at, row.ends_at) == hour


def text_of(db: DbSession, links: Links, message: Message) -> str:
    mail = compose(db, links, Sender("convoca@example.org", "Convoca"), message, now(), Kept())
    read = message_from_bytes(mail.raw, EmailMessage, policy=default)
    plain = read.get_body(("plain",))
    assert plain is not None
    return " ".join(plain.get_content().split())


def test_who_was_invited_in_between_needs_nothing_more(db: DbSession, world: World) -> None:
    """Their invitation said the hour, and with it the instant that is right by now."""
    world.enrol(now=now())
    assert [mail[:2] for mail in world.new()] == [
        ("enrolment-confirmed", "carla"),
        ("invitation", "carla"),
    ]
    zone_guard.publish_shifts(db, OLGA, world.cycle.id, now=now())
    assert [mail[:2] for mail in world.new()] == [
        ("invitation-update", "ana"),
        ("invitation-update", "beto"),
        ("invitation-update", "hugo"),
    ]


def test_whatever_else_happens_tells_nobody_of_the_zones(db: DbSession, world: World) -> None:
    invitations.bring_up_to_date(db, OLGA, world.cycle.id, now())
    assert world.new() == []


def test_a_cancellation_names_the_hour_that_was_told(
    db: DbSession, world: World, links: Links
) -> None:
    row = db.exec(select(Session)).one()
    row.status = "cancelled"
    db.flush()
    world.publish(now())
    cancels = [m for m in world.mails() if m.kind == "invitation-cancel"]
    assert len(cancels) == 3
    hour = f"{row.wall_start:%H:%M}"
    wrong = f"{row.wall_start - HOUR:%H:%M}"
    for message in cancels:
        said = text_of(db, links, message)
        assert (hour in said, wrong in said) == (True, False)


def test_the_time_before_a_real_move_is_the_hour_that_was_told(
    db: DbSession, world: World, links: Links
) -> None:
    row = db.exec(select(Session)).one()
    hour, wrong = f"{row.wall_start:%H:%M}", f"{row.wall_start - HOUR:%H:%M}"
    row.wall_start += 3 * HOUR
    row.starts_at += 3 * HOUR
    row.ends_at += 3 * HOUR
    db.flush()
    release = world.publish(now())
    (change,) = publishing.told_release(db, release).changes
    was = change.params["was"]
    assert isinstance(was, Moment)
    assert f"{wall_time(was.starts, row.zone):%H:%M}" == hour
    updates = [m for m in world.mails() if m.kind == "invitation-update"]
    assert len(updates) == 3
    for message in updates:
        said = text_of(db, links, message)
        assert (hour in said, wrong in said) == (True, False)
