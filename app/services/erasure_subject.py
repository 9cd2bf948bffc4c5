"""Whose data goes, and what stands for them afterwards."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.erased import NAMELESS, Scope
from app.domain.matching import name_key
from app.domain.schedule import SessionStatus
from app.models import (
    Certificate,
    Enrolment,
    Guest,
    Invitation,
    Part,
    Person,
    Session,
)
from app.services import audit
from app.services.access import cycles_of_nobody, cycles_of_people, kin_of, seen_by_others
from app.services.merging_guests import cycles_that_name
from app.services.rows import hold
from app.services.schedules import hold_cycles


@dataclass(slots=True)
class Subject:
    """Somebody, with all that is held of them in `cycles` loaded and held. `whole`: nothing of them
    is to be left anywhere, the person goes too. `addresses` are those that they are known by, as
    they are kept and as they are compared; `names` as names are compared.

    `near`: the cycles in which their addresses are looked for wherever they may stand; None: in
    every one. What stands elsewhere is other teams' words, mails and reports, and any address can
    be enrolled: there go only those that are `proven`, whose mails they read.

    What counts goes on without them under the `stand_ins`, a person without name or address for
    each cycle, so that what was theirs in two cycles is not known to be one's. `files`: what is to
    be taken off the disk once it is committed (`Erasure.files`).
    """

    person: Person
    scope: Scope
    cycles: frozenset[str]
    whole: bool
    now: datetime
    keep_certificates: bool = False
    near: frozenset[str] | None = None
    enrolments: list[Enrolment] = field(default_factory=list)
    guests: list[Guest] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)
    addresses: frozenset[str] = frozenset()
    proven: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    stand_ins: dict[str, Person] = field(default_factory=dict)
    stood_for: frozenset[str] = frozenset()  # ids of initiatives
    files: set[str] = field(default_factory=set)

    @property
    def enrolment_ids(self) -> list[str]:
        """The ids of their enrolments here."""
        return [each.id for each in self.enrolments]

    @property
    def guest_ids(self) -> list[str]:
        """The ids of the guests that they are here."""
        return [each.id for each in self.guests]

    @property
    def ids(self) -> list[str]:
        """All ids that lead to them here, and to nobody else."""
        theirs = [*self.enrolment_ids, *self.guest_ids, *self.certificates]
        return [*theirs, self.person.id] if self.whole else theirs

    @property
    def by_time(self) -> bool:
        """Whether it is the end of the time for which details are kept: who has a part stays on the
        programme then."""
        return self.scope is Scope.RETENTION

    def addresses_in(self, cycle_id: str) -> frozenset[str]:
        """The addresses that go, wherever they stand in a cycle."""
        near = self.near is None or cycle_id in self.near
        return self.addresses if near else self.proven

    def stand_in(self, db: DbSession, cycle_id: str) -> Person:
        """Who stands for them in a cycle."""
        found = self.stand_ins.get(cycle_id)
        if found is None:
            found = Person(name=NAMELESS, erased_at=self.now, created_at=self.now)
            db.add(found)
            db.flush()
            self.stand_ins[cycle_id] = found
        return found


def subject_of(
    db: DbSession,
    person_id: str,
    cycle_id: str | None,
    scope: Scope,
    now: datetime,
    *,
    keep_certificates: bool = False,
    by_administrator: bool = False,
) -> Subject:
    """Somebody in one cycle, or everywhere (None), with everything held in the order of
    `services.schedules`. Raises NotFound."""
    hold_cycles(db, [person_id], cycles_that_name(db, person_id))
    person = hold(db, Person, person_id, for_deletion=True)
    # Once more for whatever they came into before they were held; from here on nothing is added.
    hold_cycles(db, [person_id], cycles_that_name(db, person_id))
    known_in = _cycles_of(db, person_id)
    cycles = known_in if cycle_id is None else frozenset({cycle_id})
    whole = cycle_id is None or not (
        known_in - cycles
        or _stays_on_programme(db, person_id, scope)
        or seen_by_others(db, [person_id], cycles)
    )
    near = None if by_administrator else _near(db, cycles, cycle_id, whole=whole)
    found = Subject(person, scope, cycles, whole, now, keep_certificates, near)
    found.enrolments = _held(db, Enrolment, person_id, cycles)
    found.stood_for = frozenset(e.initiative_id for e in found.enrolments if e.initiative_id)
    found.guests = _held(db, Guest, person_id, cycles)
    rows = select(Invitation.id, Invitation.address).where(
        col(Invitation.guest_id).in_(found.guest_ids)
    )
    written_to = [
        address
        for _, address in db.exec(rows.order_by(col(Invitation.id)).with_for_update())
        if address
    ]
    mine = col(Certificate.enrolment_id).in_(found.enrolment_ids)
    found.certificates = list(db.exec(select(Certificate.id).where(mine)))
    aliases = [each for guest in found.guests for each in guest.aliases]
    names_before, addresses_before = _known_before(db, person_id)
    now_known_by = (person.email, person.email_key, *written_to, *aliases, *addresses_before)
    addresses = {each for each in now_known_by if each}
    found.addresses = frozenset(addresses | {address_key(each) for each in addresses})
    if cycle_id is None:  # the link to everything went to the address of now
        found.proven = frozenset(filter(None, (person.email, person.email_key)))
    called = (person.name, *names_before, *(each.name for each in found.enrolments))
    found.names = frozenset(filter(None, (name_key(each) for each in called)))
    return found


def _known_before(db: DbSession, person_id: str) -> tuple[set[str], set[str]]:
    """Names and addresses that they had before, or under which they were there twice. Not those
    that are somebody else's by now: it was a mistake then, and that one's data is to stay."""
    names, addresses = audit.known_as(db, person_id)
    keys = {address_key(each) for each in addresses}
    others = select(Person.email_key).where(
        col(Person.email_key).in_(keys), col(Person.id) != person_id
    )
    taken = set(db.exec(others).all()) if keys else set()
    return names, {each for each in addresses if address_key(each) not in taken}


def _near(
    db: DbSession, cycles: frozenset[str], cycle_id: str | None, *, whole: bool
) -> frozenset[str]:
    """The cycles of the teams that know them; for who erases everything also those of no team."""
    if not whole:
        return cycles
    kin = [kin_of(db, each) for each in sorted(cycles)]
    return cycles.union(*kin, cycles_of_nobody(db) if cycle_id is None else ())


def _cycles_of(db: DbSession, person_id: str) -> frozenset[str]:
    """The ids of all cycles that they are in, or were named in."""
    return frozenset((*cycles_of_people(db, [person_id]), *cycles_that_name(db, person_id)))


def _stays_on_programme(db: DbSession, person_id: str, scope: Scope) -> bool:
    """Whether somebody whose time is over has a part somewhere, or was on a published programme."""
    if scope is not Scope.RETENTION:
        return False
    part = db.exec(select(Part.id).where(Part.person_id == person_id).limit(1)).first()
    return part is not None or bool(cycles_that_name(db, person_id))


def _held(db: DbSession, model: Any, person_id: str, cycles: Collection[str]) -> list[Any]:
    query = (
        select(model)
        .where(col(model.person_id) == person_id, col(model.cycle_id).in_(cycles))
        .order_by(col(model.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(db.exec(query))


def is_over(db: DbSession, cycle_id: str, now: datetime) -> bool:
    """Whether no session of a cycle is still to come or on, by its draft. One query."""
    coming = select(Session.id).where(
        Session.cycle_id == cycle_id,
        col(Session.ends_at) > now,
        Session.status != SessionStatus.CANCELLED,
    )
    return db.exec(coming.limit(1)).first() is None
