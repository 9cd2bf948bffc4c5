"""Who was invited to a session, and what each of them answered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from app.db import DbSession
from app.domain.answers import Answer, holds
from app.domain.errors import NotFound
from app.domain.invitations import Method
from app.domain.schedule import Schedule, Session
from app.models import Guest, Invitation, Message, Person
from app.services.actor import Actor
from app.services.paging import paginate
from app.services.schedules import released_schedule


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody who was invited. `again`: they answered another time, and it is to be confirmed
    again. `delivery` is the state of the last mail, empty where there is none."""

    person_id: str
    name: str
    address: str
    answer: Answer | None
    again: bool
    source: str
    answered_at: datetime | None
    comment: str
    delivery: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A stretch of those invited to a session, by name, and the cursor after them."""

    schedule: Schedule
    session: Session
    people: tuple[Invited, ...]
    following: str | None


def people_asked(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    number: int,
    answer: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Asked:
    """Those invited to a published session. `answer`: only those with this one ("none": who has
    not answered, "again": whose answer is to another time). Three queries.

    Raises NotFound; Invalid, at ``after``.
    """
    schedule = released_schedule(db, cycle_id)
    session = schedule.session(number) if schedule else None
    if schedule is None or session is None:
        raise NotFound
    statement = (
        select(Person)
        .join(Guest, col(Guest.person_id) == col(Person.id))
        .join(Invitation, col(Invitation.guest_id) == col(Guest.id))
        .where(
            Guest.cycle_id == cycle_id,
            Invitation.session_id == session.id,
            Invitation.method == Method.REQUEST,
            *_only(answer),
        )
    )
    people, following = paginate(db, statement, [Person.search_key, Person.id], after, limit)
    return Asked(schedule, session, tuple(_rows(db, cycle_id, session.id, people)), following)


def _only(answer: str) -> list[Any]:
    to_now = col(Invitation.answer_sequence) >= col(Invitation.time_sequence)
    match answer:
        case "":
            return []
        case "none":
            return [Invitation.answer == ""]
        case "again":
            return [Invitation.answer != "", ~to_now]
        case _:
            return [Invitation.answer == answer, to_now]


def _rows(db: DbSession, cycle_id: str, session_id: str, people: list[Person]) -> list[Invited]:
    query = (
        select(Invitation, Guest.person_id, Message.status)
        .join(Guest, col(Guest.id) == col(Invitation.guest_id))
        .outerjoin(Message, col(Message.id) == col(Invitation.message_id))
        .where(
            Guest.cycle_id == cycle_id,
            Invitation.session_id == session_id,
            col(Guest.person_id).in_([person.id for person in people]),
        )
    )
    rows = {person_id: (row, status) for row, person_id, status in db.exec(query)}
    found = []
    for person in people:
        row, status = rows[person.id]
        found.append(
            Invited(
                person_id=person.id,
                name=person.name,
                address=row.address,
                answer=Answer(row.answer) if row.answer else None,
                again=bool(row.answer) and not holds(row.answer_sequence, row.time_sequence),
                source=row.answer_source,
                answered_at=row.answered_at,
                comment=row.comment,
                delivery=status or "",
                message_id=row.message_id or "",
            )
        )
    return found
