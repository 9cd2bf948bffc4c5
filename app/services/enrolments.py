"""Enrolling, changing an enrolment, withdrawing. Looking them up is in `enrolment_lists`."""

from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.enrolment import TAKES_A_PLACE, EnrolmentStatus
from app.domain.errors import N_, Clash, Invalid, NotFound, Stale
from app.domain.schedule import CycleStatus
from app.models import Cycle, Enrolment, Message, Person
from app.schemas.enrolment import EnrolmentChange, EnrolmentIn
from app.services import outbox
from app.services.actor import Actor
from app.services.enrolment_lists import (
    counts,
    enrolment_of_feed,
    enrolment_of_link,
    get_enrolment,
    list_enrolments,
)
from app.services.institutions import find_or_create_initiative
from app.services.issuing import settle
from app.services.notices import consented
from app.services.people import key_of
from app.services.places import (
    has_room,
    intent_of_status,
    loads,
    promote_waitlist,
    status_for_next,
    tell_status,
)
from app.services.rows import enrolment_key, hold

__all__ = [
    "add_enrolment",
    "change_enrolment",
    "counts",
    "enrol",
    "enrolment_of_feed",
    "enrolment_of_link",
    "get_enrolment",
    "list_enrolments",
    "promote_waitlist",
    "renew_feed",
    "renew_link",
    "replace_links",
    "send_link",
    "send_own_link",
    "withdraw",
]

LINK_EVERY = timedelta(minutes=10)
"""How often at most somebody who enrols again is sent the link again."""


def enrol(
    db: DbSession,
    slug: str,
    data: EnrolmentIn,
    now: datetime,
    *,
    shown: int | None = None,
    read_in: str = "",
) -> Enrolment:
    """Somebody enrols on the public page; a mail with the personal link is queued.

    Whoever is enrolled stays as enrolled, whatever was typed this time, and is sent the link again
    (at most every ten minutes); who had withdrawn is enrolled anew. The answer must look the same
    in all cases, or a stranger learns who is enrolled: show neither status nor name from the row.
    `shown`: the version of the privacy notice that they agreed to, where it is known; `read_in`:
    the language in which they were shown it.

    Raises:
        NotFound: no such cycle, or it was not published.
        Clash: ``enrolment_closed``.
        Invalid: at ``consent``, if it was not given, or another version of the notice holds by now.
    """
    cycle_id = db.exec(
        select(Cycle.id).where(col(Cycle.slug) == _sane(slug), Cycle.status != CycleStatus.DRAFT)
    ).one_or_none()
    if cycle_id is None:
        raise NotFound
    cycle = hold(db, Cycle, cycle_id)
    if not cycle.enrolment_open or cycle.status != CycleStatus.PUBLISHED:
        raise Clash(N_("Enrolment is closed."), code="enrolment_closed")
    if not data.consent:
        raise Invalid.one(
            "consent",
            N_("Please agree to the privacy notice: without that you cannot be enrolled."),
            code="consent_missing",
        )
    if shown is not None and shown != cycle.privacy_version:
        raise Invalid.one(
            "consent",
            N_("The privacy notice has changed since you opened this page. Read it again."),
            code="notice_changed",
        )
    person = _person_of(db, data, cycle)
    enrolment = _find(db, cycle.id, person.id)
    if enrolment is not None and enrolment.status != EnrolmentStatus.WITHDRAWN:
        _send_link_again(db, enrolment, now)
        return enrolment
    status = status_for_next(db, cycle, approval=cycle.approval)
    created = enrolment is None
    enrolment = _fill(db, enrolment, cycle, person, data, status, now, read_in)
    tell_status(db, enrolment, now, created=created)
    settle(db, cycle.id, [person.id], now)
    return enrolment


def add_enrolment(
    db: DbSession, actor: Actor, cycle_id: str, data: EnrolmentIn, now: datetime
) -> Enrolment:
    """An organizer adds somebody by hand: confirmed, or waitlisted if the cycle is full; a mail
    with the personal link is queued. Consent is theirs to give and not asked for here.

    Raises:
        NotFound: no such cycle.
        Clash: ``already_enrolled``, with the parameter ``enrolment_id``.
        Invalid: at ``gender``, where the cycle does not ask for it.
    """
    cycle = hold(db, Cycle, cycle_id)
    _refuse_unasked(cycle, data.gender)
    person = _person_of(db, data, cycle)
    enrolment = _find(db, cycle.id, person.id)
    if enrolment is not None and enrolment.status != EnrolmentStatus.WITHDRAWN:
        raise Clash(
            N_("%(name)s is in this cycle already, with the address %(email)s."),
            code="already_enrolled",
            name=enrolment.name,
            email=data.email,
            enrolment_id=enrolment.id,
        )
    status = status_for_next(db, cycle, approval=False)
    created = enrolment is None
    enrolment = _fill(db, enrolment, cycle, person, data, status, now)
    tell_status(db, enrolment, now, created=created)
    settle(db, cycle.id, [person.id], now)
    return enrolment


