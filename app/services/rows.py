"""Finding rows, by id and by what was typed, and holding them while they are changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, CursorResult, Delete, Update, or_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload
from sqlmodel import col, select

from app.db import DbSession
from app.domain import addresses
from app.domain.errors import DomainError, NotFound, Stale
from app.models import Enrolment, Initiative, Institution, Person
from app.models.base import Editable, Row

_MAX_WORDS = 8
_MAX_QUERY = 200
_MAX_KEY_BYTES = 2_400  # PostgreSQL's index takes about 2,700 for an entry

RowT = TypeVar("RowT", bound=Row)
EditableT = TypeVar("EditableT", bound=Editable)


def find(db: DbSession, model: type[RowT], row_id: str, *options: Any) -> RowT:
    """The row with this id, with what the options load.

    Raises:
        NotFound: there is none.
    """
    _refuse_what_is_no_id(row_id)
    row = db.exec(select(model).where(model.id == row_id).options(*options)).one_or_none()
    if row is None:
        raise NotFound
    return row


def changes_one(db: DbSession, statement: Update | Delete) -> bool:
    """Whether a statement changed its one row. The database decides, which of several at once is
    the first: what was read before may be out of date by now."""
    db.flush()
    result = db.connection().execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def hold(
    db: DbSession,
    model: type[EditableT],
    row_id: str,
    *options: Any,
    revision: int | None = None,
    for_deletion: bool = False,
) -> EditableT:
    """The row with this id, read anew and held until the transaction ends.

    On PostgreSQL whoever else holds it waits; on SQLite a writing transaction is alone anyway.
    Rows that merely refer to it can still be inserted meanwhile (``FOR NO KEY UPDATE``), unless
    it is held `for_deletion`: what refers to it then can be counted or moved, and stays so.

    Raises:
        NotFound: there is none.
        Stale: `revision` is given and is not the row's.
    """
    _refuse_what_is_no_id(row_id)
    query = (
        select(model)
        .where(model.id == row_id)
        .options(*options)
        .with_for_update(key_share=not for_deletion, of=model)
        .execution_options(populate_existing=True)
    )
    row = db.exec(query).one_or_none()
    if row is None:
        raise NotFound
    if revision is not None and revision != row.revision:
        raise Stale
    return row


def may_be_id(row_id: str) -> bool:
    """Whether a row may have this id. PostgreSQL takes no NUL in text."""
    return row_id.isascii() and "\0" not in row_id


def _refuse_what_is_no_id(row_id: str) -> None:
    if not may_be_id(row_id):
        raise NotFound


@contextmanager
def unique_or(column: str, error: DomainError) -> Iterator[None]:
    """Flushing inside raises `error` where the database found the value of `column` taken.

    A look beforehand does not see what another transaction has not committed yet.
    """
    try:
        yield
    except IntegrityError as problem:
        if column not in str(problem.orig):
            raise
        raise error from None


def search_key(*texts: str, length: int) -> str:
    """`domain.addresses.search_key`, cut to what the column and its index take: some single
    characters fold into eighteen."""
    key = addresses.search_key(*texts).replace("\0", "")[:length]
    return key.encode(errors="ignore")[:_MAX_KEY_BYTES].decode(errors="ignore")


def person_key(person: Person) -> str:
    """What a search for the person looks in. The name comes first, since lists go by it."""
    return search_key(person.name, person.email or "", person.position, length=900)


def institution_key(institution: Institution) -> str:
    """What a search for the institution looks in."""
    return search_key(institution.name, institution.acronym, length=600)


def initiative_key(initiative: Initiative) -> str:
    """What a search for the initiative looks in."""
    return search_key(initiative.name, initiative.territory, initiative.sector, length=600)


def enrolment_key(enrolment: Enrolment) -> str:
    """What a search for the enrolment looks in; person and initiative must be loaded."""
    return search_key(
        enrolment.name,
        enrolment.person.email or "",
        enrolment.institution,
        enrolment.initiative.name if enrolment.initiative else "",
        length=900,
    )


def hold_enrolments(db: DbSession, *initiatives: str) -> None:
    """Holds the enrolments of those who stand for these initiatives: to be called before the
    initiatives are held (see `services.schedules`)."""
    ids = [each for each in initiatives if may_be_id(each)]
    query = select(Enrolment.id).where(col(Enrolment.initiative_id).in_(ids))
    db.exec(query.order_by(col(Enrolment.id)).with_for_update(key_share=True)).all()


def renew_enrolment_keys(db: DbSession, which: ColumnElement[bool]) -> None:
    """To be called when a person's address or an initiative's name has changed: enrolments are
    searched for by both, and show both, so their revisions go up as well."""
    query = (
        select(Enrolment)
        .where(which)
        .order_by(col(Enrolment.id))
        .options(
            selectinload(cast(Any, Enrolment.person)),
            selectinload(cast(Any, Enrolment.initiative)),
        )
    )
    for enrolment in db.exec(query).all():
        enrolment.search_key = enrolment_key(enrolment)


def found_by(query: str, *columns: Any) -> list[ColumnElement[bool]]:
    """Conditions under which every word of what was typed stands in one of the search columns."""
    words = search_key(query[:_MAX_QUERY], length=_MAX_QUERY).split()[:_MAX_WORDS]
    return [or_(*(col(c).contains(word, autoescape=True) for c in columns)) for word in words]
