"""Whom the ledger writes to in a cycle, and how."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_
from sqlmodel import col, select

from app.db import DbSession
from app.domain.enrolment import EnrolmentStatus
from app.domain.guests import Manner, written_to
from app.domain.invitations import Guest
from app.domain.schedule import PartStatus, Schedule
from app.models import Cycle, Enrolment, Part, Person, Session
from app.models import Guest as GuestRow


@dataclass(frozen=True, slots=True)
class Reader:
    """A guest with what a mail to them needs."""

    guest: Guest
    name: str
    language: str
    zone: str


def readers_of(
    db: DbSession, cycle: Cycle, schedule: Schedule, only: Collection[str] | None
) -> list[Reader]:
    """The guests of a cycle and whoever `schedule` names, by the person's id; `only`: the ids of
    the people to look at. Four queries."""
    declined, dropped = _parts(db, cycle.id, schedule)
    guests = select(GuestRow.person_id, GuestRow.id).where(GuestRow.cycle_id == cycle.id)
    said: Any = (Enrolment.name, Enrolment.language, Enrolment.zone)
    enrolments: Any = select(Enrolment.person_id, Enrolment.status, *said)
    enrolments = enrolments.where(Enrolment.cycle_id == cycle.id)
    if only is not None:
        guests = guests.where(col(GuestRow.person_id).in_(only))
        enrolments = enrolments.where(col(Enrolment.person_id).in_(only))
    guest_ids: dict[str, str] = dict(db.exec(guests).all())
    enrolled = {row[0]: (row[1], Manner(*row[2:])) for row in db.exec(enrolments)}
    cast = {p.person_id for s in schedule.sessions for g in s.segments for p in g.parts}
    if only is not None:
        cast &= set(only)

    concerned = or_(
        col(Person.id).in_(cast),
        col(Person.id).in_(select(Enrolment.person_id).where(Enrolment.cycle_id == cycle.id)),
        col(Person.id).in_(select(GuestRow.person_id).where(GuestRow.cycle_id == cycle.id)),
    )
    columns: Any = (Person.id, Person.email, Person.name, Person.language, Person.zone)
    people = select(*columns).where(concerned)
    if only is not None:
        people = people.where(col(Person.id).in_(only))
    readers = []
    home = Manner(language=cycle.language, zone=cycle.zone)
    for person_id, email, *theirs in db.exec(people.order_by(col(Person.id))):
        status, given = enrolled.get(person_id, ("", None))
        participates = status == EnrolmentStatus.CONFIRMED
        manner = written_to(Manner(*theirs), given, home, participates=participates)
        guest = Guest(
            id=guest_ids.get(person_id, f"new:{person_id}"),
            person_id=person_id,
            address=email or "",
            participates=participates,
            declined=frozenset(declined.get(person_id, ())),
            language=manner.language,
            dropped=frozenset(dropped.get(person_id, ())),
        )
        readers.append(Reader(guest, *manner))
    return readers


def _parts(
    db: DbSession, cycle_id: str, schedule: Schedule
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """By the person's id: the parts that were declined, and those of the schedule that the draft
    has no longer."""
    rows = db.exec(
        select(Part.id, Part.person_id, Part.status)
        .join(Session, col(Session.id) == col(Part.session_id))
        .where(Session.cycle_id == cycle_id)
    ).all()
    there = {row[0] for row in rows}
    declined: dict[str, set[str]] = {}
    dropped: dict[str, set[str]] = {}
    for part_id, person_id, status in rows:
        if status == PartStatus.DECLINED:
            declined.setdefault(person_id, set()).add(part_id)
    for part in (p for s in schedule.sessions for g in s.segments for p in g.parts):
        if part.id not in there:
            dropped.setdefault(part.person_id, set()).add(part.id)
    return declined, dropped