def change_enrolment(
    db: DbSession,
    actor: Actor,
    enrolment_id: str,
    change: EnrolmentChange,
    revision: int | None = None,
    *,
    now: datetime,
) -> Enrolment:
    """An organizer corrects what was given on enrolling, or decides about the enrolment.

    A new status is told by mail (withdrawing is not); a place that becomes free goes to the first
    on the waitlist.

    Raises:
        NotFound: no such enrolment.
        Stale: `revision` is given and not the present one.
        Clash: ``cycle_full``, if it would take a place and there is none.
        Invalid: at ``gender``, where the cycle does not ask for it.
    """
    cycle_id = db.exec(
        select(Enrolment.cycle_id).where(col(Enrolment.id) == _sane(enrolment_id))
    ).one_or_none()
    if cycle_id is None:
        raise NotFound
    cycle = hold(db, Cycle, cycle_id)
    enrolment = hold(db, Enrolment, enrolment_id, *loads(), revision=revision)
    given = change.model_fields_set
    if "gender" in given:
        _refuse_unasked(cycle, change.gender)
        enrolment.gender = change.gender
    for name in ("name", "country", "institution", "language", "zone"):
        if name in given:
            setattr(enrolment, name, getattr(change, name))
    if "initiative" in given:
        _set_initiative(db, enrolment, change.initiative)
    enrolment.search_key = enrolment_key(enrolment)
    if "status" in given:
        _set_status(db, cycle, enrolment, change.status, now)
    db.flush()
    return enrolment


def withdraw(db: DbSession, enrolment: Enrolment, now: datetime) -> list[Enrolment]:
    """Somebody leaves the cycle; the place goes to the first on the waitlist, who is told by mail.
    Doing it twice is doing it once. Returns who moved up."""
    cycle = hold(db, Cycle, enrolment.cycle_id)
    db.refresh(enrolment, ["status", "status_at"])
    return _set_status(db, cycle, enrolment, EnrolmentStatus.WITHDRAWN, now)


def renew_link(db: DbSession, enrolment: Enrolment) -> Enrolment:
    """Ends the personal link; the next one that is made works."""
    enrolment.link_generation += 1
    db.flush()
    return enrolment


def renew_feed(db: DbSession, enrolment: Enrolment) -> Enrolment:
    """Ends the address of the person's calendar; the next one that is made works."""
    enrolment.feed_generation += 1
    db.flush()
    return enrolment


def replace_links(
    db: DbSession, actor: Actor, enrolment_id: str, generation: int, now: datetime
) -> Message | None:
    """An organizer, or whoever takes part, ends the personal link of this generation and the
    calendar's address, which came into the wrong hands, and has the new link sent. Twice is once.
    None if there is no address to send it to, or they have left; the links end all the same.

    Raises:
        NotFound: no such enrolment.
        Stale: this generation ended before the last one, or never was.
    """
    enrolment = hold(db, Enrolment, enrolment_id, *loads())
    # Of two at once both write the same number, and the outbox has one mail for it.
    if enrolment.link_generation == generation:
        renew_link(db, enrolment)
        renew_feed(db, enrolment)
    elif enrolment.link_generation != generation + 1:
        raise Stale
    return _queue_link(db, enrolment, f"new-link:{enrolment.id}:{enrolment.link_generation}", now)


def send_link(db: DbSession, actor: Actor, enrolment_id: str, now: datetime) -> Message | None:
    """An organizer has the personal link sent again. None if it was sent in the last ten minutes
    (or there is no address, or they have left).

    Raises:
        NotFound: no such enrolment.
    """
    return _send_link_again(db, get_enrolment(db, actor, enrolment_id), now)


def send_own_link(db: DbSession, enrolment: Enrolment, now: datetime) -> Message | None:
    """Whoever takes part has asked for the link; as `send_link`."""
    return _send_link_again(db, enrolment, now)


def _sane(text: str) -> str:
    """Text from outside that goes into a query: PostgreSQL takes no NUL, and nothing matches."""
    if "\0" in text:
        raise NotFound
    return text


def _find(db: DbSession, cycle_id: str, person_id: str) -> Enrolment | None:
    query = (
        select(Enrolment)
        .where(col(Enrolment.cycle_id) == cycle_id, col(Enrolment.person_id) == person_id)
        .options(*loads())
        .execution_options(populate_existing=True)
    )
    return db.exec(query).one_or_none()


