"""Whom a reminder of a session reaches: one rule for the mails and for the numbers on the page.

Reading goes by columns, not rows: a cycle may have ten thousand participants.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select

from app.db import DbSession
from app.domain.answers import holds
from app.domain.enrolment import EnrolmentStatus
from app.domain.faces import own_segments
from app.domain.guests import Manner, written_to
from app.domain.reminders import Audience, reaches
from app.domain.schedule import PartStatus, Session
from app.models import Cycle, Enrolment, Guest, Invitation, Part, Person
from app.models import Session as SessionRow
from app.services.guests import TAKES_MAIL


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who can be written to. `enrolment_id` is empty for those who only have parts,
    `guest_id` for those whose calendar is not kept."""

    person_id: str
    name: str
    address: str
    language: str
    enrolment_id: str
    guest_id: str


@dataclass(frozen=True, slots=True)
class Circle:
    """Everybody in a cycle whom reminders could reach, and what is known of their answers."""

    readers: tuple[Reader, ...]
    cast: Mapping[str, Reader]  # those who have parts, by the person's id
    answers: Mapping[tuple[str, str], str]  # that still hold, by guest and session id
    part_status: Mapping[str, str]  # by the part's id

    def reached(self, session: Session, audience: Audience) -> list[Reader]:
        """Whom a reminder of this session to this audience reaches, participants first."""
        speakers = self._speakers(session)
        found = []
        for reader in self.readers:
            speaks = reader.person_id in speakers
            answer = self._answer(reader, session, speakers.get(reader.person_id, ()))
            if reaches(audience, answer=answer, speaks=speaks):
                found.append(reader)
        for person_id, statuses in speakers.items():
            only_speaks = self.cast.get(person_id)
            if only_speaks is None or only_speaks.enrolment_id:
                continue
            answer = self._answer(only_speaks, session, statuses)
            if reaches(audience, answer=answer, speaks=True):
                found.append(only_speaks)
        return found

    def _speakers(self, session: Session) -> dict[str, list[str]]:
        """Who has a part that they did not decline, with where each of those parts stands."""
        declined = frozenset(
            part for part, status in self.part_status.items() if status == PartStatus.DECLINED
        )
        people = dict.fromkeys(p.person_id for g in session.segments for p in g.parts)
        found = {}
        for person_id in people:
            statuses = standings(session, person_id, declined, self.part_status)
            if statuses:
                found[person_id] = statuses
        return found

    def _answer(self, reader: Reader, session: Session, parts: Sequence[str]) -> str:
        return answer_of(self.answers.get((reader.guest_id, session.id), ""), parts)


def standings(
    session: Session, person_id: str, declined: frozenset[str], part_status: Mapping[str, str]
) -> list[str]:
    """Where somebody's parts in a session stand, without those that they declined."""
    return [
        part_status.get(part.id, PartStatus.PLANNED)
        for segment in own_segments(session, person_id, declined)
        for part in segment.parts
        if part.person_id == person_id and part.id not in declined
    ]


def answer_of(answer: str, parts: Sequence[str]) -> str:
    """What somebody's answer comes to: theirs to the invitation, as far as it holds; without one,
    having confirmed all parts is one too."""
    if not answer and parts and all(status == PartStatus.CONFIRMED for status in parts):
        return "accepted"
    return answer


def circle(db: DbSession, cycle_id: str, sessions: Iterable[Session]) -> Circle:
    """The people of a cycle, for these released sessions. Five queries.

    Left out is who has no address, or one from which mail came back.
    """
    sessions = tuple(sessions)
    guests: dict[str, str] = dict(
        db.exec(select(Guest.person_id, Guest.id).where(Guest.cycle_id == cycle_id)).all()
    )
    readers = _participants(db, cycle_id, guests)
    enrolled = {reader.person_id: reader for reader in readers}
    on_programme = {p.person_id for s in sessions for g in s.segments for p in g.parts}
    cast = {person: enrolled[person] for person in on_programme if person in enrolled}
    cast |= _others(db, cycle_id, on_programme - set(enrolled), guests)
    return Circle(readers, cast, _answers(db, sessions), _part_status(db, cycle_id))


def _participants(db: DbSession, cycle_id: str, guests: Mapping[str, str]) -> tuple[Reader, ...]:
    query = (
        _people(cycle_id)
        .where(Enrolment.status == EnrolmentStatus.CONFIRMED)
        .order_by(col(Enrolment.id))
    )
    return tuple(_reader(row, guests) for row in db.exec(query))


def _others(
    db: DbSession, cycle_id: str, person_ids: Iterable[str], guests: Mapping[str, str]
) -> dict[str, Reader]:
    query = _people(cycle_id).where(col(Person.id).in_(person_ids)).order_by(col(Person.id))
    return {row[0]: _reader(row, guests) for row in db.exec(query)}


def _people(cycle_id: str) -> Any:
    """Those who can be written to, with what is known of how."""
    columns: Any = (
        Person.id,
        Person.email,
        Person.name,
        Person.language,
        Enrolment.id,
        Enrolment.status,
        Enrolment.name,
        Enrolment.language,
        Cycle.language,
    )
    mine = (col(Enrolment.person_id) == col(Person.id)) & (col(Enrolment.cycle_id) == cycle_id)
    return (
        select(*columns)
        .outerjoin(Enrolment, mine)
        .join(Cycle, col(Cycle.id) == cycle_id)
        .where(*TAKES_MAIL)
    )


def _reader(row: Any, guests: Mapping[str, str]) -> Reader:
    person_id, address, name, language, enrolment_id, status, said_name, said, cycles = row
    participates = status == EnrolmentStatus.CONFIRMED
    manner = written_to(
        Manner(name, language),
        Manner(said_name or "", said or ""),
        Manner(language=cycles),
        participates=participates,
    )
    return Reader(
        person_id,
        manner.name,
        address or "",
        manner.language,
        enrolment_id if participates else "",
        guests.get(person_id, ""),
    )


def _answers(db: DbSession, sessions: Iterable[Session]) -> dict[tuple[str, str], str]:
    columns: Any = (
        Invitation.guest_id,
        Invitation.session_id,
        Invitation.answer,
        Invitation.answer_sequence,
        Invitation.time_sequence,
    )
    rows = db.exec(
        select(*columns).where(
            col(Invitation.session_id).in_([s.id for s in sessions]), Invitation.answer != ""
        )
    )
    return {
        (guest_id, session_id): answer
        for guest_id, session_id, answer, answered, since in rows
        if holds(answered, since)
    }


def _part_status(db: DbSession, cycle_id: str) -> dict[str, str]:
    rows = db.exec(
        select(Part.id, Part.status)
        .join(SessionRow, col(SessionRow.id) == col(Part.session_id))
        .where(SessionRow.cycle_id == cycle_id)
    )
    return dict(rows.all())
