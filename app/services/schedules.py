"""From tables to schedules: the draft, the newest release, and the drafts of other cycles.

Also what every change of a schedule needs: loading a session with all that hangs on it, and
holding it, and the cycle, against somebody who changes it at the same time.

Rows are held in one order, so that no two transactions wait for each other:

    sessions → cycles → persons → enrolments → feedback forms → guests → invitations → messages
        → institutions and initiatives

and those of one table by their ids. What is not needed is left out; mail that came in is held after
its guest, rows of reports after the enrolments that they are matched to or may mean (who decides on
them holds nothing after them), accounts after cycles and before what belongs to them (places in
teams, sign-ins, links: `account_rows.hold_user`). Changing a row holds it, and so does referring to
it: from the moment at which a foreign key is written, the row that it names can neither go nor get
another key. Revisions are raised in this order too (`models.revisions`), also those of a person's
sessions and of an institution's cycles, so whoever changes a person or an institution holds these
first. Who learns afterwards that more is concerned, since somebody else was quicker, takes it late:
should two wait for each other then, the database ends one of them, who is told to try again
(`web.problems`).
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import union
from sqlalchemy.orm import selectinload
from sqlmodel import col, select

from app.db import DbSession
from app.domain import agenda, schedule
from app.domain.conflict_sessions import same_room
from app.domain.documents import from_document
from app.domain.errors import N_, Clash
from app.domain.schedule import CycleStatus, InstitutionRole, PartRole, SegmentKind, SessionStatus
from app.domain.zone_shifts import by_the_clock
from app.models import (
    Cycle,
    CycleInstitution,
    Enrolment,
    Guest,
    Part,
    Person,
    Release,
    Segment,
    Session,
)
from app.services.rows import find, hold, may_be_id

_MARGIN = timedelta(days=8)  # a pinned segment begins up to a week after its session


def with_agenda() -> tuple[Any, ...]:
    """Loads a session's segments, their parts, the people and where they work: two queries more."""
    segments, parts = cast(Any, Session.segments), cast(Any, Segment.parts)
    person, institution = cast(Any, Part.person), cast(Any, Person.institution)
    return (selectinload(segments).selectinload(parts).joinedload(person).joinedload(institution),)


def with_institutions() -> tuple[Any, ...]:
    """Loads a cycle's institutions in their order: one query more."""
    entries, institution = cast(Any, Cycle.institutions), cast(Any, CycleInstitution.institution)
    return (selectinload(entries).joinedload(institution),)


def held_session(db: DbSession, session_id: str, revision: int | None = None) -> Session:
    """The session with its agenda, as it is now, held until the transaction ends.

    Raises:
        NotFound: there is none.
        Stale: `revision` is given and is not the session's.
    """
    return hold(db, Session, session_id, *with_agenda(), revision=revision)


def held_cycle(db: DbSession, cycle_id: str) -> Cycle:
    """The cycle with its institutions, as it is now, held until the transaction ends.

    While it is held nobody else's change of anything in its schedule can be committed, since each
    of them raises the cycle's revision: what is read from here on belongs together. Raises
    NotFound.
    """
    return hold(db, Cycle, cycle_id, *with_institutions())


def hold_cycles(db: DbSession, people: Collection[str], cycles: Collection[str] = ()) -> None:
    """Holds the sessions in which these people have parts, and their cycles: those, and the ones
    that they are guests of or enrolled in. Holds these `cycles` besides."""
    people = [person_id for person_id in people if may_be_id(person_id)]
    theirs = select(Part.session_id).where(col(Part.person_id).in_(people))
    sessions = select(Session.cycle_id).where(col(Session.id).in_(theirs))
    of_sessions = db.exec(sessions.order_by(col(Session.id)).with_for_update(key_share=True)).all()
    of_people = union(
        select(Guest.cycle_id).where(col(Guest.person_id).in_(people)),
        select(Enrolment.cycle_id).where(col(Enrolment.person_id).in_(people)),
    )
    found = {*cycles, *of_sessions, *db.connection().scalars(of_people)}
    query = select(Cycle.id).where(col(Cycle.id).in_(found)).order_by(col(Cycle.id))
    db.exec(query.with_for_update(key_share=True)).all()


