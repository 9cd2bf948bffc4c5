"""Statements that both databases have, each in its own dialect."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session as DbSession


def insert_unless_there(
    db: DbSession, model: Any, index_elements: Sequence[str] | None = None
) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that does nothing where a unique key is taken; both databases can, each in its own
    dialect. Of two transactions with one key the second waits for the first, then does nothing.

    `index_elements`: the columns of the one key that may be taken, an error where it is another;
    None: any key."""
    return insert_unless_there_in(db.get_bind().dialect.name, model, index_elements)


def insert_unless_there_in(
    dialect: str, model: Any, index_elements: Sequence[str] | None = None
) -> postgresql.Insert | sqlite.Insert:
    """The same, in a dialect by its name."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(model.__table__).on_conflict_do_nothing(index_elements=index_elements)


def write_anew(
    db: DbSession, model: Any, index_elements: Sequence[str], columns: Sequence[str], where: Any
) -> Any:
    """An INSERT that changes `columns` of the row that is there under the unique key of
    `index_elements`, if `where` is true of that row; else it does nothing. Of two transactions with
    one key the second waits for the first, and `where` is asked of what that one has left."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement: Any = insert(model.__table__)
    return statement.on_conflict_do_update(
        index_elements=index_elements,
        set_={name: statement.excluded[name] for name in columns},
        where=where,
    )


def insert_or_change(
    db: DbSession, model: Any, index_elements: Sequence[str], change: Callable[[Any], Any]
) -> Any:
    """An INSERT that, where the unique key of `index_elements` is taken, changes that row instead.
    `change` is given what would have been inserted and gives the new values, and of which rows it
    is to be so. Of two transactions with one key the second goes by what the first has left."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement: Any = insert(model.__table__)
    values, where = change(statement.excluded)
    return statement.on_conflict_do_update(index_elements=index_elements, set_=values, where=where)
