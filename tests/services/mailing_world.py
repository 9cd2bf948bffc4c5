"""A published cycle that invites, and what its mails say, for the tests of the ledger."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from app.db import DbSession
from app.models import Cycle, Enrolment, Guest, Invitation, Message, Part, Person, Release, Session
from app.models import now as real_now
from app.schemas.enrolment import EnrolmentIn
from app.services import enrolments, invitations, publishing
from app.services.actor import AccountStanding, Actor
from app.services.invitations import Overview
from tests.factories import NOW, Make

OLGA = Actor(
    id="x",
    name="Olga Organizer",
    email="olga@example.org",
    language="es",
    standing=AccountStanding.ADMINISTRATOR,
)
LATER = NOW + timedelta(hours=1)

Told = tuple[str, str, int | None]
"""The kind of a mail, whom it goes to (without the domain), the SEQUENCE in it."""


@dataclass
class World:
    """One session: Hugo hosts it; Ana and Beto take part."""

    db: DbSession
    make: Make
    cycle: Cycle
    session: Session
    hugo: Person
    ana: Person
    beto: Person

    def publish(self, now: datetime = LATER, **values: Any) -> Release:
        return publishing.publish(
            self.db, OLGA, self.cycle.id, accept_warnings=True, now=now, **values
        )

    def retitle(self, title: str = "Another") -> None:
        """What everybody's calendar entry says is another now, in the draft."""
        self.session.title = {"en": title}
        self.db.flush()

    def move(self, days: int = 1) -> None:
        """The session is at another time, in the draft."""
        self.session.wall_start += timedelta(days=days)
        self.session.starts_at += timedelta(days=days)
        self.session.ends_at += timedelta(days=days)
        self.db.flush()

    def new(self) -> list[Told]:
        """The mails that wait, which count as sent from then on."""
        self.db.flush()
        return [(m.kind, short(m.to_address), m.context.get("sequence")) for m in self.mails()]

    def mails(self) -> list[Message]:
        """The same, as rows."""
        query = select(Message).where(Message.status == "queued")
        found = list(self.db.exec(query.execution_options(populate_existing=True)))
        for message in found:
            message.status = "sent"
        self.db.flush()
        return sorted(found, key=lambda m: (m.kind, m.to_address, m.id))

    def row(self, person: Person) -> Invitation:
        """What the ledger says of somebody."""
        query = (
            select(Invitation)
            .join(Guest, col(Guest.id) == col(Invitation.guest_id))
            .where(Guest.person_id == person.id, Invitation.session_id == self.session.id)
        )
        return self.db.exec(query.execution_options(populate_existing=True)).one()

    def ledger(self) -> list[Invitation]:
        """All that it says."""
        return list(self.db.exec(select(Invitation)))

    def enrolment(self, person: Person) -> Enrolment:
        return self.db.exec(select(Enrolment).where(Enrolment.person_id == person.id)).one()

    def part(self) -> Part:
        """Hugo's."""
        return self.db.exec(select(Part).where(Part.person_id == self.hugo.id)).one()

    def enrol(self, name: str = "carla", now: datetime = LATER) -> Enrolment:
        """Somebody enrols on the public page."""
        given = EnrolmentIn(name=name.title(), email=f"{name}@example.org", consent=True)
        return enrolments.enrol(self.db, self.cycle.slug, given, now)

    def withdraw(self, person: Person, now: datetime = LATER) -> None:
        enrolments.withdraw(self.db, self.enrolment(person), now)

    def overview(self, now: datetime = LATER) -> Overview:
        return invitations.overview(self.db, OLGA, self.cycle.id, now)

    def up_to_date(self, now: datetime = LATER, **values: Any) -> int:
        return invitations.bring_up_to_date(self.db, OLGA, self.cycle.id, now, **values)

    def stop(self) -> None:
        invitations.stop_inviting(self.db, OLGA, self.cycle.id)


def short(address: str) -> str:
    return address.removesuffix("@example.org")


def planned_world(db: DbSession) -> World:
    """Nothing is published yet."""
    make = Make(db)
    cycle = make.cycle(enrolment_open=True)
    session = make.session(cycle, minutes=30)
    hugo, ana, beto = (
        make.person(name=name.title(), email=f"{name}@example.org")
        for name in ("hugo", "ana", "beto")
    )
    make.part(make.segment(session), hugo, "host")
    for person in (ana, beto):
        make.enrolment(cycle, person, status_at=NOW)
    return World(db, make, cycle, session, hugo, ana, beto)


def world_ahead(db: DbSession, *, invited: bool = False) -> World:
    """One whose session is nine days ahead by the clock that pages go by; its people are invited
    or nothing is published yet."""
    world = planned_world(db)
    world.move((real_now() + timedelta(days=10) - world.session.starts_at).days)
    if invited:
        world.publish(real_now(), invite=True)
        world.new()
    return world


def invited_world(db: DbSession) -> World:
    """Everybody is invited, and their mails have gone."""
    world = planned_world(db)
    world.publish(NOW, invite=True)
    assert world.new() == [
        ("invitation", "ana", 0),
        ("invitation", "beto", 0),
        ("invitation", "hugo", 0),
    ]
    return world
