"""Asking people to confirm their parts, and reminding them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, func, or_, select

from app.db import DbSession
from app.domain import parts as rules
from app.domain.enrolment import EnrolmentStatus
from app.domain.guests import Manner, written_to
from app.domain.parts import ASK_EVERY, TO_BE_ASKED, Standing
from app.domain.schedule import CycleStatus, PartStatus, SessionStatus
from app.models import Cycle, Enrolment, Guest, Part, Person, Session
from app.services import outbox
from app.services.actor import Actor
from app.services.guests import ensure_guests, takes_mail
from app.services.parts import Placed, by_person, change, placed_parts
from app.services.rows import find, hold

REQUEST, REMINDER = outbox.PART_KINDS

_LATE = frozenset({Standing.INVITED, Standing.AGAIN})


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom mails go to, by id, and who has no address to send one to. Nobody is reminded at an
    address from which mail came back; they can be asked there."""

    people: tuple[str, ...]
    without_address: tuple[str, ...]


def whom_to_ask(
    placed: Sequence[Placed], now: datetime, only: Collection[str] | None = None
) -> Asked:
    """Who has a part that they were not asked to confirm, or have answered for another time."""
    return _sorted_out(placed, TO_BE_ASKED, now, only)


def whom_to_remind(
    placed: Sequence[Placed],
    now: datetime,
    only: Collection[str] | None = None,
    standings: Collection[Standing] = frozenset({Standing.INVITED}),
) -> Asked:
    """Who has been asked and has not answered, nor been asked or reminded within a day."""
    fresh = {
        each.part.person_id
        for each in placed
        if each.part.asked_at is not None and now - each.part.asked_at < ASK_EVERY
    }
    waiting = [each for each in placed if each.part.person_id not in fresh]
    return _sorted_out(waiting, standings, now, only, takes_mail)


def ask(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    now: datetime,
    only: Collection[str] | None = None,
) -> Asked:
    """Asks everybody who has not been asked (or those of `only`) to confirm their parts: one mail
    to each, about all of them. Of two at once the second finds nobody left to ask.

    Raises NotFound.
    """
    placed = _held(db, cycle_id, only)
    asked = whom_to_ask(placed, now, only)
    _send(db, cycle_id, REQUEST, placed, asked.people, TO_BE_ASKED, now)
    return asked


def remind(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    now: datetime,
    only: Collection[str] | None = None,
) -> Asked:
    """Reminds everybody who was asked and has not answered (or those of `only`), once a day at
    most. Raises NotFound."""
    placed = _held(db, cycle_id, only)
    asked = whom_to_remind(placed, now, only)
    _send(db, cycle_id, REMINDER, placed, asked.people, {Standing.INVITED}, now)
    return asked


def remind_parts(db: DbSession, now: datetime) -> int:
    """Reminds by itself, 7 and 2 days before a session, whoever was asked and has not answered, or
    confirmed for another time than is planned by now; how many mails are queued. Each of them once
    for a session, also with two workers. One query where there is nothing to do, and three for each
    cycle in which somebody has confirmed a part in a session that is near."""
    count = 0
    for cycle_id, occasions in _due(db, now).items():
        if not _waiting(placed_parts(db, cycle_id, occasions)):
            continue
        waiting = _waiting(_held(db, cycle_id, occasions))
        people = whom_to_remind(waiting, now, occasions, _LATE).people
        count += _send(db, cycle_id, REMINDER, waiting, people, _LATE, now, occasions)
    return count


def _due(db: DbSession, now: datetime) -> dict[str, dict[str, str]]:
    """Who may be reminded now, and of what, by cycle and person. Whether a part that was confirmed
    is at another time by now, the agenda says, not the database."""
    last = now + max(rules.REMIND_BEFORE)
    columns: Any = (
        Session.cycle_id,
        Session.id,
        Session.starts_at,
        Part.person_id,
        func.coalesce(Part.asked_at, Part.answered_at),
    )
    query = (
        select(*columns)
        .join(Part, col(Part.session_id) == col(Session.id))
        .join(Cycle, col(Cycle.id) == col(Session.cycle_id))
        .where(
            or_(
                Part.status == PartStatus.INVITED,
                (col(Part.status) == PartStatus.CONFIRMED) & col(Part.answered_start).is_not(None),
            ),
            Session.status == SessionStatus.SCHEDULED,
            Session.starts_at > now,
            Session.starts_at <= last,
            Cycle.status != CycleStatus.ARCHIVED,
        )
        .order_by(col(Session.cycle_id), col(Session.starts_at), col(Part.id))
    )
    due: dict[str, dict[str, str]] = {}
    for cycle_id, session_id, starts, person_id, asked_at in db.exec(query):
        days = rules.reminder_due(starts, asked_at, now)
        if days is not None:
            due.setdefault(cycle_id, {}).setdefault(person_id, f"{session_id}:{days}")
    return due


