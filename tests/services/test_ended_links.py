"""Ending somebody's links while they are being ended elsewhere."""

from typing import Any

import pytest
from sqlmodel import func, select

from app.db import Database, DbSession
from app.models import Enrolment, Guest, Message
from app.services import ended_links, guests, merging, outbox
from app.services.actor import SYSTEM
from app.services.ended_links import end_personal_links
from app.services.enrolment_lists import enrolment_of_link
from app.services.links import Links, Purpose
from tests.factories import NOW, Make
from tests.services.at_once import in_the_midst


class Somebody:
    """Takes part and has a part."""

    def __init__(self, db: DbSession, links: Links) -> None:
        make, self.links = Make(db), links
        cycle, person = make.cycle(), make.person()
        self.cycle_id, self.person_id = cycle.id, person.id
        self.enrolment_id = make.enrolment(cycle, person=person).id
        self.guest_id = guests.guest_of(db, cycle.id, person.id).id

    def ends(self, db: DbSession) -> bool:
        token = self.links.token(Purpose.MY, self.enrolment_id, 1)
        return end_personal_links(db, enrolment_of_link(db, self.links, token), NOW)

    def ends_as_speaker(self, db: DbSession) -> bool:
        token = self.links.token(Purpose.PART, self.guest_id, 1)
        return end_personal_links(db, guests.guest_of_link(db, self.links, token), NOW)

    def renewed_twice(self, db: DbSession) -> str:
        for generation in (1, 2):
            guests.renew_links(db, SYSTEM, self.cycle_id, self.person_id, generation)
        return "renewed"

    def merged(self, db: DbSession) -> str:
        keep = Make(db).person(email="keep@example.org")
        merging.merge_people(db, SYSTEM, keep.id, self.person_id, at=NOW)
        return "merged"

    def generations(self, db: DbSession) -> list[int]:
        enrolment = db.get_one(Enrolment, self.enrolment_id)
        guest = db.get_one(Guest, self.guest_id)
        return [each for row in (enrolment, guest) for each in _both(row)]


def _both(row: Enrolment | Guest) -> tuple[int, int]:
    return row.link_generation, row.feed_generation


@pytest.fixture
def somebody(real_database: Database, links: Links) -> Somebody:
    with real_database.begin(writes=True) as db:
        return Somebody(db, links)


@pytest.mark.parametrize("by", ["ends", "ends_as_speaker"])
@pytest.mark.parametrize("place", [(outbox, "enqueue"), (ended_links, "_held")])
def test_twice_is_once(
    real_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    somebody: Somebody,
    by: str,
    place: tuple[Any, str],
) -> None:
    """Whether the other one has begun to end them, or has only been let in by the link."""
    ends = getattr(somebody, by)
    assert in_the_midst(real_database, monkeypatch, place, ends, ends) == ["True", "gone"]
    with real_database.begin(writes=False) as db:
        assert somebody.generations(db) == [2, 2, 2, 2]
        assert db.exec(select(func.count()).select_from(Message)).one() == 1


def test_an_ended_link_stays_ended(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, somebody: Somebody
) -> None:
    """Organizers renew it twice while whoever has it is ending it."""
    place = (ended_links, "_held")
    deeds = (somebody.ends_as_speaker, somebody.renewed_twice)
    done = in_the_midst(real_database, monkeypatch, place, *deeds)
    on_postgresql = real_database.engine.dialect.name == "postgresql"
    assert done == (["gone", "renewed"] if on_postgresql else ["True", "renewed"])
    with real_database.begin(writes=False) as db:
        assert somebody.generations(db)[2:] == [3, 3]


@pytest.mark.parametrize("by", ["ends", "ends_as_speaker"])
def test_who_becomes_somebody_else_meanwhile_is_not_told_that_it_has_ended(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, somebody: Somebody, by: str
) -> None:
    """By the person of before nothing is found any more."""
    place = (ended_links, "_held")
    deeds = (getattr(somebody, by), somebody.merged)
    done = in_the_midst(real_database, monkeypatch, place, *deeds)
    on_postgresql = real_database.engine.dialect.name == "postgresql"
    assert done == (["merged", "stale"] if on_postgresql else ["True", "merged"])
    with real_database.begin(writes=False) as db:
        assert somebody.generations(db) == ([1, 1, 1, 1] if on_postgresql else [2, 2, 2, 2])
