"""Guests: the people of a cycle whose calendars are kept, and the links of those with parts."""

from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import union
from sqlalchemy.orm import joinedload
from sqlmodel import col, or_, select

from app.db import DbSession, insert_unless_there
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_, Gone, NotFound, Stale
from app.domain.guests import Manner, written_to
from app.domain.ids import new_code, new_id
from app.domain.schedule import CycleStatus, Schedule, SessionStatus
from app.models import Cycle, Enrolment, Guest, Message, Part, Person, Session
from app.models.trail import act_as
from app.services.actor import Actor
from app.services.links import Links, Purpose
from app.services.outbox import PART_KINDS
from app.services.rows import find

TAKES_MAIL: tuple[Any, ...] = (col(Person.email).is_not(None), col(Person.bounced_at).is_(None))
"""Conditions under which a person is reminded of something; in words, `takes_mail`."""


def takes_mail(person: Person) -> bool:
    """Whether somebody has an address from which no mail came back."""
    return person.email is not None and person.bounced_at is None


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
        NotFound: not a link of ours. Gone: the link was renewed, or what it led to was erased.
    """
    guest_id, generation = links.read(Purpose.PART, token)
    guest = find(db, Guest, guest_id, *with_person())
    refuse_erased(guest.person)
    if generation != guest.link_generation:
        raise link_replaced(db, guest.cycle_id)
    act_as(db, "speaker", guest.id)
    return guest


def refuse_erased(person: Person) -> None:
    """Raises Gone, code ``erased``, for whoever stands for somebody whose data was erased."""
    if person.erased_at is not None:
        raise Gone(N_("What was held behind this link has been erased."), code="erased")


def link_replaced(db: DbSession, cycle_id: str, *, of_participant: bool = False) -> Gone:
    """What to say of a personal link that was renewed: whom to ask for the new one, and for
    participants where it is sent to them. One query."""
    query = select(Cycle.contact_email, Cycle.slug, Cycle.status).where(Cycle.id == cycle_id)
    contact, slug, status = db.exec(query).one()
    error = Gone(N_("This link was replaced by a newer one. Ask the organizers for it."))
    if contact:
        error = Gone(
            N_("This link was replaced by a newer one. Ask the organizers for it: %(contact)s."),
            contact=contact,
        )
    if of_participant and status != CycleStatus.DRAFT:
        error.way = f"/c/{slug}/link"
    return error


def calendar_ended() -> Gone:
    """What to say of the address of somebody's calendar that was ended: with it their personal link
    was, too, so that it is not the old one that leads to the new address."""
    return Gone(
        N_("This calendar’s address has ended. Your newest personal link leads to the new one.")
    )


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


def keep(db: DbSession, *guest_ids: str) -> set[str]:
    """Keeps guests from being joined with others until the transaction ends, for whoever is going
    to refer to them when more is held already; the ids of those that there still are."""
    query = select(Guest.id).where(col(Guest.id).in_(guest_ids)).order_by(col(Guest.id))
    return set(db.exec(query.with_for_update(read=True, key_share=True)))


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


def find_guest(db: DbSession, cycle_id: str, person_id: str) -> Guest | None:
    """This person as a guest of this cycle, with the person, also without parts; None: they never
    were one. One query."""
    return _find(db, cycle_id, person_id) if "\0" not in person_id else None


def former_guests(db: DbSession, cycle_id: str) -> list[Guest]:
    """Those who are not on the programme any more and whose links work on, by name, with the
    persons: guests without a part who never enrolled, or have introduced themselves or been asked
    like somebody with a part. One query."""
    on_programme = (
        select(Part.person_id)
        .join(Session, col(Session.id) == col(Part.session_id))
        .where(Session.cycle_id == cycle_id, Session.status != SessionStatus.CANCELLED)
    )
    enrolled = select(Enrolment.person_id).where(Enrolment.cycle_id == cycle_id)
    asked = select(Message.guest_id).where(
        Message.cycle_id == cycle_id, col(Message.kind).in_(PART_KINDS)
    )
    query = (
        select(Guest)
        .join(Person, col(Person.id) == col(Guest.person_id))
        .where(
            Guest.cycle_id == cycle_id,
            col(Guest.person_id).not_in(on_programme),
            col(Person.erased_at).is_(None),
            or_(
                col(Guest.person_id).not_in(enrolled),
                Guest.biography != "",
                Guest.photo != "",
                col(Guest.id).in_(asked),
            ),
        )
        .order_by(col(Person.search_key), col(Guest.id))
        .options(*with_person())
    )
    return list(db.exec(query))


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
        end_links_of(db, guest)
    elif guest.link_generation != generation + 1:
        raise Stale
    return guest


def end_links_of(db: DbSession, guest: Guest) -> None:
    """Ends the personal link and the calendar's address of somebody with parts, who is held; the
    next ones that are made work."""
    guest.link_generation += 1
    guest.feed_generation += 1
    db.flush()


def _sane(text: str) -> str:
    if "\0" in text:  # PostgreSQL takes no NUL in text
        raise NotFound
    return text
