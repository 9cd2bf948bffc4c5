"""What a brief says of a session: what was published, and numbers in which nobody stands out."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlmodel import select

from app.briefs.values import Brief, Shown
from app.db import DbSession
from app.domain.attendance import Basis, Status
from app.domain.errors import NotFound
from app.domain.schedule import PartRole
from app.models import Segment
from app.services.actor import SYSTEM
from app.services.briefs import session_brief
from app.services.publishing import publish
from tests.factories import NOW
from tests.services.attendance_world import OVER, Attended
from tests.services.test_report import asked, rated

Counting = Callable[[], AbstractContextManager[list[str]]]
BASE = "https://convoca.example.org"


@pytest.fixture
def world(db: DbSession) -> Attended:
    return Attended(db)


def brief(world: Attended, number: int = 1, language: str = "en") -> Brief:
    session = world.sessions[number - 1]
    return session_brief(world.db, SYSTEM, session.id, language, BASE, OVER)


def test_small_countries_are_others_together(world: Attended) -> None:
    countries = {"CO": 5, "BR": 3, "CL": 2, "PE": 2, "": 1}
    for country, count in countries.items():
        for n in range(count):
            world.checked_in(world.participant(f"{country}{n}", country=country), 1)
    world.participant("Elsewhere", country="UY")
    found = brief(world)
    assert (found.countries, found.others) == ((("CO", 5), ("BR", 3)), 5)
    assert (found.country_count, found.attended, found.enrolled) == (4, 13, 14)


def test_a_rest_that_would_tell_takes_one_along(world: Attended) -> None:
    for name, country in (("a", "CO"), ("b", "CO"), ("c", "CO"), ("d", "BR")):
        world.checked_in(world.participant(name, country=country), 1)
    found = brief(world)
    assert (found.countries, found.others, found.country_count) == ((), 4, 2)


def test_numbers_with_how_they_are_known(world: Attended) -> None:
    world.there(world.participant("Ana", country="CO"), 1)
    world.checked_in(world.participant("Eva", country="CO"), 1)
    world.there(world.participant("Leo", status="withdrawn"), 1, 0, 60)
    world.participant("Mia")
    world.there(world.participant("Only at the second", status="withdrawn"), 2)
    found = brief(world)
    assert (found.enrolled, found.attended, found.mean, found.unverified) == (4, 3, 82.5, 1)
    assert found.statuses == {Status.PRESENT: 3, Status.UNKNOWN: 1}
    assert found.bases == {Basis.INTERVALS: 2, Basis.CHECK_IN: 1}
    assert (found.over, found.closed, found.to_settle) == (True, False, False)
    world.report(1, status="preview")
    world.sessions[0].closed_at = OVER
    assert (brief(world).closed, brief(world).to_settle) == (True, True)


@pytest.mark.parametrize("anonymous", [True, False])
def test_the_rating_of_one_is_not_told_as_that_of_three(world: Attended, anonymous: bool) -> None:
    first, _, _ = asked(world, world.sessions[0], anonymous=anonymous)
    rated(world, [first], "5")
    assert brief(world).rating is None
    rated(world, [], "answered something else", "so did they", form_id=first.form_id)
    found = brief(world)
    assert (found.opinions, found.ratings, found.rating) == (3, 0, None)
    rated(world, [first], "4", "3")
    found = brief(world)
    assert (found.opinions, found.ratings, found.rating) == (5, 3, 4.0)


def test_it_says_what_was_published_and_what_everybody_may_open(world: Attended) -> None:
    make, session = world.make, world.sessions[0]
    opening = select(Segment).where(Segment.session_id == session.id, Segment.position == 0)
    segment = world.db.exec(opening).one()
    ana = make.person(name="Ana Pérez")
    make.part(segment, ana, "panelist", institution="Cámara")
    make.carries(world.cycle, make.institution(name="BID"))
    make.carries(world.cycle, make.institution(name="Friends"), "supporter")
    publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    session.title = {"en": "Not told yet"}
    make.material(session, title="Open", url="https://example.org/open")
    make.material(session, title="For participants", audience="participants")
    make.material(session, title="Later", visible_from=OVER + timedelta(days=1))
    found = brief(world, language="es")
    assert (found.title, found.organizers) == ("Sesión 1", ("BID",))
    assert found.materials == (Shown("Open", "https://example.org/open"),)
    speaker = found.agenda[0].people[0]
    assert (speaker.name, speaker.role, speaker.institution) == (
        "Ana Pérez",
        PartRole.PANELIST,
        "Cámara",
    )
    assert found.address == f"{BASE}/c/{world.cycle.slug}/1"


def test_of_a_draft_or_a_cancelled_session_there_is_none(world: Attended) -> None:
    draft = world.make.session(world.cycle, 5)
    world.sessions[3].status = "cancelled"
    world.db.flush()
    with pytest.raises(NotFound):
        session_brief(world.db, SYSTEM, draft.id, "en", BASE, OVER)
    publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    for session_id in (world.sessions[3].id, "nothing"):
        with pytest.raises(NotFound):
            session_brief(world.db, SYSTEM, session_id, "en", BASE, OVER)


def test_queries_do_not_grow(db: DbSession, world: Attended, count_queries: Counting) -> None:
    counted = []
    session_id = world.sessions[0].id
    for n in (1, 3):
        for each in range(n):
            world.there(world.participant(f"{n} {each}"), 1)
        db.commit()
        db.expunge_all()
        with count_queries() as queries:
            session_brief(db, SYSTEM, session_id, "en", BASE, OVER)
        counted.append(len(queries))
    assert counted == [13, 13]
