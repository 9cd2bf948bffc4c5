"""Guests: one for each person of a cycle whose calendar is kept."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Barrier

import pytest
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.errors import Gone, NotFound
from app.models import Guest
from app.services.guests import ensure_guests, guest_of, guest_of_link
from app.services.links import Links, Purpose
from tests.factories import Make


def people_of(db: DbSession, cycle_id: str) -> list[str]:
    return sorted(db.exec(select(Guest.person_id).where(col(Guest.cycle_id) == cycle_id)).all())


def test_somebody_is_one_guest_of_a_cycle_however_often_asked(db: DbSession, make: Make) -> None:
    cycle, other, person = make.cycle(), make.cycle(), make.person(name="Ana Ruiz")
    first = guest_of(db, cycle.id, person.id)
    again = guest_of(db, cycle.id, person.id)
    elsewhere = guest_of(db, other.id, person.id)
    assert (again.id, again.person.name, again.unavailable) == (first.id, "Ana Ruiz", [])
    assert elsewhere.id != first.id
    assert elsewhere.reply_code != first.reply_code


def test_two_at_once_make_one_guest(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        make = Make(db)
        cycle_id, person_id = make.cycle().id, make.person().id
    together = Barrier(2)

    def one() -> str:
        together.wait()
        with real_database.begin(writes=True) as db:
            return guest_of(db, cycle_id, person_id).id

    with ThreadPoolExecutor(2) as pool:
        found = [job.result() for job in [pool.submit(one) for _ in range(2)]]
    assert found[0] == found[1]


def test_a_link_opens_one_guest_until_it_is_renewed(
    db: DbSession, make: Make, links: Links
) -> None:
    cycle, person = make.cycle(), make.person()
    guest = guest_of(db, cycle.id, person.id)
    token = links.token(Purpose.PART, guest.id, guest.link_generation)
    assert guest_of_link(db, links, token).id == guest.id
    for wrong in (token + "x", links.token(Purpose.MY, guest.id, 1), "x", ""):
        with pytest.raises(NotFound):
            guest_of_link(db, links, wrong)
    guest.link_generation += 1
    for contact, said in (("", "for it."), ("help@example.org", "for it: help@example.org.")):
        cycle.contact_email = contact
        db.flush()
        with pytest.raises(Gone) as error:
            guest_of_link(db, links, token)
        whom = f"This link was replaced by a newer one. Ask the organizers {said}"
        assert str(error.value) == whom


@pytest.mark.parametrize("number", [1, 3])
def test_everybody_whose_calendar_is_kept_becomes_a_guest_in_two_statements(
    db: DbSession,
    make: Make,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
    number: int,
) -> None:
    cycle, other = make.cycle(), make.cycle()
    segment = make.segment(make.session(cycle))
    wanted = [make.enrolment(cycle).person_id for _ in range(number)]
    for status in ("pending", "waitlisted", "withdrawn"):
        make.enrolment(cycle, status=status)
    make.enrolment(other)
    speaker = make.person()
    make.part(segment, speaker)
    make.part(segment, speaker, role="moderator")
    with count_queries() as queries:
        ensure_guests(db, cycle.id)
    assert people_of(db, cycle.id) == sorted([*wanted, speaker.id])
    assert len(queries) == 2
    with count_queries() as queries:
        ensure_guests(db, cycle.id)
    assert len(queries) == 1
    assert people_of(db, other.id) == []


def test_guests_there_are_stay_as_they_are(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    enrolment = make.enrolment(cycle)
    before = guest_of(db, cycle.id, enrolment.person_id)
    before.link_generation = 4
    db.flush()
    make.enrolment(cycle)
    ensure_guests(db, cycle.id)
    after = guest_of(db, cycle.id, enrolment.person_id)
    assert (after.id, after.link_generation) == (before.id, 4)
    assert len(people_of(db, cycle.id)) == 2
