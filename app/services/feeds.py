"""Feeds: the addresses of everybody's own calendar, of a participant, of somebody with parts, or of
who is both; whose each is, and whether it has changed. What stands in it: `feed_calendars`.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.errors import NotFound
from app.domain.schedule import PartStatus
from app.models import Cycle, Enrolment, Guest, Invitation, Part, Person
from app.models import Session as SessionRow
from app.services.enrolment_lists import enrolment_of_feed
from app.services.guests import calendar_ended, manner_of, refuse_erased, with_person
from app.services.links import Links, Purpose
from app.services.rows import find


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Whose calendar it is: one person in one cycle, as a participant, a guest, or both.
    `address` is the feed's own."""

    cycle_id: str
    person_id: str
    enrolment: Enrolment | None
    guest: Guest | None
    language: str
    zone: str
    address: str


def read_token(links: Links, token: str) -> tuple[Purpose, str]:
    """What a feed's token is for, and the id of the enrolment or the guest. Raises NotFound."""
    try:
        return Purpose.FEED, links.read(Purpose.FEED, token)[0]
    except NotFound:
        return Purpose.GUEST_FEED, links.read(Purpose.GUEST_FEED, token)[0]


def version_of_feed(db: DbSession, purpose: Purpose, row_id: str) -> Hashable:
    """Changes with whatever that feed shows, and with its address. One query.

    The ledger has no revision. But each message that is issued adds a row or raises a SEQUENCE, so
    no other state of it has the same number of rows and the same sum. Nor do answers to parts raise
    any: those that were declined are named, and the newest answer has its moment.
    """
    declined = _of_parts(
        func.aggregate_strings(col(Part.id), ","), Part.status == PartStatus.DECLINED
    )
    answered = _of_parts(func.max(col(Part.answered_at)))
    ledger: Any = (
        func.count(col(Invitation.id)),
        func.sum(col(Invitation.sequence)),
        func.max(col(Invitation.stamp)),
    )
    same = (col(Guest.cycle_id) == col(Enrolment.cycle_id)) & (
        col(Guest.person_id) == col(Enrolment.person_id)
    )
    who: Any = (
        Cycle.id,
        Cycle.revision,
        Person.id,
        Person.revision,
        Enrolment.id,
        Enrolment.revision,
        Guest.id,
        Guest.link_generation,
        Guest.feed_generation,
    )
    columns: Any = (*who, *ledger, declined, answered)
    statement: Any = select(*columns)
    if purpose is Purpose.FEED:
        statement = (
            statement.select_from(Enrolment)
            .join(Cycle, col(Cycle.id) == col(Enrolment.cycle_id))
            .join(Person, col(Person.id) == col(Enrolment.person_id))
            .outerjoin(Guest, same)
            .where(Enrolment.id == row_id)
        )
    else:
        statement = (
            statement.select_from(Guest)
            .join(Cycle, col(Cycle.id) == col(Guest.cycle_id))
            .join(Person, col(Person.id) == col(Guest.person_id))
            .outerjoin(Enrolment, same)
            .where(Guest.id == row_id)
        )
    statement = statement.outerjoin(Invitation, col(Invitation.guest_id) == col(Guest.id))
    row = db.exec(statement.group_by(*who)).one_or_none()
    return tuple(row) if row else None


def _of_parts(value: Any, *conditions: Any) -> Any:
    """Something about the parts of the cycle and person of the query around it."""
    return (
        select(value)
        .join(SessionRow, col(SessionRow.id) == col(Part.session_id))
        .where(SessionRow.cycle_id == Cycle.id, Part.person_id == Person.id, *conditions)
        .correlate(Cycle, Person)
        .scalar_subquery()
    )


def subscriber_of(db: DbSession, links: Links, token: str) -> Subscriber:
    """Whose calendar an address is.

    Raises:
        NotFound: not an address of ours. Gone: it was renewed since.
    """
    if read_token(links, token)[0] is Purpose.FEED:
        return _participant(db, links, enrolment_of_feed(db, links, token))
    guest_id, generation = links.read(Purpose.GUEST_FEED, token)
    guest = find(db, Guest, guest_id, *with_person())
    refuse_erased(guest.person)
    if generation != guest.feed_generation:
        raise calendar_ended()
    return _guest(db, links, guest)


def _participant(db: DbSession, links: Links, enrolment: Enrolment) -> Subscriber:
    query = (
        select(Person, Cycle, Guest)
        .select_from(Person)
        .join(Cycle, col(Cycle.id) == enrolment.cycle_id)
        .outerjoin(
            Guest, (col(Guest.cycle_id) == col(Cycle.id)) & (col(Guest.person_id) == col(Person.id))
        )
        .where(Person.id == enrolment.person_id)
    )
    person, cycle, guest = db.exec(query).one()
    return _subscriber(
        person, cycle, enrolment, guest, links.feed(enrolment.id, enrolment.feed_generation)
    )


def _guest(db: DbSession, links: Links, guest: Guest) -> Subscriber:
    query = (
        select(Cycle, Enrolment)
        .select_from(Cycle)
        .outerjoin(
            Enrolment,
            (col(Enrolment.cycle_id) == col(Cycle.id))
            & (col(Enrolment.person_id) == guest.person_id),
        )
        .where(Cycle.id == guest.cycle_id)
    )
    cycle, enrolment = db.exec(query).one()
    return _subscriber(
        guest.person, cycle, enrolment, guest, links.guest_feed(guest.id, guest.feed_generation)
    )


def _subscriber(
    person: Person, cycle: Cycle, enrolment: Enrolment | None, guest: Guest | None, address: str
) -> Subscriber:
    manner = manner_of(person, enrolment, cycle)
    return Subscriber(cycle.id, person.id, enrolment, guest, manner.language, manner.zone, address)
