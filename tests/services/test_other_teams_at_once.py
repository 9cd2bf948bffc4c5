"""Whom one team changes at the moment at which another comes to count on their address."""

from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.permissions import Role
from app.models import Enrolment, Person, TeamMember, User
from app.schemas.directory import PersonChange, PersonIn
from app.schemas.enrolment import EnrolmentIn
from app.services import accounts, enrolments, merging, people
from app.services.actor import SYSTEM, Actor
from tests.factories import NOW, Make
from tests.services.at_once import in_the_midst

MAIL = "ana@example.org"
OURS = "ours@example.org"


class Teams:
    """Two of them; we have written down somebody with an address that is going to enrol with
    them."""

    def __init__(self, db: DbSession) -> None:
        make = Make(db)
        self.theirs = make.cycle().id
        self.we, self.they = self._organizer(db, "we", make), self._organizer(db, "they", make)
        ours, they = self.actor(db, self.we), PersonIn(name="Ana", email=MAIL)
        self.person_id = people.create_person(db, ours, they).id
        self.keep_id = people.create_person(db, ours, PersonIn(name="Ana", email=OURS)).id

    @staticmethod
    def _organizer(db: DbSession, name: str, make: Make) -> str:
        user = accounts.add_user(db, name, f"{name}@example.org")
        db.add(TeamMember(cycle_id=make.cycle().id, user_id=user.id, role=Role.OWNER))
        db.flush()
        return user.id

    @staticmethod
    def actor(db: DbSession, user_id: str) -> Actor:
        return accounts.actor_of_user(db, db.get_one(User, user_id))

    def change(self, db: DbSession) -> str:
        change = PersonChange(email="else@example.org")
        people.change_person(db, self.actor(db, self.we), self.person_id, change, now=NOW)
        return "done"

    def merge(self, db: DbSession) -> str:
        merging.merge_people(db, self.actor(db, self.we), self.keep_id, self.person_id, at=NOW)
        return "done"

    def enrol(self, db: DbSession) -> str:
        given = EnrolmentIn(name="Ana", email=MAIL, consent=True)
        enrolments.add_enrolment(db, SYSTEM, self.theirs, given, NOW)
        return "done"

    def write_down(self, db: DbSession) -> str:
        people.create_person(db, self.actor(db, self.they), PersonIn(name="A", email=MAIL))
        return "done"


@pytest.fixture
def teams(real_database: Database) -> Teams:
    with real_database.begin(writes=True) as db:
        return Teams(db)


def address_of(database: Database, cycle_id: str) -> str | None:
    """Where mails to the cycle's participant go."""
    with database.begin(writes=False) as db:
        theirs = select(Person.email).join(Enrolment).where(Enrolment.cycle_id == cycle_id)
        return db.exec(theirs).one()


@pytest.mark.parametrize("how", ["change", "merge"])
def test_who_enrols_meanwhile_keeps_their_address(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, teams: Teams, how: str
) -> None:
    """We were looked at, and wait for what we hold: as long as we like, in a cycle of ours."""
    place: Any = {"change": (people, "hold_cycles"), "merge": (merging, "_hold_people")}[how]
    in_the_midst(real_database, monkeypatch, place, getattr(teams, how), teams.enrol)
    assert address_of(real_database, teams.theirs) == MAIL


@pytest.mark.parametrize("how", ["change", "merge"])
def test_so_does_who_is_just_enrolling(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, teams: Teams, how: str
) -> None:
    in_the_midst(
        real_database, monkeypatch, (enrolments, "_find"), teams.enrol, getattr(teams, how)
    )
    assert address_of(real_database, teams.theirs) == MAIL


@pytest.mark.parametrize("first", ["change", "write_down"])
def test_who_is_written_down_meanwhile_has_the_address_that_was_given(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, teams: Teams, first: str
) -> None:
    second = {"change": "write_down", "write_down": "change"}[first]
    place: Any = {"change": (people, "hold_cycles"), "write_down": (people, "_see")}[first]
    deeds = getattr(teams, first), getattr(teams, second)
    in_the_midst(real_database, monkeypatch, place, *deeds)
    with real_database.begin(writes=False) as db:
        seen, _ = people.search_people(db, teams.actor(db, teams.they))
        assert [each.email for each in seen] == [MAIL]
