"""The directory of people."""

from collections import defaultdict, deque
from datetime import datetime
from itertools import combinations
from typing import Any, cast

from sqlalchemy.orm import selectinload
from sqlmodel import col, select

from app.db import DbSession, insert_unless_there
from app.domain.addresses import address_key
from app.domain.errors import N_, Invalid
from app.domain.permissions import Permission
from app.models import Cycle, Enrolment, Institution, Part, Person, PersonSight, Segment, Session
from app.schemas.directory import PersonChange, PersonIn
from app.services.access import (
    in_reach,
    people_in_reach,
    refuse_strangers,
    refuse_unless_only_ours,
)
from app.services.actor import Actor
from app.services.issuing import settle_everywhere
from app.services.outbox import follow_address
from app.services.paging import paginate
from app.services.rows import find, found_by, hold, renew_enrolment_keys, search_key, unique_or
from app.services.rows import person_key as key_of
from app.services.schedules import hold_cycles

__all__ = [
    "change_person",
    "create_person",
    "get_person",
    "key_of",
    "likely_duplicates",
    "parts_of",
    "search_people",
]

MAX_PAIRS = 100
"""How many pairs of likely duplicates are shown at once."""

_MAX_NAME_WORDS = 12  # that are compared

_PARTICLES = frozenset(
    ("da", "das", "de", "del", "do", "dos", "e", "la", "las", "los", "van", "von", "y")
)
"""Words that so many names have that they bring nobody together."""

_MAX_ALIKE = 50  # names with the same two words, nearest by the list's order, that are compared

_INSTITUTION = selectinload(cast(Any, Person.institution))


def create_person(db: DbSession, actor: Actor, command: PersonIn) -> Person:
    """Adds somebody to the directory; the institution is loaded. Whoever gives the address of
    somebody whom only other teams know gets that person, as they are there.

    Raises:
        Invalid: at ``email``, code ``email_taken``: the address belongs to somebody in the
            directory; at ``institution_id``: there is no such institution.
    """
    if command.email and (known := _out_of_reach(db, actor, command.email)) is not None:
        _see(db, actor, known)
        return known
    person = Person(name=command.name, institution=None)
    db.add(_apply(db, actor, person, command.model_dump()))
    _flushed(db, person)
    _see(db, actor, person)
    return person


def _out_of_reach(db: DbSession, actor: Actor, email: str) -> Person | None:
    """Whom this address belongs to, where it is somebody whom only other teams know so far."""
    if actor.everywhere:
        return None
    query = select(Person).where(
        Person.email_key == address_key(email),
        ~people_in_reach(actor, Permission.PEOPLE_READ),
    )
    with db.no_autoflush:
        # Held, so that it does not become another address before it is known who counts on it.
        held = query.options(_INSTITUTION).with_for_update(key_share=True)
        return db.exec(held.execution_options(populate_existing=True)).one_or_none()


def _see(db: DbSession, actor: Actor, person: Person) -> None:
    if actor.id and not actor.everywhere:
        statement = insert_unless_there(db, PersonSight)
        db.connection().execute(statement.values(person_id=person.id, user_id=actor.id))


def change_person(
    db: DbSession,
    actor: Actor,
    person_id: str,
    command: PersonChange,
    revision: int | None = None,
    *,
    now: datetime,
) -> Person:
    """Changes what the command sets. Position and institution in agendas stay as they were. A new
    address is told to their calendars.

    Raises:
        NotFound: there is no such person.
        NotAllowed: the person is in another team's cycle too.
        Stale: `revision` is not the person's.
        Invalid: as for `create_person`.
    """
    refuse_unless_only_ours(db, actor, [person_id])
    hold_cycles(db, [person_id])
    person = hold(db, Person, person_id, _INSTITUTION, revision=revision)
    refuse_unless_only_ours(db, actor, [person_id])  # another team may have been quicker
    known_by = person.email
    _apply(db, actor, person, command.model_dump(exclude_unset=True))
    _flushed(db, person)
    if person.email != known_by:
        person.bounced_at, person.bounce = None, ""  # that was the other address
        renew_enrolment_keys(db, col(Enrolment.person_id) == person.id)
        db.flush()
        if known_by and person.email:
            follow_address(db, person.id, known_by, person.email)
        settle_everywhere(db, person.id, now)
    return person


def _apply(db: DbSession, actor: Actor, person: Person, values: dict[str, Any]) -> Person:
    if "institution_id" in values:
        institution_id = values.pop("institution_id")
        # The relationship, not the column: whoever gets the row back reads it.
        person.institution = _institution(db, institution_id) if institution_id else None
    if "email" in values:
        email = values.pop("email")
        key = address_key(email) if email else None
        if key is not None and key != person.email_key:
            _refuse_taken(db, actor, person, email, key)
        person.email, person.email_key = email or None, key
    for name, value in values.items():
        setattr(person, name, value or "")
    person.search_key = key_of(person)
    return person


def _flushed(db: DbSession, person: Person) -> Person:
    taken = Invalid.one(
        "email",
        N_("%(email)s belongs to somebody else in the directory."),
        code="email_taken",
        email=person.email,
    )
    with unique_or("email_key", taken):
        db.flush()
    return person


