"""Erasing somebody leaves alone what is other teams': any name and address can be enrolled."""

from datetime import timedelta

import pytest
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import Gone
from app.domain.permissions import Role
from app.models import Cycle, InboundMail, Person, ReportAlias, ReportImport, ReportRow, TeamMember
from app.schemas.directory import PersonChange, PersonIn
from app.schemas.enrolment import EnrolmentIn
from app.schemas.privacy import EraseIn
from app.services import accounts, data_links, enrolments, erasure, inbound, people, teams
from app.services.actor import SYSTEM, Actor
from app.services.guests import guest_of
from app.services.links import Links
from tests.factories import NOW, Make
from tests.services.attendance_world import OVER, Attended
from tests.services.reports_world import add, row, zoom

CONTACT = "training@they.example.org"
NAME = "Ana Pérez"
SAID = {"en": f"Write to {CONTACT}."}
AT = OVER + timedelta(days=1)


def organizer(db: DbSession, name: str, *cycles: Cycle) -> Actor:
    user = accounts.add_user(db, name, f"{name}@example.org")
    for cycle in cycles:
        db.add(TeamMember(cycle_id=cycle.id, user_id=user.id, role=Role.OWNER))
    db.flush()
    return accounts.actor_of_user(db, user)


class Theirs:
    """What another team has: words with their address, mails that came to it, a report in which
    somebody is called as anybody can be. `mine` is a cycle of somebody who means them ill."""

    def __init__(self, db: DbSession) -> None:
        self.db = db
        make = Make(db, 100)
        world = Attended(db)
        self.cycle = world.cycle
        self.mine = make.cycle(slug="mine", status="published")
        self.they, self.me = organizer(db, "they", self.cycle), organizer(db, "me", self.mine)
        self.cycle.description = self.cycle.privacy_notice = SAID
        report = add(db, world.sessions[0], zoom(row(NAME), row("Eva", CONTACT)))
        self.report_id = report.id
        guest = guest_of(db, self.cycle.id, make.person(email="eva@example.org").id)
        for to in (f"convoca+{guest.reply_code}@example.org", CONTACT):
            inbound.receive(
                db,
                f"From: eva@example.org\r\nTo: {to}\r\nCc: {CONTACT}\r\n\r\nHi\r\n".encode(),
                NOW,
            )
        db.flush()

    def enrolled(self, email: str = CONTACT) -> str:
        given = EnrolmentIn(name=NAME, email=email, consent=True)
        return enrolments.enrol(self.db, "mine", given, NOW).id

    def check(self, unassigned: int = 1) -> None:
        """Nothing of it is gone. `unassigned`: how many mails are still there that are in no cycle,
        which administrators see."""
        db = self.db
        cycle = db.get_one(Cycle, self.cycle.id)
        assert (cycle.description, cycle.privacy_notice) == (SAID, SAID)
        there = db.exec(select(InboundMail.cycle_id).order_by(col(InboundMail.id))).all()
        assert there == [self.cycle.id, *[None] * unassigned]
        assert [each.id for each in db.exec(select(ReportImport))] == [self.report_id]
        rows = select(ReportRow.name, ReportRow.email).order_by(col(ReportRow.number))
        assert db.exec(rows).all() == [(NAME, ""), ("Eva", CONTACT)]


@pytest.fixture
def theirs(db: DbSession) -> Theirs:
    return Theirs(db)


def test_an_owner_erases_nothing_in_cycles_of_others(db: DbSession, theirs: Theirs) -> None:
    row_id = theirs.enrolled()
    erasure.erase_enrolled(db, theirs.me, row_id, EraseIn(reason="Asked"), AT)
    theirs.check()
    assert db.exec(select(Person).where(Person.email == CONTACT)).all() == []


@pytest.mark.parametrize("steps_down", [False, True])
def test_nor_where_one_of_their_owners_is_made_one_of_theirs(
    db: DbSession, theirs: Theirs, steps_down: bool
) -> None:
    """They had joined the team, as whatever; nobody is asked about another role. Who made them one
    may be none any more, and has the links of the cycle."""
    mine = TeamMember(cycle_id=theirs.mine.id, user_id=theirs.they.id, role=Role.VIEWER)
    db.add(mine)
    db.flush()
    teams.set_role(db, theirs.me, theirs.mine.id, theirs.they.id, Role.OWNER, AT)
    row_id = theirs.enrolled()
    if steps_down:
        teams.set_role(db, theirs.me, theirs.mine.id, theirs.me.id, Role.EDITOR, AT)
        person = db.exec(select(Person).where(Person.email == CONTACT)).one()
        erasure.erase_own(db, person.id, theirs.mine.id, AT)
    else:
        erasure.erase_enrolled(db, theirs.me, row_id, EraseIn(reason="Asked"), AT)
    theirs.check()