def _waiting(placed: Sequence[Placed]) -> list[Placed]:
    """Those to be reminded of. Who declined another time is not: to ask them again is for a
    person to decide."""
    return [
        each
        for each in placed
        if each.standing is Standing.INVITED
        or (each.standing is Standing.AGAIN and each.part.status == PartStatus.CONFIRMED)
    ]


def _held(db: DbSession, cycle_id: str, only: Collection[str] | None) -> list[Placed]:
    """The parts, held against whoever answers or asks at the same time. (The sessions first, then
    the cycle, as everywhere: see `services.schedules`.)"""
    find(db, Cycle, cycle_id)
    sessions = select(Session.id).where(Session.cycle_id == cycle_id).order_by(col(Session.id))
    db.exec(sessions.with_for_update(key_share=True)).all()
    hold(db, Cycle, cycle_id)
    return placed_parts(db, cycle_id, only)


def _sorted_out(
    placed: Sequence[Placed],
    standings: Collection[Standing],
    now: datetime,
    only: Collection[str] | None,
    reaches: Callable[[Person], bool] = lambda person: bool(person.email),
) -> Asked:
    open_ones = [p for p in placed if p.is_open(now) and p.standing in standings]
    people = {
        person_id: theirs[0].part.person
        for person_id, theirs in by_person(open_ones).items()
        if only is None or person_id in only
    }
    return Asked(
        tuple(person_id for person_id, person in people.items() if reaches(person)),
        tuple(person_id for person_id, person in people.items() if not reaches(person)),
    )


def _send(
    db: DbSession,
    cycle_id: str,
    kind: str,
    placed: Sequence[Placed],
    people: Collection[str],
    standings: Collection[Standing],
    now: datetime,
    occasions: dict[str, str] | None = None,
) -> int:
    """Queues a mail to each and notes that their parts were asked for. `occasions`: what it is sent
    for, where that is to happen once."""
    if not people:
        return 0
    ensure_guests(db, cycle_id)
    readers = _readers(db, cycle_id, people)
    theirs = by_person(placed)
    rows = []
    for person_id, (guest_id, name, address, language) in readers.items():
        occasion = occasions[person_id] if occasions else f"{now:%Y%m%dT%H%M%S}"
        rows.append(
            outbox.prepare(
                kind=kind,
                intent=f"{kind}:{guest_id}:{occasion}",
                to_name=name,
                to_address=address,
                language=language,
                cycle_id=cycle_id,
                guest_id=guest_id,
                expires_at=max(each.segment.ends for each in theirs[person_id]),
                context={"guest_id": guest_id},
                now=now,
            )
        )
    added = outbox.enqueue_many(db, rows)
    asked = [
        each
        for person_id in readers
        for each in theirs[person_id]
        if each.is_open(now) and each.standing in standings
    ]
    # A reminder takes nothing back: what was confirmed for another time stays so until it is
    # confirmed again.
    again = [p.part.id for p in asked if p.standing is Standing.AGAIN and kind == REMINDER]
    change(db, again, {"asked_at": now})
    invited = [p.part.id for p in asked if p.part.id not in again]
    change(db, invited, {"status": PartStatus.INVITED, "asked_at": now})
    return added


def _readers(
    db: DbSession, cycle_id: str, people: Collection[str]
) -> dict[str, tuple[str, str, str, str]]:
    """Guest's id, name, address and language of those who have an address, by the person's id. One
    query."""
    enrolled = col(Enrolment.cycle_id) == cycle_id
    columns: Any = (
        Person.id,
        Guest.id,
        Person.email,
        Person.name,
        Person.language,
        Enrolment.status,
        Enrolment.name,
        Enrolment.language,
        Cycle.language,
    )
    query = (
        select(*columns)
        .join(Guest, col(Guest.person_id) == col(Person.id))
        .join(Cycle, col(Cycle.id) == col(Guest.cycle_id))
        .outerjoin(Enrolment, (col(Enrolment.person_id) == col(Person.id)) & enrolled)
        .where(Guest.cycle_id == cycle_id, col(Person.id).in_(people))
        .order_by(col(Person.id))
    )
    readers = {}
    for person_id, guest_id, email, name, language, status, said_name, said, cycles in db.exec(
        query
    ):
        if email:
            manner = written_to(
                Manner(name, language),
                Manner(said_name or "", said or ""),
                Manner(language=cycles),
                participates=status == EnrolmentStatus.CONFIRMED,
            )
            readers[person_id] = (guest_id, manner.name, email, manner.language)
    return readers