def _refuse_taken(db: DbSession, actor: Actor, person: Person, email: str, key: str) -> None:
    query = select(Person.name).where(
        Person.email_key == key,
        Person.id != person.id,
        people_in_reach(actor, Permission.PEOPLE_READ),
    )
    with db.no_autoflush:
        owner = db.exec(query).first()
    if owner is not None:
        raise Invalid.one(
            "email",
            N_("%(email)s belongs to somebody in the directory: %(owner)s."),
            code="email_taken",
            email=email,
            owner=owner,
        )


def _institution(db: DbSession, institution_id: str) -> Institution:
    query = select(Institution).where(Institution.id == institution_id.replace("\0", ""))
    with db.no_autoflush:
        institution = db.exec(query).one_or_none()
    if institution is None:
        raise Invalid.one(
            "institution_id",
            N_("This institution is not in the directory. Add it there first."),
            code="unknown_institution",
        )
    return institution


def get_person(db: DbSession, actor: Actor, person_id: str) -> Person:
    """The person with the institution. Raises NotFound."""
    person = find(db, Person, person_id, _INSTITUTION)
    refuse_strangers(db, actor, [person_id])
    return person


def search_people(
    db: DbSession, actor: Actor, query: str = "", after: str | None = None, limit: int = 50
) -> tuple[list[Person], str | None]:
    """People by name, with their institutions, and the cursor after them.

    Every word of the query stands in the name, the address, the position or the institution's
    name or acronym, whatever its case and accents.

    Raises:
        Invalid: at ``after``.
    """
    statement = (
        select(Person)
        .outerjoin(Institution, col(Institution.id) == col(Person.institution_id))
        .where(*found_by(query, Person.search_key, Institution.search_key))
        .where(people_in_reach(actor, Permission.PEOPLE_READ))
        .where(col(Person.erased_at).is_(None))
        .options(_INSTITUTION)
    )
    return paginate(db, statement, [Person.search_key, Person.id], after, limit)


def parts_of(
    db: DbSession, actor: Actor, person_id: str
) -> list[tuple[Cycle, Session, Segment, Part]]:
    """Where the person has a part, in every cycle of the actor's, by time. Raises NotFound."""
    find(db, Person, person_id)
    refuse_strangers(db, actor, [person_id])
    query = (
        select(Cycle, Session, Segment, Part)
        .join(Session, col(Session.cycle_id) == col(Cycle.id))
        .join(Segment, col(Segment.session_id) == col(Session.id))
        .join(Part, col(Part.segment_id) == col(Segment.id))
        .where(Part.person_id == person_id, in_reach(actor, Permission.CYCLE_READ, Cycle.id))
        .order_by(
            col(Session.starts_at),
            col(Session.id),
            col(Segment.position),
            col(Part.order),
            col(Part.id),
        )
    )
    return [(row[0], row[1], row[2], row[3]) for row in db.exec(query).all()]


def likely_duplicates(db: DbSession, actor: Actor) -> list[tuple[Person, Person]]:
    """Pairs that may be one person, at most 100, the one known longer first; by name.

    Two look alike when their names have the same words in any order ("Pérez, Ana" and "Ana
    Perez"), or when one name has all the words of the other and the first of them ("Ana Pérez"
    and "Ana María Pérez Soto"). Two countries that are known and differ speak against it.
    """
    query = (
        select(Person.id, Person.name, Person.country)
        .where(people_in_reach(actor, Permission.PEOPLE_READ))
        .where(col(Person.erased_at).is_(None))
        .order_by(col(Person.search_key), col(Person.id))
    )
    known = [(row[0], _words(row[1]), row[2]) for row in db.exec(query).all()]
    # Only names that share two words are compared: all pairs of 10,000 people are too many. And of
    # a thousand who share two common ones, each with the few before it: who has a rarer word
    # besides meets its like there.
    alike: dict[tuple[str, str], deque[int]] = defaultdict(lambda: deque(maxlen=_MAX_ALIKE))
    pairs: dict[tuple[str, str], None] = {}
    for index, (person_id, words, country) in enumerate(known):
        buckets = _buckets(words)
        others = {other for bucket in buckets for other in alike[bucket]}
        for other in sorted(others):
            other_id, other_words, other_country = known[other]
            if _same_name(words, other_words) and _agree(country, other_country):
                first, second = sorted((person_id, other_id))
                pairs[first, second] = None
        for bucket in buckets:
            alike[bucket].append(index)
        if len(pairs) >= MAX_PAIRS:
            break
    shown = list(pairs)[:MAX_PAIRS]
    ids = {person_id for pair in shown for person_id in pair}
    rows = db.exec(select(Person).where(col(Person.id).in_(ids)).options(_INSTITUTION))
    people = {person.id: person for person in rows} if ids else {}
    return [(people[first], people[second]) for first, second in shown]


def _words(name: str) -> tuple[str, ...]:
    plain = "".join(c if c.isalnum() else " " for c in search_key(name, length=900))
    return tuple(plain.split()[:_MAX_NAME_WORDS])


def _buckets(words: tuple[str, ...]) -> set[tuple[str, str]]:
    """Every two different words of a name, particles left out where enough others remain."""
    telling = set(words) - _PARTICLES
    if len(telling) < 2:
        telling = set(words)
    return set(combinations(sorted(telling), 2)) or {(w, w) for w in telling}


def _same_name(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if sorted(one) == sorted(other):
        return bool(one)
    short, long = sorted((one, other), key=len)
    return len(short) >= 2 and short[0] == long[0] and set(short) <= set(long)


def _agree(one: str, other: str) -> bool:
    return one == other or not one or not other
