"""Raises the revision of whatever a transaction changed, and of what contains it.

ETags and cached representations hang on these numbers, so no service has to remember them: this
runs after every flush. The increments are done by the database (``revision = revision + 1``), since
two transactions that each read 5 and wrote 6 would make different contents look the same. Changes
made by bulk statements pass this by; services change rows through the ORM.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import union, update
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import col, select

from app.models.base import Editable
from app.models.cycle import Cycle, CycleInstitution
from app.models.enrolment import Enrolment
from app.models.feedback import FeedbackForm, FeedbackQuestion
from app.models.institution import Initiative, Institution
from app.models.material import Material
from app.models.person import Person
from app.models.release import Release
from app.models.session import Part, Segment, Session

Ids = dict[type[Editable], set[str]]


def _changed(db: OrmSession) -> Ids:
    """The editable rows that this flush changed, themselves or through a row that they contain."""
    found: Ids = defaultdict(set)
    rows: Iterable[Any] = [
        *db.new,
        *db.deleted,
        *(row for row in db.dirty if db.is_modified(row)),
    ]
    for row in rows:
        match row:
            case Cycle() | Enrolment() | Person() | Institution() | Initiative() | FeedbackForm():
                found[type(row)].add(row.id)
            case FeedbackQuestion():
                found[FeedbackForm].add(row.form_id)
            case CycleInstitution() | Release():
                found[Cycle].add(row.cycle_id)
            case Session():
                found[Session].add(row.id)
                found[Cycle].add(row.cycle_id)
            case Segment() | Part():
                found[Session].add(row.session_id)
    return found


def _sessions_of_materials(db: OrmSession) -> set[str]:
    """The sessions whose materials this flush changed. Only what their cycle's pages show is
    another then: whoever is editing such a session must not be told that somebody changed it."""
    changed = (*db.new, *db.deleted, *db.dirty)
    return {
        row.session_id
        for row in changed
        if isinstance(row, Material) and (row not in db.dirty or db.is_modified(row))
    }


def _spread(db: OrmSession, found: Ids, sessions: set[str]) -> None:
    """Adds the sessions and cycles in which a changed person, institution or session appears, and
    the cycles of `sessions`."""
    connection = db.connection()
    if found[Person]:
        query = select(Part.session_id).where(col(Part.person_id).in_(found[Person]))
        found[Session] |= set(connection.scalars(query))
    cycles = [
        select(Session.cycle_id).where(col(Session.id).in_(found[Session] | sessions)),
        select(CycleInstitution.cycle_id).where(
            col(CycleInstitution.institution_id).in_(found[Institution])
        ),
    ]
    if found[Session] or found[Institution] or sessions:
        found[Cycle] |= set(connection.scalars(union(*cycles)))


def raise_revisions(db: OrmSession, _context: object = None) -> None:
    """SQLAlchemy's ``after_flush``."""
    found, sessions = _changed(db), _sessions_of_materials(db)
    if not sessions and not any(found.values()):
        return
    _spread(db, found, sessions)
    new = {row.id for row in db.new if isinstance(row, Editable)}
    # In the order in which rows are held (see `services.schedules`), so that two transactions
    # cannot wait for each other.
    for model in (Session, Cycle, Person, Enrolment, FeedbackForm, Institution, Initiative):
        for row_id in sorted(found[model] - new):
            statement = (
                update(model)
                .where(col(model.id) == row_id)
                .values(revision=col(model.revision) + 1)
                .returning(col(model.revision))
                .execution_options(synchronize_session=False)
            )
            revision = db.connection().scalar(statement)
            row = db.identity_map.get(db.identity_key(model, row_id))
            if row is not None and revision is not None:
                set_committed_value(row, "revision", revision)
