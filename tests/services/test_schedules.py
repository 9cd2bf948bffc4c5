"""From tables to schedules."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest

from app.db import DbSession
from app.domain import schedule
from app.domain.errors import NotFound
from app.models import Cycle, Session
from app.services import publishing, schedules
from app.services.actor import SYSTEM
from tests.factories import NOW, Make

Count = Callable[[], AbstractContextManager[list[str]]]


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 12, 1, hour, minute, tzinfo=UTC)


def test_a_draft_is_everything_there_is(db: DbSession, make: Make) -> None:
    cycle = make.cycle(
        slug="leaders", accent="#0b6e99", description={"es": "Qué es"}, zone="America/Bogota"
    )
    house = make.institution(name="Colombia Productiva", acronym="CP", country="CO")
    make.carries(cycle, house)
    session = make.session(
        cycle, status="draft", meeting_url="https://meet.example.org/a", minutes=60
    )
    first = make.segment(session, 0, kind="opening", title="Opening", minutes=10)
    second = make.segment(session, 1, kind="panel", title="Panel", minutes=20)
    third = make.segment(session, 2, kind="break", title="", minutes=5, offset=55)
    ana = make.person(name="Ana", country="EC", zone="America/Guayaquil", position="Now")
    part = make.part(first, ana, "host", position="Then", institution="There", order=1)
    early = make.part(first, make.person(name="Luz"), "speaker", order=0)
    db.expunge_all()
    assert schedules.draft_schedule(db, cycle.id) == schedule.Schedule(
        id=cycle.id,
        slug="leaders",
        title=cycle.title,
        language="es",
        zone="America/Bogota",
        description={"es": "Qué es"},
        accent="#0b6e99",
        institutions=(
            schedule.CycleInstitution(
                house.id, "Colombia Productiva", schedule.InstitutionRole.ORGANIZER, "CP", "CO"
            ),
        ),
        sessions=(
            schedule.Session(
                id=session.id,
                uid=session.uid,
                number=1,
                title=session.title,
                zone="America/Bogota",
                wall_start=datetime(2026, 12, 1, 9),
                starts=at(14),
                ends=at(15),
                status=schedule.SessionStatus.DRAFT,
                meeting_url="https://meet.example.org/a",
                segments=(
                    schedule.Segment(
                        first.id,
                        schedule.SegmentKind.OPENING,
                        "Opening",
                        at(14),
                        at(14, 10),
                        (
                            schedule.Part(
                                early.id, early.person_id, "Luz", schedule.PartRole.SPEAKER
                            ),
                            schedule.Part(
                                part.id,
                                ana.id,
                                "Ana",
                                schedule.PartRole.HOST,
                                "Then",
                                "There",
                                "EC",
                                "America/Guayaquil",
                            ),
                        ),
                    ),
                    schedule.Segment(
                        second.id, schedule.SegmentKind.PANEL, "Panel", at(14, 10), at(14, 30)
                    ),
                    schedule.Segment(third.id, schedule.SegmentKind.BREAK, "", at(14, 55), at(15)),
                ),
            ),
        ),
    )


def test_the_second_of_two_times_says_so(db: DbSession, make: Make) -> None:
    cycle = make.cycle(zone="America/Santiago")
    make.session(cycle, wall_start=datetime(2026, 4, 4, 23, 30), fold=1)
    (session,) = schedules.draft_schedule(db, cycle.id).sessions
    assert session.wall_start.fold == 1


@pytest.mark.parametrize("cycle_id", ["nothing", "a\0b"])
def test_no_such_cycle(db: DbSession, cycle_id: str) -> None:
    with pytest.raises(NotFound):
        schedules.draft_schedule(db, cycle_id)
    with pytest.raises(NotFound):
        schedules.other_schedules(db, cycle_id)


def test_the_newest_release(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    row = make.session(cycle)
    assert schedules.released_schedule(db, cycle.id) is None
    for title in ("One", "Two"):
        row.title = {"en": title}
        publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    row.title = {"en": "Three"}
    released = schedules.released_schedule(db, cycle.id)
    assert released is not None
    assert [s.title for s in released.sessions] == [{"en": "Two"}]


def others(db: DbSession, cycle: Cycle) -> list[tuple[str, list[int]]]:
    db.expunge_all()
    return [
        (s.slug, [each.number for each in s.sessions])
        for s in schedules.other_schedules(db, cycle.id)
    ]


def test_other_cycles_of_the_same_people(db: DbSession, make: Make) -> None:
    ana = make.person()
    mine = make.cycle(slug="mine")
    make.part(make.segment(make.session(mine)), ana)
    for slug, status in (("one", "draft"), ("two", "published"), ("old", "archived")):
        cycle = make.cycle(slug=slug, status=status)
        make.part(make.segment(make.session(cycle, number=1)), ana)
        make.session(cycle, number=2)
        far = make.session(cycle, number=3, wall_start=datetime(2027, 5, 1, 9))
        make.part(make.segment(far), ana)
    make.part(make.segment(make.session(make.cycle(slug="strangers"))), make.person())
    assert others(db, mine) == [("one", [1, 2]), ("two", [1, 2])]


def test_other_cycles_in_the_same_room(db: DbSession, make: Make) -> None:
    mine = make.cycle(slug="mine")
    make.session(mine, meeting_url="https://meet.example.org/a")
    make.session(mine, number=2)
    for slug, link in (
        ("same", "https://meet.example.org/a"),
        ("spelt", "http://MEET.example.org:80/a/"),
        ("other", "https://meet.example.org/b"),
        ("none", ""),
    ):
        make.session(make.cycle(slug=slug), meeting_url=link)
    assert others(db, mine) == [("same", [1]), ("spelt", [1])]


def test_nothing_to_share(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    assert others(db, cycle) == []
    make.session(cycle)
    make.session(make.cycle())
    assert others(db, cycle) == []


def grow(make: Make, cycle: Cycle, number: int) -> Session:
    session = make.session(cycle, number=number, meeting_url="https://meet.example.org/a")
    make.carries(cycle, make.institution())
    for place in range(number):
        make.part(make.segment(session, place), make.person())
    return session


def test_queries_do_not_grow(db: DbSession, make: Make, count_queries: Count) -> None:
    cycle, other = make.cycle(), make.cycle()
    ana = make.person()
    counts = []
    for number in (1, 2, 3):
        make.part(make.segment(grow(make, cycle, number), 9), ana)
        make.part(make.segment(grow(make, other, number), 9), ana)
        db.expunge_all()
        with count_queries() as queries:
            draft = schedules.draft_schedule(db, cycle.id)
        counts.append(len(queries))
        db.expunge_all()
        with count_queries() as queries:
            (found,) = schedules.other_schedules(db, cycle.id, draft)
        assert len(found.sessions) == number
        counts.append(len(queries))
    assert counts == [5, 7] * 3


def test_a_draft_is_read_anew(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = make.session(cycle)
    make.segment(session, 0)
    before = schedules.draft_schedule(db, cycle.id)
    make.segment(session, 1)
    session.ends_at += timedelta(hours=1)
    after = schedules.draft_schedule(db, cycle.id)
    assert [len(s.segments) for s in (*before.sessions, *after.sessions)] == [1, 2]
