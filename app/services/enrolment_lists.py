"""Looking up enrolments: one, by link, in lists, counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.db import DbSession
from app.domain.enrolment import TAKES_A_PLACE, EnrolmentStatus
from app.models import Cycle, Enrolment
from app.models.trail import act_as
from app.services.actor import Actor
from app.services.guests import calendar_ended, link_replaced, refuse_erased
from app.services.links import Links, Purpose
from app.services.paging import Numbers, numbered, paginate
from app.services.places import loads, taken
from app.services.rows import find, found_by


class Order(StrEnum):
    """How a page of participants is sorted."""

    NAME = "name"
    NAME_BACKWARDS = "-name"
    COUNTRY = "country"
    COUNTRY_BACKWARDS = "-country"
    OLDEST = "enrolled"
    NEWEST = "-enrolled"


_COLUMNS: dict[Order, tuple[Any, ...]] = {
    Order.NAME: (col(Enrolment.search_key), col(Enrolment.id)),
    Order.COUNTRY: (col(Enrolment.country), col(Enrolment.search_key), col(Enrolment.id)),
    Order.OLDEST: (col(Enrolment.created_at), col(Enrolment.id)),
}
_BACKWARDS = {
    Order.NAME_BACKWARDS: Order.NAME,
    Order.COUNTRY_BACKWARDS: Order.COUNTRY,
    Order.NEWEST: Order.OLDEST,
}


@dataclass(frozen=True, slots=True)
class EnrolmentPage:
    """A numbered page of the participants that match."""

    rows: list[Enrolment]
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody gave on enrolling, to filter by; what is empty filters nothing."""

    country: str = ""  # ISO 3166-1 alpha-2
    gender: str = ""


def get_enrolment(db: DbSession, actor: Actor, enrolment_id: str) -> Enrolment:
    """An enrolment with person and initiative.

    Raises:
        NotFound: there is none with this id.
    """
    return find(db, Enrolment, enrolment_id, *loads())


def enrolment_of_link(db: DbSession, links: Links, token: str) -> Enrolment:
    """The enrolment that a personal link opens, with person and initiative.

    Raises:
        NotFound: not a link of ours. Gone: the link was renewed, or what it led to was erased.
    """
    enrolment_id, generation = links.read(Purpose.MY, token)
    enrolment = find(db, Enrolment, enrolment_id, *loads())
    refuse_erased(enrolment.person)
    if generation != enrolment.link_generation:
        raise link_replaced(db, enrolment.cycle_id, of_participant=True)
    act_as(db, "participant", enrolment.id)
    return enrolment


def enrolment_of_feed(db: DbSession, links: Links, token: str) -> Enrolment:
    """The enrolment that a calendar's address belongs to, with person and initiative.

    Raises:
        NotFound: not an address of ours. Gone: it was renewed since, or what it led to was erased.
    """
    enrolment_id, generation = links.read(Purpose.FEED, token)
    enrolment = find(db, Enrolment, enrolment_id, *loads())
    refuse_erased(enrolment.person)
    if generation != enrolment.feed_generation:
        raise calendar_ended()
    return enrolment


def list_enrolments(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    query: str = "",
    status: EnrolmentStatus | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Enrolment], str | None]:
    """The cycle's enrolments by name, with person and initiative, and the cursor for what follows.

    `query`: words that name, address, institution or initiative contain, case and accents aside.

    Raises:
        NotFound: no such cycle.
    """
    find(db, Cycle, cycle_id)
    statement = _matching(cycle_id, query, status).options(*loads())
    return paginate(db, statement, _COLUMNS[Order.NAME], after, limit)


def page_of_enrolments(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    query: str = "",
    status: EnrolmentStatus | None = None,
    order: Order = Order.NAME,
    number: int = 1,
    limit: int = 50,
    *,
    given: Given | None = None,
) -> EnrolmentPage:
    """Page `number` (from 1; beyond the last it is the last) for somebody who leafs through,
    with person and initiative. `given`: only those who gave that."""
    matching = _matching(cycle_id, query, status, given)
    total = db.exec(select(func.count()).select_from(matching.subquery())).one()
    numbers = numbered(total, number, limit)
    columns = _COLUMNS[_BACKWARDS.get(order, order)]
    by = [c.desc() if order in _BACKWARDS else c.asc() for c in columns]
    here = matching.options(*loads()).order_by(*by).offset(numbers.begin).limit(limit)
    return EnrolmentPage(list(db.exec(here).all()), numbers)


def named(db: DbSession, enrolment_ids: Sequence[str]) -> list[Enrolment]:
    """These enrolments with person and initiative, in this order. One query."""
    rows = db.exec(
        select(Enrolment).where(col(Enrolment.id).in_(enrolment_ids)).options(*loads())
    ).all()
    by_id = {row.id: row for row in rows}
    return [by_id[each] for each in enrolment_ids if each in by_id]


def all_enrolments(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    query: str = "",
    status: EnrolmentStatus | None = None,
    given: Given | None = None,
) -> list[Enrolment]:
    """All that match, by name, with person and initiative; for files."""
    statement = _matching(cycle_id, query, status, given).options(*loads())
    return list(db.exec(statement.order_by(*_COLUMNS[Order.NAME])).all())


def counts(db: DbSession, cycle_id: str) -> dict[EnrolmentStatus, int]:
    """How many enrolments of the cycle stand where; every status is there."""
    found = dict.fromkeys(EnrolmentStatus, 0)
    query = (
        select(Enrolment.status, func.count())
        .where(col(Enrolment.cycle_id) == cycle_id)
        .group_by(col(Enrolment.status))
    )
    for status, count in db.exec(query):
        found[EnrolmentStatus(status)] = count
    return found


def who_moves_up(db: DbSession, enrolment: Enrolment) -> Enrolment | None:
    """Who would get the place if this enrolment were withdrawn now; None if nobody would."""
    cycle = db.exec(select(Cycle).where(col(Cycle.id) == enrolment.cycle_id)).one()
    if enrolment.status not in TAKES_A_PLACE or cycle.capacity is None:
        return None
    if taken(db, cycle.id) > cycle.capacity:
        return None
    query = (
        select(Enrolment)
        .where(
            col(Enrolment.cycle_id) == cycle.id,
            col(Enrolment.status) == EnrolmentStatus.WAITLISTED,
        )
        .order_by(col(Enrolment.status_at), col(Enrolment.id))
        .limit(1)
    )
    return db.exec(query).one_or_none()


def _matching(
    cycle_id: str, query: str, status: EnrolmentStatus | None, given: Given | None = None
) -> SelectOfScalar[Enrolment]:
    statement = select(Enrolment).where(col(Enrolment.cycle_id) == cycle_id)
    if status is not None:
        statement = statement.where(col(Enrolment.status) == status)
    if given is not None and given.country:
        statement = statement.where(col(Enrolment.country) == given.country)
    if given is not None and given.gender:
        statement = statement.where(col(Enrolment.gender) == given.gender)
    return statement.where(*found_by(query, Enrolment.search_key))
