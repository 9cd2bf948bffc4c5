"""The agenda of a session, as one document."""

from collections.abc import Collection, Iterable
from typing import Any, cast

from sqlalchemy import or_
from sqlalchemy.orm import joinedload
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import N_, FieldError, Invalid
from app.domain.permissions import Permission
from app.models import Part, Person, Segment, Session
from app.schemas.session import AgendaIn, PartIn, SegmentIn
from app.services.access import people_in_reach
from app.services.actor import Actor
from app.services.schedules import held_session


def put_agenda(
    db: DbSession, actor: Actor, session_id: str, new: AgendaIn, revision: int | None = None
) -> Session:
    """Replaces the agenda, in the order given. What overlaps or does not fit into the session is
    taken: it is a conflict to be shown, not a mistake in the form.

    A segment given by its id keeps it, and the same person in the same role in it keeps their
    part, with position and institution as they were unless new ones are given. A new part takes
    both from the person as they are today. Gives back the session with its agenda loaded.

    Raises:
        NotFound, Stale.
        Invalid: at ``segments.<i>.id`` (not of this session, or given twice), at
            ``segments.<i>.parts.<j>.person_id`` (nobody in the directory, or given twice in the
            same role).
    """
    session = held_session(db, session_id, revision)
    known = {segment.id: segment for segment in session.segments}
    there = {part.person_id for segment in session.segments for part in segment.parts}
    given = {part.person_id for s in new.segments for part in s.parts}
    people = _people(db, actor, given, there)
    errors = [*_wrong_segments(new, known), *_wrong_parts(new, people)]
    if errors:
        raise Invalid(*errors)
    session.segments = [
        _segment(known.get(given.id or ""), given, place, session_id, people)
        for place, given in enumerate(new.segments)
    ]
    db.flush()
    return session


def _people(
    db: DbSession, actor: Actor, ids: Iterable[str], there: Collection[str]
) -> dict[str, Person]:
    """Those of the directory whom the actor knows, and who is in the agenda already."""
    wanted = [i for i in ids if "\0" not in i]  # PostgreSQL takes no NUL in text
    if not wanted:
        return {}
    statement = (
        select(Person)
        .where(
            col(Person.id).in_(wanted),
            or_(col(Person.id).in_(there), people_in_reach(actor, Permission.PEOPLE_READ)),
        )
        .options(joinedload(cast(Any, Person.institution)))
    )
    return {person.id: person for person in db.exec(statement)}


def _wrong_segments(new: AgendaIn, known: dict[str, Segment]) -> Iterable[FieldError]:
    seen: set[str] = set()
    for place, given in enumerate(new.segments):
        if given.id is None:
            continue
        field = f"segments.{place}.id"
        if given.id not in known:
            yield FieldError(
                field,
                N_("This segment is not in the session any more. Leave its id out to add it anew."),
                code="unknown_segment",
            )
        elif given.id in seen:
            yield FieldError(field, N_("This segment is here twice."), code="duplicate_segment")
        seen.add(given.id)


def _wrong_parts(new: AgendaIn, people: dict[str, Person]) -> Iterable[FieldError]:
    for place, given in enumerate(new.segments):
        seen: set[tuple[str, str]] = set()
        for index, part in enumerate(given.parts):
            field = f"segments.{place}.parts.{index}.person_id"
            person = people.get(part.person_id)
            if person is None:
                yield FieldError(
                    field,
                    N_("This person is not in the directory. Add them there first."),
                    code="unknown_person",
                )
            elif (part.person_id, part.role) in seen:
                yield FieldError(
                    field,
                    N_("%(name)s is in this segment twice in the same role."),
                    {"name": person.name},
                    "duplicate_part",
                )
            seen.add((part.person_id, part.role))


def _segment(
    row: Segment | None, given: SegmentIn, place: int, session_id: str, people: dict[str, Person]
) -> Segment:
    if row is None:
        row = Segment(session_id=session_id, position=place, minutes=given.minutes, parts=[])
    row.position = place
    row.kind = str(given.kind)
    row.title = given.title
    row.minutes = given.minutes
    row.offset = given.offset
    kept = {(part.person_id, part.role): part for part in row.parts}
    row.parts = [
        _part(kept.get((part.person_id, str(part.role))), part, order, row, people[part.person_id])
        for order, part in enumerate(given.parts)
    ]
    return row


def _part(row: Part | None, given: PartIn, order: int, segment: Segment, person: Person) -> Part:
    if row is None:
        row = Part(
            session_id=segment.session_id,
            segment_id=segment.id,
            person_id=person.id,
            person=person,
            role=str(given.role),
            position=person.position,
            institution=person.institution.name if person.institution else "",
        )
    row.order = order
    if given.position is not None:
        row.position = given.position
    if given.institution is not None:
        row.institution = given.institution
    return row
