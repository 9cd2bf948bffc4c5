"""Guests: the people of a cycle whose calendars are kept, and the links of those with parts."""

from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import union
from sqlalchemy.orm import joinedload
from sqlmodel import col, select

from app.db import DbSession, insert_unless_there
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_, Gone, NotFound, Stale
from app.domain.guests import Manner, written_to
from app.domain.ids import new_code, new_id
from app.domain.schedule import Schedule
from app.models import Cycle, Enrolment, Guest, Part, Person, Session
from app.services.actor import Actor
from app.services.links import Links, Purpose
from app.services.rows import find


def with_person() -> tuple[Any, ...]:
    """Loads a guest's person within the same query."""
    return (joinedload(cast(Any, Guest.person)),)


def manner_of(person: Person, enrolment: Enrolment | None, cycle: Cycle) -> Manner:
    """How somebody is written to in a cycle, who may be enrolled in it (`domain.guests`)."""
    said = enrolment
    return written_to(
        Manner(person.name, person.language, person.zone),
        Manner(said.name, said.language, said.zone) if said else None,
        Manner(language=cycle.language, zone=cycle.zone),
        participates=enrolment is not None and enrolment.status == EnrolmentStatus.CONFIRMED,
    )


def guest_of(db: DbSession, cycle_id: str, person_id: str) -> Guest:
    """This person as a guest of this cycle, with the person; made if there is none yet.

    Safe for two at once: the database keeps one row, and both find it. It writes only where there
    is none.
    """
    found = _find(db, cycle_id, person_id)
    if found is None:
        db.flush()  # the cycle and the person may be as new
        _insert(db, cycle_id, [person_id])
        found = _find(db, cycle_id, person_id)
    assert found is not None
    return found


def guest_of_link(db: DbSession, links: Links, token: str) -> Guest:
    """The guest whose page a link opens, with the person.

    Raises:
        NotFound: not a link of ours. Gone: the link was renewed since.
    """
    guest_id, generation = links.read(Purpose.PART, token)
    guest = find(db, Guest, guest_id, *with_person())
    if generation != guest.link_generation:
        raise Gone(N_("This link was replaced by a newer one. Look for the latest mail from us."))
    return guest


def ensure_guests(db: DbSession, cycle_id: str, published: Schedule | None = None) -> None:
    """Makes a guest of everybody whose calendar this cycle keeps and who is none yet: those with a
    confirmed enrolment, and those with a part in the draft or in what is published. One query, and
    one statement more where somebody is missing, whatever their number."""
    db.flush()
    there = select(Guest.person_id).where(col(Guest.cycle_id) == cycle_id)
    confirmed = select(Enrolment.person_id).where(
        col(Enrolment.cycle_id) == cycle_id,
        col(Enrolment.status) == EnrolmentStatus.CONFIRMED,
        col(Enrolment.person_id).not_in(there),
    )
    on_programme = (
        select(Part.person_id)
        .join(Session, col(Session.id) == col(Part.session_id))
        .where(col(Session.cycle_id) == cycle_id, col(Part.person_id).not_in(there))
    )
    cast = (
        {p.person_id for s in published.sessions for g in s.segments for p in g.parts}
        if (published)
        else set()
    )
    in_release = select(Person.id).where(col(Person.id).in_(cast), col(Person.id).not_in(there))
    missing = db.connection().scalars(union(confirmed, on_programme, in_release)).all()
    if missing:
        # In one order, so that two who do it at once cannot wait for each other.
        _insert(db, cycle_id, sorted(missing))


def _find(db: DbSession, cycle_id: str, person_id: str) -> Guest | None:
    query = (
        select(Guest)
        .where(col(Guest.cycle_id) == cycle_id, col(Guest.person_id) == person_id)
        .options(*with_person())
    )
    return db.exec(query).one_or_none()


def _insert(db: DbSession, cycle_id: str, person_ids: Iterable[str]) -> None:
    statement = insert_unless_there(db, Guest, index_elements=["cycle_id", "person_id"])
    # Making ten thousand rows of the ORM takes longer than all the rest.
    row = Guest(cycle_id=cycle_id, person_id="").model_dump()
    rows = [
        row | {"id": new_id(), "reply_code": new_code(16), "person_id": each} for each in person_ids
    ]
    db.connection().execute(statement, rows)


def guests_of(db: DbSession, cycle_id: str) -> dict[str, Guest]:
    """The guests of a cycle who have parts in it, by the person's id; without the persons. One
    query."""
    on_programme = (
        select(Part.person_id)
        .join(Session, col(Session.id) == col(Part.session_id))
        .where(Session.cycle_id == cycle_id)
    )
    query = select(Guest).where(Guest.cycle_id == cycle_id, col(Guest.person_id).in_(on_programme))
    return {guest.person_id: guest for guest in db.exec(query)}


def renew_links(
    db: DbSession, actor: Actor, cycle_id: str, person_id: str, generation: int
) -> Guest:
    """An organizer ends somebody's personal link of this generation and their calendar's address,
    which came into the wrong hands. Twice is once.

    Raises:
        NotFound: they are no guest of this cycle.
        Stale: this generation ended before the last one, or never was.
    """
    query = select(Guest).where(Guest.cycle_id == cycle_id, Guest.person_id == _sane(person_id))
    held = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    guest = db.exec(held).one_or_none()
    if guest is None:
        raise NotFound
    if guest.link_generation == generation:
        guest.link_generation += 1
        guest.feed_generation += 1
        db.flush()
    elif guest.link_generation != generation + 1:
        raise Stale
    return guest


def _sane(text: str) -> str:
    if "\0" in text:  # PostgreSQL takes no NUL in text
        raise NotFound
    return text