def test_nor_does_the_link_of_one_cycle(db: DbSession, theirs: Theirs) -> None:
    """Links of those with parts are seen by the organizers too."""
    theirs.enrolled()
    person = db.exec(select(Person).where(Person.email == CONTACT)).one()
    erasure.erase_own(db, person.id, theirs.mine.id, AT)
    theirs.check()


def test_nor_does_the_end_of_the_time_for_which_details_are_kept(
    db: DbSession, theirs: Theirs
) -> None:
    theirs.enrolled()
    person = db.exec(select(Person).where(Person.email == CONTACT)).one()
    db.add(erasure.erase_in_time(db, person.id, theirs.mine.id, AT))
    theirs.check()


def test_the_link_to_everything_proves_the_address_of_now_and_none_of_before(
    db: DbSession, theirs: Theirs
) -> None:
    theirs.enrolled()
    person = db.exec(select(Person).where(Person.email == CONTACT)).one()
    db.commit()
    people.change_person(db, theirs.me, person.id, PersonChange(email="me2@example.org"), now=NOW)
    db.commit()
    theirs.mine.description = {"en": f"{CONTACT} or me2@example.org"}
    theirs.cycle.title = {"en": "Of me2@example.org"}
    db.flush()
    erasure.erase_own(db, person.id, None, AT)
    theirs.check(unassigned=0)
    assert db.get_one(Cycle, theirs.cycle.id).title == {"en": "Of —"}
    assert db.get_one(Cycle, theirs.mine.id).description == {"en": "— or —"}


def test_a_link_to_everything_ends_with_the_address_that_it_went_to(
    db: DbSession, theirs: Theirs, links: Links
) -> None:
    """Else whoever writes somebody down has a link sent to an address of their own, and then gives
    them one of somebody else."""
    person = people.create_person(db, theirs.me, PersonIn(name=NAME, email="me@example.org"))
    mail = data_links.ask_for_everything(db, person, NAME, "en", theirs.mine.id, NOW)
    assert mail is not None

    def opens(address: str) -> str:
        link_id = mail.context["data_link_id"]
        token = data_links.data_address(links, link_id, address).rpartition("/")[2]
        return data_links.person_of_data_link(db, links, token, NOW).id

    assert opens("me@example.org") == person.id
    db.commit()
    for another in (CONTACT, None):
        people.change_person(db, theirs.me, person.id, PersonChange(email=another), now=NOW)
        with pytest.raises(Gone):
            opens("me@example.org")
    people.change_person(db, theirs.me, person.id, PersonChange(email=CONTACT.upper()), now=NOW)
    assert opens(CONTACT) == person.id  # a mail that waited goes to the address of now


def test_an_administrator_erases_everywhere(db: DbSession, theirs: Theirs) -> None:
    theirs.enrolled()
    person = db.exec(select(Person).where(Person.email == CONTACT)).one()
    erasure.erase_person(db, SYSTEM, person.id, EraseIn(reason="Asked"), AT)
    assert db.get_one(Cycle, theirs.cycle.id).description == {"en": "Write to —."}
    assert db.exec(select(InboundMail)).all() == []


def test_a_team_keeps_whom_it_has_written_down(db: DbSession, theirs: Theirs) -> None:
    """Who gives the address, enrols and erases takes nobody out of another's directory."""
    person = people.create_person(db, theirs.they, PersonIn(name="Minister", email="m@example.org"))
    row_id = theirs.enrolled("m@example.org")
    erasure.erase_enrolled(db, theirs.me, row_id, EraseIn(reason="Asked"), AT)
    kept = people.get_person(db, theirs.they, person.id)
    assert (kept.name, kept.email) == ("Minister", "m@example.org")


def test_what_reports_call_somebody_goes_where_they_go(db: DbSession, theirs: Theirs) -> None:
    row_id = theirs.enrolled()
    person = db.exec(select(Person).where(Person.email == CONTACT)).one()
    Make(db, 200).enrolment(theirs.cycle, person)
    for cycle in (theirs.mine, theirs.cycle):
        db.add(ReportAlias(cycle_id=cycle.id, person_id=person.id, key="n ana p"))
    db.flush()
    erasure.erase_enrolled(db, theirs.me, row_id, EraseIn(reason="Asked"), AT)
    assert [each.cycle_id for each in db.exec(select(ReportAlias))] == [theirs.cycle.id]