def _person_of(db: DbSession, data: EnrolmentIn, cycle: Cycle) -> Person:
    """The person with this address, left as it is: whoever knows an address must not be able to
    rename its owner. Else a new one. It is held: who may change the address of somebody whom only
    they know must not do so while that somebody enrols with others."""
    key = address_key(data.email)
    query = select(Person).where(col(Person.email_key) == key).with_for_update(key_share=True)
    query = query.execution_options(populate_existing=True)
    person = db.exec(query).one_or_none()
    if person is not None:
        return person
    person = Person(
        name=data.name,
        email=data.email,
        email_key=key,
        country=data.country,
        zone=data.zone or cycle.zone,
        language=data.language or cycle.language,
    )
    person.search_key = key_of(person)
    try:
        with db.begin_nested():
            db.add(person)
            db.flush()
    except IntegrityError:  # the same address at the same moment, in another cycle
        return db.exec(query).one()
    return person


def _fill(
    db: DbSession,
    enrolment: Enrolment | None,
    cycle: Cycle,
    person: Person,
    data: EnrolmentIn,
    status: EnrolmentStatus,
    now: datetime,
    read_in: str = "",
) -> Enrolment:
    """A new enrolment, or one that had been withdrawn, with what was given now."""
    if enrolment is None:
        enrolment = Enrolment(
            cycle_id=cycle.id,
            person_id=person.id,
            person=person,
            initiative=None,
            status=status,
            name=data.name,
            language=cycle.language,
            zone=cycle.zone,
            created_at=now,
        )
    enrolment.status = status
    enrolment.status_at = now
    enrolment.name = data.name
    enrolment.country = data.country
    enrolment.institution = data.institution
    # What is not asked for is not kept, whichever form it came from.
    enrolment.gender = data.gender if cycle.asks_gender else ""
    enrolment.language = data.language or cycle.language
    enrolment.zone = data.zone or cycle.zone
    _set_initiative(db, enrolment, data.initiative)
    enrolment.search_key = enrolment_key(enrolment)
    # In one go, or what is new would be of a later revision, and its calendar's SEQUENCE too.
    if data.consent:
        consented(db, cycle, enrolment, read_in or enrolment.language, now)
    db.add(enrolment)
    db.flush()
    return enrolment


def _refuse_unasked(cycle: Cycle, gender: str) -> None:
    if gender and not cycle.asks_gender:
        raise Invalid.one("gender", N_("This cycle does not ask for gender."), code="not_asked")


def _set_initiative(db: DbSession, enrolment: Enrolment, name: str) -> None:
    found = find_or_create_initiative(db, name, enrolment.country) if name else None
    enrolment.initiative = found
    enrolment.initiative_id = found.id if found else None


def _set_status(
    db: DbSession, cycle: Cycle, enrolment: Enrolment, status: EnrolmentStatus, now: datetime
) -> list[Enrolment]:
    """Moves an enrolment of the cycle, which is held. Returns who moved up for it."""
    if enrolment.status == status:
        return []
    had, takes = enrolment.status in TAKES_A_PLACE, status in TAKES_A_PLACE
    if takes and not had and not has_room(db, cycle):
        raise Clash(
            N_(
                "All %(capacity)s places are taken. Allow more of them in the cycle's settings, "
                "or withdraw somebody first."
            ),
            code="cycle_full",
            capacity=cycle.capacity,
        )
    enrolment.status = status
    enrolment.status_at = now
    db.flush()
    tell_status(db, enrolment, now)
    settle(db, cycle.id, [enrolment.person_id], now)
    return promote_waitlist(db, cycle, now, but=enrolment.id) if had and not takes else []


def _send_link_again(db: DbSession, enrolment: Enrolment, now: datetime) -> Message | None:
    """Queues the mail with the link, unless a mail with it was queued in the last ten minutes."""
    enrolment = hold(db, Enrolment, enrolment.id, *loads())  # it may be about to be erased
    slot = int(now.timestamp() // LINK_EVERY.total_seconds())
    this, before = (f"enrolment-link:{enrolment.id}:{n}" for n in (slot, slot - 1))
    recent = select(Message.id).where(
        col(Message.intent).in_((this, before, intent_of_status(enrolment))),
        col(Message.created_at) > now - LINK_EVERY,
    )
    if db.exec(recent).first() is not None:
        return None
    return _queue_link(db, enrolment, this, now)


def _queue_link(db: DbSession, enrolment: Enrolment, intent: str, now: datetime) -> Message | None:
    """None for who has no address, or has left: they are sent no link."""
    if not enrolment.person.email or enrolment.status == EnrolmentStatus.WITHDRAWN:
        return None
    return outbox.enqueue(
        db,
        kind="enrolment-link",
        intent=intent,
        to_name=enrolment.name,
        to_address=enrolment.person.email,
        language=enrolment.language,
        context={"enrolment_id": enrolment.id},
        cycle_id=enrolment.cycle_id,
        now=now,
    )