def cycles_of_institutions(db: DbSession, institutions: Collection[str]) -> Sequence[str]:
    """The ids of the cycles that these institutions carry. One query."""
    ids = [each for each in institutions if may_be_id(each)]
    query = select(CycleInstitution.cycle_id).where(col(CycleInstitution.institution_id).in_(ids))
    return db.exec(query).all()


def refuse_archived(cycle: Cycle) -> None:
    """Raises Clash, code ``cycle_archived``, if a cycle was put away: nobody is told of it."""
    if cycle.status == CycleStatus.ARCHIVED:
        raise Clash(N_("This cycle is archived. Bring it back first."), code="cycle_archived")


def session_rows(db: DbSession, *conditions: Any) -> Sequence[Session]:
    """Sessions with their agendas, by number: three queries."""
    statement = (
        select(Session)
        .where(*conditions)
        .options(*with_agenda())
        .order_by(col(Session.number), col(Session.id))
        .execution_options(populate_existing=True)
    )
    return db.exec(statement).all()


def sessions_of(db: DbSession, cycle_id: str) -> Sequence[Session]:
    """The sessions of a cycle with their agendas, by number: three queries."""
    return session_rows(db, Session.cycle_id == cycle_id)


def draft_schedule(db: DbSession, cycle_id: str) -> schedule.Schedule:
    """The cycle as it is being worked on, sessions in draft and meeting links included.

    Five queries. Raises NotFound.
    """
    cycle = find(db, Cycle, cycle_id, *with_institutions())
    return schedule_of(cycle, sessions_of(db, cycle_id))


def newest_release(db: DbSession, cycle_id: str) -> Release | None:
    """The row of the newest release. One query."""
    statement = (
        select(Release)
        .where(Release.cycle_id == cycle_id)
        .order_by(col(Release.number).desc())
        .limit(1)
    )
    return db.exec(statement).one_or_none()


def released_schedule(db: DbSession, cycle_id: str) -> schedule.Schedule | None:
    """What was published last, for whoever reads it: at its local times by today's zone data. None
    before the first release. One query.

    It holds every session that was ever published: those taken away stay in it as cancelled.
    """
    released = stored_schedule(db, cycle_id)
    return None if released is None else by_the_clock(released)


def stored_schedule(db: DbSession, cycle_id: str) -> schedule.Schedule | None:
    """What was published last, with the instants that it was published with: what the next release
    is compared with. None before the first one. One query."""
    release = newest_release(db, cycle_id)
    return None if release is None else from_document(release.document)


def released_session(db: DbSession, session: Session) -> schedule.Session | None:
    """A session as it was published last, or None if it never was. One query."""
    released = released_schedule(db, session.cycle_id)
    sessions = released.sessions if released else ()
    return next((each for each in sessions if each.id == session.id), None)


def schedule_of_release(db: DbSession, cycle_id: str, number: int) -> schedule.Schedule | None:
    """What the release of this number published, as it is stored, or None where there is none. One
    query."""
    query = select(Release.document).where(Release.cycle_id == cycle_id, Release.number == number)
    document = db.exec(query).one_or_none()
    return None if document is None else from_document(document)


