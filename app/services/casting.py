"""Whom an agenda can name, and whose hours a session touches."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import func
from sqlalchemy.orm import joinedload
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.enrolment import TAKES_A_PLACE
from app.domain.permissions import Permission
from app.models import Enrolment, Institution, Person
from app.schemas.directory import InstitutionIn, PersonIn
from app.services import institutions, people
from app.services.access import people_in_reach
from app.services.actor import Actor
from app.services.rows import search_key

MOST_FOUND = 12
"""How many people are offered where a name is not enough to tell."""

_MOST_CHOSEN = 500  # people in one form
_LENGTH = 900  # of the search key


@dataclass(frozen=True, slots=True)
class Found:
    """Who may be meant by what was typed: `person` if it is clear, else the `candidates`."""

    person: Person | None
    candidates: tuple[Person, ...] = ()
    more: bool = False  # there are more candidates than are offered


def people_with(db: DbSession, actor: Actor, ids: Iterable[str]) -> dict[str, Person]:
    """Those of these people whom the actor knows, by id, with their institutions. One query, none
    for no ids."""
    wanted = sorted({i for i in ids if i.isascii() and "\0" not in i})[:_MOST_CHOSEN]
    if not wanted:
        return {}
    institution = joinedload(cast(Any, Person.institution))
    known = people_in_reach(actor, Permission.PEOPLE_READ)
    statement = select(Person).where(col(Person.id).in_(wanted), known).options(institution)
    return {person.id: person for person in db.exec(statement)}


def find_person(db: DbSession, actor: Actor, typed: str) -> Found:
    """Who is meant by a name, an address, or ``Name <address>``. An address decides; so does a name
    that only one person bears; else whoever the search finds, if that is one. Whom only other
    teams know is nobody here: `add_person` with the address brings them. Two queries at most.
    """
    address = _address(typed)
    if address:
        statement = (
            select(Person)
            .where(
                Person.email_key == address_key(address),
                people_in_reach(actor, Permission.PEOPLE_READ),
            )
            .options(joinedload(cast(Any, Person.institution)))
        )
        known = db.exec(statement).one_or_none()
        if known is not None:
            return Found(known)
    if not typed.strip():
        return Found(None)
    found, following = people.search_people(db, actor, typed, limit=MOST_FOUND)
    wanted = search_key(typed, length=_LENGTH)
    same = [person for person in found if search_key(person.name, length=_LENGTH) == wanted]
    if len(same) == 1:
        return Found(same[0])
    if len(found) == 1:
        return Found(found[0])
    return Found(None, tuple(found), more=following is not None)


def same_name(db: DbSession, actor: Actor, name: str) -> tuple[Person, ...]:
    """Those in the directory who bear this name, case and accents aside. Two queries at most."""
    wanted = search_key(name, length=_LENGTH)
    if not wanted:
        return ()
    found, _ = people.search_people(db, actor, name, limit=MOST_FOUND)
    return tuple(p for p in found if search_key(p.name, length=_LENGTH) == wanted)


def add_person(
    db: DbSession, actor: Actor, new: PersonIn, institution: InstitutionIn | None
) -> Person:
    """A new person with the institution of this name, which is added too where there is none.

    Raises:
        Invalid: as `people.create_person`.
    """
    if institution is not None:
        wanted = search_key(institution.name, length=_LENGTH)
        found, _ = institutions.search_institutions(db, actor, institution.name, limit=50)
        known = next((i for i in found if wanted and wanted in _names(i)), None)
        if known is None:
            known = institutions.create_institution(db, actor, institution)
        new = new.model_copy(update={"institution_id": known.id})
    return people.create_person(db, actor, new)


def participants_by_zone(db: DbSession, actor: Actor, cycle_id: str) -> dict[str, int]:
    """How many participants (confirmed, or to be) live in which zone. One query."""
    statement = (
        select(Enrolment.zone, func.count())
        .where(Enrolment.cycle_id == cycle_id, col(Enrolment.status).in_(TAKES_A_PLACE))
        .group_by(col(Enrolment.zone))
        .order_by(col(Enrolment.zone))
    )
    return {zone: count for zone, count in db.exec(statement) if zone}


def _names(institution: Institution) -> set[str]:
    return {search_key(text, length=_LENGTH) for text in (institution.name, institution.acronym)}


def _address(typed: str) -> str:
    inner = typed[typed.rfind("<") + 1 :].rstrip("> ") if "<" in typed else typed
    return inner.replace("\0", "").strip() if "@" in inner else ""