def other_schedules(
    db: DbSession, cycle_id: str, draft: schedule.Schedule | None = None
) -> list[schedule.Schedule]:
    """The drafts of other cycles (not archived) that share a person or a meeting link with this
    one, each with those of its sessions that are near in time. Seven queries at most, and five more
    where the cycle's own `draft` is not given. Raises NotFound.
    """
    draft = draft or draft_schedule(db, cycle_id)
    if not draft.sessions:
        return []
    near = (
        Session.cycle_id != draft.id,
        col(Session.starts_at) < max(s.ends for s in draft.sessions) + _MARGIN,
        col(Session.ends_at) > min(s.starts for s in draft.sessions) - _MARGIN,
    )
    found = _who_share_people(db, draft, near) | _who_share_rooms(db, draft, near)
    if not found:
        return []
    cycles = db.exec(
        select(Cycle)
        .where(col(Cycle.id).in_(found), Cycle.status != CycleStatus.ARCHIVED)
        .options(*with_institutions())
        .order_by(Cycle.slug)
    ).all()
    sessions = session_rows(db, col(Session.cycle_id).in_([c.id for c in cycles]), *near)
    return [schedule_of(c, [s for s in sessions if s.cycle_id == c.id]) for c in cycles]


def _who_share_people(db: DbSession, draft: schedule.Schedule, near: tuple[Any, ...]) -> set[str]:
    people = {p.person_id for s in draft.sessions for g in s.segments for p in g.parts}
    if not people:
        return set()
    parts = select(Part.session_id).where(col(Part.person_id).in_(people))
    return set(db.exec(select(Session.cycle_id).where(*near, col(Session.id).in_(parts))))


def _who_share_rooms(db: DbSession, draft: schedule.Schedule, near: tuple[Any, ...]) -> set[str]:
    rooms = {same_room(s.meeting_url) for s in draft.sessions if s.meeting_url}
    if not rooms:
        return set()
    # Two ways of writing one link are the same room: the rule decides, not the database.
    links = select(Session.cycle_id, Session.meeting_url).where(*near, Session.meeting_url != "")
    return {cycle_id for cycle_id, link in db.exec(links) if same_room(link) in rooms}


def schedule_of(cycle: Cycle, sessions: Iterable[Session]) -> schedule.Schedule:
    """Rows, loaded with `with_institutions` and `with_agenda`, as plain values."""
    return schedule.Schedule(
        id=cycle.id,
        slug=cycle.slug,
        title=dict(cycle.title),
        language=cycle.language,
        zone=cycle.zone,
        description=dict(cycle.description),
        accent=cycle.accent,
        institutions=tuple(
            schedule.CycleInstitution(
                id=entry.institution_id,
                name=entry.institution.name,
                role=InstitutionRole(entry.role),
                acronym=entry.institution.acronym,
                country=entry.institution.country,
            )
            for entry in cycle.institutions
        ),
        sessions=tuple(session_of(s) for s in sessions),
    )


def session_of(row: Session) -> schedule.Session:
    """A session's row, loaded with `with_agenda`, as a plain value with computed times."""
    return schedule.Session(
        id=row.id,
        uid=row.uid,
        number=row.number,
        title=dict(row.title),
        zone=row.zone,
        wall_start=row.wall_start.replace(fold=row.fold),
        starts=row.starts_at,
        ends=row.ends_at,
        description=dict(row.description),
        status=SessionStatus(row.status),
        meeting_url=row.meeting_url,
        segments=segments_of(row),
    )


def segments_of(row: Session) -> tuple[schedule.Segment, ...]:
    """The agenda of a session with the start and end of each segment."""
    times = agenda.lay_out(row.starts_at, [agenda.Item(s.minutes, s.offset) for s in row.segments])
    return tuple(
        schedule.Segment(
            id=segment.id,
            kind=SegmentKind(segment.kind),
            title=segment.title,
            starts=starts,
            ends=ends,
            parts=tuple(part_of(p) for p in segment.parts),
        )
        for segment, (starts, ends) in zip(row.segments, times, strict=True)
    )


def part_of(row: Part) -> schedule.Part:
    """A part with its person; position and institution as of that day."""
    return schedule.Part(
        id=row.id,
        person_id=row.person_id,
        name=row.person.name,
        role=PartRole(row.role),
        position=row.position,
        institution=row.institution,
        country=row.person.country,
        zone=row.person.zone,
        status=row.status,
        answered_start=row.answered_start,
    )
